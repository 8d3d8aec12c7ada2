"""Mending: a damaged segment is set aside as it is, and one with everything intact takes its place.

The gap is journalled before the segment is replaced: whoever is killed in between says it twice, and
nobody can lose a record without saying so.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog

from edge_agent.chain import LINK_BYTES
from edge_agent.journal.disk import FILE_MODE, FOLDER_MODE, sync_file, sync_folder, translated
from edge_agent.journal.examination import Examination, examine
from edge_agent.journal.frames import Frame, Kind, encode, lost
from edge_agent.journal.glance import is_as_written
from edge_agent.journal.record import Gap
from edge_agent.journal.segment import Header, make_segment, segment_path

DAMAGED = "damaged"


class Mender:
    """Looks after the sealed segments of one journal.

    Args:
        folder: of the journal.
        journal: its id.
        declare: journals gaps, durably. Raises JournalError.
    """

    def __init__(self, folder: Path, journal: str, declare: Callable[[Sequence[Gap]], object]) -> None:
        self._folder = folder
        self._journal = journal
        self._declare = declare
        self.mended = 0  # segments

    def examine(self, first: int, last: int) -> Examination:
        """Look at every byte of a sealed segment."""
        with translated(self._folder):
            try:
                data = segment_path(self._folder, first).read_bytes()
            except FileNotFoundError:
                data = b""
        return examine(data, first, journal=self._journal, last=last)

    def mend(self, first: int, last: int) -> bool:
        """See to it that a sealed segment is intact; whether it was not."""
        if is_as_written(segment_path(self._folder, first), first, last, journal=self._journal):
            return False
        found = self.examine(first, last)
        if found.intact:
            return False
        path = segment_path(self._folder, first)
        aside = self._set_aside(path)
        gaps = [
            Gap("damage", None, end - begin + 1, begin, end, why=f"{path.name} was damaged")
            for begin, end in found.missing
        ]
        structlog.get_logger().error(
            "journal damaged; what is intact was kept",
            alarm=True,
            segment=path.name,
            lost=sum(gap.count for gap in gaps),
            ranges=[(gap.first, gap.last) for gap in gaps[:20]],
            set_aside=str(aside),
        )
        if gaps:
            self._declare(gaps)
        header = found.header or Header(self._journal, first, 0.0, bytes(LINK_BYTES), (0, 0, 0))
        make_segment(self._folder, header, _rewritten(found))
        self.mended += 1
        return True

    def declare_vanished(self, first: int, last: int) -> None:
        """Segments that were not acknowledged are not there: say so."""
        structlog.get_logger().error(
            "segments of the journal are missing", alarm=True, first=first, last=last
        )
        self._declare([Gap("damage", None, last - first + 1, first, last, why="the segments were not there")])

    def _set_aside(self, path: Path) -> Path:
        """A copy of a damaged segment, where nothing is deleted."""
        folder = self._folder / DAMAGED
        with translated(folder):
            folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
            aside = folder / path.name
            number = 1
            while aside.exists():
                number += 1
                aside = folder / f"{path.name}.{number}"
            if path.exists():
                shutil.copyfile(path, aside)
                aside.chmod(FILE_MODE)
                sync_file(aside)
                sync_folder(folder)
        return aside


def _rewritten(found: Examination) -> bytes:
    """The frames that are intact, and in the place of every missing range what says so."""
    pieces = [(frame.sequence, again(frame)) for frame in found.found]
    pieces += [(begin, lost(begin, end)) for begin, end in found.missing]
    return b"".join(piece for _sequence, piece in sorted(pieces, key=lambda each: each[0]))


def again(frame: Frame) -> bytes:
    """The bytes of a frame that was decoded."""
    return encode(
        Kind(frame.kind),
        frame.payload,
        sequence=frame.sequence,
        appended_at=frame.appended_at,
        chain=frame.chain,
        delivery_class=frame.delivery_class,
        place=frame.place,
    )
