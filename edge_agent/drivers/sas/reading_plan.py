"""The reading plan: which long polls carry the meters, for this machine.

A reading is a few long polls asked one after the other. It begins and ends with coin in: had
that moved meanwhile, the meters would not belong together. A short reading has what the
accounts are settled with; a long one has everything worth having at a start, a door, a drop.

Each meter is asked in the best way the machine answers it: with its size by 6F or AF, else by 2F, else,
where it answers no such poll, by one for that meter alone. What a machine leaves out of an answer is asked
in the next best way from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import zip_longest
from types import MappingProxyType
from typing import Any

from edge_agent.drivers.sas.profile import (
    AFT,
    EXTENDED_METERS,
    METERS_TOGETHER,
    SELECTED_METERS,
    MachineProfile,
)
from edge_agent.events.slot import SnapshotReason
from edge_agent.sas.messages import LongPollRequest

SELECTED, EXTENDED, EXTENDED_TOO = 0x2F, 0x6F, 0xAF
COIN_IN, GAMES_PLAYED, CURRENT_CREDITS = 0x11, 0x15, 0x1A

# Groups of at most ten: hand-paid, bills, tickets, transfers; then the rest; then transfers by their kind.
SETTLING_CODES = (0x03, 0x0B, 0x0D, 0x0E, 0x11, 0x12, 0x15, 0x16, 0x17, 0x18)
FURTHER_CODES = (0x0F, 0x10, 0x13, 0x14, 0x1B, 0x23, 0x27, 0x3E, 0x3F)
TRANSFER_CODES = (0xA0, 0xA2, 0xA4, 0xA6, 0xAE, 0xB0, 0xB8, 0xBA, 0xBC)
# What 0F and 19 have, beside coin in, for a machine that answers neither.
CLASSIC_CODES = (0x01, 0x02, 0x04, 0x05, 0x24)

SHORT_REASONS: frozenset[SnapshotReason] = frozenset({"game_end", "money", "handpay"})

# Polls that carry much the same, best first; the first that the machine answers is asked.
_TOGETHER = (0x0F, 0x19)
_BILLS_WORTH = (0x46, 0x20)
_BILL_COUNTS = (0x1E,)
_LAST = (COIN_IN, *reversed(_TOGETHER))

# The poll of one meter each. Coin in and bills have theirs in every reading; 2D upsets old machines.
SINGLE_POLLS: Mapping[int, int] = MappingProxyType(
    {
        0x01: 0x12,
        0x02: 0x14,
        0x04: 0x10,
        0x05: GAMES_PLAYED,
        0x24: 0x13,
        0x27: 0x47,
        0x3E: 0x49,
        0x3F: 0x4A,
    }
)
# Asked of a machine that answers neither 0F nor 19, and of one that does not answer 2F; of no other.
CLASSIC_SINGLES = tuple(SINGLE_POLLS[code] for code in CLASSIC_CODES if code != 0x05)
OTHER_SINGLES = tuple(command for code, command in SINGLE_POLLS.items() if code not in CLASSIC_CODES)

# Codes a machine was seen to leave out, by the poll that asked for them: 6F stands for AF as well.
Lacking = Mapping[int, frozenset[int]]
NOTHING_LACKING: Lacking = MappingProxyType({})


def requests_for(
    reason: SnapshotReason,
    address: int,
    profile: MachineProfile,
    lacking: Lacking = NOTHING_LACKING,
    singles: Collection[int] = (),
) -> list[LongPollRequest]:
    """The polls of a reading, in the order they are asked.

    Args:
        reason: what it is for.
        address: of the machine.
        profile: of what the machine was heard to answer.
        lacking: what it left out of its answers.
        singles: the polls of one meter each that it is sure to answer.
    """
    short = reason in SHORT_REASONS
    together = _first(_TOGETHER, profile)
    groups: list[tuple[int, ...]] = [SETTLING_CODES] if together else [CLASSIC_CODES, SETTLING_CODES]
    if not short:
        groups += [FURTHER_CODES, *([TRANSFER_CODES] if profile.has(AFT) else [])]
    head = together or _first((COIN_IN,), profile)
    fixed = [
        CURRENT_CREDITS,
        *_first(_BILLS_WORTH, profile),
        *([] if short else _first(_BILL_COUNTS, profile)),
    ]
    between = _woven(
        [LongPollRequest(address, command) for command in fixed],
        [*_selected(groups, address, profile, lacking, singles)],
    )
    first, last = ([LongPollRequest(address, one) for one in ends] for ends in (head, _first(_LAST, profile)))
    return [*first, *between, *last]


def left_out(poll: LongPollRequest, values: Mapping[str, Any]) -> tuple[int, frozenset[int]] | None:
    """The codes an answer leaves out, or gives no digits for, under the poll they count for; None if none."""
    asked = frozenset(poll.values.get("meter_codes", ()))
    missing = asked - {meter.code for meter in values.get("meters", ()) if meter.size}
    return (_kind(poll.command), missing) if missing else None


def _first(commands: Sequence[int], profile: MachineProfile) -> list[int]:
    """The first poll that the machine answers; none if there is none."""
    return [command for command in commands if profile.answers(command)][:1]


def proven_singles(profile: MachineProfile, has_answered: Callable[[int], bool]) -> frozenset[int]:
    """The polls of one meter each that a machine was asked and answers: none is asked on the off chance."""
    asked = () if profile.has(METERS_TOGETHER) else (*CLASSIC_SINGLES, GAMES_PLAYED)
    asked += () if profile.has(SELECTED_METERS) else OTHER_SINGLES
    return frozenset(command for command in asked if has_answered(command))


def _selected(
    groups: Sequence[tuple[int, ...]],
    address: int,
    profile: MachineProfile,
    lacking: Lacking,
    singles: Collection[int],
) -> Iterator[LongPollRequest]:
    """Each group by 6F and AF in turn, or two would be taken for one asked again; and what is left."""
    left: list[int] = []
    for turn, group in enumerate(groups):
        command = (EXTENDED, EXTENDED_TOO)[turn % 2]
        asked, rest = _split(command, group, profile, lacking)
        yield from _asking(address, command, asked)
        asked, rest = _split(SELECTED, rest, profile, lacking)
        yield from _asking(address, SELECTED, asked)
        left += rest
    for code in left:
        if (single := SINGLE_POLLS.get(code)) is not None and single in singles:
            yield LongPollRequest(address, single)


def _split(
    command: int, codes: Sequence[int], profile: MachineProfile, lacking: Lacking
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The codes to ask a poll for, and those it does not give."""
    able = profile.answers(command) and (command == SELECTED or profile.has(EXTENDED_METERS))
    without = lacking.get(_kind(command), frozenset())
    asked = tuple(code for code in codes if able and code not in without)
    return asked, tuple(code for code in codes if code not in asked)


def _asking(address: int, command: int, codes: tuple[int, ...]) -> list[LongPollRequest]:
    return [LongPollRequest(address, command, {"game": 0, "meter_codes": codes})] if codes else []


def _woven(one: list[LongPollRequest], other: list[LongPollRequest]) -> list[LongPollRequest]:
    """Both in turn: no two polls with one command stand together, as far as that goes."""
    return [poll for pair in zip_longest(one, other) for poll in pair if poll is not None]


def _kind(command: int) -> int:
    return EXTENDED if command == EXTENDED_TOO else command
