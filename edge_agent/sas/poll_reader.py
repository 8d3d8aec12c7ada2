"""Framing, machine side: a wakeup bit starts a poll, always, and the length table says where it ends.

Characters without the bit that belong to no poll are strays: the CRC some hosts put behind a type R poll,
the zero others put behind 54, the answers of the machine's neighbours. A poll cut short by the next one,
or by silence, is dropped; it was never a poll. Both are counted.

A host that is stuck in mark parity, and noise, give one wakeup bit after the other that begins nothing.
After some of them in a row the reader starts afresh: it takes nothing more until the line was silent.

Some hosts make a poll longer than the table says. Where the table knows of that, a poll that does not check
out at its length is given as many characters more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.crc import crc_is_good
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.messages import GENERAL_POLL_BIT, Poll, UnknownPoll, decode_poll
from edge_agent.sas.poll_lengths import READ_POLL_BYTES, host_poll_length
from edge_agent.sas.wakeup import WAKEUP

# The text allows 5 ms between the characters of a message; adapters and pseudo-terminals need more.
GAP_SECONDS = 0.050
# A machine platform in the field resets its reader after about so many.
WAKEUPS_IN_A_ROW = 10


@dataclass(frozen=True, slots=True)
class BadPoll:
    """A whole poll with a wrong CRC or contents that make no sense."""

    address: int
    command: int
    data: bytes
    reason: str


class PollReader:
    """Finds the polls on a line, whoever they are for."""

    def __init__(self, gap_seconds: float = GAP_SECONDS) -> None:
        self._gap_seconds = gap_seconds
        self._message = bytearray()
        self._last = 0.0
        self._in_a_row = 0  # wakeup characters that began nothing
        self.strays = 0
        self.dropped = 0
        self.resets = 0

    @property
    def deadline(self) -> float | None:
        """When `handle_gap` is due, if nothing more arrives."""
        return self._last + self._gap_seconds if self._message or self._is_reset else None

    def feed(self, characters: Sequence[int], now: float) -> list[Poll | UnknownPoll | BadPoll]:
        """The polls that are complete with these characters."""
        polls: list[Poll | UnknownPoll | BadPoll] = []
        if now - self._last > self._gap_seconds:
            polls += self.handle_gap()
        self._last = now
        for character in characters:
            begins = bool(character & WAKEUP) and not self._is_reset
            if begins:
                polls += self._begin_again()
            if self._is_reset or not (begins or self._message):
                self.strays += 1
                continue
            self._message.append(character & 0xFF)
            if self._complete():
                polls.append(_decoded(bytes(self._message)))
                self._message.clear()
        return polls

    def handle_gap(self) -> list[Poll | UnknownPoll | BadPoll]:
        """The line has been silent: what has begun will not be finished, and what waited for more is bad."""
        message, waited = bytes(self._message), self._missing() <= 0
        self._message.clear()
        self._in_a_row = 0
        if message and waited:
            return [_decoded(message)]
        self.dropped += bool(message)
        return []

    @property
    def _is_reset(self) -> bool:
        return self._in_a_row >= WAKEUPS_IN_A_ROW

    def _begin_again(self) -> list[Poll | UnknownPoll | BadPoll]:
        """A wakeup bit: what has begun will not be finished, and something else begins."""
        in_a_row = self._in_a_row + 1 if len(self._message) == 1 else 0
        polls = self.handle_gap()
        self._in_a_row = in_a_row
        self.resets += self._is_reset
        return polls

    def _complete(self) -> bool:
        message = self._message
        if message[0] & GENERAL_POLL_BIT:
            return True
        missing = self._missing()
        if missing > 0:
            return False
        row = LONG_POLLS.get(message[1])
        slack = row.request_slack if row else 0
        return -missing >= slack or crc_is_good(message)

    def _missing(self) -> int:
        """How many characters the table wants besides; at least one where it cannot tell."""
        length = host_poll_length(self._message)
        return 1 if length is None else length - len(self._message)


def _decoded(frame: bytes) -> Poll | UnknownPoll | BadPoll:
    try:
        return decode_poll(frame)
    except RemoteProtocolError as error:
        return BadPoll(frame[0], frame[1], frame[READ_POLL_BYTES:], error.what)
