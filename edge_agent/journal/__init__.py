"""The durable log between the floor and the cloud: appended by one process, forwarded by another."""

from edge_agent.journal.journal import Journal, Role, open_journal
from edge_agent.journal.record import DeadLetter, Record
from edge_agent.journal.storage import DEFAULT_CONSUMER

__all__ = ["DEFAULT_CONSUMER", "DeadLetter", "Journal", "Record", "Role", "open_journal"]
