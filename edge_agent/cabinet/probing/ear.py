"""An ear at a line that nobody here asks anything: chirps, other hosts' talk, and what makes no sense.

Characters are taken in bursts: what comes within a pause's time of each other belongs together.

    a chirp               one address alone, again and again, 200 ms apart
    another host's polls  general polls to more than one address
    an answer             a frame that checks out; unasked, so another host asked
    anything else         not SAS at this speed and parity

A chirp at another speed looks like some other characters, always the same and of long runs of one level, so
a character is taken for a general poll only where those of several addresses are heard, and not such ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from edge_agent.cabinet.probing.findings import Heard
from edge_agent.links import PortKind
from edge_agent.sas import WAKEUP
from edge_agent.sas.crc import crc_is_good
from edge_agent.sas.host_bounds import CHIRPS_BELIEVED, GAP_SECONDS
from edge_agent.sas.messages import GENERAL_POLL_BIT, LAST_ADDRESS
from edge_agent.sas.poll_lengths import LONGEST_MESSAGE_BYTES

# A line that never pauses is no conversation; a few minutes of polling are this many bursts.
MOST_BURSTS = 4_000
# Chirps are 200 ms apart; adapters and computers are some 50 ms off.
CHIRP_SPACING = (0.14, 0.27)
# Spacings out of so many that are as a chirp's.
_REGULAR = 0.7
_ZEROS_BELIEVED = 4
_ADDRESS_BELIEVED = 4
# General polls to one address may be a character that is misheard each time.
_ADDRESSES_BELIEVED = 2
_POLLS_BELIEVED = 2
# Of what could be polls, so many are: idle hosts ask little else, and garbage has no preference.
_POLLS_PART = 0.25
# A frame begins this near to the beginning of its burst: behind its poll, and what else came before.
_FRAME_BEGINS_WITHIN = 8
_SHORTEST_FRAME_BYTES = 5
# Long runs of one level, as another speed makes of any character.
_LEVELS = frozenset((0x00, 0xFF, 0x80, 0xC0, 0xE0, 0xF0, 0xF8, 0xFC, 0xFE, 0x7F, 0x3F, 0x1F, 0x0F, 0x07))


@dataclass(slots=True)
class _Burst:
    at: float
    characters: list[int] = field(default_factory=list)

    @property
    def low(self) -> bytes:
        return bytes(character & 0xFF for character in self.characters)


class Ear:
    """Listens. See the module.

    Args:
        kind: what the port can hear.
    """

    def __init__(self, kind: PortKind) -> None:
        self._kind = kind
        self._bursts: list[_Burst] = []
        self._last_at = float("-inf")
        self._count = self._marked = self._stuck = 0
        self._values: set[int] = set()

    def hear(self, characters: Sequence[int], now: float) -> None:
        """Take what arrived."""
        if now - self._last_at >= GAP_SECONDS and len(self._bursts) < MOST_BURSTS:
            self._bursts.append(_Burst(now))
        self._last_at = now
        room = LONGEST_MESSAGE_BYTES - len(self._bursts[-1].characters)
        self._bursts[-1].characters.extend(characters[: max(0, room)])
        self._count += len(characters)
        self._marked += sum(bool(character & WAKEUP) for character in characters)
        self._values.update(character & 0xFF for character in characters)
        self._stuck += sum(character & 0xFF in _LEVELS for character in characters)

    @property
    def chirps(self) -> dict[int, int]:
        """The addresses that chirp, and how often they did; once, it may be noise."""
        counted = Counter(address for address, _ in self._chirps())
        return {address: times for address, times in counted.items() if times >= CHIRPS_BELIEVED}

    def heard(self, seconds: float) -> Heard:
        """All of it."""
        chirps = self.chirps
        zeros = [burst for burst in self._bursts if burst.low == b"\x00"]
        return Heard(
            seconds=seconds,
            characters=self._count,
            marked=self._marked,
            values=len(self._values),
            stuck=self._stuck,
            chirps=chirps,
            chirp_spacing={
                address: _spacing([at for one, at in self._chirps() if one == address]) for address in chirps
            },
            marked_zeros=sum(bool(burst.characters[0] & WAKEUP) for burst in zeros),
            plain_zeros=sum(not burst.characters[0] & WAKEUP for burst in zeros),
            zeros_are_regular=len(zeros) >= _ZEROS_BELIEVED and _is_regular([burst.at for burst in zeros]),
            host_polls=self._host_polls(),
            answers=sum(_has_frame(burst) for burst in self._bursts) + self._idle_answers(),
        )

    def _chirps(self) -> Iterator[tuple[int, float]]:
        unmarked = not self._kind.hears_wakeup or self._is_one_address()
        for burst in self._bursts:
            alone = burst.characters[0] & WAKEUP or unmarked
            if len(burst.characters) == 1 and alone and 1 <= burst.low[0] <= LAST_ADDRESS:
                yield burst.low[0], burst.at

    def _is_one_address(self) -> bool:
        """Nothing but one address, as often as chirps come: the far end of the link gives no marks."""
        if self._marked or len(self._values) != 1 or not _LEVELS.isdisjoint(self._values):
            return False
        return len(self._bursts) >= _ADDRESS_BELIEVED and _is_regular([burst.at for burst in self._bursts])

    def _host_polls(self) -> int:
        """General polls to more than one address: a host has to poll another one as well, or nobody."""
        least = GENERAL_POLL_BIT | (WAKEUP if self._kind.hears_wakeup else 0)
        polled = Counter(
            character & 0xFF
            for burst in self._bursts
            for character in burst.characters
            if character & least == least
        )
        believed = {poll: times for poll, times in polled.items() if times >= _POLLS_BELIEVED}
        if len(believed) < _ADDRESSES_BELIEVED or _LEVELS.issuperset(believed):
            return 0
        total = sum(believed.values())
        return total if total >= _POLLS_PART * self._signs else 0

    @property
    def _signs(self) -> int:
        """How many characters could begin a message."""
        return self._marked if self._kind.hears_wakeup else self._count

    def _idle_answers(self) -> int:
        """Zeros without a wakeup bit: "nothing to tell", said to another host that is not heard itself."""
        plain = [burst for burst in self._bursts if burst.characters == [0]]
        return len(plain) if self._kind.hears_wakeup and len(plain) >= _ZEROS_BELIEVED else 0


def _has_frame(burst: _Burst) -> bool:
    """Whether a burst ends with a frame that checks out."""
    low = burst.low
    begins = range(min(_FRAME_BEGINS_WITHIN, len(low) - _SHORTEST_FRAME_BYTES + 1))
    return any(1 <= low[at] <= LAST_ADDRESS and crc_is_good(low[at:]) for at in begins)


def _spacings(times: Sequence[float]) -> list[float]:
    return [later - earlier for earlier, later in pairwise(times)]


def _spacing(times: Sequence[float]) -> float:
    return median(_spacings(times))


def _is_regular(times: Sequence[float]) -> bool:
    shortest, longest = CHIRP_SPACING
    spacings = _spacings(times)
    return sum(shortest <= spacing <= longest for spacing in spacings) >= _REGULAR * len(spacings)
