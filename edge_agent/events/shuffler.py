"""What a shuffler tells us: decks in and out, shuffles, jams.

Counts and pass or fail are all it has to say before play.
"""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from edge_agent.events.base import Count
from edge_agent.events.table import TableEvent


class ShufflerEvent(TableEvent):
    """What every event about a deck in a shuffler has."""

    batch: str | None = Field(default=None, description="the device's name for these cards and this cycle")


class ShufflerDeckIn(ShufflerEvent):
    """Cards went in."""

    schema_name: ClassVar[str] = "table-shuffler-deck-in"
    type_name: ClassVar[str] = "floor.table.shuffler_deck_in"

    decks: Count | None = None
    expected_cards: Count | None = None


class ShufflerStarted(ShufflerEvent):
    """A shuffle began."""

    schema_name: ClassVar[str] = "table-shuffler-started"
    type_name: ClassVar[str] = "floor.table.shuffler_started"


class ShufflerCompleted(ShufflerEvent):
    """A shuffle ended, well or not."""

    schema_name: ClassVar[str] = "table-shuffler-completed"
    type_name: ClassVar[str] = "floor.table.shuffler_completed"

    duration_ms: Count | None = None
    cards_counted: Count | None = None
    expected_cards: Count | None = None
    result: str | None = Field(
        default=None, description="OK, COUNT_HIGH, COUNT_LOW, VERIFY_FAIL, ABORTED, or the device's own word"
    )
    retries: Count | None = None


class ShufflerVerifyFailed(ShufflerEvent):
    """The deck is not what it should be; how many cards are wrong, never which."""

    schema_name: ClassVar[str] = "table-shuffler-verify-failed"
    type_name: ClassVar[str] = "floor.table.shuffler_verify_failed"

    missing_count: Count | None = None
    extra_count: Count | None = None
    misread_count: Count | None = None
    wrong_back_count: Count | None = None


class ShufflerDeckOut(ShufflerEvent):
    """Cards were taken out."""

    schema_name: ClassVar[str] = "table-shuffler-deck-out"
    type_name: ClassVar[str] = "floor.table.shuffler_deck_out"

    wait_ms: Count | None = Field(default=None, description="how long they had been ready")


class ShufflerJam(ShufflerEvent):
    """A card is stuck."""

    schema_name: ClassVar[str] = "table-shuffler-jam"
    type_name: ClassVar[str] = "floor.table.shuffler_jam"

    location: Count | None = Field(
        default=None, description="0 to 9 of the jam locations; others are the device's"
    )
    location_name: str = Field(description="unknown where no table lists the location")
    at_card: Count | None = None
    attempt: Count | None = None
    code: str | None = Field(default=None, description="the device's own code")


class ShufflerJamCleared(ShufflerEvent):
    """A jam is over."""

    schema_name: ClassVar[str] = "table-shuffler-jam-cleared"
    type_name: ClassVar[str] = "floor.table.shuffler_jam_cleared"

    auto: bool | None = Field(default=None, description="the device cleared it by itself")
    downtime_ms: Count | None = None


class ShufflerMisread(ShufflerEvent):
    """Cards were not recognised."""

    schema_name: ClassVar[str] = "table-shuffler-misread"
    type_name: ClassVar[str] = "floor.table.shuffler_misread"

    count: Count | None = None


class ShufflerLid(TableEvent):
    """The lid was opened or closed."""

    schema_name: ClassVar[str] = "table-shuffler-lid"
    type_name: ClassVar[str] = "floor.table.shuffler_lid"

    open: bool | None = None


class ShufflerMode(TableEvent):
    """The way it shuffles was changed."""

    schema_name: ClassVar[str] = "table-shuffler-mode"
    type_name: ClassVar[str] = "floor.table.shuffler_mode"

    mode: str | None = None


class ShufflerCardsIn(TableEvent):
    """Cards went into a continuous shuffler, at most once a round."""

    schema_name: ClassVar[str] = "table-shuffler-cards-in"
    type_name: ClassVar[str] = "floor.table.shuffler_cards_in"

    count: Count | None = None


class ShufflerCardsOut(TableEvent):
    """Cards came out of a continuous shuffler, at most once a round."""

    schema_name: ClassVar[str] = "table-shuffler-cards-out"
    type_name: ClassVar[str] = "floor.table.shuffler_cards_out"

    count: Count | None = None
