"""Whatever becomes of the files of a journal: it opens, gives what is intact, and says what is not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.journal import open_journal
from edge_agent.journal.frames import HEAD_BYTES
from tests.journal.folders import (
    FORWARDER,
    Told,
    collector,
    contents,
    copied,
    frames_in,
    look_at_all,
    segments_of,
)

Damage = Callable[[Path, Sequence[Path]], None]
places = st.integers(0, 1 << 16)


def a_flip(which: int, at: int, mask: int) -> Damage:
    """One byte is another."""

    def damage(_path: Path, files: Sequence[Path]) -> None:
        file = files[which % len(files)]
        data = bytearray(file.read_bytes())
        if data:
            data[at % len(data)] ^= mask
            file.write_bytes(data)

    return damage


def zeros(which: int, at: int, count: int) -> Damage:
    """A page that never reached the disk."""

    def damage(_path: Path, files: Sequence[Path]) -> None:
        file = files[which % len(files)]
        data = bytearray(file.read_bytes())
        at_ = at % (len(data) + 1)
        data[at_ : at_ + count] = bytes(len(data[at_ : at_ + count]))
        file.write_bytes(data)

    return damage


def a_truncation(which: int, at: int) -> Damage:
    """The end is missing."""

    def damage(_path: Path, files: Sequence[Path]) -> None:
        file = files[which % len(files)]
        data = file.read_bytes()
        file.write_bytes(data[: at % (len(data) + 1)])

    return damage


def a_deletion(which: int) -> Damage:
    """A file is gone."""

    def damage(_path: Path, files: Sequence[Path]) -> None:
        files[which % len(files)].unlink(missing_ok=True)

    return damage


def rubbish(which: int, what: bytes) -> Damage:
    """Something was written behind the end."""

    def damage(_path: Path, files: Sequence[Path]) -> None:
        with files[which % len(files)].open("ab") as file:
            file.write(what)

    return damage


def foreign(which: int, what: bytes) -> Damage:
    """Another file's content."""

    def damage(_path: Path, files: Sequence[Path]) -> None:
        files[which % len(files)].write_bytes(what)

    return damage


def a_swap(which: int, other: int) -> Damage:
    """Two segments have each other's names."""

    def damage(path: Path, _files: Sequence[Path]) -> None:
        segments = segments_of(path)
        if segments:
            one, two = segments[which % len(segments)], segments[other % len(segments)]
            one.rename(path / "aside")
            if two.exists():
                two.rename(one)
            (path / "aside").rename(two)

    return damage


damages = st.lists(
    st.one_of(
        st.builds(a_flip, places, places, st.integers(1, 255)),
        st.builds(zeros, places, places, st.sampled_from([1, 60, 512, 4096])),
        st.builds(a_truncation, places, places),
        st.builds(a_deletion, places),
        st.builds(rubbish, places, st.binary(min_size=1, max_size=200)),
        st.builds(foreign, places, st.binary(max_size=200)),
        st.builds(a_swap, places, places),
    ),
    min_size=1,
    max_size=3,
)
records = st.lists(
    st.lists(
        st.builds(bytes.__add__, st.sampled_from([b"A", b"B", b"C"]), st.integers(0, 500).map(bytes)),
        min_size=1,
        max_size=4,
    ),
    min_size=1,
    max_size=20,
)


@pytest.fixture(scope="module", autouse=True)
def _no_disk() -> Iterator[None]:
    """Nothing here is about power, and a sync takes longer than all else."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda _fd: None)
        patch.setattr("os.fdatasync", lambda _fd: None)
        yield


# Always the same examples: a longer search is made by hand, with more of them.
@settings(max_examples=60, deadline=None, derandomize=True)
@given(commits=records, acknowledged=st.integers(0, 100), closed=st.booleans(), ruin=damages)
def test_damage_costs_what_it_hits_and_is_told_exactly(
    commits: list[list[bytes]], acknowledged: int, *, closed: bool, ruin: list[Damage]
) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        path, head, acked, forgotten = _a_journal(folder, commits, acknowledged * 0.01, closed=closed)
        before = {file.name: file.read_bytes() for file in path.iterdir() if file.is_file()}
        intact_before, newest = frames_in(segments_of(path)), segments_of(path)[-1].name
        for damage in ruin:
            files = sorted(file for file in path.iterdir() if file.is_file())
            damage(path, files)
        hurt = {name for name, data in before.items() if not _same(path / name, data)}

        with structlog.testing.capture_logs():
            _check(path, head, acked if "head" in hurt else forgotten, intact_before, hurt, newest=newest)
    finally:
        shutil.rmtree(folder)


def _a_journal(
    folder: Path, commits: list[list[bytes]], share: float, *, closed: bool
) -> tuple[Path, int, int, int]:
    """A journal of which a share is acknowledged, as closing it leaves it, or `kill -9`."""
    path = folder / "journal"
    with collector(path) as journal:
        for commit in commits:
            journal.append(commit)
        head = journal.head
        journal.acknowledge(FORWARDER, 1, int(head * share))
        journal.forget()
        forgotten = int(segments_of(path)[0].stem) - 1
        if not closed:
            return copied(path, folder / "killed"), head, int(head * share), forgotten
    return path, head, int(head * share), forgotten


def _check(
    path: Path, head: int, forgotten: int, frames: dict[int, bytes], hurt: set[str], newest: str
) -> None:
    left = b"\0".join(file.read_bytes() for file in segments_of(path))
    payloads = {sequence: frame[HEAD_BYTES:] for sequence, frame in frames.items()}
    intact = {sequence for sequence, frame in frames.items() if frame in left}
    told = Told([])
    with collector(path, told) as journal:
        look_at_all(journal)
        there = {sequence: payload for sequence, payload in contents(journal).items() if sequence <= head}
        assert there.items() <= payloads.items(), "each with its own bytes"
        assert there.keys() >= intact, "all that is intact"
        following = journal.append([b"next"])[0]
    if "head" not in hurt or newest not in hurt:  # without both of them nobody knows how many there were
        missing = set(range(forgotten + 1, head + 1)) - there.keys()
        assert following > head, "no number is given out again"
        assert missing <= told.sequences(), "what is missing is told"
    assert not told.sequences() & there.keys(), "and nothing else is"
    told.gaps.clear()
    with collector(path, told) as journal:
        look_at_all(journal)
        assert told.gaps == [], "once"
        assert there.items() <= contents(journal).items()
    with open_journal(path, role="forward") as forwarder:
        assert there.items() <= contents(forwarder).items()


def _same(file: Path, data: bytes) -> bool:
    return file.exists() and file.read_bytes() == data
