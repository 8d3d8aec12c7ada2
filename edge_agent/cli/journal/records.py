"""The records a person chooses at the gateway."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from edge_agent.cli.base import gateway_settings
from edge_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from edge_agent.journal import Journal, Record
    from edge_agent.toolbox.selection import Selection


def opened(options: argparse.Namespace) -> Journal:
    """The gateway's journal, to read."""
    from edge_agent.journal import open_journal

    return open_journal(gateway_settings(options).journal_path, role="read")


def selection_of(options: argparse.Namespace) -> Selection:
    """The records that the arguments choose. Raises ConfigurationError if they make no sense."""
    from datetime import UTC, datetime

    from edge_agent.delivery import DeliveryClass
    from edge_agent.toolbox.selection import Selection, moment_of

    def moment(text: str | None) -> float | None:
        return None if text is None else moment_of(text, lambda: datetime.now(UTC))

    if options.last is not None and options.first > options.last:
        raise ConfigurationError("--from is behind --to", "give the lower one to --from")
    return Selection(
        first=max(1, options.first),
        last=options.last,
        since=moment(options.since),
        until=moment(options.until),
        classes=frozenset(DeliveryClass(one) for one in options.classes) or frozenset(DeliveryClass),
        machines=frozenset(options.machines),
        types=frozenset(options.types),
    )


def event_of(journal: Journal, record: Record) -> bytes:
    """A record as the cloud gets it."""
    from edge_agent.events import identify

    return identify(record.payload, journal.id, record.sequence, record.chain, record.before)
