"""The multi-denomination preamble: a poll inside a poll, asked about one player denomination.

The base poll is written as ever, its own length byte included, but without address and CRC. Its answer comes
back in the same way; ACK and NACK are the one byte they always are, busy is its 00. A machine that cannot
answer gives base command 00 and an error code.

A base poll that is not among the aware ones, or whose data break its layout, is kept as `data`, so that a
machine can say what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.bodies import decode_body, encode_body
from edge_agent.sas.code_tables import DENOMINATIONS
from edge_agent.sas.entries import mapping
from edge_agent.sas.fields import Binary, Field, number, take, to_binary
from edge_agent.sas.polls import configuration, fixed_meters, information, selectable_meters
from edge_agent.sas.polls.row import LongPoll, S

MULTI_DENOMINATION = 0xB0
# H for the list, MO; SP 7.3.
AWARE = (0x09, 0x11, 0x12, 0x14, 0x15, 0x16, 0x17, 0x2F, 0x56, 0x6F, 0xAF, 0xB5)
# In place of the base command: the base poll failed, and an error code follows.
FAILED = 0x00

_NACK_BIT = 0x80
_BUSY = 0x00

Rows = Mapping[int, LongPoll]


@dataclass(frozen=True, slots=True)
class BasePoll:
    """What is left of the preamble: the fields of the base poll as a mapping."""

    name: str
    rows: Rows = field(hash=False)
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name] = self._decoded(values["base_command"], data[at:])
        return len(data)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        base = mapping(values, self.name)
        row = self.rows.get(number(values, "base_command"))
        if row is None or "data" in base:
            return _raw(base)
        return encode_body(row.request, base, has_length=row.request_counted)

    def _decoded(self, command: int, data: bytes) -> dict[str, Any]:
        row = self.rows.get(command)
        if row is None:
            return {"data": data}
        try:
            return decode_body(row.request, data, has_length=row.request_counted)
        except RemoteProtocolError:
            return {"data": data}


@dataclass(frozen=True, slots=True)
class BaseReply:
    """What is left of the answer: the base answer as a mapping, or the error code.

    To write an ACK or a NACK, `values` must hold the machine's `address`, which is what those are.
    """

    name: str
    rows: Rows = field(hash=False)
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        command = values["base_command"]
        if command == FAILED:
            values["error_code"] = take(data, at, 1, "error_code")[0]
            return at + 1
        values[self.name] = self._decoded(command, data[at:])
        return len(data)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        command = number(values, "base_command")
        if command == FAILED:
            return to_binary(number(values, "error_code"), 1, "error_code")
        base = mapping(values, self.name)
        if "acknowledged" in base:
            return bytes((number(values, "address") | (0 if base["acknowledged"] else _NACK_BIT),))
        if base.get("busy"):
            return bytes((_BUSY,))
        row = self.rows.get(command)
        if row is None:
            return _raw(base)
        return encode_body(row.reply, base, has_length=row.reply_counted)

    def _decoded(self, command: int, data: bytes) -> dict[str, Any]:
        row = self.rows.get(command)
        if row is None:
            return {"data": data}
        if len(data) != 1:
            return decode_body(row.reply, data, has_length=row.reply_counted)
        if data[0] == _BUSY:
            return {"busy": True}
        return {"acknowledged": not data[0] & _NACK_BIT}


def _raw(base: Mapping[str, Any]) -> bytes:
    data = base.get("data")
    if not isinstance(data, bytes):
        raise LocalProtocolError("a base poll that is not aware of denominations must be given as data")
    return data


_DENOMINATION: tuple[Field, ...] = (Binary("denomination", 1, codes=DENOMINATIONS), Binary("base_command", 1))
_BASE_ROWS: Rows = MappingProxyType({
    row.command: row
    for row in (
        *configuration.ROWS,
        *fixed_meters.ROWS,
        *selectable_meters.ROWS,
        *information.ROWS,
    )
    if row.command in AWARE
})  # fmt: skip

ROWS: tuple[LongPoll, ...] = (
    LongPoll(
        MULTI_DENOMINATION,
        "multi_denomination",
        S,
        (*_DENOMINATION, BaseReply("base", _BASE_ROWS)),
        (*_DENOMINATION, BasePoll("base", _BASE_ROWS)),
        reply_counted=True,
        since="6.x",
    ),
)
