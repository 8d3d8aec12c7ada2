"""Segments: the files records lie in, each named by its first sequence, and what its header says.

    00000000000000000001.seg    sealed: never written again, but for what is let go of it
    00000000000000013108.seg
    00000000000000026215.seg    the newest: appended to

A segment is made whole under another name and renamed, so it is there with its header or not at all.
Its name alone says how many records every older one must hold.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edge_agent.journal.disk import read_at, translated, write_file
from edge_agent.journal.frames import Frame, Kind, decode, encode

SUFFIX = ".seg"
FORMAT = 1
SEGMENT_BYTES = 4 << 20
# Appending into zeros that are there already costs half of growing the file: no block is looked for.
PREALLOCATED_BYTES = 256 << 10

_NAME_DIGITS = 20
_MOST = 1 << 62  # no journal comes so far: what is named so is none of ours
_HEADER_BYTES = 4 << 10, 64 << 10  # hardly any header is larger; none is
_NAME = re.compile(rf"[0-9]{{{_NAME_DIGITS}}}{re.escape(SUFFIX)}")


@dataclass(frozen=True, slots=True)
class Header:
    """The first frame of a segment."""

    journal: str
    first: int
    created_at: float
    before: bytes  # the link of the record before its first; empty: not known
    counts: tuple[int, ...]  # records of each class in the journal before it; empty: not known
    marks: Mapping[str, int] = field(default_factory=dict)  # how far consumers had derived
    thinned: int = 0  # how often half of its B was let go
    gone: tuple[int, ...] = ()  # records of each class that are no longer in it; empty: none
    format: int = FORMAT

    def encoded(self) -> bytes:
        """Its frame."""
        text = json.dumps({**asdict(self), "before": self.before.hex()}, separators=(",", ":"))
        return encode(
            Kind.HEADER, text.encode(), sequence=self.first, appended_at=self.created_at, chain=self.before
        )


def header_of(frame: Frame | None) -> Header | None:
    """The header that a frame holds; None if it holds none."""
    if frame is None or frame.kind != Kind.HEADER:
        return None
    with suppress(ValueError, TypeError, KeyError):
        said = json.loads(frame.payload)
        said["before"] = bytes.fromhex(said["before"])
        said["counts"] = tuple(said["counts"])
        said["gone"] = tuple(said.get("gone", ()))
        header = Header(**{name: said[name] for name in Header.__slots__ if name in said})
        return header if header.format == FORMAT else None
    return None


def format_of(frame: Frame | None) -> int:
    """The format of the segment that a frame is the header of; 0 if it is none."""
    if frame is None or frame.kind != Kind.HEADER:
        return 0
    with suppress(ValueError, TypeError, KeyError):
        return int(json.loads(frame.payload)["format"])
    return 0


def segment_path(folder: Path, first: int) -> Path:
    """Where the segment that begins with a sequence is."""
    return folder / f"{first:0{_NAME_DIGITS}d}{SUFFIX}"


def segments(folder: Path) -> list[int]:
    """The first sequences of all segments there are, in order."""
    with translated(folder), os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.endswith(SUFFIX) and entry.is_file()]
    firsts = (int(name[:_NAME_DIGITS]) for name in names if _NAME.fullmatch(name))
    return sorted(first for first in firsts if 0 < first < _MOST)


def heading_of(path: Path) -> Frame | None:
    """The frame that a file begins with; None if there is none, or no file."""
    with translated(path):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            few, many = _HEADER_BYTES
            return decode(read_at(fd, few, 0)) or decode(read_at(fd, many, 0))
        finally:
            os.close(fd)


def make_segment(folder: Path, header: Header, frames: bytes | bytearray = b"") -> int:
    """Make a segment, or put it in the place of the one there is; its size. Durable on return."""
    path = segment_path(folder, header.first)
    heading = header.encoded()
    with translated(path):
        write_file(path, heading, frames)
    return len(heading) + len(frames)
