"""Long polls: what a host can ask of one machine and how the answer is laid out, one row a command.

A row gives the bytes between the command and the CRC, both ways. The type says how the poll is framed:

    R  read: two bytes, no CRC       S  set or command: carries a CRC
    M  like S, with a game number    G  like S, also valid as a broadcast to address 00

An answer of no fields is an acknowledgement: the address alone. Reader, writer and simulated machine walk
these same rows. A command without a row can still be framed (`poll_lengths`) and passes as UnknownPoll;
one with a row whose layout nobody knows carries its bytes as `data`.

The effect of a row keeps an observer honest: what locks, pays, sets or moves something, and reads after
which the machine forgets what it told, are told from those that are free (`effects`). The rows stand in
`polls`, a module a family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from edge_agent.sas.fields import Field, parts
from edge_agent.sas.polls import (
    aft,
    authentication,
    bonus,
    configuration,
    fixed_meters,
    information,
    legacy_transfers,
    multi_denomination,
    selectable_meters,
    validation,
)
from edge_agent.sas.polls.row import Effect, LongPoll, PollType

__all__ = [
    "CONFIDENTIAL_ANSWERS",
    "CONFIDENTIAL_FIELDS",
    "CONFIDENTIAL_REQUESTS",
    "FAMILIES",
    "LONG_POLLS",
    "Effect",
    "LongPoll",
    "PollType",
    "poll_name",
]

# In the order in which the text treats them.
FAMILIES: Mapping[str, tuple[LongPoll, ...]] = MappingProxyType({
    "Enable, disable, configure": configuration.ROWS,
    "Fixed meters": fixed_meters.ROWS,
    "Selectable meters": selectable_meters.ROWS,
    "Machine and game information": information.ROWS,
    "Authentication": authentication.ROWS,
    "Validation and tickets": validation.ROWS,
    "Handpays, progressives, bonuses, tournaments": bonus.ROWS,
    "AFT": aft.ROWS,
    "Legacy electronic transfers": legacy_transfers.ROWS,
    "Multi-denomination preamble": multi_denomination.ROWS,
})  # fmt: skip

_ROWS: tuple[LongPoll, ...] = tuple(row for rows in FAMILIES.values() for row in rows)

LONG_POLLS: Mapping[int, LongPoll] = MappingProxyType(
    {row.command: row for row in sorted(_ROWS, key=lambda row: row.command)}
)


def poll_name(command: int) -> str:
    """The name of a command, `unknown_0x..` for one no table lists."""
    row = LONG_POLLS.get(command)
    return row.name if row else f"unknown_0x{command:02x}"


def _confidential(fields: tuple[Field, ...]) -> Iterator[str]:
    for field in fields:
        if getattr(field, "confidential", False):
            yield field.name
        yield from _confidential(parts(field))


# What must not be logged, captured, shown or published unless somebody asks for it.
CONFIDENTIAL_FIELDS: frozenset[str] = frozenset(
    name for row in _ROWS for name in (*_confidential(row.request), *_confidential(row.reply))
)
# Commands whose answers hold such a field, and those that do so themselves.
CONFIDENTIAL_ANSWERS: frozenset[int] = frozenset(row.command for row in _ROWS if [*_confidential(row.reply)])
CONFIDENTIAL_REQUESTS: frozenset[int] = frozenset(
    row.command for row in _ROWS if [*_confidential(row.request)]
)
