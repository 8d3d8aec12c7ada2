"""Acquaintance: which boot of which device a host end hears, and how sure it is of that.

A device that was `certain` and may have booted unheard becomes uncertain. It is certain again
when it says which boot it is. Until then its events are either left with it, or taken at its
word: then they count apart from what is remembered, and meet it again when the device turns
out to be the same.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.tdl1.heard import DeviceKey
from edge_agent.tdl1.identity import Memory, pack, unpack
from edge_agent.tdl1.sequence import Window, ahead, before


@dataclass(slots=True)
class Acquaintance:
    """The device of a line, and what was heard of its sequence."""

    device: DeviceKey | None = None
    window: Window | None = None  # None before its first sequence
    certain: bool = False
    remembered: Memory | None = None  # set aside while the device is taken at its word
    at_its_word: bool = False

    @classmethod
    def from_memory(cls, packed: bytes) -> Acquaintance:
        """As an earlier host end knew it."""
        known = unpack(packed)
        return cls(known.device, known.window) if known is not None else cls()

    def memory(self) -> bytes:
        """What the next host end must know."""
        if self.at_its_word:
            return pack(self.remembered)
        return pack(Memory(self.device, self.window) if self.device is not None else None)

    @property
    def serial(self) -> str:
        """The serial number, as far as anybody said it."""
        known = self.remembered.device if self.remembered is not None else self.device
        return known.serial if known is not None else ""

    def take_at_its_word(self) -> None:
        """Go on without certainty."""
        if self.at_its_word:
            return
        self.remembered = Memory(self.device, self.window) if self.device is not None else None
        self.device, self.window, self.at_its_word = None, None, True

    def doubts(self, sequence: int) -> bool:
        """Whether an event taken at the device's word may be one that is remembered."""
        known = self.remembered.window if self.remembered is not None else None
        return known is not None and known.has(sequence)

    def learn(self, device: DeviceKey, *, booting: bool) -> bool:
        """The device says who it is; whether that is news of a boot."""
        known = self.remembered.device if self.remembered is not None else self.device
        news = device != known and (booting or known is not None)
        if self.at_its_word:
            self._end_doubt(device, booting=booting)
        elif device != known:
            # Of a device we knew, a new boot is ours from its first event; a strange one we join.
            ours = booting or (known is not None and known.serial == device.serial)
            self.window = Window() if ours else None
        self.device, self.certain = device, True
        return news

    def window_for(self, sequence: int) -> tuple[Window, bool]:
        """The window an event belongs in, and whether the event may be a repeat it cannot tell."""
        lost_count = False
        if self.window is None:
            self.window = Window.joining(sequence)
        elif not self.window.remembers(sequence):
            self.window, lost_count = Window.joining(before(sequence)), True
        return self.window, lost_count or self.doubts(sequence)

    def _end_doubt(self, device: DeviceKey, *, booting: bool) -> None:
        remembered, self.remembered, self.at_its_word = self.remembered, None, False
        if remembered is not None and remembered.device == device:
            recent, self.window = self.window, remembered.window or Window()
            for sequence in recent.all_heard() if recent is not None else ():
                if ahead(sequence, self.window.newest) > 0 or self.window.remembers(sequence):
                    self.window.add(sequence)
        elif booting:
            self.window = Window()
