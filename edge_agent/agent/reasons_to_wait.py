"""Reasons to hold an update: the journal is being opened, or money is on its way to the cloud.

Asked from outside, of what anybody may read: status files and the journal.
"""

from __future__ import annotations

import time

from edge_agent.agent.opening import is_being_opened
from edge_agent.errors import JournalError
from edge_agent.events.delivery_class import DeliveryClass
from edge_agent.health import read_status
from edge_agent.journal import DEFAULT_CONSUMER, open_journal
from edge_agent.settings import Settings

# What is younger is ordinary traffic: there always is some.
DRAIN_SECONDS = 2.0

# The oldest of a backlog, enough to see whether any of it is money: 5 ms to read and look through.
LOOK_AT_RECORDS, LOOK_AT_BYTES = 500, 1 << 20


def reason_to_wait(settings: Settings) -> str:
    """Why an update of a component should wait, in a few words; empty if it need not."""
    if is_being_opened(settings):
        return "the journal is being opened"
    return money_on_its_way(settings)


def money_on_its_way(settings: Settings) -> str:
    """What of class A is being delivered with a delay, in a few words; empty if nothing is.

    While there is no session nothing is on its way, and nobody knows for how long: then there is no
    reason to wait.
    """
    if not read_status(settings.status_file("forwarder")).get("connected"):
        return ""
    try:
        with open_journal(settings.journal_path, role="read") as journal:
            after = journal.acknowledged(DEFAULT_CONSUMER).through(DeliveryClass.A)
            oldest = journal.read(after, LOOK_AT_RECORDS, LOOK_AT_BYTES, classes=(DeliveryClass.A,)).records
    except JournalError:
        return ""
    now = time.time()
    # What seems to be of the future is not of this moment either: the clock was set back meanwhile.
    waiting = sum(not now - DRAIN_SECONDS <= record.appended_at <= now for record in oldest)
    return f"{waiting} records of class A wait for the cloud" if waiting else ""
