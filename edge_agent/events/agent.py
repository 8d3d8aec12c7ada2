"""What the agent says of itself: lines and wire, settings and certificates, and what it was asked."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from edge_agent.events.base import Count, EventBody, Strict


class LineUp(EventBody):
    """The device at the end of a line answers."""

    schema_name: ClassVar[str] = "line-up"
    type_name: ClassVar[str] = "floor.line.up"

    line: str
    silent_seconds: float = Field(ge=0, description="how long it had not answered")


class LineDown(EventBody):
    """The device at the end of a line no longer answers, or its port is gone."""

    schema_name: ClassVar[str] = "line-down"
    type_name: ClassVar[str] = "floor.line.down"

    line: str
    reason: str


class ProtocolErrors(EventBody):
    """Bytes on a line that made no sense, counted; at most once a minute, whatever the storm."""

    schema_name: ClassVar[str] = "line-protocol-errors"
    type_name: ClassVar[str] = "floor.line.protocol_errors"

    line: str
    count: Count = Field(description="since the last such event")
    total: Count = Field(description="since the collector started")
    last: str = Field(description="what was wrong with the last of them")


class LineQuality(EventBody):
    """A device is heard worse than it was, or well again; judged over the last minute."""

    schema_name: ClassVar[str] = "line-quality"
    type_name: ClassVar[str] = "floor.line.quality"

    line: str
    verdict: Literal["degraded", "recovered"]
    score: int = Field(ge=0, le=100)
    reasons: tuple[str, ...] = Field(description="why it is not 100, the weightiest first, in words")
    answer_median_ms: Count
    answer_p95_ms: Count
    polls: Count = Field(description="sent in the last minute, as all counts here")
    late: Count = Field(description="answers that took longer than 200 ms")
    missing: Count = Field(description="polls after which nothing was heard")
    crc_errors: Count
    unreadable: Count = Field(description="what was heard and answers nothing, wrong CRCs aside")
    resynchronisations: Count = Field(description="times the device had to be woken up")
    longest_backlog: Count = Field(description="exceptions in a row before it had nothing more to say")


class AgentStarted(EventBody):
    """A collector opened its journal."""

    schema_name: ClassVar[str] = "agent-started"
    type_name: ClassVar[str] = "floor.agent.started"

    version: str
    lines: Count


class AgentStopped(EventBody):
    """A collector stopped in an orderly way."""

    schema_name: ClassVar[str] = "agent-stopped"
    type_name: ClassVar[str] = "floor.agent.stopped"

    version: str


class AgentReconfigured(EventBody):
    """The collector goes on with other settings. Their names are told, their values are not."""

    schema_name: ClassVar[str] = "agent-reconfigured"
    type_name: ClassVar[str] = "floor.agent.reconfigured"

    changed: tuple[str, ...] = Field(description="the settings that differ, the first 64 of them")
    began_again: bool = Field(description="true: every line began again; false: only those that changed")
    digest: str = Field(pattern="^[0-9a-f]{16}$", description="of all settings: equal ones have the same")


class ConfigurationRefused(EventBody):
    """Other settings made no sense; the collector goes on with those it has."""

    schema_name: ClassVar[str] = "agent-configuration-refused"
    type_name: ClassVar[str] = "floor.agent.configuration_refused"

    reason: str


class RecordSetAside(EventBody):
    """In the place of a record that the cloud would not take: it is kept on the gateway, as a dead letter."""

    schema_name: ClassVar[str] = "agent-record-set-aside"
    type_name: ClassVar[str] = "floor.agent.record_set_aside"

    set_aside: str = Field(description="the type of the event that was there; empty where none can be read")
    size: Count = Field(description="in bytes, of what was there")
    reason: str = Field(max_length=300)


class CommandAudited(EventBody):
    """Somebody in the cloud asked for something: journalled before it is carried out, and when it is done."""

    schema_name: ClassVar[str] = "agent-command"
    type_name: ClassVar[str] = "floor.agent.command"

    command: str = Field(max_length=64, description="what for: the last level of the topic it came on")
    id: str = Field(max_length=64, description="the command's own; empty where it has none that can be read")
    outcome: Literal["accepted", "refused", "done", "failed"]
    reason: str = Field(default="", max_length=300, description="why it was refused or failed; else empty")
    requested_by_unverified: str | None = Field(
        default=None, max_length=64, description="who asked, by their own account: nobody has verified it"
    )
    count: Count = Field(
        default=1,
        description="how many commands this stands for: refusals that come in a flood are one event",
    )


class WireFrame(Strict):
    """What went over a line at one moment."""

    at: float = Field(ge=0, description="seconds since the capture began")
    direction: Literal["sent", "heard"]
    size: Count = Field(description="in bytes")
    data: str | None = Field(
        default=None,
        pattern="^[0-9a-f]{2}( [0-9a-f]{2})*$",
        description="in hex, marked as on the wire; null where it may hold a ticket's number or a card",
    )


class LineCaptured(EventBody):
    """A piece of what went over a line, while somebody had asked to see it."""

    schema_name: ClassVar[str] = "line-captured"
    type_name: ClassVar[str] = "floor.line.captured"

    line: str
    id: str = Field(max_length=64, description="the command's that asked for it")
    piece: Count = Field(description="from 0, without holes")
    last: bool
    cut: bool = Field(description="the capture ended before its time: it had all the bytes it may have")
    frames: tuple[WireFrame, ...]


class _OfCertificate(EventBody):
    """A certificate that this gateway depends on, and until when it counts."""

    role: Literal["device", "root"] = Field(description="the gateway's own, or one that it trusts")
    name: str = Field(description="the common name")
    serial_number: str = Field(description="hexadecimal")
    certificate_id: str = Field(description="SHA-256 of the certificate, hexadecimal: its id in IoT Core")
    not_after: str = Field(description="ISO 8601, UTC")


class CertificateExpiring(_OfCertificate):
    """A certificate will end; said once each 60, 30 and 7 days ahead."""

    schema_name: ClassVar[str] = "agent-certificate-expiring"
    type_name: ClassVar[str] = "floor.agent.certificate_expiring"

    days_left: Count


class CertificateExpired(_OfCertificate):
    """A certificate has ended; said once."""

    schema_name: ClassVar[str] = "agent-certificate-expired"
    type_name: ClassVar[str] = "floor.agent.certificate_expired"


class CertificateRotated(EventBody):
    """The gateway uses a new certificate, and the cloud may deactivate the old one. Its key is gone."""

    schema_name: ClassVar[str] = "agent-certificate-rotated"
    type_name: ClassVar[str] = "floor.agent.certificate_rotated"

    old_certificate_id: str = Field(description="SHA-256 of the certificate, hexadecimal: its id in IoT Core")
    old_serial_number: str = Field(description="hexadecimal")
    new_certificate_id: str
    new_serial_number: str
    not_after: str = Field(description="until when the new one counts; ISO 8601, UTC")


class Canary(EventBody):
    """Sent now and then for nothing but to arrive: where none does, events are lost behind the broker."""

    schema_name: ClassVar[str] = "agent-canary"
    type_name: ClassVar[str] = "floor.agent.canary"

    number: Count = Field(description="from 1, since the sender started")
    every_seconds: Count = Field(description="how far apart they are: the next one is late after more")
    rule: str = Field(
        pattern="^[a-zA-Z0-9_]{0,128}$",
        description="the rule of Basic Ingest that events go to; empty where they go by the broker",
    )
