"""Asking: one question to one machine, so that nothing the machine keeps for somebody else is lost.

A machine takes the next different poll for "heard". Whoever asks here has no journal, so two rules hold:

    before   nothing is sent until the machine's link has surely dropped: it chirps, or the line has been
             quiet for longer than the machine waits. Then no poll of ours can acknowledge what another
             host was told, and did not keep.
    after    an event in place of an answer is told, and nothing more is sent. The machine keeps it, and
             tells it again to the host that journals it. General polls, which fetch exceptions, are never
             sent.

What the machine forgets once it is acknowledged is acknowledged by `acknowledge` alone, after the caller
has shown it. The protocol's rules are HostConnection's; this only chooses what it sends. Pure state, to be
driven as a station is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from edge_agent.cabinet.question import Question
from edge_agent.sas import WAKEUP, WakeupDecoder
from edge_agent.sas.host import (
    Acknowledged,
    Answered,
    ExceptionReported,
    GarbageHeard,
    HostConnection,
    HostEvent,
    MachineBusy,
    MachineLost,
    Refused,
    Unanswered,
)
from edge_agent.sas.host_bounds import (
    CHIRP_SPACING_SECONDS,
    CHIRPS_BELIEVED,
    FIRST_WINDOW_SECONDS,
    QUIET_SECONDS,
    SENDS_OF_A_POLL,
)
from edge_agent.sas.link_watch import CERTAIN_COMMAND
from edge_agent.sas.messages import LAST_ADDRESS, LongPollRequest

_FOREVER = float("inf")
ALL_ADDRESSES = range(1, LAST_ADDRESS + 1)


class Verdict(Enum):
    """What came of a question."""

    ANSWERED = "answered"
    ACCEPTED = "accepted"  # acknowledged without data
    SILENT = "silent"  # nobody answers anything
    NOT_KNOWN = "not known"  # the machine answers, and not this
    REFUSED = "refused"  # NACK
    BUSY = "busy"
    EVENT_WAITS = "event waits"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question, and how."""

    verdict: Verdict
    address: int | None = None  # of the machine that was found
    values: Mapping[str, Any] = field(default_factory=dict, hash=False)
    event: ExceptionReported | None = None
    garbled: int = 0  # runs of characters that made no sense
    others: tuple[int, ...] = ()  # addresses that chirp, beside the one that was asked for


class Asking:
    """One question. Drive it until `outcome` is there, and send nothing after it.

    Args:
        question: what to ask.
        address: of the machine; found by its chirps, or by asking all in turn, if left out.
    """

    def __init__(self, question: Question, address: int | None = None) -> None:
        self.outcome: Outcome | None = None
        self.address: int | None = None  # once it answers
        self.trying: int | None = None
        self.acknowledged = False
        self._question = question
        self._wanted = address
        self._chirps = _Chirps()
        self._candidates: Iterator[int] = iter(())
        self.alone = False  # the candidate that is tried is the only one
        self._host: HostConnection | None = None
        self._began = 0.0
        self._patience = _FOREVER  # until when the candidate may be silent
        self._has_left = False  # the first poll to it
        self._asked = False
        self._silent = 0  # how often the question was given up
        self._acknowledging = False
        self._garbled = 0

    def __repr__(self) -> str:
        return f"<Asking {self._question.command:02X} of {self.trying or self._wanted or 'anybody'}>"

    def link_opened(self, now: float) -> None:
        """Begin by listening."""
        self._began = now

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what arrived."""
        if self._host is None:
            found = self._chirps.heard(data, now)
            if found and self._wanted in {None, found}:
                self._try((found,), now)
            return
        self._patience = _FOREVER  # somebody is there, who may be saying something
        self._host.receive_data(data, now)
        self._take(now)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        if self.outcome is not None:
            return
        if self._host is None:
            if now >= self._began + QUIET_SECONDS:
                self._try(ALL_ADDRESSES if self._wanted is None else (self._wanted,), now)
        elif now >= self._patience:
            self._next(now)
        if self._host is not None:
            self._host.handle_timer(now)
            self._take(now)
            self._ask_when_ready(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None."""
        if self.outcome is not None and not self._acknowledging:
            return None
        if self._host is None:
            return self._began + QUIET_SECONDS
        due = self._host.next_timer()
        return self._patience if due is None else min(due, self._patience)

    def data_to_send(self, now: float) -> bytes:
        """What to write now; nothing once there is an outcome, unless that is to be acknowledged."""
        if self._host is None or (self.outcome is not None and not self._acknowledging):
            return b""
        data = self._host.data_to_send(now)
        if data and not self._has_left:
            self._has_left = True
            self._patience = _FOREVER if self.alone else now + FIRST_WINDOW_SECONDS
        return data

    def acknowledge(self, now: float) -> None:
        """The answer has been shown: let the machine forget it. Drive until `settled` again."""
        if self._host is None or self.outcome is None or self.outcome.verdict is not Verdict.ANSWERED:
            return
        self._acknowledging = True
        self._ask_when_ready(now)

    @property
    def settled(self) -> bool:
        """Whether there is nothing more to be driven for."""
        return self.outcome is not None and not self._acknowledging

    def _try(self, addresses: Iterable[int], now: float) -> None:
        """Ask these addresses in turn; nothing has been sent for as long as a machine waits, or it chirps."""
        candidates = tuple(addresses)
        self.alone = len(candidates) == 1
        self._candidates = iter(candidates)
        self._next(now)

    def _next(self, now: float) -> None:
        self._patience, self._has_left = _FOREVER, False
        self.trying = next(self._candidates, None)
        if self.trying is None:
            self._conclude(Verdict.SILENT)
            return
        # General polls fetch exceptions: what wakes a machine here is a poll that any machine answers.
        first = LongPollRequest(self.trying, CERTAIN_COMMAND)
        self._host = HostConnection(
            self.trying, real_time=False, first_poll=first, may_send=lambda poll: poll in (first, self._poll)
        )
        self._host.link_opened(now, quiet_since=now - QUIET_SECONDS)

    def _take(self, now: float) -> None:
        while self._host is not None and (events := self._host.events()):
            for event in events:
                self._on(event, now)

    def _on(self, event: HostEvent, now: float) -> None:
        if isinstance(event, GarbageHeard):
            self._garbled += 1
        if self._acknowledging:
            self._on_acknowledging(event)
        elif self.outcome is None:
            self._on_asked(event, now)

    def _on_asked(self, event: HostEvent, now: float) -> None:
        match event:
            case ExceptionReported():
                self._found()
                self._conclude(Verdict.EVENT_WAITS, event=event)
            case Answered(poll=LongPollRequest() as poll, values=values):
                self._found()
                if poll == self._poll:
                    self._conclude(Verdict.ANSWERED, values=values)
                else:
                    self._ask_when_ready(now)
            case MachineBusy(poll=poll) if poll != self._poll or not self._asked:
                self._found()
            case MachineBusy():
                self._conclude(Verdict.BUSY)
            case Refused():
                self._conclude(Verdict.REFUSED)
            case Acknowledged():
                self._conclude(Verdict.ACCEPTED)
            case Unanswered(poll=poll) if self._asked and poll == self._poll:
                self._doubt(now)
            case MachineLost() if self.alone or self.address is not None:
                self._conclude(Verdict.SILENT)
            case _:
                pass

    def _on_acknowledging(self, event: HostEvent) -> None:
        match event:
            case Answered() | MachineBusy() | ExceptionReported():
                self.acknowledged, self._acknowledging = True, False
            case MachineLost() | Unanswered():
                self._acknowledging = False
            case _:
                pass

    def _doubt(self, now: float) -> None:
        """The machine is there, and left the question unanswered: noise may have eaten it."""
        self._silent += 1
        if self._silent >= SENDS_OF_A_POLL:
            self._conclude(Verdict.NOT_KNOWN)
        else:
            self._asked = False
            self._ask_when_ready(now)

    def _found(self) -> None:
        self.address = self.trying

    @property
    def _poll(self) -> LongPollRequest:
        return self._question.at(self.trying or 1)

    def _ask_when_ready(self, now: float) -> None:
        host = self._host
        if host is None or self.address is None or not host.ready(now):
            return
        if self._acknowledging:
            # The same command would ask for a repeat; another one says that the answer was heard.
            host.send(LongPollRequest(self.address, CERTAIN_COMMAND))
        elif self.outcome is None and not self._asked:
            self._asked = True
            host.send(self._poll)

    def _conclude(
        self,
        verdict: Verdict,
        *,
        values: Mapping[str, Any] | None = None,
        event: ExceptionReported | None = None,
    ) -> None:
        others = tuple(sorted(set(self._chirps.believed) - {self._wanted, self.address}))
        self.outcome = Outcome(verdict, self.address, values or {}, event, self._garbled, others)


class _Chirps:
    """Chirps on a line that is listened to: a lone address, again and again."""

    def __init__(self) -> None:
        self._decoder = WakeupDecoder()
        self._times: Counter[int] = Counter()
        self._heard_at = float("-inf")

    @property
    def believed(self) -> tuple[int, ...]:
        """The addresses that chirp: heard once, it may be noise."""
        return tuple(address for address, times in self._times.items() if times >= CHIRPS_BELIEVED)

    def heard(self, data: bytes, now: float) -> int | None:
        """The address that this makes certain, if it does."""
        characters = self._decoder.feed(data)
        alone = now - self._heard_at >= CHIRP_SPACING_SECONDS
        self._heard_at = now
        if len(characters) != 1 or not alone:
            return None
        address = characters[0] & ~WAKEUP
        if not 1 <= address <= LAST_ADDRESS:
            return None
        self._times[address] += 1
        return address if address in self.believed else None
