"""What the agent says of its journal: what is missing, how full it is, how far its chain is vouched for.

All of it is class A: an account of what was lost that can itself be lost would be none.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from edge_agent.delivery import DeliveryClass
from edge_agent.events.base import Count, EventBody

LINK_PATTERN = "^[A-Za-z0-9_-]{22}$"

Level = Literal[70, 90, 100]


class JournalGap(EventBody):
    """Records that are gone for good and will never be sent: which, how many, and why."""

    schema_name: ClassVar[str] = "agent-journal-gap"
    type_name: ClassVar[str] = "floor.agent.journal_gap"

    reason: Literal["shed", "damage"] = Field(
        description="shed: given up to keep within the budget; damage: could not be read any more"
    )
    delivery_class: DeliveryClass | None = Field(description="of all of them; null where nobody knows")
    count: Count = Field(description="how many are gone")
    first: int = Field(ge=1, description="the sequence of the first")
    last: int = Field(ge=1, description="the sequence of the last")
    removed: str = Field(
        pattern="^[A-Za-z0-9+/]*={0,2}$",
        description=(
            "empty: every sequence from first to last; else base64 of zlib of one bit per sequence, from "
            "first on, the most significant bit of a byte first, 1 for gone"
        ),
    )
    why: str = Field(max_length=300, description="budget, age or disk, or what was damaged")
    gap: str = Field(
        max_length=100,
        description=(
            "names it within its journal: a gateway that was killed before it had let go of the records "
            "tells of them again, by the same name"
        ),
    )


class _Fill(EventBody):
    """How full the journal is."""

    percent: Count = Field(description="of the budget that is in use")
    level: Level
    used_mb: Count
    budget_mb: Count


class JournalFilling(_Fill):
    """The journal has filled up to a level: what cannot be sent may soon have to be given up."""

    schema_name: ClassVar[str] = "agent-journal-filling"
    type_name: ClassVar[str] = "floor.agent.journal_filling"

    level: Level = Field(description="what was reached, in percent; at 100 something is given up or refused")
    hours_left: float | None = Field(
        ge=0, description="until it is full, at the present rate; null where it does not fill"
    )


class JournalRelieved(_Fill):
    """The journal is below a level again that it had reached."""

    schema_name: ClassVar[str] = "agent-journal-relieved"
    type_name: ClassVar[str] = "floor.agent.journal_relieved"

    level: Level = Field(description="the lowest that it is below again, in percent")


class JournalCheckpoint(EventBody):
    """The chain of the journal up to a record, signed with the gateway's own key where there is one at hand.

    What is signed is the ASCII text `edge-agent checkpoint <journal id> <sequence> <chain>`, with SHA-256:
    ECDSA over P-256 or P-384 (in DER), or RSA PKCS #1 v1.5.
    """

    schema_name: ClassVar[str] = "agent-journal-checkpoint"
    type_name: ClassVar[str] = "floor.agent.journal_checkpoint"

    sequence: int = Field(ge=0, description="of the record up to which the chain is vouched for")
    chain: str = Field(pattern=LINK_PATTERN, description="the link of that record")
    signature: str = Field(pattern="^[A-Za-z0-9+/]*={0,2}$", description="base64; empty without a key")
    certificate: str = Field(
        pattern="^([0-9a-f]{64})?$",
        description="SHA-256 of the certificate, hexadecimal; empty without a key",
    )
