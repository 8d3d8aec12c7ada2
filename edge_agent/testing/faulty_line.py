"""A faulty line: machines at one end, a technician's laptop at the other, and one thing wrong between them.

The laptop's port and the line are one, so a fault of either is told here: a wire that is dead one way, a port
that loses its wakeup bits, one that hears none, another speed, an echo, another host, machines that talk at
once. Noise and slow wires are `testing.wires`'.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from edge_agent.links import PortKind
from edge_agent.sas.machine import CHIRP_SECONDS
from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder, encode_characters, marked
from edge_agent.testing.another_speed import heard_at
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.conversation import End

# What a wire makes of characters that are sent together.
Wire = Callable[[Sequence[int]], Sequence[int]]


def dead(_characters: Sequence[int]) -> Sequence[int]:
    """Nothing arrives."""
    return ()


def whole(characters: Sequence[int]) -> Sequence[int]:
    """Everything does."""
    return characters


def without_marks(characters: Sequence[int]) -> Sequence[int]:
    """A port that says it has mark parity, and sends none."""
    return [character & ~WAKEUP for character in characters]


@dataclass
class FaultyLine:
    """The machines' end of a line, to be put into a conversation.

    Args:
        machines: who is there.
        out: what becomes of what the laptop sends.
        back: what becomes of what the machines say.
        echoes: the laptop's own characters come back.
        another_host: who polls as well; heard by everybody, and hears the machines.
    """

    machines: Sequence[End] = ()
    out: Wire = whole
    back: Wire = whole
    echoes: bool = False
    another_host: End | None = None
    heard: list[int] = field(default_factory=list)  # characters of the laptop, as the machines heard them

    def __post_init__(self) -> None:
        self._from_laptop = WakeupDecoder()
        self._echo: list[int] = []

    def receive_data(self, stream: bytes, now: float) -> None:
        """See End."""
        characters = self._from_laptop.feed(stream)
        if self.echoes:
            self._echo.extend(characters)
        arrived = self.out(characters)
        self.heard.extend(arrived)
        self._reach(arrived, now)

    def nudged(self, character: int, now: float) -> None:
        """A character whose wakeup bit is a stop bit: no port loses that, only a wire."""
        if self.out is not dead:
            self._reach([WAKEUP | character], now)

    def handle_timer(self, now: float) -> None:
        """See End."""
        for end in self._ends():
            end.handle_timer(now)

    def next_timer(self) -> float | None:
        """See End."""
        return min((due for end in self._ends() if (due := end.next_timer()) is not None), default=None)

    def data_to_send(self, now: float) -> bytes:
        """What the laptop hears now."""
        echo, self._echo = self._echo, []
        polled: Sequence[int] = ()
        if self.another_host is not None:
            polled = WakeupDecoder().feed(self.another_host.data_to_send(now))
            self._reach(polled, now)
        said = _together([WakeupDecoder().feed(machine.data_to_send(now)) for machine in self.machines])
        if self.another_host is not None and said:
            self.another_host.receive_data(encode_characters(said), now)
        return encode_characters(self.back([*echo, *polled, *said]))

    def _reach(self, characters: Sequence[int], now: float) -> None:
        for machine in self.machines if characters else ():
            machine.receive_data(encode_characters(characters), now)

    def _ends(self) -> list[End]:
        return [*self.machines, *([self.another_host] if self.another_host is not None else [])]


class FaultyLink:
    """The laptop's port at a faulty line, as a link that is open, in virtual time: reading lets time pass."""

    name = "faulty"
    advice = ("port faulty hears answers up to 16 ms late — set its latency timer to 1 ms",)
    kind = PortKind("serial port")

    def __init__(self, line: FaultyLine, clock: VirtualClock) -> None:
        self._line, self._clock = line, clock

    def open(self) -> None:
        """See Link."""

    def read(self, timeout: float) -> bytes:
        """What the line says next."""
        until = self._clock.now + timeout
        while True:
            self._line.handle_timer(self._clock.now)
            data = self._line.data_to_send(self._clock.now)
            due = self._line.next_timer()
            if data or due is None or due > until:
                break
            self._clock.move_to(due)
        if not data:
            self._clock.move_to(until)
        return data

    def write(self, data: bytes) -> None:
        """See Link."""
        self._line.receive_data(data, self._clock.now)

    def nudge(self, character: int) -> None:
        """See Nudging."""
        self._line.nudged(character, self._clock.now)

    def close(self) -> None:
        """See Link."""


class SetToZero:
    """A machine whose address is 0: it ignores its host completely. Some chirp nevertheless."""

    def __init__(self, *, chirps: bool) -> None:
        self._chirp_at = 0.0 if chirps else float("inf")

    def receive_data(self, stream: bytes, now: float) -> None:
        """See End."""

    def handle_timer(self, now: float) -> None:
        """See End."""

    def next_timer(self) -> float | None:
        """See End."""
        return self._chirp_at

    def data_to_send(self, now: float) -> bytes:
        """See End."""
        if now < self._chirp_at:
            return b""
        self._chirp_at = now + CHIRP_SECONDS
        return marked(0)


class Printer:
    """Something that is no gaming machine: it reports in plain text, eight data bits and no parity."""

    def __init__(self, says: bytes = b"READY 0042\r\n", every: float = 1.0) -> None:
        self._says = heard_at(says, ninth_bit=False)
        self._every, self._at = every, 0.0

    def receive_data(self, stream: bytes, now: float) -> None:
        """See End."""

    def handle_timer(self, now: float) -> None:
        """See End."""

    def next_timer(self) -> float | None:
        """See End."""
        return self._at

    def data_to_send(self, now: float) -> bytes:
        """See End."""
        if now < self._at:
            return b""
        self._at = now + self._every
        return encode_characters(self._says)


def _together(said: Sequence[Sequence[int]]) -> list[int]:
    """What is heard of those who talk at once: a wire is low where one of them holds it low."""
    speakers = [one for one in said if one]
    if len(speakers) <= 1:
        return [*speakers[0]] if speakers else []
    return [_lowest(at_once) for at_once in zip_longest(*speakers)]


def _lowest(characters: Sequence[int | None]) -> int:
    level = WAKEUP | 0xFF
    for character in characters:
        level &= level if character is None else character
    return level
