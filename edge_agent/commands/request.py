"""What can be asked: one strict model a verb. There is none that changes anything.

    cmd/<site>/<gateway>/meters     {"id": …, "expires": …, "subject": …}
    cmd/<site>/<gateway>/capture    {"id": …, "expires": …, "subject": …, "seconds": …}
    cmd/<site>/<gateway>/bundle     {"id": …, "expires": …}

MQTT 5 carries where the answer goes (response topic) and what it answers (correlation data); the
body may say both instead, for whoever asks over a transport without them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from edge_agent.errors import RemoteProtocolError
from edge_agent.settings import Name

# A command is a few words.
LONGEST_REQUEST_BYTES = 4096
# An integrator's own number, a UUID, a ULID.
_IDENTIFIER = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
Identifier = Annotated[str, Field(pattern=f"^{_IDENTIFIER.pattern}$")]


class Command(BaseModel):
    """What every command says."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    id: Identifier = Field(description="used once, by anybody, for ever")
    expires: AwareDatetime = Field(description="not carried out from then on; ISO 8601 with a zone")
    response_topic: str = Field(default="", max_length=256, description="instead of MQTT's property")
    correlation_data: str = Field(default="", max_length=256, description="likewise")
    requested_by: str = Field(default="", max_length=64, description="who asks; nobody verifies it")


class MetersCommand(Command):
    """Read the meters now."""

    subject: Name | None = Field(default=None, description="one device; all of them if absent")


class CaptureCommand(Command):
    """Record what goes over the line of one device, into the journal."""

    subject: Name
    seconds: int = Field(ge=1, le=600)


class BundleCommand(Command):
    """Answer with a diagnostics bundle."""


VERBS: Mapping[str, type[Command]] = MappingProxyType(
    {"meters": MetersCommand, "capture": CaptureCommand, "bundle": BundleCommand}
)


def read_command(verb: str, payload: bytes) -> Command:
    """A command as it came. Raises RemoteProtocolError saying what is wrong with it, without quoting it."""
    if len(payload) > LONGEST_REQUEST_BYTES:
        raise RemoteProtocolError(f"it is over {LONGEST_REQUEST_BYTES} bytes")
    try:
        return VERBS[verb].model_validate_json(payload)
    except ValidationError as invalid:
        first = invalid.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part)[:40] for part in first["loc"])
        message = "not understood" if first["type"] == "extra_forbidden" else first["msg"]
        raise RemoteProtocolError(f"{where or 'the body'}: {message}") from invalid


def id_in(payload: bytes) -> str:
    """The id of a command that may be malformed otherwise, so that its refusal can name it; or empty."""
    try:
        said = json.loads(payload[:LONGEST_REQUEST_BYTES])
    except (ValueError, RecursionError):
        return ""
    named = said.get("id") if isinstance(said, dict) else None
    return named if isinstance(named, str) and _IDENTIFIER.fullmatch(named) else ""
