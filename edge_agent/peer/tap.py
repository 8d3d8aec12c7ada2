"""A tap on a machine's line: which polls it was asked, and what became of each.

The tap reads the line as anybody could who held a wire to it, so it tells what was really said: an answer
that the machine was late with is no answer to the poll before. It keeps counts, and news of what is not
as a host would wish: a poll that was refused, put off, or left in silence.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from enum import Enum

from edge_agent.peer.loop import Device
from edge_agent.sas.exception_codes import EVENT_MARK
from edge_agent.sas.framing import BadPoll, PollReader
from edge_agent.sas.long_polls import poll_name
from edge_agent.sas.messages import BUSY, GENERAL_POLL_BIT, GeneralPoll, LongPollRequest, UnknownPoll
from edge_agent.sas.wakeup import WakeupDecoder, marked

_CHARACTER = 0xFF
_EVENT_HEAD_BYTES = 2
GENERAL_POLL = "general_poll"


class Outcome(Enum):
    """What became of a poll."""

    ANSWERED = "answered"
    BY_EVENT = "answered by an event"  # under real-time events; the host has to ask again
    REFUSED = "refused"
    BUSY = "busy"
    SILENCE = "silence"


@dataclass(frozen=True, slots=True)
class Asked:
    """A poll, and what became of it."""

    poll: str
    outcome: Outcome
    reason: str
    at: float


class Tap:
    """A device, and what passes on its line."""

    def __init__(self, device: Device, address: int, gap_seconds: float) -> None:
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self.broadcasts: Counter[str] = Counter()
        self.chirps = 0
        self._device = device
        self._address = address
        self._from_host, self._from_machine = WakeupDecoder(), WakeupDecoder()
        self._reader = PollReader(gap_seconds)
        self._open: Asked | None = None
        self._news: list[Asked] = []

    @property
    def strays(self) -> int:
        """Bytes of the host that belonged to no poll, for want of a wakeup bit."""
        return self._reader.strays

    @property
    def dropped(self) -> int:
        """Polls that were begun and not finished."""
        return self._reader.dropped

    def news(self) -> list[Asked]:
        """What was not simply answered since last asked."""
        news, self._news = self._news, []
        return news

    def receive_data(self, stream: bytes, now: float) -> None:
        """See Device."""
        for poll in self._reader.feed(self._from_host.feed(stream), now):
            self._was_asked(poll, now)
        self._device.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """See Device."""
        self._device.handle_timer(now)

    def next_timer(self) -> float | None:
        """See Device."""
        return self._device.next_timer()

    def data_to_send(self, now: float) -> bytes:
        """See Device."""
        stream = self._device.data_to_send(now)
        if stream == marked(self._address):
            self.chirps += 1
        elif stream:
            self._said(bytes(character & _CHARACTER for character in self._from_machine.feed(stream)))
        return stream

    def _was_asked(self, poll: GeneralPoll | LongPollRequest | UnknownPoll | BadPoll, now: float) -> None:
        if poll.address == 0 and not isinstance(poll, GeneralPoll):
            self.broadcasts[poll_name(poll.command)] += 1
        if poll.address != self._address:
            return
        name = GENERAL_POLL if isinstance(poll, GeneralPoll) else poll_name(poll.command)
        self._settle(Outcome.SILENCE)
        self._open = Asked(name, Outcome.SILENCE, poll.reason if isinstance(poll, BadPoll) else "", now)

    def _said(self, frame: bytes) -> None:
        if self._open is None:
            return
        answers_long_poll = self._open.poll != GENERAL_POLL
        outcome = Outcome.ANSWERED
        if answers_long_poll and frame == bytes((GENERAL_POLL_BIT | self._address,)):
            outcome = Outcome.REFUSED
        elif answers_long_poll and frame == bytes((self._address, BUSY)):
            outcome = Outcome.BUSY
        elif answers_long_poll and len(frame) > _EVENT_HEAD_BYTES and frame[1] == EVENT_MARK:
            outcome = Outcome.BY_EVENT
        self._settle(outcome)

    def _settle(self, outcome: Outcome) -> None:
        """It is known now what became of the poll that was open."""
        asked, self._open = self._open, None
        if asked is None:
            return
        self.counts[asked.poll, outcome] += 1
        if outcome in (Outcome.REFUSED, Outcome.BUSY) or (
            outcome is Outcome.SILENCE and asked.poll != GENERAL_POLL
        ):
            self._news.append(Asked(asked.poll, outcome, asked.reason, asked.at))
