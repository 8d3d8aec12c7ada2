"""Meters on the wire of the selectable-meter polls: 2F leaves the size to the table, 6F and AF say it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.bcd import decode_bcd, encode_bcd
from edge_agent.sas.fields import given, take, to_binary
from edge_agent.sas.meter_codes import CENTS_BYTES, METERS, OTHER_BYTES

# In 6F and AF a value takes at most nine bytes, eighteen digits.
LARGEST_METER_BYTES = 9
# Texts and machines disagree on ten or twelve codes a poll; ten is safe everywhere.
METERS_A_POLL = 10


@dataclass(frozen=True, slots=True)
class MeterValue:
    """One meter as the machine gave it. It rolls over at 10 ** (2 * size); size 0: not supported."""

    code: int
    digits: int
    size: int


@dataclass(frozen=True, slots=True)
class MeterCodes:
    """The meters a host asks for: what is left of the request, `code_size` bytes each."""

    name: str
    code_size: int
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        if (len(data) - at) % self.code_size:
            raise RemoteProtocolError(f"the message ends inside {self.name}")
        values[self.name] = tuple(
            int.from_bytes(data[start : start + self.code_size], "little")
            for start in range(at, len(data), self.code_size)
        )
        return len(data)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        codes = given(values, self.name, tuple)
        return b"".join([to_binary(code, self.code_size, self.name) for code in codes])


@dataclass(frozen=True, slots=True)
class TableSizedMeters:
    """What is left of a 2F answer: a code byte and as many digits as the meter table says."""

    name: str
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        try:
            values[self.name] = tuple(_table_sized(data, at))
        except RemoteProtocolError:
            values[self.name] = _sized_to_fit(data, at)
            if values[self.name] is None:
                raise
        return len(data)

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return b"".join(
            [
                to_binary(meter.code, 1, self.name)
                + encode_bcd(meter.digits, meter.size, f"meter {meter.code:02X}")
                for meter in given(values, self.name, tuple)
            ]
        )


def _table_sized(data: bytes, at: int) -> Iterator[MeterValue]:
    """Each meter as long as the table says."""
    while at < len(data):
        code = data[at]
        size = table_size(code)
        name = f"meter {code:02X}"
        yield MeterValue(code, decode_bcd(take(data, at + 1, size, name), name), size)
        at += 1 + size


def _sized_to_fit(data: bytes, at: int) -> tuple[MeterValue, ...] | None:
    """The one reading in which the fewest meters that no table lists take five bytes; others are as listed.

    None where no reading ends with the data, or where two are as good. Works from the end, so that what a
    machine says cannot make it long.
    """
    best: dict[int, _Reading] = {len(data): _Reading(0, ())}
    for start in range(len(data) - 1, at - 1, -1):
        readings = sorted(_readings_from(data, start, best), key=lambda reading: reading.longer)
        if readings:
            equal = len(readings) > 1 and readings[0].longer == readings[1].longer
            best[start] = replace(readings[0], only=readings[0].only and not equal)
    found = best.get(at)
    return found.meters if found and found.only else None


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the rest of an answer may say."""

    longer: int  # meters that take more than is usual
    meters: tuple[MeterValue, ...]
    only: bool = True  # no other is as good


def _readings_from(data: bytes, start: int, best: Mapping[int, _Reading]) -> Iterator[_Reading]:
    code = data[start]
    for size in (table_size(code),) if code in METERS else (OTHER_BYTES, CENTS_BYTES):
        digits = data[start + 1 : start + 1 + size].hex()
        rest = best.get(start + 1 + size)
        if rest is not None and digits.isdecimal():
            longer = rest.longer + (size != table_size(code))
            yield _Reading(longer, (MeterValue(code, int(digits), size), *rest.meters), rest.only)


@dataclass(frozen=True, slots=True)
class SelfSizedMeters:
    """What is left of a 6F or AF answer: a two-byte code, a size byte and that many bytes of digits."""

    name: str
    size: None = None

    def decode(self, data: bytes, at: int, values: dict[str, Any]) -> int:
        """See Field."""
        meters = []
        while at < len(data):
            head = take(data, at, 3, self.name)
            code, size = int.from_bytes(head[:2], "little"), head[2]
            name = f"meter {code:04X}"
            if size > LARGEST_METER_BYTES:
                raise RemoteProtocolError(f"{name} claims more than {LARGEST_METER_BYTES} bytes")
            digits = decode_bcd(take(data, at + 3, size, name), name) if size else 0
            meters.append(MeterValue(code, digits, size))
            at += 3 + size
        values[self.name] = tuple(meters)
        return at

    def encode(self, values: Mapping[str, Any]) -> bytes:
        """See Field."""
        return b"".join([self._one(meter) for meter in given(values, self.name, tuple)])

    def _one(self, meter: MeterValue) -> bytes:
        if not 0 <= meter.size <= LARGEST_METER_BYTES:
            raise LocalProtocolError(f"meter {meter.code:04X} cannot take {meter.size} bytes")
        digits = encode_bcd(meter.digits, meter.size, f"meter {meter.code:04X}") if meter.size else b""
        return to_binary(meter.code, 2, self.name) + bytes((meter.size,)) + digits


def table_size(code: int) -> int:
    """Bytes of digits in a 2F answer; a code no table lists is taken to be an ordinary meter."""
    row = METERS.get(code)
    return row.size if row else OTHER_BYTES
