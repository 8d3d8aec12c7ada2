"""Segments: the files records lie in, each named by its first sequence, and what its header says.

    00000000000000000001.seg    sealed: never written again, but for what is let go of it
    00000000000000026215.seg
    00000000000000052429.seg    the newest: appended to

A segment is made whole under another name and renamed, so it is there with its header or not at all.
Its name alone says how many records every older one must hold.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from edge_agent.journal.disk import FILE_MODE, sync_folder, translated, write_all
from edge_agent.journal.frames import Frame, Kind, encode

SUFFIX = ".seg"
FORMAT = 1
SEGMENT_BYTES = 8 << 20
# Appending into zeros that are there already costs half of growing the file: no block is looked for.
PREALLOCATED_BYTES = 256 << 10

_NAME_DIGITS = 20


@dataclass(frozen=True, slots=True)
class Header:
    """The first frame of a segment."""

    journal: str
    first: int
    created_at: float
    before: bytes  # the link of the record before its first
    counts: tuple[int, int, int]  # records of each class in the journal before it
    marks: Mapping[str, int] = field(default_factory=dict)  # how far consumers had derived
    thinned: int = 0  # how often half of its B was let go
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
        header = Header(**{name: said[name] for name in Header.__slots__ if name in said})
        return header if header.format == FORMAT else None
    return None


def segment_path(folder: Path, first: int) -> Path:
    """Where the segment that begins with a sequence is."""
    return folder / f"{first:0{_NAME_DIGITS}d}{SUFFIX}"


def first_of(path: Path) -> int:
    """The first sequence of a segment, by its name."""
    return int(path.name.removesuffix(SUFFIX))


def segments(folder: Path) -> list[int]:
    """The first sequences of all segments there are, in order."""
    with translated(folder):
        names = [path.name for path in folder.iterdir()]
    return sorted(
        int(name.removesuffix(SUFFIX))
        for name in names
        if name.endswith(SUFFIX) and len(name) == _NAME_DIGITS + len(SUFFIX) and name[:_NAME_DIGITS].isdigit()
    )


def make_segment(folder: Path, header: Header, frames: bytes = b"") -> int:
    """Make a segment, or put it in the place of the one there is; its size. Durable on return."""
    path = segment_path(folder, header.first)
    new = path.with_suffix(".new")
    data = header.encoded() + frames
    with translated(path):
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            write_all(fd, data, 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        new.rename(path)
        sync_folder(folder)
    return len(data)
