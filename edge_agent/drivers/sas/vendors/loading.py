"""Vendor profiles, read from YAML: those that come with the agent, and a site's own.

    about: one line
    recognise: [{game_id: AT}]       any of these; patterns of what 1F and 54 say
    quirks: {settle_seconds: 1.0}    the fields of Quirks
    why: {settle_seconds: quirk 20 (NC, M)}   where each of them is known from

The option `vendor` of a line says which are looked through: `auto` for those of the agent, `none`, the name
of one, or the path of a site's file or folder. This is the border at which those files are read;
nothing else of the driver opens a file.
"""

from __future__ import annotations

from functools import cache
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_agent.drivers.sas.vendors.quirks import NO_VENDORS, Quirks, Sign, Vendor, Vendors
from edge_agent.yaml_documents import SUFFIX, Shelf, is_path

AUTO, NONE = "auto", "none"


class VendorProfile(BaseModel):
    """A vendor's profile as it is written down."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = Field(min_length=1, max_length=200)
    recognise: tuple[Sign, ...] = ()
    quirks: Quirks
    why: dict[str, str]

    @model_validator(mode="after")
    def _each_with_its_reason(self) -> Self:
        changed = {name for name in Quirks.__dataclass_fields__ if getattr(self.quirks, name) != _USUAL[name]}
        for name in sorted(changed - self.why.keys()):
            raise ValueError(f"why.{name}: missing; say where quirks.{name} is known from")
        for name in sorted(self.why.keys() - changed):
            raise ValueError(f"why.{name}: quirks.{name} is as usual, or not known here")
        return self


_USUAL = {name: getattr(Quirks(), name) for name in Quirks.__dataclass_fields__}

_SHELF = Shelf(
    "vendor profile",
    "edge_agent.drivers.sas.vendors",
    VendorProfile,
    "mend the field; docs/quirks.md lists what a vendor profile may say",
)


def vendor_names() -> tuple[str, ...]:
    """The vendor profiles that come with the agent."""
    return _SHELF.names()


def vendors_of(option: str) -> Vendors:
    """The profiles a line chooses from.

    Raises ConfigurationError in one line that names the file and the field.
    """
    if option == NONE:
        return NO_VENDORS
    if option == AUTO:
        return _of_the_agent()
    if not is_path(option):
        return Vendors(certain=_vendor(option, _SHELF.read(option)))
    own = tuple(_vendor(name, profile) for name, profile in _SHELF.read_all(option).items())
    if option.endswith(SUFFIX):
        return Vendors(certain=own[0])
    return Vendors(own + _of_the_agent().known)


def _vendor(name: str, profile: VendorProfile) -> Vendor:
    return Vendor(name, profile.quirks, profile.recognise)


@cache
def _of_the_agent() -> Vendors:
    return Vendors(tuple(_vendor(name, _SHELF.read(name)) for name in vendor_names()))
