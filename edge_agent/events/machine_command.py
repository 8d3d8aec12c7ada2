"""What somebody had a machine do: the record of every command that changes one."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from edge_agent.events.base import EventBody

Outcome = Literal["accepted", "acknowledged", "answered", "refused", "busy", "unanswered", "expired"]


class MachineCommanded(EventBody):
    """An integrator's program had a machine told to do something.

    Journalled before the command leaves, and again when it is known what became of it.
    """

    schema_name: ClassVar[str] = "slot-commanded"
    type_name: ClassVar[str] = "floor.slot.commanded"

    id: str = Field(max_length=64, description="the command's own; both records have it")
    poll: str = Field(pattern="^0x[0-9a-f]{2}$", description="the long poll")
    name: str = Field(description="its name")
    values: dict[str, str] = Field(description="what it said, without ticket numbers and keys")
    asked_by: str = Field(max_length=64, description="who asked, by the account of the program")
    reason: str = Field(max_length=300, description="why, likewise")
    outcome: Literal["accepted", "acknowledged", "answered", "refused", "busy", "unanswered", "expired"] = (
        Field(
            description="accepted: it is about to leave; unanswered: nobody knows whether it was carried out"
        )
    )
