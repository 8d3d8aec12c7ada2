"""Hex as people write it: `01 FF 12`, `01ff12`, `0x01 0xFF`, `01:FF:12`, or copied out of a capture."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from edge_agent.errors import ConfigurationError
from edge_agent.sas import WakeupDecoder
from edge_agent.sas.crc import crc_is_good
from edge_agent.sas.wakeup import MARK

# What stands between bytes, and what stands in front of them.
_BETWEEN = re.compile(r"[\s,:;_-]+")
_PREFIX = re.compile(r"\\x|\b0x", re.IGNORECASE)
_NO_DIGIT = re.compile(r"[^0-9A-Fa-f]")

# The frames of table devices are text.
_TDL1 = "$TDL1"

_MEND = "write bytes as two hex digits each, such as 01 FF 12 8F 96"


def frames_of(texts: Sequence[str]) -> Iterator[bytes]:
    """What the arguments of a command stand for: single bytes are one frame, anything longer is one each.

    Raises ConfigurationError naming what is no hex.
    """
    if texts and all(len(_PREFIX.sub("", text)) <= 2 for text in texts):
        texts = [" ".join(texts)]
    yield from map(bytes_of, texts)


def lines_of(lines: Iterable[str]) -> Iterator[bytes]:
    """One frame a line; blank lines and comments are skipped."""
    for line in lines:
        text = line.partition("#")[0].strip()
        if text:
            yield bytes_of(text)


def bytes_of(text: str) -> bytes:
    """The bytes of one frame. Marks of a wakeup bit, and doubled FF, as captures have them, are taken off.

    Raises ConfigurationError saying what is wrong with the text.
    """
    if text.startswith(_TDL1) and text.isascii():
        return text.encode("ascii")
    words = _BETWEEN.split(_PREFIX.sub(" ", text).strip())
    if not any(words):
        raise ConfigurationError("there is nothing to decode", _MEND)
    for word in words:
        if wrong := _NO_DIGIT.search(word):
            raise ConfigurationError(f"{_short(text)!r} is no hex: {wrong[0]!r} is no hex digit", _MEND)
    # Bytes that stand alone may leave out a leading zero, as 0x1 does.
    if len(words) > 1:
        words = [word.zfill(2) if len(word) == 1 else word for word in words]
    digits = "".join(words)
    if len(digits) % 2:
        raise ConfigurationError(f"{_short(text)!r} has an odd number of hex digits, {len(digits)}", _MEND)
    data = bytes.fromhex(digits)
    if data.startswith(MARK):
        return bytes(_plain(data))
    # A machine's event out of a capture has its FF twice.
    plain = bytes(_plain(data))
    return plain if crc_is_good(plain) and not crc_is_good(data) else data


def _plain(stream: bytes) -> Iterator[int]:
    """No frame begins with FF 00: it is the mark of a wakeup bit."""
    return (character & 0xFF for character in WakeupDecoder().feed(stream))


def _short(text: str, longest: int = 40) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
