"""What the agent says of itself: lines that come and go, bytes that made no sense."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from edge_agent.events.base import Count, EventBody


class LineUp(EventBody):
    """The device at the end of a line answers."""

    schema_name: ClassVar[str] = "line-up"

    line: str
    silent_seconds: float = Field(ge=0, description="how long it had not answered")

    @property
    def event_type(self) -> str:
        """`floor.line.up`."""
        return "floor.line.up"


class LineDown(EventBody):
    """The device at the end of a line no longer answers, or its port is gone."""

    schema_name: ClassVar[str] = "line-down"

    line: str
    reason: str

    @property
    def event_type(self) -> str:
        """`floor.line.down`."""
        return "floor.line.down"


class ProtocolErrors(EventBody):
    """Bytes on a line that made no sense, counted; at most once a minute, whatever the storm."""

    schema_name: ClassVar[str] = "line-protocol-errors"

    line: str
    count: Count = Field(description="since the last such event")
    total: Count = Field(description="since the collector started")
    last: str = Field(description="what was wrong with the last of them")

    @property
    def event_type(self) -> str:
        """`floor.line.protocol_errors`."""
        return "floor.line.protocol_errors"


class AgentStarted(EventBody):
    """A collector opened its journal."""

    schema_name: ClassVar[str] = "agent-started"

    version: str
    lines: Count

    @property
    def event_type(self) -> str:
        """`floor.agent.started`."""
        return "floor.agent.started"


class AgentStopped(EventBody):
    """A collector stopped in an orderly way."""

    schema_name: ClassVar[str] = "agent-stopped"

    version: str

    @property
    def event_type(self) -> str:
        """`floor.agent.stopped`."""
        return "floor.agent.stopped"


class AgentReconfigured(EventBody):
    """The collector goes on with other settings. Their names are told, their values are not."""

    schema_name: ClassVar[str] = "agent-reconfigured"

    changed: tuple[str, ...] = Field(description="the settings that differ, the first 64 of them")
    began_again: bool = Field(description="true: every line began again; false: only those that changed")
    digest: str = Field(pattern="^[0-9a-f]{16}$", description="of all settings: equal ones have the same")

    @property
    def event_type(self) -> str:
        """`floor.agent.reconfigured`."""
        return "floor.agent.reconfigured"


class ConfigurationRefused(EventBody):
    """Other settings made no sense; the collector goes on with those it has."""

    schema_name: ClassVar[str] = "agent-configuration-refused"

    reason: str

    @property
    def event_type(self) -> str:
        """`floor.agent.configuration_refused`."""
        return "floor.agent.configuration_refused"
