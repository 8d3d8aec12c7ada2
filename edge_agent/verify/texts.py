"""Texts: events out of whatever they are kept in, in any mixture, in little memory.

An event alone, an array of them, one a line, one after another with nothing between, gzip of any of
these, base64 of any of these, as words of their own or as values of a JSON object that wraps them.
What is none of it is passed over and told of.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Protocol

from edge_agent.verify.event import compact, is_canary, is_event
from edge_agent.verify.gunzip import Gunzip

# More than any object has: the service takes 128 KB a publish, and a call of a Lambda brings 6 MB.
LONGEST_CHARACTERS = 8 * 1024 * 1024
CHUNK_BYTES = 256 * 1024
MAX_WRAPPINGS = 5  # a batch, in base64, in a record of a stream, in base64, in a file's object

_BETWEEN = re.compile(r"[\s,\[\]\x1e\ufeff]*")
_WORD = re.compile(r"[A-Za-z0-9+/_-]+(?:={1,2}|(?![^\s,\[\]]))")
_FURTHER_ON = re.compile(r'\n|(?=\{"id":")')
_GZIP = b"\x1f\x8b"

_scan = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Other:
    """Content that is no event of a journal. `at` counts characters from the beginning of its stream."""

    at: int
    why: str


class Readable(Protocol):
    """A stream of bytes, such as a file that is open."""

    def read(self, size: int = -1, /) -> bytes:
        """At most so many bytes; none at its end."""
        ...


@dataclass(frozen=True, slots=True)
class NoRecord:
    """A canary: it is of ours, and no journal knows of it."""


Found = tuple[dict[str, Any], str] | NoRecord | Other  # an event, parsed and as it is written


def events_in(stream: Readable, *, wrappings: int = 0) -> Iterator[Found]:
    """Every event in a stream of bytes, as it goes on."""
    if wrappings > MAX_WRAPPINGS:
        yield Other(0, "it is wrapped too often")
        return
    head = stream.read(2)
    head += stream.read(1) if len(head) == 1 else b""
    rest = _Prefixed(head, stream)
    try:
        if head == _GZIP:
            yield from events_in(Gunzip(rest), wrappings=wrappings + 1)
        else:
            yield from _in_text(rest, wrappings)
    except (EOFError, zlib.error) as error:
        yield Other(0, f"its compression is damaged: {error}")


def _in_text(stream: _Prefixed, wrappings: int) -> Iterator[Found]:
    window = _Window(stream)
    while window.skip_to_content():
        text, at = window.text, window.at
        if text[at] not in '{"':
            yield from _in_word(window, wrappings)
            continue
        try:
            value, window.at = _scan(text, at)
        except (ValueError, RecursionError):
            if not window.widen():
                yield Other(window.passed + at, "a piece of JSON that does not end")
                window.skip_junk()
            continue
        if is_event(value):
            yield value, text[at : window.at]
        else:
            yield from _wrapped(value, window.passed + at, wrappings)


def _in_word(window: _Window, wrappings: int) -> Iterator[Found]:
    """What is no JSON: base64, or nothing of ours."""
    word = _WORD.match(window.text, window.at)
    if word is not None and word.end() == len(window.text) and window.widen():
        return
    content = _unpacked(word[0]) if word is not None else b""
    if word is not None and content:
        window.at = word.end()
        yield from events_in(BytesIO(content), wrappings=wrappings + 1)
    else:
        yield Other(window.passed + window.at, "neither JSON nor base64")
        window.skip_junk()


def _wrapped(value: object, at: int, wrappings: int) -> Iterator[Found]:
    """The events inside a JSON value that is none."""
    nothing = True
    for found in _inside(value, wrappings):
        if not isinstance(found, Other):
            nothing = False
            yield found
    if nothing:
        yield Other(at, "JSON without an event of a journal")


def _inside(value: object, wrappings: int) -> Iterator[Found]:
    if is_event(value):
        assert isinstance(value, dict)  # noqa: S101  is_event says so
        yield value, compact(value).decode("utf-8", "surrogateescape")
    elif is_canary(value):
        yield NoRecord()
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _inside(inner, wrappings)
    elif isinstance(value, list):
        for inner in value:
            yield from _inside(inner, wrappings)
    elif isinstance(value, str):
        content = value.encode("utf-8", "surrogatepass") if value[:1] in ("{", "[") else _unpacked(value)
        if content:
            yield from events_in(BytesIO(content), wrappings=wrappings + 1)


def _unpacked(word: str) -> bytes:
    """What a word says in base64; nothing if it is not that, or nothing that holds events."""
    try:
        content = b64decode(word.translate({ord("-"): "+", ord("_"): "/"}), validate=True)
    except (NotBase64, ValueError):
        return b""
    return content if content.lstrip()[:1] in (b"{", b"[", b'"') or content[:2] == _GZIP else b""


class _Prefixed:
    """A stream of which a few bytes were read already."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int = -1) -> bytes:
        head, self._head = self._head, b""
        return head or self._stream.read(size)


class _Window:
    """The part of a text that is in memory, and how far it is read."""

    def __init__(self, stream: _Prefixed) -> None:
        self._stream = stream
        self._decode = codecs.getincrementaldecoder("utf-8")("surrogateescape").decode
        self._ended = False
        self.text, self.at = "", 0
        self.passed = 0  # characters that are gone from the front

    def skip_to_content(self) -> bool:
        """Go to the next thing that is written, if there is one."""
        while True:
            found = _BETWEEN.match(self.text, self.at)
            assert found is not None  # noqa: S101  it also matches nothing
            self.at = found.end()
            if self.at < len(self.text):
                return True
            if not self._read(CHUNK_BYTES):
                return False

    def widen(self) -> bool:
        """Read on behind what may have been cut off; whether there is more."""
        ahead = len(self.text) - self.at
        return ahead < LONGEST_CHARACTERS and self._read(max(CHUNK_BYTES, ahead))

    def skip_junk(self) -> None:
        """Pass over what makes no sense, to the end of its line or to what looks like an event."""
        while True:
            further = _FURTHER_ON.search(self.text, self.at + 1)
            if further is not None:
                self.at = further.end()
                return
            self.at = len(self.text)
            if not self._read(CHUNK_BYTES):
                return

    def _read(self, size: int) -> bool:
        """Read some more; whether there was any. Where there is not, nothing has moved."""
        if self._ended:
            return False
        content = self._stream.read(size)
        more = self._decode(content, final=not content)
        if content:
            self.passed += self.at
            self.text, self.at = self.text[self.at :], 0
        self._ended = not content
        self.text += more
        return bool(content or more)
