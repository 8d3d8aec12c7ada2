"""The power goes at any moment: what `append` returned for is there, and nothing is called lost that is not.

Every write is seen as the disk sees it. After the last sync of a file each page that was written since may
be there or not, also without the ones before it; what was synced is there for certain. Names are durable
once their folder was synced, and may be before.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.journal import Journal
from tests.journal.folders import FORWARDER, Told, appender_of, collector, contents, look_at_all

PAGE = 4096


class Disk:
    """Keeps what each file held when it was last synced, and what it holds now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.synced: dict[int, bytes] = {}  # by inode

    def sync(self, fd: int) -> None:
        """Everything of a file is on the disk."""
        file = Path(f"/proc/self/fd/{fd}")
        if file.is_file():
            self.synced[os.fstat(fd).st_ino] = file.read_bytes()

    def cut(self, into: Path, choose: random.Random) -> Path:
        """The files as they are when power comes back."""
        into.mkdir()
        for file in self.folder.iterdir():
            if not file.is_file() or file.name.endswith("lock"):
                continue
            now, then = file.read_bytes(), self.synced.get(file.stat().st_ino, b"")
            (into / file.name).write_bytes(_mixed(then, now, choose))
        return into


def _mixed(then: bytes, now: bytes, choose: random.Random) -> bytes:
    """Of the pages that were written since, some; and the new length, or the old."""
    size = choose.choice([len(then), len(now), choose.randint(min(len(then), len(now)), len(now))])
    pages = []
    for at in range(0, max(len(then), len(now)), PAGE):
        old, new = then[at : at + PAGE].ljust(PAGE, b"\0"), now[at : at + PAGE].ljust(PAGE, b"\0")
        torn = choose.randrange(0, PAGE, 512)
        pages.append(choose.choice([old, new, new[:torn] + old[torn:]]))
    return b"".join(pages)[:size].ljust(min(size, len(then)), b"\0")


@contextmanager
def seen_by(disk: Disk) -> Iterator[None]:
    """Syncs are cheap, and remembered."""
    with pytest.MonkeyPatch.context() as patch, structlog.testing.capture_logs():
        patch.setattr("os.fsync", disk.sync)
        patch.setattr("os.fdatasync", disk.sync)
        yield


steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(st.sampled_from([10, 300, 5000]), min_size=1, max_size=5)),
        st.tuples(st.just("derive"), st.lists(st.sampled_from([10, 5000]), min_size=1, max_size=3)),
        st.tuples(st.just("acknowledge"), st.just([])),
        st.tuples(st.just("forget"), st.just([])),
    ),
    min_size=1,
    max_size=12,
)


@settings(max_examples=60, deadline=None)
@given(
    steps=steps,
    unfinished=st.lists(st.sampled_from([10, 5000]), max_size=3),
    marked=st.booleans(),
    seed=st.integers(),
)
def test_a_power_cut_takes_nothing_that_append_returned_for(
    steps: list[tuple[str, list[int]]], unfinished: list[int], *, marked: bool, seed: int
) -> None:
    folder = Path(tempfile.mkdtemp())
    disk = Disk(folder / "journal")
    try:
        with seen_by(disk):
            with collector(disk.folder, segment_bytes=16_000) as journal:
                journal.register("deriving")
                floor = Floor(journal)
                for name, sizes in steps:
                    getattr(floor, name)(sizes)
                floor.without_sync(unfinished, marked=marked)
                left = disk.cut(folder / "left", random.Random(seed))  # noqa: S311  chooses pages, guards nothing
            floor.check(left)
    finally:
        shutil.rmtree(folder)


class Floor:
    """What was appended, derived and acknowledged."""

    def __init__(self, journal: Journal) -> None:
        self.journal = journal
        self.appended: dict[int, bytes] = {}
        self.derived = 0
        self.forgotten = 0
        self.deriving = 0  # through where, in the commit under way

    def append(self, sizes: list[int]) -> None:
        payloads = [b"%09d" % (len(self.appended) + place) + bytes(size) for place, size in enumerate(sizes)]
        self.appended |= dict(zip(self.journal.append(payloads), payloads, strict=True))

    def derive(self, sizes: list[int]) -> None:
        through = self.journal.head
        if self.journal.position("deriving") < through:
            payloads = [b"derived %09d" % through + bytes(size) for size in sizes]
            self.appended |= dict(
                zip(self.journal.derive("deriving", through, payloads), payloads, strict=True)
            )
            self.derived = through

    def acknowledge(self, _sizes: list[int]) -> None:
        self.journal.acknowledge(FORWARDER, 1, self.journal.head)

    def forget(self, _sizes: list[int]) -> None:
        self.journal.forget()
        self.forgotten = max(self.forgotten, self.journal._reader.end().forgotten)

    def without_sync(self, sizes: list[int], *, marked: bool) -> None:
        """A commit under way: written, and not synced."""
        if not sizes:
            return
        appender = appender_of(self.journal)

        def stop(_fd: int) -> None:
            raise PowerCut

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("edge_agent.journal.appender.sync_data", stop)
            patch.setattr(appender, "_cut_off", lambda: None)
            payloads = [b"under way" + bytes(size) for size in sizes]
            if marked and self.journal.position("deriving") < self.journal.head:
                self.deriving = self.journal.head
                with pytest.raises(PowerCut):
                    self.journal.derive("deriving", self.deriving, payloads)
            else:
                with pytest.raises(PowerCut):
                    self.journal.append(payloads)

    def check(self, left: Path) -> None:
        told = Told([])
        with collector(left, told, segment_bytes=16_000) as journal:
            look_at_all(journal)
            there = contents(journal)
            expected = {
                sequence: payload for sequence, payload in self.appended.items() if sequence > self.forgotten
            }
            assert told.gaps == [], "nothing is lost"
            assert expected.items() <= there.items()
            under_way = {
                sequence: payload for sequence, payload in there.items() if sequence not in self.appended
            }
            assert all(payload.startswith(b"under way") for payload in under_way.values())
            assert journal.position("deriving") >= self.derived
            assert not under_way or journal.position("deriving") >= self.deriving, "together or not at all"
            if under_way:
                assert sorted(under_way) == list(range(len(self.appended) + 1, journal.head + 1))
            assert journal.append([b"next"]) == range(
                max([len(self.appended), *there]) + 1, max([len(self.appended), *there]) + 2
            )


class PowerCut(BaseException):
    """The process is not there any more."""
