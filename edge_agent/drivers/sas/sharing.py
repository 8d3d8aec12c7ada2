"""Sharing: the options of a line that several machines share.

    options:
      machines:
        - {address: 1, subject: slot-1001}
        - {address: 2, subject: slot-1002, idle_meters_seconds: 60}

Whatever else stands beside `machines` goes for each of them that says nothing of its own. Real-time
events stay off here: an answer that is not heard can then hide no exception, so that a machine which
has been switched off can be looked for while its neighbours are polled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.drivers.sas.options import SasOptions, read_options
from edge_agent.errors import ConfigurationError

# SAS 1.1: a chain has up to 127 machines, and one host.
MOST_MACHINES = 127
# A turn on a shared line: a poll and its answer, with the 20 ms an answer may take to begin.
TURN_MS = 30
FASTEST_SHARED_POLL_MS, SLOWEST_SHARED_POLL_MS = 200, 5000


@dataclass(frozen=True, slots=True)
class SharingMachine:
    """One machine of a shared line."""

    subject: str  # what the site calls it
    options: SasOptions


def read_machines(options: Mapping[str, object]) -> tuple[SharingMachine, ...]:
    """The machines that share a line; none if its options are those of a single machine.

    Raises ConfigurationError naming the machine and the option that makes no sense.
    """
    if "machines" not in options:
        return ()
    shared = {name: value for name, value in options.items() if name != "machines"}
    listed = options["machines"]
    if not isinstance(listed, Sequence) or isinstance(listed, str) or not 0 < len(listed) <= MOST_MACHINES:
        raise ConfigurationError(
            "option machines is no list of 1 to 127 machines", "give each an address and a subject"
        )
    pace = min(max(FASTEST_SHARED_POLL_MS, TURN_MS * len(listed)), SLOWEST_SHARED_POLL_MS)
    machines = tuple(
        _read_machine(entry, {"poll_ms": pace, **shared}, number) for number, entry in enumerate(listed, 1)
    )
    _refuse_twins("address", [machine.options.address for machine in machines])
    _refuse_twins("subject", [machine.subject for machine in machines])
    return machines


def _read_machine(entry: object, shared: Mapping[str, object], number: int) -> SharingMachine:
    """One machine, with what goes for all of them."""
    if not isinstance(entry, Mapping):
        raise ConfigurationError(
            f"option machines: number {number} is no group", "give an address and a subject"
        )
    given: dict[str, Any] = {**shared, **entry}
    subject = given.pop("subject", None)
    if not isinstance(subject, str) or not subject or "address" not in entry:
        raise ConfigurationError(
            f"option machines: number {number} lacks its address or its subject", "give it both"
        )
    if given.get("real_time_events", "off") != "off":
        raise ConfigurationError(
            f"option machines: {subject} wants real-time events on a shared line",
            "leave real_time_events out, or give the machine a line of its own",
        )
    try:
        return SharingMachine(subject, read_options({**given, "real_time_events": "off"}))
    except ConfigurationError as error:
        raise ConfigurationError(f"option machines: {subject}: {error.what}", error.mend) from error


def _refuse_twins(what: str, values: Sequence[object]) -> None:
    twice = sorted(str(value) for value, times in Counter(values).items() if times > 1)
    if twice:
        raise ConfigurationError(
            f"option machines: two have the {what} {twice[0]}", f"give each {what} to one machine"
        )
