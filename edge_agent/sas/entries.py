"""Entries: fields that a message repeats, each time as a mapping; all of them together are a tuple.

Entries         to the end of the message
FixedEntries    as often as the layout says
CountedEntries  a count byte, and as many as it says
Sized           a length byte, and a field that fills exactly as many bytes
SizedBcd        a size byte, and a number of as many BCD bytes; size 0 is no number
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.bcd import decode_bcd, encode_bcd
from edge_agent.sas.fields import (
    Field,
    counted,
    encode_fields,
    fixed_size,
    given,
    number,
    take,
    take_counted,
    to_binary,
)

# Eighteen digits: the most a meter may take.
LARGEST_BCD_BYTES = 9

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Entries:
    """The same fields over and over, to the end of the message."""

    name: str
    fields: tuple[Field, ...]
    size: None = None
    confidential: bool = False

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        found = []
        while at < len(data):
            entry, at = _entry(self.fields, data, at)
            found.append(entry)
        values[self.name] = tuple(found)
        return at

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return b"".join([encode_fields(self.fields, entry) for entry in _entries(values, self.name)])


@dataclass(frozen=True, slots=True)
class FixedEntries:
    """The same fields as often as the layout says."""

    name: str
    fields: tuple[Field, ...]
    times: int

    @property
    def size(self) -> int:
        """See Field."""
        return self.times * (fixed_size(self.fields) or 0)

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name], at = _several(self.fields, self.times, data, at)
        return at

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        entries = _entries(values, self.name)
        if len(entries) != self.times:
            raise LocalProtocolError(f"{self.name} must be {self.times} entries, not {len(entries)}")
        return b"".join([encode_fields(self.fields, entry) for entry in entries])


@dataclass(frozen=True, slots=True)
class CountedEntries:
    """A count byte and as many entries."""

    name: str
    fields: tuple[Field, ...]
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        times = take(data, at, 1, self.name)[0]
        values[self.name], at = _several(self.fields, times, data, at + 1)
        return at

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        entries = _entries(values, self.name)
        count = to_binary(len(entries), 1, self.name)
        return count + b"".join([encode_fields(self.fields, entry) for entry in entries])


@dataclass(frozen=True, slots=True)
class Sized:
    """A length byte, and a field that fills exactly as many bytes."""

    inner: Field
    size: None = None

    @property
    def name(self) -> str:
        """The name of what is inside."""
        return self.inner.name

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        found, behind = take_counted(data, at, self.name)
        if self.inner.decode(found, 0, values) != len(found):
            raise RemoteProtocolError(f"the length byte of {self.name} does not fit")
        return behind

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return counted(self.inner.encode(values), self.name)


@dataclass(frozen=True, slots=True)
class SizedBcd:
    """A size byte and a number of as many BCD bytes; None where the size is 0.

    The number is written in `usual` bytes, unless `<name>_bytes` says otherwise; so it is read.
    """

    name: str
    usual: int
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        found, behind = take_counted(data, at, self.name)
        if len(found) > LARGEST_BCD_BYTES:
            raise RemoteProtocolError(f"{self.name} claims more than {LARGEST_BCD_BYTES} bytes")
        values[self.name] = decode_bcd(found, self.name) if found else None
        if found and len(found) != self.usual:
            values[self._size_name] = len(found)
        return behind

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        if values.get(self.name) is None:
            return b"\x00"
        size = number(values, self._size_name) if self._size_name in values else self.usual
        if not 0 < size <= LARGEST_BCD_BYTES:
            raise LocalProtocolError(f"{self.name} cannot take {size} bytes")
        return bytes((size,)) + encode_bcd(number(values, self.name), size, self.name)

    @property
    def _size_name(self) -> str:
        return f"{self.name}_bytes"


def _several(fields: tuple[Field, ...], times: int, data: bytes, at: int) -> tuple[tuple[Entry, ...], int]:
    """`times` entries, and the position behind them."""
    found = []
    for _ in range(times):
        entry, at = _entry(fields, data, at)
        found.append(entry)
    return tuple(found), at


def _entry(fields: tuple[Field, ...], data: bytes, at: int) -> tuple[Entry, int]:
    entry: dict[str, Any] = {}
    for field in fields:
        at = field.decode(data, at, entry)
    return entry, at


def _entries(values: Mapping[str, Any], name: str) -> tuple[Entry, ...]:
    return tuple(mapping({name: entry}, name) for entry in given(values, name, tuple))


def mapping(values: Mapping[str, Any], name: str) -> Entry:
    """Fields inside a field, or LocalProtocolError."""
    value = values.get(name)
    if not isinstance(value, Mapping):
        raise LocalProtocolError(f"{name} must be given as a mapping, not {type(value).__name__}")
    return value
