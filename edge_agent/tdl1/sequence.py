"""Sequences: the numbers 0001 to FFFF that go round, and the window that knows which were heard.

A window remembers the newest sequence and, for each of the WINDOW before it, whether it was
heard: so a repeat is told from an event that comes late. What was missing is reported once,
which `reported` keeps; a window survives a restart as `pack`ed bytes.
"""

from __future__ import annotations

from dataclasses import dataclass

LARGEST = 0xFFFF

# How far back a repeat is told from a late event. Devices keep at least 64 events; eight times
# that costs 64 bytes of a note.
WINDOW = 512

# Further ahead than this is taken for far behind.
_HALF = LARGEST // 2
_MASK = (1 << WINDOW) - 1


def after(sequence: int, steps: int = 1) -> int:
    """The sequence `steps` later; 0001 follows FFFF, and 0000.

    >>> after(0xFFFF), after(0)
    (1, 1)
    """
    return (sequence - 1 + steps) % LARGEST + 1 if sequence else after(1, steps - 1)


def before(sequence: int, steps: int = 1) -> int:
    """The sequence `steps` earlier.

    >>> before(1), before(7, 5)
    (65535, 2)
    """
    return after(sequence, LARGEST - steps)


def ahead(sequence: int, of: int) -> int:
    """How many steps `sequence` is ahead of another; negative when behind.

    >>> ahead(2, of=0xFFFE), ahead(0xFFFE, of=2)
    (3, -3)
    """
    if of == 0:
        return sequence
    steps = (sequence - of) % LARGEST
    return steps if steps <= _HALF else steps - LARGEST


@dataclass(slots=True)
class Window:
    """Which sequences were heard, of one boot of one device."""

    newest: int = 0  # 0 before the first
    heard: int = 0  # bit n: `newest` less n was heard
    reported: int = 0  # what is missing up to here was reported, or never will be

    @classmethod
    def joining(cls, sequence: int) -> Window:
        """A window on a device whose events up to `sequence` are none of our business, if not repeated."""
        return cls(newest=sequence, heard=0, reported=sequence)

    def has(self, sequence: int) -> bool:
        """Whether it was heard."""
        behind = -ahead(sequence, self.newest)
        return 0 <= behind < WINDOW and bool(self.heard >> behind & 1)

    def remembers(self, sequence: int) -> bool:
        """Whether `has` can tell; False for what is too far behind."""
        return ahead(sequence, self.newest) > -WINDOW

    def add(self, sequence: int) -> None:
        """It was heard."""
        self.expect(sequence)
        behind = -ahead(sequence, self.newest)
        if 0 <= behind < WINDOW:
            self.heard |= 1 << behind
        while self.reported != self.newest and self.has(after(self.reported)):
            self.reported = after(self.reported)

    def expect(self, sequence: int) -> None:
        """The device has used it, whether it was heard or not."""
        steps = ahead(sequence, self.newest)
        if steps > 0:
            self.heard = self.heard << min(steps, WINDOW) & _MASK
            self.newest = sequence

    def missing(self) -> list[tuple[int, int]]:
        """The ranges not heard and not yet reported, oldest first."""
        waiting = ahead(self.newest, self.reported)
        forgotten = max(0, waiting - WINDOW)
        ranges = [(after(self.reported), after(self.reported, forgotten))] if forgotten else []
        for behind in range(waiting - forgotten - 1, -1, -1):
            if self.heard >> behind & 1:
                continue
            sequence = after(self.reported, waiting - behind)
            if ranges and after(ranges[-1][1]) == sequence:
                ranges[-1] = (ranges[-1][0], sequence)
            else:
                ranges.append((sequence, sequence))
        return ranges

    def take_missing(self, through: int) -> list[tuple[int, int]]:
        """The ranges missing up to `through`, which are reported by this."""
        ranges = [
            (first, last if ahead(last, through) <= 0 else through)
            for first, last in self.missing()
            if ahead(first, through) <= 0
        ]
        if ahead(through, self.reported) > 0:
            self.reported = through
        return ranges

    def all_heard(self) -> list[int]:
        """What was heard and is remembered, oldest first."""
        return [
            before(self.newest, behind) for behind in range(WINDOW - 1, -1, -1) if self.heard >> behind & 1
        ]

    def pack(self) -> bytes:
        """The window as bytes, for a note."""
        return (
            self.newest.to_bytes(2, "big")
            + self.reported.to_bytes(2, "big")
            + self.heard.to_bytes(WINDOW // 8, "big")
        )

    @classmethod
    def unpack(cls, packed: bytes) -> Window:
        """The window `pack` made."""
        return cls(
            newest=int.from_bytes(packed[:2], "big"),
            reported=int.from_bytes(packed[2:4], "big"),
            heard=int.from_bytes(packed[4:PACKED_BYTES], "big"),
        )


PACKED_BYTES = 4 + WINDOW // 8
