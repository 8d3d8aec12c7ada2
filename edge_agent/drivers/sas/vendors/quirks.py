"""Quirks: what the driver does differently with the machines of one vendor.

Each has a value that suits a machine nobody has complained of. A vendor's profile changes some of them and
says why; which profile a machine has, its own answers tell, as soon as they are heard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from types import MappingProxyType
from typing import Literal

from edge_agent.drivers.sas.profile import MachineProfile
from edge_agent.errors import ConfigurationError
from edge_agent.sas.host_bounds import REPLY_WINDOW_SECONDS

# Some machines move their meters up to a few hundred milliseconds after a game ended.
SETTLE_SECONDS = 0.3
# Changes of options come several in a row, one exception each.
OPTIONS_SECONDS = 2.0
# An answer that is waited for longer than a second holds up what the machine has to say; a machine that is
# polled less than every 5 s takes the link for broken; and what happened a minute ago is history.
LONGEST: Mapping[str, float] = MappingProxyType(
    {"reply_window": 1.0, "poll_seconds": 5.0, "settle_seconds": 60.0, "options_seconds": 60.0}
)


@dataclass(frozen=True, slots=True)
class Quirks:
    """What is done differently. Times are seconds."""

    avoided_polls: frozenset[int] = frozenset()  # long polls it is not asked, whatever it would answer
    real_time_events: bool = True  # they may be switched on, where the machine says that it has them
    reply_window: float = REPLY_WINDOW_SECONDS  # an answer may always take so long to begin
    poll_seconds: float = 0.0  # no faster than this, whatever the machine says that it can
    settle_seconds: float = SETTLE_SECONDS  # meters are not read sooner after what moved them
    options_seconds: float = OPTIONS_SECONDS  # after a change of options it is asked again so much later
    # When 81 from a machine without a hopper is no exception but "not now".
    refusals: Literal["never", "in_bursts", "always"] = "in_bursts"

    def __post_init__(self) -> None:
        for name, longest in LONGEST.items():
            seconds = getattr(self, name)
            if not 0 <= seconds <= longest:
                raise ConfigurationError(f"quirks.{name}: {seconds:g} s", f"use 0 to {longest:g} s")


NO_QUIRKS = Quirks()


@dataclass(frozen=True, slots=True)
class Sign:
    """What machines of a vendor say of themselves: patterns as of file names, all of which have to fit."""

    game_id: str = "*"
    additional_id: str = "*"
    sas_version: str = "*"
    serial_number: str = "*"

    def fits(self, profile: MachineProfile) -> bool:
        """Whether a machine says so. What it has not said fits nothing but a lone `*`."""
        return all(
            pattern == "*" or (said is not None and fnmatchcase(said, pattern))
            for said, pattern in (
                (profile.game_id, self.game_id),
                (profile.additional_id, self.additional_id),
                (profile.sas_version, self.sas_version),
                (profile.serial_number, self.serial_number),
            )
        )


@dataclass(frozen=True, slots=True)
class Vendor:
    """A vendor's profile."""

    name: str
    quirks: Quirks
    signs: tuple[Sign, ...] = ()  # any of them tells; none: only the site can say so


@dataclass(frozen=True, slots=True)
class Vendors:
    """The profiles a line chooses from, in the order they are tried."""

    known: tuple[Vendor, ...] = ()
    certain: Vendor | None = None  # the site has said which it is
    of_none: Vendor = field(default=Vendor("", NO_QUIRKS))

    def vendor_of(self, profile: MachineProfile) -> Vendor:
        """Which profile a machine has, as far as it has said what it is."""
        if self.certain is not None:
            return self.certain
        fitting = (vendor for vendor in self.known if any(sign.fits(profile) for sign in vendor.signs))
        return next(fitting, self.of_none)


NO_VENDORS = Vendors()
