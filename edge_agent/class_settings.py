"""Settings of a delivery class: where its events go, one at a time or many, and how long they wait."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from edge_agent.topics import TYPE, check_template

EVENT_TOPIC = "floor/{site}/{gateway}/ev/{type}"
BATCH_TOPIC = "floor/{site}/{gateway}/ev/batch"


class ClassSettings(BaseModel):
    """How the events of one delivery class leave. The defaults are those of faults, meters and telemetry."""

    # Not strict, as all settings.
    model_config = ConfigDict(frozen=True, extra="forbid")

    topic: Annotated[str, AfterValidator(check_template)] | None = Field(
        default=None,
        description=f"with {{site}}, {{gateway}}, {{class}} and, of encoding event, {{type}}; "
        f"default: {EVENT_TOPIC} or {BATCH_TOPIC}",
    )
    encoding: Literal["event", "batch"] = Field(
        default="batch", description="event: each alone and uncompressed, so that a rule can read it"
    )
    compress: bool | None = Field(
        default=None, description="default: batches are where that pays, events never"
    )
    linger_ms: int = Field(
        default=20,
        ge=0,
        le=60_000,
        description="how long a batch waits to fill, counted from its first event",
    )

    @property
    def template(self) -> str:
        """The topic, with its placeholders."""
        return self.topic or (EVENT_TOPIC if self.encoding == "event" else BATCH_TOPIC)

    @property
    def compresses(self) -> bool:
        """Whether payloads are compressed where that makes them smaller."""
        return self.encoding == "batch" and self.compress is not False

    @model_validator(mode="after")
    def _agree(self) -> ClassSettings:
        if self.encoding == "batch" and TYPE in self.template:
            raise ValueError(
                f"a batch has events of many types: take {TYPE} out of topic, or set encoding to event"
            )
        if self.encoding == "event" and self.compress:
            raise ValueError(
                "an event that travels alone is not compressed: take compress out, or set encoding to batch"
            )
        return self


class SingleSettings(ClassSettings):
    """As ClassSettings, with the defaults of money, security and sessions: alone, and at once."""

    encoding: Literal["event", "batch"] = Field(
        default="event", description="event: each alone and uncompressed, so that a rule can read it"
    )
    linger_ms: int = Field(
        default=0, ge=0, le=60_000, description="how long a batch waits to fill, counted from its first event"
    )


class ClassesSettings(BaseModel):
    """Each delivery class: A money, security and sessions; B faults and meters; C telemetry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    A: SingleSettings = SingleSettings()
    B: ClassSettings = ClassSettings()
    C: ClassSettings = ClassSettings()

    def each(self) -> tuple[tuple[str, ClassSettings], ...]:
        """The classes by their letters."""
        return (("A", self.A), ("B", self.B), ("C", self.C))
