"""Processes that die, disks that fill: with real kills, real disks, real exhaustion."""

from __future__ import annotations

import os
import re
import resource
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.errors import JournalError, JournalFull
from edge_agent.journal import Journal, open_journal

pytestmark = pytest.mark.integration

FORWARDER = "forwarder"
PLENTY = 1 << 24

# Four threads append for ever, and say what they appended once `append` has returned.
APPEND_FOR_EVER = textwrap.dedent("""
    import itertools, os, sys, threading
    from pathlib import Path
    from edge_agent.journal import open_journal

    journal = open_journal(Path(sys.argv[1]), role="collect")

    def line(name):
        for turn in itertools.count():
            payloads = [f"{os.getpid()}/{name}/{turn}/{place}".encode() for place in range(1 + turn % 3)]
            for sequence, payload in zip(journal.append(payloads), payloads):
                os.write(1, f"{sequence} {payload.decode()}\\n".encode())

    for name in range(4):
        threading.Thread(target=line, args=(name,)).start()
""")

# Forwards for ever, and says what it has read before it acknowledges it.
FORWARD_FOR_EVER = textwrap.dedent("""
    import os, sys
    from pathlib import Path
    from edge_agent.journal import open_journal

    journal = open_journal(Path(sys.argv[1]), role="forward", wait_seconds=10)
    while True:
        records = journal.read("forwarder", 7, 10_000)
        for record in records:
            os.write(1, f"{record.sequence} {record.payload.decode()}\\n".encode())
        if records:
            journal.acknowledge("forwarder", records[-1].sequence)
""")


def start(program: str, path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], lines: int) -> dict[int, str]:
    """SIGKILL the process once it has said so many lines; all the whole ones it said."""
    with process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.kill()
        said += process.stdout.readlines()
    whole = (re.fullmatch(r"(\d+) (\S+)\n", line) for line in said)
    return {int(match[1]): match[2] for match in whole if match}


def contents(journal: Journal) -> dict[int, str]:
    return {
        record.sequence: record.payload.decode()
        for record in journal.read(FORWARDER, 1_000_000, PLENTY, after=0)
    }


def test_what_append_returned_for_survives_kill_minus_nine(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    returned: dict[int, str] = {}

    for lines in (1, 10, 57, 120, 300):
        returned |= kill_after(start(APPEND_FOR_EVER, path), lines)

    with open_journal(path, role="collect", housekeeping=False) as journal:
        there = contents(journal)
        assert returned.items() <= there.items()
        assert list(there) == list(range(1, journal.head + 1)), "no gap, nothing twice"
        assert len(set(there.values())) == len(there)


def test_every_record_is_read_at_least_once_whoever_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    read: dict[int, str] = {}
    collector = start(APPEND_FOR_EVER, path)
    for lines in (30, 1, 90):
        read |= kill_after(start(FORWARD_FOR_EVER, path), lines)
    returned = kill_after(collector, 1)

    with open_journal(path, role="collect") as journal, open_journal(path, role="forward") as forwarder:
        for record in forwarder.read(FORWARDER, 1_000_000, PLENTY):
            read[record.sequence] = record.payload.decode()
        assert sorted(read) == list(range(1, journal.head + 1))
    assert returned.items() <= read.items()


def test_two_processes_share_one_journal(tmp_path: Path) -> None:
    """The collector forgets behind the forwarder; the forwarder sees every number once, in order."""
    path = tmp_path / "journal.db"
    with start(APPEND_FOR_EVER, path) as collector:
        assert collector.stdout is not None
        listener = threading.Thread(target=collector.stdout.readlines)  # it must not wait for us
        listener.start()
        try:
            with open_journal(path, role="forward", wait_seconds=10) as forwarder:
                seen: list[int] = []
                give_up_at = time.monotonic() + 60
                while len(seen) < 2000 or forwarder._reader.forgotten_through() == 0:
                    assert time.monotonic() < give_up_at
                    records = forwarder.read(FORWARDER, 100, PLENTY) if forwarder.changed() else []
                    if records:
                        seen += [record.sequence for record in records]
                        forwarder.acknowledge(FORWARDER, seen[-1])
        finally:
            collector.kill()
            listener.join()

    assert seen == list(range(1, len(seen) + 1))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "journal-test", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"only root can mount a small disk: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def fill(journal: Journal, payload: bytes) -> list[int]:
    """Append until the disk is full; the numbers given out."""
    given: list[int] = []
    try:
        while True:
            given += journal.append([payload])
    except JournalFull as full:
        assert full.mend.startswith("free some space")  # noqa: PT017  the loop ends with it
    return given


def test_a_full_disk_loses_nothing_and_is_full_until_freed(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))
    path = small_disk / "journal.db"
    with open_journal(path, role="collect", minimum_free_bytes=0) as journal:
        given = fill(journal, b"x" * 5000)
        again = fill(journal, b"x" * 50_000)

        ballast.unlink()
        given += again + list(journal.append([b"y" * 5000]))

        assert given == list(range(1, len(given) + 1))
        assert len(given) > 50
        assert list(contents(journal)) == given


def test_a_full_disk_cannot_stop_acknowledging(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    with (
        open_journal(path, role="collect", minimum_free_bytes=0, housekeeping=False) as journal,
        open_journal(path, role="forward") as forwarder,
    ):
        given = fill(journal, b"x" * 5000)
        (small_disk / "ballast").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
        assert os.statvfs(small_disk).f_bavail == 0

        forwarder.acknowledge(FORWARDER, given[-1])

        assert journal.depth(FORWARDER) == 0


def test_a_journal_that_fills_its_disk_gets_going_again_by_draining(small_disk: Path) -> None:
    """That is what the reserve is for: forgetting writes before it frees."""
    path = small_disk / "journal.db"
    with (
        open_journal(path, role="collect", minimum_free_bytes=1 << 20, housekeeping=False) as journal,
        open_journal(path, role="forward") as forwarder,
    ):
        given = fill(journal, b"x" * 5000)
        forwarder.acknowledge(FORWARDER, given[-1])

        assert journal._collecting is not None
        journal._collecting.housekeeper.keep_house()
        given += [sequence for _ in range(20) for sequence in journal.append([b"y" * 5000])]

        assert given == list(range(1, len(given) + 1))
        assert list(contents(journal).values()) == ["y" * 5000] * 20


def test_a_collector_starts_on_a_full_disk_and_waits_for_room(small_disk: Path) -> None:
    path = small_disk / "journal.db"
    with open_journal(path, role="collect", minimum_free_bytes=1 << 20) as journal:
        given = fill(journal, b"x" * 5000)

    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1 << 20))

    with open_journal(path, role="collect", minimum_free_bytes=1 << 20) as again:
        assert again.head == given[-1]
        with pytest.raises(JournalFull):
            again.append([b"x"])
        ballast.unlink()
        assert again.append([b"x"]) == range(given[-1] + 1, given[-1] + 2)


def test_a_file_at_its_limit_keeps_what_it_has(tmp_path: Path) -> None:
    """A limit on the size of a file is no full disk to the kernel, and no reason to lose a record."""
    path = tmp_path / "journal.db"
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    given: list[int] = []
    with open_journal(path, role="collect", housekeeping=False) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))
        try:
            while True:
                given += journal.append([b"x" * 5000])
        except JournalError as error:
            assert "failed: disk I/O error — check the disk" in str(error)  # noqa: PT017  as above
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        given += journal.append([b"y"])

        assert given == list(range(1, len(given) + 1))
        assert list(contents(journal)) == given
