"""Explaining fields: a layout of the tables, walked over the bytes of a message, one piece after the other.

The fields read themselves, so what is explained is what the agent understands. Where one cannot, its
reason is kept and the rest of the bytes is one unknown piece.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from edge_agent.cabinet.explanation import UNKNOWN, Piece
from edge_agent.cabinet.meanings import meaning_of, unit_of
from edge_agent.cabinet.saying import NOT_ASSIGNED
from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.code_tables import MULTI_DENOMINATION_ERRORS
from edge_agent.sas.entries import CountedEntries, Entries, FixedEntries, Sized, SizedBcd
from edge_agent.sas.fields import (
    CountedRaw,
    CountedText,
    Field,
    LateBcd,
    RestRaw,
    Rows,
    Trailing,
    take,
    take_counted,
)
from edge_agent.sas.long_polls import (
    CONFIDENTIAL_ANSWERS,
    CONFIDENTIAL_FIELDS,
    CONFIDENTIAL_REQUESTS,
    LONG_POLLS,
)
from edge_agent.sas.meter_codes import METERS, meter_name
from edge_agent.sas.meter_fields import MeterCodes, SelfSizedMeters, TableSizedMeters
from edge_agent.sas.polls.multi_denomination import AWARE, FAILED, BasePoll, BaseReply
from edge_agent.words import counted

# Bytes that stand for nothing anybody has told.
_RESERVED = "reserved"
# Code and size of a meter that says its size; a code alone of one that does not.
_LONG_HEAD_BYTES, _SHORT_HEAD_BYTES = 3, 1
_CONFIDENTIAL_COMMANDS = CONFIDENTIAL_ANSWERS | CONFIDENTIAL_REQUESTS


class Walk:
    """Walks fields over a body.

    Args:
        body: the bytes between the command and the CRC.
        offset: where they begin in the frame.
        command: the long poll's; what a name means may depend on it.
    """

    def __init__(self, body: bytes, offset: int, command: int) -> None:
        self.pieces: list[Piece] = []
        self.trouble = ""
        self._body = body
        self._offset = offset
        self._command = command
        self._at = 0
        self._confidential = False

    def length_byte(self) -> None:
        """The byte that counts what follows it."""
        if not self._left:
            self.trouble = self.trouble or "the message ends before its length byte"
            return
        due, left = self._body[self._at], self._left - 1
        self._add("length", 1, due, unit="bytes")
        if due != left:
            self.trouble = (
                self.trouble
                or f"the length byte says {due}, and {counted(left, 'byte')} follow{'s' * (left == 1)}"
            )

    def walk(self, fields: Sequence[Field], *, slack: int = 0) -> None:
        """Everything the fields say, and what is left; `slack` bytes more are known to happen."""
        try:
            self._several(fields, "")
        except RemoteProtocolError as error:
            self.trouble = self.trouble or error.what
        if self._left:
            if self._left > slack:
                self.trouble = self.trouble or f"{counted(self._left, 'byte')} more than the layout"
            # Behind a layout that does not fit, a number may stand anywhere.
            self._confidential = self._confidential or self._command in _CONFIDENTIAL_COMMANDS
            self._add(UNKNOWN, self._left, self._body[self._at :], known=False)

    @property
    def _left(self) -> int:
        return len(self._body) - self._at

    def _several(self, fields: Sequence[Field], prefix: str) -> None:
        for field in fields:
            self._one(field, prefix)

    def _one(self, field: Field, prefix: str) -> None:
        match field:
            case Trailing(fields=fields):
                if self._left:
                    self._several(fields, prefix)
            case Rows(name=name, element=element):
                self._rows(prefix + name, element)
            case Entries() | FixedEntries() | CountedEntries():
                self._entries(field, prefix)
            case CountedText() | CountedRaw() | SizedBcd():
                self._counted(field, prefix)
            case Sized(inner=inner):
                self._sized(inner, prefix)
            case MeterCodes(code_size=size):
                self._meter_codes(size)
            case TableSizedMeters() | SelfSizedMeters():
                self._meters(field)
            case BasePoll() | BaseReply():
                self._base(replying=isinstance(field, BaseReply))
            case _:
                self._plain(field, prefix)

    def _plain(self, field: Field, prefix: str) -> None:
        """A field of one value."""
        values, end = self._decoded(field)
        if end == self._at:
            return
        known = not isinstance(field, RestRaw) and field.name != _RESERVED and field.name in values
        value = values.get(field.name, self._body[self._at : end])
        meaning = "not digits: reserved before 6.03" if isinstance(field, LateBcd) and not known else ""
        self._add(prefix + field.name, end - self._at, value, field, known=known, meaning=meaning)

    def _counted(self, field: Field, prefix: str) -> None:
        values, end = self._decoded(field)
        size = end - self._at - 1
        self._add(f"{prefix}{field.name}_length", 1, size, unit="bytes")
        if size:
            self._add(prefix + field.name, size, values[field.name], field)

    def _sized(self, inner: Field, prefix: str) -> None:
        """A field that fills what its length byte says: it is walked as if nothing stood behind it."""
        found, end = take_counted(self._body, self._at, inner.name)
        self._add(f"{prefix}{inner.name}_length", 1, len(found), unit="bytes")
        whole, self._body = self._body, self._body[:end]
        try:
            self._one(inner, prefix)
        finally:
            self._body = whole

    def _rows(self, name: str, element: Field) -> None:
        count = self._take_count(name)
        for number in range(count):
            values, end = self._decoded(element)
            self._add(f"{name}[{number}]", end - self._at, values[element.name], element)

    def _entries(self, field: Entries | FixedEntries | CountedEntries, prefix: str) -> None:
        """Each entry is walked under its number; what is confidential together is so in each part."""
        name = prefix + field.name
        count = self._take_count(name) if isinstance(field, CountedEntries) else None
        times = field.times if isinstance(field, FixedEntries) else count
        was, self._confidential = self._confidential, self._confidential or field.name in CONFIDENTIAL_FIELDS
        number = 0
        while self._left if times is None else number < times:
            self._several(field.fields, f"{name}[{number}].")
            number += 1
        self._confidential = was

    def _take_count(self, name: str) -> int:
        if not self._left:
            raise RemoteProtocolError(f"the message ends inside {name}")
        count = self._body[self._at]
        self._add(f"{name}_count", 1, count)
        return count

    def _meter_codes(self, size: int) -> None:
        while self._left >= size:
            code = int.from_bytes(self._body[self._at : self._at + size], "little")
            self._add("meter_code", size, code, meaning=meter_name(code), known=code in METERS)

    def _meters(self, field: Field) -> None:
        """Each meter is one piece: its code, its size where that stands there, and its digits."""
        values, _ = self._decoded(field)
        head = _LONG_HEAD_BYTES if isinstance(field, SelfSizedMeters) else _SHORT_HEAD_BYTES
        for meter in values[field.name]:
            row = METERS.get(meter.code)
            self._add(
                meter_name(meter.code),
                head + meter.size,
                meter.digits if meter.size else None,
                unit=row.unit if row else "",
                meaning=f"meter {meter.code:02X}" + ("" if meter.size else ": not supported"),
                known=row is not None,
            )

    def _base(self, *, replying: bool) -> None:
        """The poll inside a preamble, or its answer: as ever, but for address and CRC."""
        command = self.pieces[-1].value
        row = LONG_POLLS[command] if command in AWARE else None
        if replying and command == FAILED:
            code = take(self._body, self._at, 1, "error_code")[0]
            self._add(
                "error_code",
                1,
                code,
                meaning=MULTI_DENOMINATION_ERRORS.get(code, NOT_ASSIGNED).replace("_", " "),
            )
        elif replying and self._left == 1:
            self._add("base_answer", 1, self._body[self._at], meaning=_elementary(self._body[self._at]))
        elif row is not None:
            outer, self._command = self._command, command
            if row.reply_counted if replying else row.request_counted:
                self.length_byte()
            self._several(row.reply if replying else row.request, "")
            self._command = outer
        elif self._left:
            self._add("data", self._left, self._body[self._at :], known=False)

    def _decoded(self, field: Field) -> tuple[dict[str, Any], int]:
        values: dict[str, Any] = {}
        end = field.decode(self._body, self._at, values)
        return values, end

    def _add(
        self,
        name: str,
        size: int,
        value: object,
        field: Field | None = None,
        *,
        unit: str = "",
        meaning: str = "",
        known: bool = True,
    ) -> None:
        """The next piece: of a field, which knows what its value means, or with what is given."""
        if field is not None and known:
            unit, meaning = unit_of(field), meaning_of(self._command, field, value)
        self.pieces.append(
            Piece(
                offset=self._offset + self._at,
                data=self._body[self._at : self._at + size],
                name=name,
                value=value,
                unit=unit,
                meaning=meaning,
                known=known,
                confidential=self._confidential or (field is not None and field.name in CONFIDENTIAL_FIELDS),
            )
        )
        self._at += size


def _elementary(byte: int) -> str:
    """An answer of one byte inside a preamble."""
    return "busy" if byte == 0 else "refused (NACK)" if byte & 0x80 else "accepted (ACK)"
