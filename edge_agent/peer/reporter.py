"""The reporter of machines that run alone: it looks at them a few times a second, and tells what is new.

Hosts that come and go, links that come up and drop, exceptions as they are raised, dropped and heard, polls
that were refused, put off or met with silence; and now and then how many of which polls were answered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.peer.keeping import Keeper
from edge_agent.peer.tap import Outcome, Tap
from edge_agent.peer.telling import Teller
from edge_agent.sas.exception_codes import exception_name
from edge_agent.simulator.machine_on_line import MachineOnLine

COUNTS_SECONDS = 10.0
# A host that reopens its port for every command has not left.
GONE_SECONDS = 2.0


@dataclass(slots=True)
class Standing:
    """One machine on the line, and the tap on it."""

    address: int
    machine: MachineOnLine
    tap: Tap
    keeper: Keeper | None = None
    is_new: bool = True  # it remembers no earlier life
    is_linked: bool = False


class Reporter:
    """Tells of a line and the machines on it.

    Args:
        teller: whom to tell.
        standing: the machines.
        has_host: whether a host is at the port.
    """

    def __init__(self, teller: Teller, standing: Sequence[Standing], has_host: Callable[[], bool]) -> None:
        self._teller = teller
        self._standing = standing
        self._has_host = has_host
        self._is_host_told = False
        self._host_at = float("-inf")
        self._counted: dict[int, int] = {}
        self._counts_at: float | None = None

    def look(self, now: float) -> None:
        """Tell what is new."""
        self._tell_of_host(now)
        for each in self._standing:
            self._tell_of_link(each)
            for entry in each.machine.history():
                self._tell_of_exception(each.address, entry)
            for asked in each.tap.news():
                reason = f": {asked.reason}" if asked.reason else ""
                self._teller.say(
                    asked.outcome.name.lower(),
                    f"{asked.outcome.value} {asked.poll}{reason}",
                    address=each.address,
                    poll=asked.poll,
                    reason=asked.reason,
                )
        self._count_now_and_then(now)

    def end(self) -> None:
        """Tell the counts, in the end."""
        for each in self._standing:
            self._tell_counts(each, always=True)

    def _tell_of_host(self, now: float) -> None:
        if self._has_host():
            self._host_at = now
        is_there = now - self._host_at < GONE_SECONDS
        if is_there != self._is_host_told:
            self._is_host_told = is_there
            what = "host_came" if is_there else "host_left"
            self._teller.say(what, "a host is there" if is_there else "the host has gone")

    def _tell_of_link(self, each: Standing) -> None:
        link_up = each.machine.connection.link_up
        if link_up != each.is_linked:
            each.is_linked = link_up
            what, words = ("link_up", "link up") if link_up else ("link_down", "link down")
            self._teller.say(what, words, address=each.address)

    def _tell_of_exception(self, address: int, entry: Mapping[str, Any]) -> None:
        what, serial = entry["what"], entry["serial"]
        if what == "acknowledged":
            self._teller.say(what, f"heard {serial}", address=address, serial=serial)
            return
        code, values = entry["code"], dict(entry.get("values", {}))
        details = "".join(f" {field}={value}" for field, value in values.items())
        self._teller.say(
            what,
            f"{what} {serial}: {code:02X} {exception_name(code)}{details}",
            address=address,
            serial=serial,
            code=code,
            name=exception_name(code),
            values=values,
        )

    def _count_now_and_then(self, now: float) -> None:
        if self._counts_at is None:
            self._counts_at = now + COUNTS_SECONDS
        if now < self._counts_at:
            return
        self._counts_at = now + COUNTS_SECONDS
        for each in self._standing:
            polls = each.tap.counts.total()
            if polls != self._counted.get(each.address, 0):
                self._counted[each.address] = polls
                self._tell_counts(each)

    def _tell_counts(self, each: Standing, *, always: bool = False) -> None:
        tap, by_poll = each.tap, _by_poll(each.tap)
        self._teller.say(
            "polls",
            f"polls: {', '.join(_in_words(tap, by_poll)) or 'none'}",
            address=each.address,
            always=always,
            polls={
                poll: {what.name.lower(): count for what, count in of.items()} for poll, of in by_poll.items()
            },
            broadcasts=dict(tap.broadcasts),
            strays=tap.strays,
            unfinished=tap.dropped,
            chirps=tap.chirps,
        )


def _by_poll(tap: Tap) -> dict[str, Counter[Outcome]]:
    by_poll: dict[str, Counter[Outcome]] = {}
    for (poll, outcome), count in tap.counts.items():
        by_poll.setdefault(poll, Counter())[outcome] += count
    return by_poll


def _in_words(tap: Tap, by_poll: Mapping[str, Counter[Outcome]]) -> Iterable[str]:
    for poll, outcomes in by_poll.items():
        others = [f"{count} {what.value}" for what, count in outcomes.items() if what is not Outcome.ANSWERED]
        yield f"{poll} {outcomes.total()}" + (f" ({', '.join(others)})" if others else "")
    for poll, count in tap.broadcasts.items():
        yield f"broadcast {poll} {count}"
    if tap.strays:
        yield f"{tap.strays} bytes in no poll"
    if tap.dropped:
        yield f"{tap.dropped} unfinished"
