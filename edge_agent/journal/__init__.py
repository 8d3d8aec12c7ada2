"""The durable log between the floor and the cloud: appended by one process, forwarded by another."""

from edge_agent.journal.acknowledged import CLASSES, Acknowledged
from edge_agent.journal.collecting import check_format
from edge_agent.journal.consumer import DEFAULT_CONSUMER
from edge_agent.journal.gauge import Fill
from edge_agent.journal.journal import Journal, Role, journal_is_there, open_journal
from edge_agent.journal.record import Budget, DeadLetter, Gap, Record, Slice

__all__ = [
    "CLASSES",
    "DEFAULT_CONSUMER",
    "Acknowledged",
    "Budget",
    "DeadLetter",
    "Fill",
    "Gap",
    "Journal",
    "Record",
    "Role",
    "Slice",
    "check_format",
    "journal_is_there",
    "open_journal",
]
