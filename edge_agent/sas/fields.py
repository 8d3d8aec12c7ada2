"""Fields: the pieces between a command byte and the CRC, each able to read and to write itself.

A field reads from `data` at a position, puts what it found into `values` under its name and returns the
position behind it. It writes from `values`. What does not fit on reading is the other side's fault
(RemoteProtocolError); what does not fit on writing is ours (LocalProtocolError).

    bcd       whole number, packed BCD, most significant digits first
    digits    the same bytes as a string, where leading zeros matter
    binary    whole number, least significant byte first
    text      characters of a fixed width
    raw       bytes nobody has explained yet, kept as they are
    counted_* a length byte and that many bytes of the thing
    rows      a count byte and that many numbers (`entries` has those of several fields)
    rest_*    whatever is left of the message
    trailing  fields that are there when bytes are left for them
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any, Protocol, TypeVar

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.bcd import decode_bcd, decode_digits, encode_bcd, encode_digits

# Text is read byte for byte: a cabinet's accented letter must not lose the rest of its message.
_CHARSET = "latin-1"

T = TypeVar("T")

# What numbers stand for, in words or as an amount: for the reader, and no part of what tells fields apart.
Meanings = Mapping[int, str] | Mapping[int, int]


class Field(Protocol):
    """One piece of a message."""

    @property
    def name(self) -> str:
        """What `values` calls it."""

    @property
    def size(self) -> int | None:
        """How many bytes it takes; None where the message decides."""

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """Read from `data` at `at` into `values`; the position behind it."""

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """Its bytes."""


@dataclass(frozen=True, slots=True)
class Bcd:
    """A whole number in packed BCD; `codes` says what it stands for, `unit` what it counts."""

    name: str
    size: int
    unit: str = ""
    codes: Meanings | None = attribute(default=None, hash=False, compare=False, repr=False)

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name] = decode_bcd(take(data, at, self.size, self.name), self.name)
        return at + self.size

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return encode_bcd(number(values, self.name), self.size, self.name)


@dataclass(frozen=True, slots=True)
class LateBcd:
    """A whole number where older machines have reserved bytes: left out when it is none."""

    name: str
    size: int
    unit: str = ""

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        digits = take(data, at, self.size, self.name).hex()
        if digits.isdecimal():
            values[self.name] = int(digits)
        return at + self.size

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return encode_bcd(number(values, self.name) if self.name in values else 0, self.size, self.name)


@dataclass(frozen=True, slots=True)
class Digits:
    """Packed BCD kept as digits: dates, times and numbers whose leading zeros count."""

    name: str
    size: int
    confidential: bool = False

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name] = decode_digits(take(data, at, self.size, self.name), self.name)
        return at + self.size

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return encode_digits(given(values, self.name, str), self.size, self.name)


@dataclass(frozen=True, slots=True)
class Binary:
    """A whole number, least significant byte first; `codes` or `bits` say what it stands for."""

    name: str
    size: int
    unit: str = ""
    codes: Meanings | None = attribute(default=None, hash=False, compare=False, repr=False)
    bits: Meanings | None = attribute(default=None, hash=False, compare=False, repr=False)

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name] = int.from_bytes(take(data, at, self.size, self.name), "little")
        return at + self.size

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return to_binary(number(values, self.name), self.size, self.name)


@dataclass(frozen=True, slots=True)
class Text:
    """Characters of a fixed width, not terminated; padding is part of them."""

    name: str
    size: int

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name] = take(data, at, self.size, self.name).decode(_CHARSET)
        return at + self.size

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        data = characters(values, self.name)
        if len(data) != self.size:
            raise LocalProtocolError(f"{self.name} must be {self.size} characters, not {len(data)}")
        return data


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes nobody has explained yet. They are zero when we write them and nothing is given."""

    name: str
    size: int
    confidential: bool = False

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name] = take(data, at, self.size, self.name)
        return at + self.size

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        data = given(values, self.name, bytes) if self.name in values else bytes(self.size)
        if len(data) != self.size:
            raise LocalProtocolError(f"{self.name} must be {self.size} bytes, not {len(data)}")
        return data


@dataclass(frozen=True, slots=True)
class CountedText:
    """A length byte and that many characters."""

    name: str
    size: None = None
    confidential: bool = False

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        found, at = take_counted(data, at, self.name)
        values[self.name] = found.decode(_CHARSET)
        return at

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return counted(characters(values, self.name), self.name)


@dataclass(frozen=True, slots=True)
class CountedRaw:
    """A length byte and that many bytes."""

    name: str
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name], at = take_counted(data, at, self.name)
        return at

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return counted(given(values, self.name, bytes), self.name)


@dataclass(frozen=True, slots=True)
class RestText:
    """Whatever is left of the message, as characters."""

    name: str
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        values[self.name] = data[at:].decode(_CHARSET)
        return len(data)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return characters(values, self.name)


@dataclass(frozen=True, slots=True)
class RestRaw:
    """Whatever is left of the message; named only when there is something."""

    name: str
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        if at < len(data):
            values[self.name] = data[at:]
        return len(data)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return given(values, self.name, bytes) if self.name in values else b""


@dataclass(frozen=True, slots=True)
class Rows:
    """A count byte and that many numbers, each written as `element` is."""

    name: str
    element: Bcd | Binary
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        rows, at = take(data, at, 1, self.name)[0], at + 1
        row: dict[str, Any] = {}
        found = []
        for _ in range(rows):
            at = self.element.decode(data, at, row)
            found.append(row[self.element.name])
        values[self.name] = tuple(found)
        return at

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        rows = given(values, self.name, tuple)
        count = to_binary(len(rows), 1, self.name)
        return count + b"".join(self.element.encode({self.element.name: row}) for row in rows)


@dataclass(frozen=True, slots=True)
class Trailing:
    """Fields that are there when bytes are left for them, and are written when the first is given."""

    fields: tuple[Field, ...]
    size: None = None

    @property
    def name(self) -> str:
        """The name of the first field: the one that decides."""
        return self.fields[0].name

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        if at < len(data):
            for field in self.fields:
                at = field.decode(data, at, values)
        return at

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        if self.name in values:
            return encode_fields(self.fields, values)
        orphans = [name for name in _names(self.fields) if name in values]
        if orphans:
            raise LocalProtocolError(f"{orphans[0]} cannot be given without {self.name}")
        return b""


def _names(fields: tuple[Field, ...]) -> Iterator[str]:
    """What `values` calls these fields and those that trail them."""
    for field in fields:
        if isinstance(field, Trailing):
            yield from _names(field.fields)
        else:
            yield field.name


def parts(field: Field) -> tuple[Field, ...]:
    """The fields a field is made of; none for a plain one."""
    found = getattr(field, "fields", None) or getattr(field, "inner", None) or getattr(field, "element", ())
    return found if isinstance(found, tuple) else (found,)


def decode_fields(fields: tuple[Field, ...], data: bytes) -> dict[str, Any]:
    """Everything `data` says; RemoteProtocolError when it says more or less than `fields`."""
    values: dict[str, Any] = {}
    at = 0
    for field in fields:
        at = field.decode(data, at, values)
    if at != len(data):
        raise RemoteProtocolError(f"{len(data) - at} bytes more than the layout")
    return values


def encode_fields(fields: tuple[Field, ...], values: Mapping[str, Any]) -> bytes:
    """The bytes of `fields`, in order."""
    return b"".join([field.encode(values) for field in fields])


def fixed_size(fields: tuple[Field, ...]) -> int | None:
    """The sum of the sizes; None when one of them is up to the message."""
    sizes = [field.size for field in fields]
    return None if None in sizes else sum(size for size in sizes if size is not None)


def take(data: bytes, at: int, size: int, name: str) -> bytes:
    """`size` bytes at `at`, or RemoteProtocolError."""
    found = data[at : at + size]
    if len(found) != size:
        raise RemoteProtocolError(f"the message ends inside {name}")
    return found


def take_counted(data: bytes, at: int, name: str) -> tuple[bytes, int]:
    """What a length byte at `at` announces, and the position behind it."""
    size = take(data, at, 1, name)[0]
    return take(data, at + 1, size, name), at + 1 + size


def counted(data: bytes, name: str) -> bytes:
    """A length byte and `data`."""
    return to_binary(len(data), 1, name) + data


def given(values: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """`values[name]`, or LocalProtocolError when it is missing or of another kind."""
    value = values.get(name)
    if not isinstance(value, kind) or isinstance(value, bool):
        raise LocalProtocolError(f"{name} must be given as {kind.__name__}, not {type(value).__name__}")
    return value


def number(values: Mapping[str, Any], name: str) -> int:
    """A whole number."""
    return given(values, name, int)


def characters(values: Mapping[str, Any], name: str) -> bytes:
    """Characters, as bytes."""
    try:
        return given(values, name, str).encode(_CHARSET)
    except UnicodeEncodeError as error:
        raise LocalProtocolError(f"{name} has characters the wire cannot carry") from error


def to_binary(value: int, size: int, name: str) -> bytes:
    """`value` least significant byte first, or LocalProtocolError."""
    if not 0 <= value < 1 << (8 * size):
        raise LocalProtocolError(f"{name} {value} does not fit {size} bytes")
    return value.to_bytes(size, "little")
