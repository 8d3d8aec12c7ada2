"""One row: how a long poll and its answer are laid out, and what the poll does to the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType
from typing import Any

from edge_agent.sas.code_tables import DENOMINATIONS
from edge_agent.sas.fields import Bcd, Binary, Digits, Field, Text
from edge_agent.sas.poll_lengths import HOST_POLL_LENGTHS
from edge_agent.sas.sources import Confidence


class PollType(Enum):
    """How a long poll is framed and what may answer it."""

    R = "read"
    S = "set"
    M = "multi-game"
    G = "set or broadcast"


class Effect(Enum):
    """What a poll does to the machine."""

    READS = "reads"  # it can be asked as often as one likes
    CONSUMES = "reads once"  # once the answer is acknowledged, the machine forgets what it told
    CHANGES = "changes"  # it locks, pays, sets or moves something; or nobody knows what it does


@dataclass(frozen=True, slots=True)
class Unless:
    """A poll that says all of this has another effect than its row; None stands for a field left out."""

    values: Mapping[str, Any] = field(hash=False)
    effect: Effect


@dataclass(frozen=True, slots=True)
class LongPoll:
    """One long poll."""

    command: int
    name: str
    type: PollType
    reply: tuple[Field, ...] = ()
    request: tuple[Field, ...] = ()
    reply_counted: bool = False  # the reply begins with a length byte
    acknowledged: bool = False  # the address alone answers it
    mirrored: bool = False  # the answer may be the bytes of the poll
    reply_slack: int = 0  # bytes by which machines exceed the layout
    request_slack: int = 0  # bytes by which hosts exceed the layout
    effect: Effect = Effect.READS
    exceptions: tuple[Unless, ...] = ()  # forms of the poll that have another effect; the first that fits
    layout_known: bool = True  # False: nobody has laid out what it carries
    confidence: Confidence = "H"
    source: str = "MO SP"
    since: str = "all"

    @property
    def request_counted(self) -> bool:
        """Whether the request begins with a length byte."""
        return HOST_POLL_LENGTHS.get(self.command, 0) is None

    @property
    def changes_machine(self) -> bool:
        """Whether the poll, unless one of its exceptions fits, changes the machine."""
        return self.effect is Effect.CHANGES

    @property
    def consumes(self) -> bool:
        """Whether the poll, unless one of its exceptions fits, makes the machine forget what it told."""
        return self.effect is Effect.CONSUMES

    def effect_with(self, values: Mapping[str, Any]) -> Effect:
        """What the poll does when it says `values`."""
        for unless in self.exceptions:
            if all(values.get(name) == value for name, value in unless.values.items()):
                return unless.effect
        return self.effect


R, S, M, G = PollType
READS, CONSUMES, CHANGES = Effect

GAME = Bcd("game", 2)
AMOUNT = Bcd("amount_cents", 5)
DATE, TIME = Digits("date", 4), Digits("time", 3)  # MMDDYYYY and HHMMSS
EXPIRATION = Digits("expiration", 4)  # MMDDYYYY, or 0000 and a number of days; 00009999 never
ASSET_NUMBER = Binary("asset_number", 4)  # 0: none
POOL = Binary("pool", 2)  # 0: none

MACHINE: tuple[Field, ...] = (
    Text("game_id", 2),
    Text("additional_id", 3),
    Binary("denomination", 1, codes=DENOMINATIONS),
    Binary("max_bet", 1, "credits"),  # FF: 255 or more
    Binary("progressive_group", 1),
    Binary("game_options", 2),
    Text("paytable_id", 6),
    Text("base_percent", 4),  # two decimals implied
)


def meter(
    command: int, name: str, confidence: Confidence = "H", source: str = "MO SP", since: str = "all"
) -> LongPoll:
    """A poll that reads one four-byte meter."""
    return LongPoll(command, name, R, (Bcd(name, 4),), confidence=confidence, source=source, since=since)


def meters(*names: str) -> tuple[Field, ...]:
    """Four-byte meters, in order."""
    return tuple(Bcd(name, 4) for name in names)


def unless(effect: Effect, **values: int | str | tuple[()] | None) -> Unless:
    """A form of a poll with another effect than its row."""
    return Unless(MappingProxyType(values), effect)
