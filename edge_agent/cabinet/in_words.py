"""In words: an explanation as lines for a person, and as JSON for a program.

What is confidential is withheld, its bytes too, unless the numbers are asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_agent.cabinet.explanation import Explanation, Piece, spaced

WITHHELD = "withheld"
_HIDDEN_BYTE = "··"

# Two AFT receipts wide is still one line of a terminal.
_BYTES_A_LINE = 10

# Codes are read in hex, as the tables are; everything else is a number.
_IN_HEX = frozenset(("command", "exception", "event_mark", "meter_code", "base_command"))


def in_lines(explanation: Explanation, *, with_numbers: bool = True) -> Iterator[str]:
    """An explanation for a person: who says what, then each piece, then what is wrong or worth knowing."""
    yield explanation.title
    rows = [*_rows(explanation, with_numbers=with_numbers)]
    widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
    for row in rows:
        padded = (f"{text:<{width}}" for text, width in zip(row[:3], widths, strict=True))
        yield f"  {'  '.join((*padded, row[3]))}".rstrip()
    yield from (f"  ! {doubt}" for doubt in explanation.doubts)
    yield from (f"  ({note})" for note in explanation.notes)


def in_short(explanation: Explanation, *, with_numbers: bool = False) -> str:
    """An explanation in one line: the title, and what the pieces behind the head say."""
    said = [
        _short(piece, with_numbers=with_numbers)
        for piece in explanation.pieces
        if piece.name not in {"address", "command", "event_mark", "exception", "length", "busy"}
        and not piece.name.endswith("_length")
    ]
    crc = explanation.crc
    check = (
        "" if crc is None else "CRC good" if crc.good else f"CRC WRONG, {spaced(crc.right)} would be right"
    )
    return " | ".join(filter(None, (explanation.title, " ".join(said), check, "; ".join(explanation.doubts))))


def as_json(explanation: Explanation, *, with_numbers: bool = True) -> Mapping[str, Any]:
    """An explanation for a program."""
    hidden = explanation.confidential and not with_numbers
    crc = explanation.crc
    return {
        "from": explanation.side,
        "kind": explanation.kind,
        "address": explanation.address,
        "title": explanation.title,
        "hex": None if hidden else explanation.data.hex(),
        "fields": [_field(piece, with_numbers=with_numbers) for piece in explanation.pieces],
        "crc": crc and {"found": crc.found.hex(), "right": crc.right.hex(), "good": crc.good},
        "doubts": list(explanation.doubts),
        "notes": list(explanation.notes),
    }


def hex_of(explanation: Explanation, *, with_numbers: bool = True) -> str:
    """All bytes, with those that are withheld as dots. The CRC would give away one that is missing."""
    hidden = explanation.confidential and not with_numbers
    parts = [_bytes(piece, with_numbers=with_numbers) for piece in explanation.pieces]
    if explanation.crc is not None:
        parts.append(_dots(2) if hidden else spaced(explanation.crc.found))
    return " ".join(parts)


def _rows(explanation: Explanation, *, with_numbers: bool) -> Iterator[tuple[str, str, str, str]]:
    for piece in explanation.pieces:
        text = _value(piece, with_numbers=with_numbers)
        shown = _bytes(piece, with_numbers=with_numbers)
        width = 3 * _BYTES_A_LINE
        yield f"{piece.offset:>3}", shown[:width].rstrip(), piece.name, text
        for start in range(width, len(shown), width):
            yield "", shown[start : start + width].rstrip(), "", ""
    if (crc := explanation.crc) is not None:
        hidden = explanation.confidential and not with_numbers
        text = "good" if crc.good else f"WRONG: {spaced(crc.right)} would be right"
        at = len(explanation.data) - len(crc.found)
        yield f"{at:>3}", _dots(2) if hidden else spaced(crc.found), "CRC", text


def _value(piece: Piece, *, with_numbers: bool) -> str:
    if piece.confidential and not with_numbers:
        return WITHHELD
    value = f"{_plain(piece)} {piece.unit}".rstrip()
    if not piece.known:
        return f"{value}  unknown".lstrip()
    return f"{value}  {piece.meaning}".strip() if piece.meaning else value


def _short(piece: Piece, *, with_numbers: bool) -> str:
    name = piece.name.removesuffix("_cents") if piece.unit == "cents" else piece.name
    if piece.confidential and not with_numbers:
        return f"{name}={WITHHELD}"
    text = piece.meaning if piece.known and piece.meaning and piece.unit in {"", "cents"} else _plain(piece)
    if piece.name == "meter_code":
        return piece.meaning
    if piece.meaning.startswith("meter "):
        text = _plain(piece)
    return f"{name}={text!r}" if " " in text else f"{name}={text}"


def _plain(piece: Piece) -> str:
    value = piece.value
    if value is None:
        return "-"
    if isinstance(value, bytes):
        return value.hex().upper()
    if isinstance(value, int) and piece.name in _IN_HEX:
        return f"{value:02X}"
    text = str(value)
    return text if text.isprintable() else repr(text)


def _bytes(piece: Piece, *, with_numbers: bool) -> str:
    return _dots(len(piece.data)) if piece.confidential and not with_numbers else spaced(piece.data)


def _dots(count: int) -> str:
    return " ".join([_HIDDEN_BYTE] * count)


def _field(piece: Piece, *, with_numbers: bool) -> Mapping[str, Any]:
    hidden = piece.confidential and not with_numbers
    value = piece.value.hex() if isinstance(piece.value, bytes) else piece.value
    return {
        "offset": piece.offset,
        "size": len(piece.data),
        "hex": None if hidden else piece.data.hex(),
        "name": piece.name,
        "value": None if hidden else value,
        "unit": piece.unit,
        "meaning": "" if hidden else piece.meaning,
        "known": piece.known,
        "withheld": hidden,
    }
