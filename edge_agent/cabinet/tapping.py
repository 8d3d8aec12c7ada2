"""Tapping: both directions of a line heard on one wire, told apart as far as they can be.

The host sets the wakeup bit on the first character of each message, so where the tap's port hears the bit
every message of the host is known; a lone marked address is a chirp. On a port that does not, the table of
lengths says where a poll ends, what follows it at once answers it, and after a pause the host begins anew.
A machine that answers late is then taken for the host: nothing on such a wire says otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.links.capture import FROM_DEVICE, TO_DEVICE, Travelled
from edge_agent.sas import WAKEUP, WakeupDecoder, marked, stuff
from edge_agent.sas.messages import GENERAL_POLL_BIT, LAST_ADDRESS
from edge_agent.sas.poll_lengths import host_poll_length

# An answer begins within 20 ms of its poll, and polls are 40 ms apart; adapters deliver 16 ms late.
PAUSE_SECONDS = 0.030


class Tap:
    """Turns what a tap hears into what travelled each way."""

    def __init__(self) -> None:
        self._decoder = WakeupDecoder()
        self._marks = False  # this port hears the wakeup bit
        self._message = bytearray()  # of the host, not complete
        self._began_at = self._heard_at = 0.0
        self._answering = False  # a poll is complete: what follows is the machine's

    def hear(self, stream: bytes, now: float) -> Iterator[Travelled]:
        """What is complete with these characters."""
        yield from self.pass_time(now)
        said = bytearray()
        for character in self._decoder.feed(stream):
            if self._is_the_hosts(character):
                yield from _machine(said, now)
                yield from self._host(character, now)
            else:
                said.append(character & 0xFF)
        yield from _machine(said, now)
        self._heard_at = now

    def pass_time(self, now: float) -> Iterator[Travelled]:
        """Act on a pause: what has begun is not going to be finished."""
        if now - self._heard_at < PAUSE_SECONDS:
            return
        self._answering = False
        yield from self._give_up()

    def _is_the_hosts(self, character: int) -> bool:
        if character & WAKEUP:
            self._marks = True
            return True
        return bool(self._message) or not (self._marks or self._answering)

    def _host(self, character: int, now: float) -> Iterator[Travelled]:
        """One more character of the host, or of a chirp."""
        if character & WAKEUP:
            yield from self._give_up()
        if not self._message:
            self._began_at = now
        self._message.append(character & 0xFF)
        first = self._message[0]
        if first & GENERAL_POLL_BIT or host_poll_length(self._message) == len(self._message):
            # Nobody answers a poll to address 0.
            self._answering = bool(first & LAST_ADDRESS)
            yield Travelled(self._began_at, TO_DEVICE, _with_mark(self._message))
            self._message.clear()

    def _give_up(self) -> Iterator[Travelled]:
        """A message that ends too early: a chirp, or the beginning of a poll."""
        message = bytes(self._message)
        self._message.clear()
        if len(message) == 1:
            yield Travelled(
                self._began_at, FROM_DEVICE, marked(message[0]) if self._marks else stuff(message)
            )
        elif message:
            yield Travelled(self._began_at, TO_DEVICE, _with_mark(message))


def _machine(said: bytearray, now: float) -> Iterator[Travelled]:
    if said:
        yield Travelled(now, FROM_DEVICE, stuff(bytes(said)))
        said.clear()


def _with_mark(message: bytes | bytearray) -> bytes:
    return marked(message[0]) + stuff(bytes(message[1:]))
