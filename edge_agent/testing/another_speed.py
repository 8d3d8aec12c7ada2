"""Another speed: what a UART makes of characters that were sent at a speed or in a form that is not its own.

The sender's levels are laid out in time, and the receiver does what a UART does: it waits for a falling edge
and looks at the middle of each of its own eleven bits. A ninth bit that is not space, and a stop bit that is
not there, are errors; a port that marks parity errors marks both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import ceil

from edge_agent.sas.wakeup import WAKEUP

SAS_BAUD = 19_200
_DATA_BITS = 8
# Behind the last character the line is at rest for longer than the receiver takes for one.
_REST_BITS = 12
_NINTH_BIT, _STOP_BIT = _DATA_BITS + 1.5, _DATA_BITS + 2.5


def heard_at(
    characters: Sequence[int], *, sent: int = SAS_BAUD, heard: int = SAS_BAUD, ninth_bit: bool = True
) -> list[int]:
    """What is heard of characters that are sent one right behind the other.

    Args:
        characters: their eight data bits and, above them, the wakeup bit.
        sent: the sender's baud.
        heard: the receiver's.
        ninth_bit: whether the sender has a ninth bit; else it is 8N1.
    """
    levels = [level for character in characters for level in _levels(character, ninth_bit=ninth_bit)]
    width = heard / sent
    return list(_sample(levels + [1] * ceil(_REST_BITS * max(1.0, 1 / width)), width))


def _levels(character: int, *, ninth_bit: bool) -> Iterator[int]:
    yield 0
    yield from (character >> bit & 1 for bit in range(_DATA_BITS))
    if ninth_bit:
        yield int(bool(character & WAKEUP))
    yield 1


def _sample(levels: Sequence[int], width: float) -> Iterator[int]:
    """The characters in `levels`, each of which lasts `width` bits of the receiver."""
    end, step = len(levels) * width, 1 / 16  # a UART looks sixteen times a bit
    now = 0.0
    while (start := _falling_edge(levels, width, now, step)) is not None and start + _STOP_BIT < end:
        bits = [_level(levels, width, start + 1.5 + bit) for bit in range(_DATA_BITS)]
        error = _level(levels, width, start + _NINTH_BIT) or not _level(levels, width, start + _STOP_BIT)
        yield sum(bit << place for place, bit in enumerate(bits)) | (WAKEUP if error else 0)
        now = start + _STOP_BIT


def _falling_edge(levels: Sequence[int], width: float, now: float, step: float) -> float | None:
    before = 1 if not now else _level(levels, width, now)
    while now < len(levels) * width:
        level = _level(levels, width, now)
        if before and not level and not _level(levels, width, now + 0.5):
            return now
        before, now = level, now + step
    return None


def _level(levels: Sequence[int], width: float, at: float) -> int:
    place = int(at / width)
    return levels[place] if place < len(levels) else 1
