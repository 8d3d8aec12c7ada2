"""The collector's journal: opened with what its records mean, which the journal itself does not know."""

from __future__ import annotations

from edge_agent.agent.journal_watch import JournalWatch
from edge_agent.clock import Clock
from edge_agent.events import ClockQuality, EventBody, Observation, seal
from edge_agent.events.delivery_class import class_of_sealed
from edge_agent.journal import Budget, Journal, open_journal
from edge_agent.settings import JournalSettings, Settings

_DAY = 86_400.0


def watch_of(settings: Settings, clock: Clock) -> JournalWatch:
    """What says what becomes of the journal, as events of this gateway."""

    def sealed(body: EventBody) -> bytes:
        observation = Observation(settings.gateway, clock.monotonic(), body)
        return seal(observation, clock.reading(), settings.source)

    return JournalWatch(sealed)


def open_to_collect(
    settings: Settings, watch: JournalWatch, clock: Clock, *, housekeeping: bool = True
) -> Journal:
    """The journal of the settings, open to collect. Raises JournalError or InUseError."""
    journal = open_journal(
        settings.journal_path,
        role="collect",
        budget=budget_of(settings.journal),
        classify=class_of_sealed,
        describe_gap=watch.describe,
        on_fill=watch.see,
        clock_is_right=lambda: clock.reading().quality is ClockQuality.SYNCHRONISED,
        housekeeping=housekeeping,
    )
    watch.declare_to(journal.declare)
    return journal


def budget_of(journal: JournalSettings) -> Budget:
    """What the journal may take up."""
    return Budget(
        size_bytes=None if journal.budget_mb is None else journal.budget_mb * 2**20,
        minimum_free_bytes=journal.minimum_free_mb * 2**20,
        age_seconds=None if journal.keep_days is None else journal.keep_days * _DAY,
    )
