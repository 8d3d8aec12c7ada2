"""Settings: one frozen model, from a YAML file or a nucleus' configuration, the environment and flags.

Later sources win: the document, then variables `EDGE_AGENT_…` (`EDGE_AGENT_UPLINK__ENDPOINT` is
`uplink.endpoint`), then `--set uplink.endpoint=…`. Values from the environment and from flags
are read as YAML scalars. Whatever does not fit is refused with the name of the setting, before
a port is opened or a file is made.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from edge_agent.class_settings import BATCH_TOPIC, ClassesSettings
from edge_agent.errors import ConfigurationError, LocalProtocolError
from edge_agent.line_documents import line_names, named_lines
from edge_agent.topics import check_filled, fill, over_basic_ingest
from edge_agent.uplink_settings import EnrolmentSettings, TokenSettings, UplinkSettings
from edge_agent.words import describe
from edge_agent.yaml_documents import read_yaml

__all__ = [
    "CommandSettings",
    "DeploymentSettings",
    "EnrolmentSettings",
    "ForwarderSettings",
    "JournalSettings",
    "LineSettings",
    "LogSettings",
    "Name",
    "Settings",
    "StatusSettings",
    "TokenSettings",
    "UplinkSettings",
    "check_thing",
    "load_settings",
    "read_settings",
]

ENVIRONMENT_PREFIX = "EDGE_AGENT_"
# Variables of the commands, which are no settings.
COMMAND_VARIABLES = frozenset({"EDGE_AGENT_CONFIG", "EDGE_AGENT_TRACEBACK"})

# A segment of a topic and of a client id: no slash, no wildcard, short enough for 256-byte topics.
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")]
# AWS IoT takes these for a thing, 128 of them; the client id and the topics must hold it and more.
THING_NAME = r"^[A-Za-z0-9:_-]{1,64}$"
ThingName = Annotated[str, Field(pattern=THING_NAME)]


class _Model(BaseModel):
    # Not strict: the Greengrass nucleus hands numbers over as floats, nucleus lite as text.
    model_config = ConfigDict(frozen=True, extra="forbid")


class LineSettings(_Model):
    """One line: a port, and the driver that knows what is at its end."""

    name: Name = Field(description="unique on this gateway; names threads, logs and notes")
    port: str = Field(min_length=1, description="a device path such as /dev/serial/by-id/…, or scheme:…")
    driver: str = Field(default="sas", description="an entry point of the group edge_agent.drivers")
    subject: Name | None = Field(
        default=None, description="what the site calls the device; default: the line's name"
    )
    options: dict[str, Any] = Field(default_factory=dict, description="the driver's own settings")

    @property
    def device(self) -> str:
        """What the site calls the device."""
        return self.subject or self.name


class JournalSettings(_Model):
    """The durable log."""

    path: Path | None = Field(default=None, description="a folder; default: journal in the state folder")
    minimum_free_mb: int = Field(
        default=64, ge=1, description="appending stops, loudly, when less disk is free"
    )
    budget_mb: int | None = Field(
        default=None,
        ge=64,
        description="at most; above, telemetry is let go, then meters thinned; default: what the disk has",
    )
    checkpoint_minutes: int = Field(
        default=15, ge=1, le=1440, description="the chain of records is signed this often, if any are new"
    )
    keep_days: int | None = Field(
        default=None,
        ge=1,
        description="telemetry and meters that wait longer may go, if the clock is right; default: any age",
    )


class ForwarderSettings(_Model):
    """How records become publishes."""

    window: int = Field(default=20, ge=1, le=100, description="publishes awaiting their PUBACK")
    batch_records: int = Field(default=500, ge=1, le=5_000)
    batch_bytes: int = Field(default=256 * 1024, ge=1_000, le=512 * 1024, description="before compression")
    linger_ms: int = Field(
        default=0, ge=0, le=60_000, description="batches of every class wait to fill at least this long"
    )
    publishes_per_second: int = Field(
        default=100, ge=1, le=100, description="at most, live and backlog together"
    )
    bytes_per_second: int = Field(
        default=512 * 1024, ge=16 * 1024, le=512 * 1024, description="likewise, as they are on the wire"
    )
    classes: ClassesSettings = ClassesSettings()


class StatusSettings(_Model):
    """What the gateway reports of itself to the cloud, beside its events."""

    every_seconds: int = Field(default=60, ge=10, le=3600, description="at most this often, and on change")
    shadow: bool = Field(default=True, description="also as the named shadow `edge-agent`")


class CommandSettings(_Model):
    """What the cloud may ask of this gateway. Nothing, unless it is listed; and never of a game."""

    allow: tuple[Literal["meters", "capture", "bundle"], ...] = ()
    longest_capture_seconds: int = Field(default=60, ge=1, le=600)
    longest_life_seconds: int = Field(
        default=300, ge=1, le=3600, description="a command that would be good for longer is refused"
    )
    unsynchronised_clock: Literal["refuse", "accept"] = Field(
        default="refuse",
        description="accept: where the time is right and the kernel cannot say so, as in virtual machines",
    )


class DeploymentSettings(_Model):
    """How deployments are met under Greengrass."""

    defer_seconds: int = Field(
        default=300, ge=0, le=3600, description="at most, while money waits to be delivered; 0 for never"
    )


class LogSettings(_Model):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    form: Literal["auto", "json", "console"] = Field(
        default="auto", description="auto: console on a terminal"
    )


class Settings(_Model):
    """Everything the agent is told."""

    site: Name
    gateway: ThingName = Field(description="the IoT thing this gateway is")
    state: Path = Field(description="folder for the journal, notes and status; on a disk that keeps its word")
    currency: str = Field(default="USD", pattern="^[A-Z]{3}$")
    minor_units: int = Field(default=2, ge=0, le=4, description="digits after the currency's decimal point")
    lines: Annotated[tuple[LineSettings, ...], BeforeValidator(named_lines)] = Field(
        default=(), description="a list; or a group by name, so that a deployment can merge one line"
    )
    journal: JournalSettings = JournalSettings()
    uplink: UplinkSettings | None = Field(default=None, description="the forwarder needs it")
    forwarder: ForwarderSettings = ForwarderSettings()
    status: StatusSettings = StatusSettings()
    commands: CommandSettings = CommandSettings()
    deployments: DeploymentSettings = DeploymentSettings()
    log: LogSettings = LogSettings()

    @model_validator(mode="after")
    def _each_line_once(self) -> Settings:
        for what, values in (
            ("name", [line.name for line in self.lines]),
            ("port", [line.port for line in self.lines]),
            ("subject", [line.device for line in self.lines]),
        ):
            twice = sorted({value for value in values if values.count(value) > 1})
            if twice:
                raise ValueError(f"two lines have the {what} {twice[0]!r}")
        return self

    @model_validator(mode="after")
    def _topics_that_can_be(self) -> Settings:
        for name, one in self.forwarder.classes.each():
            try:
                check_filled(self.event_topic(name, one.template))
            except LocalProtocolError as error:
                raise ValueError(f"forwarder.classes.{name}.topic: {error}") from error
        return self

    def event_topic(self, delivery_class: str, template: str) -> str:
        """Where the events of a class go; `{type}` is still to be put in."""
        values = {"site": self.site, "gateway": self.gateway, "class": delivery_class}
        return over_basic_ingest(self.basic_ingest_rule, fill(template, values))

    @property
    def basic_ingest_rule(self) -> str | None:
        """The rule that takes the events, if one does."""
        return None if self.uplink is None else self.uplink.basic_ingest_rule

    @property
    def journal_path(self) -> Path:
        """Where the journal is."""
        return self.journal.path or self.state / "journal"

    @property
    def status_folder(self) -> Path:
        """Where the processes say how they are."""
        return self.state / "status"

    def status_file(self, role: str) -> Path:
        """Where the process of a role says how it is."""
        return self.status_folder / f"{role}.json"

    @property
    def source(self) -> str:
        """The CloudEvents `source` of everything this gateway says."""
        return f"/floor/{self.site}/{self.gateway}"

    @property
    def events_topic(self) -> str:
        """Where batches of events go, unless their class has a topic of its own."""
        return self.event_topic("", BATCH_TOPIC)

    @property
    def commands_topic(self) -> str:
        """Below it, the cloud asks; the last level is what for."""
        return f"cmd/{self.site}/{self.gateway}"

    @property
    def answers_topic(self) -> str:
        """Below it, answers to commands go, and nowhere else."""
        return f"floor/{self.site}/{self.gateway}/answer"

    @property
    def confirmations_topic(self) -> str:
        """Where the cloud says what it has, for `uplink.receipt: cloud`."""
        return f"{self.commands_topic}/received"

    @property
    def canary_topic(self) -> str:
        """Where the cloud says which canary arrived."""
        return f"{self.commands_topic}/canary"

    @property
    def canary_seconds(self) -> float:
        """How far apart canaries are; 0 for none."""
        if self.uplink is None:
            return 0.0
        minutes = self.uplink.canary_minutes
        return 60.0 * ((60 if self.basic_ingest_rule else 0) if minutes is None else minutes)

    @property
    def status_topic(self) -> str:
        """Where birth and last will go, retained."""
        return f"floor/{self.site}/{self.gateway}/status"


def load_settings(
    file: Path, *, environment: Mapping[str, str] | None = None, overrides: Sequence[str] = ()
) -> Settings:
    """Read settings from a file, the environment and `name.name=value` overrides.

    Raises ConfigurationError with one line for each thing that is wrong.
    """
    return read_settings(_read_document(file), str(file), environment=environment, overrides=overrides)


def read_settings(
    document: dict[str, Any],
    origin: str,
    *,
    environment: Mapping[str, str] | None = None,
    overrides: Sequence[str] = (),
) -> Settings:
    """Settings of a document, the environment and overrides; `origin` is what errors call the document."""
    variables = os.environ if environment is None else environment
    given: dict[str, str] = {}  # what did not come from the document, and what did it
    for name, text in sorted(variables.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name not in COMMAND_VARIABLES:
            path = name.removeprefix(ENVIRONMENT_PREFIX).lower().split("__")
            _put(document, path, _scalar(text, name), origin=name)
            given[".".join(path)] = name
    for override in overrides:
        name, equals, text = override.partition("=")
        if not equals:
            raise ConfigurationError(f"--set {override!r} has no '='", "write --set name.name=value")
        _put(document, name.split("."), _scalar(text, f"--set {name}"), origin=f"--set {name}")
        given[name] = f"--set {name}"
    try:
        return Settings.model_validate(document)
    except ValidationError as invalid:
        problems = describe(invalid, lines=line_names(document.get("lines")))
        raise ConfigurationError(
            "; ".join(_with_origin(problem, given, origin) for problem in problems),
            "see `edge-agent config schema`",
        ) from invalid


def check_thing(name: str, origin: str) -> None:
    """Raise ConfigurationError, naming the flag it came from, if no gateway can be a thing of this name."""
    if not re.fullmatch(THING_NAME, name):
        raise ConfigurationError(
            f"{origin} {name!r} cannot be a thing's name", "use 1 to 64 letters, digits, colons, _ and -"
        )


def _with_origin(problem: str, given: Mapping[str, str], origin: str) -> str:
    """A problem with whoever caused it; a flag and a variable name the setting already."""
    where, _, what = problem.partition(": ")
    return f"{given[where]}: {what}" if where in given else f"{origin}: {problem}"


def _read_document(file: Path) -> dict[str, Any]:
    document = read_yaml(file, "configuration")
    if not isinstance(document, dict):
        raise ConfigurationError(
            f"configuration {file} holds no settings",
            "start it with `site:` and `gateway:`; see docs/operations.md",
        )
    return document


def _scalar(text: str, origin: str) -> Any:  # noqa: ANN401  any YAML scalar
    """Numbers and dates stay text, which settings read as what they want: a thing may be called 0123."""
    try:
        value = yaml.safe_load(text)
        return text if isinstance(value, int | float | date) else value
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{origin} has the value {text!r}, which is no YAML scalar", "quote it"
        ) from error


def _put(document: dict[str, Any], path: Sequence[str], value: Any, *, origin: str) -> None:  # noqa: ANN401
    *parents, last = path
    for name in parents:
        document = document.setdefault(name, {})
        if not isinstance(document, dict):
            raise ConfigurationError(
                f"{origin} reaches into {name!r}, which is no group of settings", "check its name"
            )
    document[last] = value
