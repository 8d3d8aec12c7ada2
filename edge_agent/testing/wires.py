"""Wires: what happens to characters between two ends of a line.

A wire takes the marked stream one end sends and says what arrives at the other, and when. It works on
whole characters, because that is what a line loses, changes or holds back: a wakeup mark never comes
apart from its byte. Each wire is one direction, with chance of its own, so one seed tells one story.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from edge_agent.sas.wakeup import WakeupDecoder, encode_characters

# One start bit, eight data bits, the wakeup bit and one stop bit at 19,200 baud.
CHARACTER_SECONDS = 11 / 19_200
_BITS = 9
_NEVER = float("-inf")


@dataclass(frozen=True, slots=True)
class WireProfile:
    """How bad a wire is. Chances are per character; times are seconds."""

    name: str
    loss: float = 0.0  # chance that a character vanishes
    flip: float = 0.0  # chance that one of its nine bits is turned over
    paced: bool = False  # characters take their time at 19,200 baud
    one_by_one: bool = False  # characters arrive each for itself
    latest: float = 0.0  # a message is held back by up to this much
    echoes: bool = False  # what is sent comes back to the sender as well
    cut_every: float = 0.0  # about this long from one cut to the next; 0 for no cuts
    shortest_cut: float = 0.0
    longest_cut: float = 0.0


PERFECT = WireProfile("perfect")
ONE_BYTE_AT_A_TIME = WireProfile("one_byte_at_a_time", one_by_one=True)
LOSSY = WireProfile("lossy", loss=0.05)
VERY_LOSSY = WireProfile("very_lossy", loss=0.20)
# One flipped bit in about 2,000 characters: a bad earth, not a broken cable.
NOISY = WireProfile("noisy", flip=1 / 2_000)
# Both ways together: answers up to 150 ms late, just within the window a host gives them.
SLOW = WireProfile("slow", paced=True, latest=0.075)
# Far later than any machine: what servers, modems and buffers on the way do. 600 ms both ways together.
LATE = WireProfile("late", paced=True, latest=0.3)
ECHOING = WireProfile("echoing", echoes=True)
# Long enough at times for the machine to drop its link, short enough at others for it not to notice.
CUT = WireProfile("cut", paced=True, cut_every=12.0, shortest_cut=1.5, longest_cut=8.0)

# What a trial may choose from by name.
WIRE_PROFILES: Mapping[str, WireProfile] = MappingProxyType(
    {profile.name: profile for profile in (PERFECT, NOISY, LOSSY, SLOW, CUT)}
)


def lossy(chance: float) -> WireProfile:
    """A wire that loses characters."""
    return replace(LOSSY, name=f"lossy_{chance:g}", loss=chance)


class HostileWire:
    """One direction of a line.

    Args:
        profile: how bad it is.
        seed: of its chance.
    """

    def __init__(self, profile: WireProfile = PERFECT, seed: int | str = 0) -> None:
        self.profile = profile
        self.lost = 0
        self.flipped = 0
        self._chance = random.Random(f"wire/{profile.name}/{seed}")  # noqa: S311  a story, not a secret
        self._decoder = WakeupDecoder()
        self._free_at = 0.0
        self._cut_from = self._cut_until = _NEVER

    def __repr__(self) -> str:
        return f"<HostileWire {self.profile.name} lost {self.lost} flipped {self.flipped}>"

    def cut(self, now: float, seconds: float) -> None:
        """Cut it from now on for a while."""
        self._cut_from, self._cut_until = now, now + seconds

    def carry(self, stream: bytes, now: float) -> list[tuple[float, bytes]]:
        """What of `stream`, sent now, arrives when, in order."""
        profile = self.profile
        characters = self._decoder.feed(stream)
        at = max(now, self._free_at)
        if profile.latest:
            at += self._chance.uniform(0.0, profile.latest)
        arriving: list[tuple[float, bytes]] = []
        for character in characters:
            at += CHARACTER_SECONDS * profile.paced
            arrived = self._arrived(character, at)
            if arrived is not None:
                arriving.append((at, encode_characters((arrived,))))
        self._free_at = at if characters else self._free_at
        return arriving if profile.paced or profile.one_by_one else _together(arriving)

    def _arrived(self, character: int, at: float) -> int | None:
        loss, flip = self.profile.loss, self.profile.flip
        if self._is_cut(at) or (loss and self._chance.random() < loss):
            self.lost += 1
            return None
        if flip and self._chance.random() < flip:
            self.flipped += 1
            return character ^ (1 << self._chance.randrange(_BITS))
        return character

    def _is_cut(self, at: float) -> bool:
        profile = self.profile
        while profile.cut_every and at >= self._cut_until:
            after = max(self._cut_until, at - profile.cut_every)
            self._cut_from = after + self._chance.uniform(0.5, 1.5) * profile.cut_every
            self._cut_until = self._cut_from + self._chance.uniform(profile.shortest_cut, profile.longest_cut)
        return self._cut_from <= at < self._cut_until


def _together(arriving: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
    return [(arriving[0][0], b"".join(part for _, part in arriving))] if arriving else []
