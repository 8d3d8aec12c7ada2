"""Personalities: what a simulated machine is and how it behaves on the line, read from YAML.

A few classes of machines come with the agent, each with the quirks it shows (`docs/quirks.md` lists them
by number); a site writes its own files the same way. No personality claims to be a vendor's machine: it shows
what machines of a class were seen to do.

    about: one line
    quirks: [2, 5]
    machine: …       the fields of MachineSpec
    temperament: …   the fields of Temperament

This is the border at which those files are read; nothing else of the simulator opens a file.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from edge_agent.simulator.specification import MachineSpec
from edge_agent.simulator.temperament import Temperament
from edge_agent.yaml_documents import Shelf

# The quirks of machines and hosts that are told apart, by number.
QUIRKS = 32


def _numbered(machine: Any) -> Any:  # noqa: ANN401  whatever the file holds
    """Which machine of a floor it is, its file does not know."""
    return {"number": 1, **machine} if isinstance(machine, dict) else machine


class Personality(BaseModel):
    """What one machine is, and how it behaves on the line."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    about: str = Field(min_length=1, max_length=200)
    quirks: tuple[Annotated[int, Field(ge=1, le=QUIRKS)], ...] = ()
    spec: Annotated[MachineSpec, BeforeValidator(_numbered)] = Field(alias="machine")
    temperament: Temperament = Temperament()


_SHELF = Shelf(
    "personality",
    "edge_agent.simulator.personalities",
    Personality,
    "mend the field; docs/quirks.md lists what a personality may say",
)


def personality_names() -> tuple[str, ...]:
    """The personalities that come with the agent."""
    return _SHELF.names()


def load_personality(name_or_path: str) -> Personality:
    """A personality by name, or from a site's file.

    Raises ConfigurationError in one line that names the file and the field.
    """
    return _SHELF.read(name_or_path)
