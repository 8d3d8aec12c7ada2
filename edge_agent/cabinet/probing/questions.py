"""Questions: polls of a visit, sent so that nothing a machine keeps for its host is lost.

An answer that does not check out may have been an event, so it is repeated by the same poll, which
acknowledges nothing. Behind an event, an exception or what may have been one nothing more is to be sent
until the machine's link has dropped: `at_stake` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias

from edge_agent.cabinet.probing.exchange import Came, Exchange, Sent, holds_answer, read_exchange
from edge_agent.cabinet.probing.steps import Step, Took
from edge_agent.cabinet.probing.tally import Tally
from edge_agent.links import PortKind
from edge_agent.sas import EventReply, ExceptionReply, LongPollRequest
from edge_agent.sas.exception_codes import NO_ACTIVITY
from edge_agent.sas.host_bounds import GAP_SECONDS, QUIET_SECONDS, SENDS_OF_A_POLL

# A machine that waits for its player says so to every general poll.
_WAITS_FOR_PLAYER = 0x1F

Asking: TypeAlias = Generator[Step, Took, Exchange]


class Questions:
    """What is asked in one visit, and what that may have cost.

    Args:
        kind: tells what the port is, as far as is known by then.
        tally: is told every exchange.
    """

    def __init__(self, kind: Callable[[], PortKind], tally: Tally) -> None:
        self.event_told = False
        self.at_stake = False  # the machine may have told something that nobody keeps
        self.someone_answers = False  # so silence may be an answer that was lost
        self.rested = 0.0  # seconds that were spent in silence for a machine's sake
        self._kind = kind
        self._tally = tally

    def ask(self, poll: LongPollRequest, window: float, interval: float = 0.0) -> Asking:
        """Ask until it is answered or not; what was damaged, again, in a way that acknowledges nothing.

        Args:
            poll: the question.
            window: how long an answer is waited for, in seconds.
            interval: how long it is until the next poll at least, in seconds.
        """
        exchange = yield from self.send(Sent(poll), window, interval)
        for _ in range(SENDS_OF_A_POLL - 1):
            known = self._tally.knows(poll.command) and exchange.came is Came.SILENCE
            if exchange.came is not Came.DAMAGED and not known:
                break
            yield Step(GAP_SECONDS, GAP_SECONDS)
            exchange = yield from self.send(Sent(poll, synchronised=False), window, interval)
        if exchange.came is Came.DAMAGED:
            # It may have been an event, each time: let the machine take it back.
            yield Step(QUIET_SECONDS, QUIET_SECONDS)
            self.rested += QUIET_SECONDS
            self.at_stake = False
        return exchange

    def send(self, sent: Sent, window: float, interval: float = 0.0) -> Asking:
        """Send a poll once. Seconds as for `ask`."""
        took = yield Step(
            max(window, interval),
            interval,
            sent.stream,
            enough=lambda arrivals: holds_answer(sent, arrivals, self._kind()),
        )
        exchange = read_exchange(sent, took.sent_at, took.arrivals, self._kind())
        self._tally.count(exchange)
        self.event_told = self.event_told or exchange.came is Came.EVENT
        self.at_stake = self._may_be_lost(exchange)
        return exchange

    def _may_be_lost(self, exchange: Exchange) -> bool:
        """Whether a poll from anybody could now make the machine forget what nobody has kept."""
        match exchange.came:
            case Came.EVENT | Came.EXCEPTION:
                return not tells_nothing(exchange)
            case Came.SILENCE:
                return self.someone_answers
            case came:
                return came is Came.DAMAGED


def tells_nothing(exchange: Exchange) -> bool:
    """Whether what the machine said holds nothing that happened."""
    reply = exchange.reply
    return isinstance(reply, EventReply | ExceptionReply) and reply.code in (NO_ACTIVITY, _WAITS_FOR_PLAYER)
