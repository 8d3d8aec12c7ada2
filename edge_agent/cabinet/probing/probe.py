"""The probe: finds the machine on a line, measures how it answers, and leaves it as it was.

    listen    until chirps are certain, or the line was quiet for longer than a machine waits for its host.
              Where another host polls, or nothing makes sense, that is all
    search    the addresses that chirp, the one that is expected, address 1; then all of them, quickly and,
              if nobody answers, patiently
    nudge     where a machine chirps on and hears no poll, one character whose wakeup bit does not depend on
              parity: if the chirps stop, the wires are good and the wakeup bit is not
    measure   reads that differ from one to the next, as fast as the machine allows
    ask       one general poll, last of all, for the exception that waits

What a machine keeps for its host is not lost: polls begin when its link has dropped, so they acknowledge
nothing that was said to another; an answer that does not check out may have been an event, and is repeated
by the same poll, which acknowledges nothing; and behind an event, an exception or what may have been one
nothing more is sent, and the port is held, until the machine's link has dropped and with it the chance that
anybody's poll says "heard".

Pure state, to be driven as a station is; the course below reads as it is run.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

from edge_agent.cabinet.probing.ear import Ear
from edge_agent.cabinet.probing.exchange import Came, Exchange, Sent
from edge_agent.cabinet.probing.findings import Findings
from edge_agent.cabinet.probing.questions import Questions, tells_nothing
from edge_agent.cabinet.probing.steps import Course, Step, Walk
from edge_agent.cabinet.probing.tally import TRIES_OF_A_POLL, Tally
from edge_agent.links import PortKind
from edge_agent.sas import DataReply, EventReply, ExceptionReply, GeneralPoll, LongPollRequest
from edge_agent.sas.code_tables import FEATURE_BITS
from edge_agent.sas.host_bounds import (
    FIRST_WINDOW_SECONDS,
    QUIET_SECONDS,
    REPLY_WINDOW_SECONDS,
)
from edge_agent.sas.link_watch import CERTAIN_COMMAND
from edge_agent.sas.messages import LAST_ADDRESS

MEASURE_SECONDS = 10.0

# Who chirps is heard at once; noise must not keep us listening for ever.
LONGEST_LISTENING_SECONDS = 12.0
# Six chirps tell one machine from two at the same address, and all machines of a chain have spoken.
CHIRPS_SECONDS = 1.2
_LOOK_SECONDS = 0.05
# The text's 20 ms, an adapter's 16 ms, and our own computer.
QUICK_WINDOW_SECONDS = 0.060
# SAS 1.3: the fastest polling of a machine that does not say that it can do better, and of one that does.
INTERVAL_SECONDS = 0.200
FAST_INTERVAL_SECONDS = 0.050
# Five chirps fit in; a machine that heard us is silent for 5 s.
_NUDGED_SECONDS = 1.0
_SETTLE_SECONDS = 0.1
_FEATURES, _MACHINE, _VERSION, _METERS = 0xA0, 0x1F, 0x54, 0x19
_FAST_POLLING = next(1 << bit for bit, name in FEATURE_BITS[3].items() if name == "fast_polling")

# Short and long answers in turn, and none twice: the next one tells the machine that the last was heard.
READS: Mapping[int, Mapping[str, Any]] = MappingProxyType(
    {_VERSION: {}, _FEATURES: {"game": 0}, _MACHINE: {}, CERTAIN_COMMAND: {}, _METERS: {}}
)
# A line on which every poll is followed by noise is no line to ask 127 addresses on.
_SPOILT_BELIEVED = 3


class Probe:
    """One visit to a line. Drive it until `settled`.

    Args:
        kind: what the port is.
        address: the one the machine should have.
        seconds: how long to search at most, and then to measure the machine; None for as long as it takes
            to search all addresses, and MEASURE_SECONDS.
        can_nudge: whether the port can send a wakeup bit without parity; see `take_nudge`.
    """

    def __init__(
        self,
        kind: PortKind | None = None,
        address: int | None = None,
        seconds: float | None = None,
        *,
        can_nudge: bool = False,
    ) -> None:
        self.phase = "listening for chirps"
        self._kind = kind or PortKind()
        self._expected = address
        self._search_seconds = float("inf") if seconds is None else seconds
        self._measure_seconds = MEASURE_SECONDS if seconds is None else seconds
        self._can_nudge = can_nudge and self._kind.sends_wakeup
        self._findings = Findings(self._kind, expected=address)
        self._ear = Ear(self._kind)
        self._tally = Tally()
        self._questions = Questions(lambda: self._kind, self._tally)
        self._walk = Walk(self._run(), self._hold(), self._hear)
        self._began = self._search_until = 0.0
        self._listens = True
        self._tried: set[int] = set()  # addresses that were asked
        self._spoilt = 0  # how often something came in the search that was no answer

    def __repr__(self) -> str:
        return f"<Probe {self.phase}>"

    @property
    def settled(self) -> bool:
        """Whether there is nothing more to be driven for."""
        return self._walk.settled

    @property
    def findings(self) -> Findings:
        """What has been found so far."""
        if self._listens:
            heard = self._ear.heard(self._walk.now - self._began)
            self._findings = replace(self._findings, heard=heard)
        return self._tally.into(replace(self._findings, tried=len(self._tried)))

    def link_opened(self, now: float) -> None:
        """Begin."""
        self._began = now
        self._walk.begin(now)

    def stop(self) -> None:
        """It is enough: end as soon as nothing can be lost by that."""
        self._walk.stop()

    def receive_data(self, data: bytes, now: float) -> None:
        """Take what arrived."""
        self._walk.receive_data(data, now)

    def handle_timer(self, now: float) -> None:
        """Act on what is due."""
        self._walk.handle_timer(now)

    def next_timer(self) -> float | None:
        """When `handle_timer` wants to be called next, or None."""
        return self._walk.next_timer()

    def data_to_send(self, now: float) -> bytes:
        """What to write now."""
        return self._walk.data_to_send(now)

    def left(self, now: float) -> None:
        """What was written is on its way: an answer is timed from here."""
        self._walk.left(now)

    def take_nudge(self, now: float) -> int | None:
        """A character to send, now, with a wakeup bit that does not come from parity; None for none."""
        return self._walk.take_nudge(now)

    # -- the course --------------------------------------------------------------------------------

    def _run(self) -> Course:
        yield from self._listen()
        if not self._may_ask():
            return
        self.phase = "asking who is there"
        yield from self._search()
        if self._findings.found:
            address = self._choose()
            self._findings = replace(self._findings, address=address)
            if not self._questions.event_told:
                yield from self._measure(address)
            if not (self._questions.event_told or self._tally.another_host):
                yield from self._ask_what_waits(address)
        elif self._findings.chirping and self._can_nudge:
            yield from self._nudge()
        yield from self._hold()

    def _listen(self) -> Course:
        certain_at: float | None = None
        while True:
            yield Step(_LOOK_SECONDS)
            if certain_at is None and self._ear.chirps:
                certain_at = self._walk.now
            seconds = self._walk.now - self._began
            if (
                seconds >= LONGEST_LISTENING_SECONDS
                or self._walk.now - self._walk.heard_at >= QUIET_SECONDS
                or (certain_at is not None and self._walk.now - certain_at >= CHIRPS_SECONDS)
            ):
                break
        self._findings = replace(self._findings, heard=self._ear.heard(seconds))
        self._listens = False
        if self._findings.chirping and not self._findings.heard.marked:
            # The port could tell chirps from answers, and its far end does not.
            self._kind = replace(self._kind, hears_wakeup=False)

    def _may_ask(self) -> bool:
        """Whether no poll of ours can acknowledge what was told to another host."""
        heard = self._findings.heard
        if heard.of_another_host:
            return False
        return bool(heard.chirps) or self._walk.now - self._walk.heard_at >= QUIET_SECONDS

    def _search(self) -> Course:
        self._search_until = self._walk.now + self._search_seconds
        likely = dict.fromkeys((*self._findings.chirping, self._expected or 1))
        yield from self._try(likely, FIRST_WINDOW_SECONDS, TRIES_OF_A_POLL)
        if self._findings.chirping:
            return
        for phase, window in (
            ("asking all addresses, about 10 s", QUICK_WINDOW_SECONDS),
            ("asking all addresses again, and waiting longer, about 30 s", REPLY_WINDOW_SECONDS),
        ):
            if self._findings.found or self._spoilt >= _SPOILT_BELIEVED:
                return
            self.phase = phase
            yield from self._try(range(1, LAST_ADDRESS + 1), window, 1)

    def _try(self, addresses: Iterable[int], window: float, tries: int) -> Course:
        """Ask who is there, one after the other."""
        for address in addresses:
            if self._walk.now >= self._search_until:
                return
            self._tried.add(address)
            for _ in range(tries):
                exchange = yield from self._questions.ask(LongPollRequest(address, CERTAIN_COMMAND), window)
                self._note_search(exchange, address)
                if exchange.came is not Came.SILENCE:
                    break
            if self._questions.event_told or self._spoilt >= _SPOILT_BELIEVED:
                return

    def _choose(self) -> int:
        found = self._findings.found
        return next((address for address in found if address == self._expected), found[0])

    def _measure(self, address: int) -> Course:
        """Ask one thing after the other, and keep count."""
        self.phase = f"measuring the machine at address {address:02}"
        self._tally.begin()
        until = self._walk.now + self._measure_seconds
        self._questions.rested = 0.0
        reads = dict(READS)
        interval = INTERVAL_SECONDS
        while self._walk.now < until + self._questions.rested and reads:
            for command, values in list(reads.items()):
                exchange = yield from self._questions.ask(
                    LongPollRequest(address, command, values), FIRST_WINDOW_SECONDS, interval
                )
                self._note(exchange)
                if (
                    self._questions.event_told
                    or self._tally.another_host
                    or self._walk.now >= until + self._questions.rested
                ):
                    return
                if exchange.came is Came.DAMAGED or self._tally.is_unknown(command):
                    del reads[command]
                if exchange.came is Came.ANSWER and command == _FEATURES:
                    interval = _interval(exchange)

    def _nudge(self) -> Course:
        yield Step(_SETTLE_SECONDS, nudge=True)
        took = yield Step(_NUDGED_SECONDS, _NUDGED_SECONDS)
        self._findings = replace(self._findings, quiet_after_nudge=not took.arrivals)

    def _ask_what_waits(self, address: int) -> Course:
        exchange = yield from self._questions.send(
            Sent(GeneralPoll(address), synchronised=False), FIRST_WINDOW_SECONDS
        )
        self._note(exchange)

    def _hold(self) -> Course:
        if self._questions.at_stake:
            self.phase = "holding the port until the machine's link has dropped"
            yield Step(QUIET_SECONDS, QUIET_SECONDS)

    # -- what is heard and noted -----------------------------------------------------------------------------

    def _hear(self, characters: Sequence[int], now: float) -> None:
        if self._listens:
            self._ear.hear(characters, now)

    def _note_search(self, exchange: Exchange, address: int) -> None:
        """Who answers. What does not check out may be anything, unless somebody chirps there."""
        self._note(exchange)
        there = set(exchange.strangers)
        self._spoilt += exchange.came is Came.DAMAGED
        if exchange.came not in (Came.SILENCE, Came.DAMAGED) or (
            exchange.came is Came.DAMAGED and address in self._findings.chirping
        ):
            there.add(address)
        self._findings = replace(self._findings, found=tuple(sorted(there.union(self._findings.found))))
        self._questions.someone_answers = bool(self._findings.found)

    def _note(self, exchange: Exchange) -> None:
        """What the machine says of itself."""
        match exchange.reply:
            case EventReply(code=code) | ExceptionReply(code=code) if not tells_nothing(exchange):
                self._findings = replace(self._findings, waiting=code)
            case DataReply(command=0x54, values={"version": version, "serial": serial}):
                self._findings = replace(self._findings, version=version, serial=serial.strip())
            case DataReply(command=0x1F, values={"game_id": game}):
                self._findings = replace(self._findings, game=game)


def _interval(features: Exchange) -> float:
    """How fast the machine may be polled, by what it says."""
    reply = features.reply
    fast = isinstance(reply, DataReply) and reply.values["features3"] & _FAST_POLLING
    return FAST_INTERVAL_SECONDS if fast else INTERVAL_SECONDS
