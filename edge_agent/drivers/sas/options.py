"""The options of a SAS line: what the site may choose for one machine.

They are the `options` of a line in the settings file. Everything has a default that suits a
machine set to address 1 on a port of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import time
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from edge_agent.drivers.sas.commander import COMMANDS
from edge_agent.drivers.sas.roles import OBSERVER, Role
from edge_agent.errors import ConfigurationError
from edge_agent.events import Strict
from edge_agent.words import wrong_with

# SAS: a machine may be polled every 40 ms if it says so (A0, features 3 bit 0), else every 200 ms;
# one that is polled less than every 5 s takes the link for broken.
FASTEST_POLL_MS, SLOWEST_POLL_MS = 40, 5000
COMMON_POLL_SECONDS = 0.200

TIME_OF_DAY = "^([01][0-9]|2[0-3]):[0-5][0-9]$"


def _is_command(name: str) -> str:
    if name not in COMMANDS:
        raise ValueError(f"{name!r} is no long poll that changes a machine")
    return name


Command = Annotated[str, AfterValidator(_is_command)]


class SasOptions(Strict):
    """What the site may choose for one machine."""

    address: int = Field(default=1, ge=1, le=127, description="as an attendant has set it at the machine")
    role: Role = Field(
        default=OBSERVER,
        description="observer: another system runs the machine; primary: nobody else polls this port",
    )
    poll_ms: int = Field(
        default=FASTEST_POLL_MS,
        ge=FASTEST_POLL_MS,
        le=SLOWEST_POLL_MS,
        description="time from poll to poll; not below 200 unless the machine says it can",
    )
    force_poll_ms: bool = Field(
        default=False, description="poll every poll_ms even if the machine does not say that it can"
    )
    real_time_events: Literal["auto", "off"] = Field(
        default="auto",
        description="auto: on where the machine says it can; they carry wagers, wins and bills",
    )
    vendor: str = Field(
        default="auto",
        min_length=1,
        description="auto, none, a vendor profile, or the path of one or of a folder; see docs/quirks.md",
    )
    command_host: tuple[Command, ...] = Field(
        default=(),
        description="polls by which an integrator's program may change the machine; see docs/command-host.md",
    )
    meters_seconds: float = Field(
        default=5.0, ge=1, le=3600, description="meters are read after a game, at most this often"
    )
    idle_meters_seconds: float = Field(
        default=300.0, ge=10, le=86_400, description="and at least this often, played or not"
    )
    session_meters_seconds: float = Field(
        default=120.0, ge=10, le=86_400, description="and this often while a player's session is on"
    )
    part_meters_seconds: float = Field(
        default=900.0,
        ge=60,
        le=86_400,
        description="the meters of each game and denomination are read this often, where it has several",
    )
    gaming_day_starts: str | None = Field(
        default="06:00",
        pattern=TIME_OF_DAY,
        description="local time HH:MM at which the books of a day begin: the meters are read then",
    )

    @property
    def day_starts(self) -> time | None:
        """When a gaming day begins, if that matters here."""
        return None if self.gaming_day_starts is None else time.fromisoformat(self.gaming_day_starts)


def read_options(options: Mapping[str, object]) -> SasOptions:
    """The options of a line. Raises ConfigurationError naming the first that makes no sense."""
    try:
        return SasOptions.model_validate(dict(options), strict=False)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(f"option {name}: {wrong_with(first)}", _mend(name)) from error


def _mend(name: str) -> str:
    known = SasOptions.model_fields
    if name in known:
        return f"{name}: {known[name].description}"
    return f"use {', '.join(known)}"
