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
import structlog

from edge_agent.errors import JournalError, JournalFull
from edge_agent.journal import Budget, Journal, open_journal
from tests.journal.folders import FORWARDER, PLENTY, Told, collector, contents, housekeeper_of, look_at_all

pytestmark = pytest.mark.integration

# Four threads append for ever, and say what they appended once `append` has returned.
APPEND_FOR_EVER = textwrap.dedent("""
    import itertools, os, sys, threading
    from pathlib import Path
    from edge_agent.journal import open_journal

    journal = open_journal(Path(sys.argv[1]), role="collect", segment_bytes=20_000)

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
    after = journal.position("forwarder")
    while True:
        found = journal.read(after, 7, 10_000)
        for record in found.records:
            os.write(1, f"{record.sequence} {record.payload.decode()}\\n".encode())
        if found.through > after:
            journal.acknowledge("forwarder", after + 1, found.through)
            after = found.through
""")

# Derives one record of each ten, and is killed anywhere.
DERIVE_FOR_EVER = textwrap.dedent("""
    import sys
    from pathlib import Path
    from edge_agent.journal import open_journal

    journal = open_journal(Path(sys.argv[1]), role="collect", segment_bytes=2_000)
    journal.register("deriving")
    while True:
        journal.append([b"raw"] * 10)
        after, through = journal.position("deriving"), journal.head
        raw = sum(record.payload == b"raw" for record in journal.records(after))
        journal.derive("deriving", through, [b"%d" % raw])
        print(through, "x", flush=True)
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


def texts(journal: Journal) -> dict[int, str]:
    return {sequence: payload.decode() for sequence, payload in contents(journal).items()}


def test_what_append_returned_for_survives_kill_minus_nine(tmp_path: Path) -> None:
    path, told = tmp_path / "journal", Told([])
    returned: dict[int, str] = {}

    for lines in (1, 10, 57, 120, 300):
        returned |= kill_after(start(APPEND_FOR_EVER, path), lines)

    with collector(path, told) as journal:
        look_at_all(journal)
        there = texts(journal)
        assert returned.items() <= there.items()
        assert list(there) == list(range(1, journal.head + 1)), "no gap, nothing twice"
        assert len(set(there.values())) == len(there)
    assert told.gaps == []


def test_every_record_is_read_at_least_once_whoever_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    read: dict[int, str] = {}
    appending = start(APPEND_FOR_EVER, path)
    for lines in (30, 1, 90):
        read |= kill_after(start(FORWARD_FOR_EVER, path), lines)
    returned = kill_after(appending, 1)

    with collector(path) as journal, open_journal(path, role="forward") as forwarder:
        for record in forwarder.records(forwarder.position(FORWARDER)):
            read[record.sequence] = record.payload.decode()
        assert sorted(read) == list(range(1, journal.head + 1))
    assert returned.items() <= read.items()


def test_whatever_is_derived_is_derived_once_whoever_is_killed(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    for lines in (1, 7, 20, 3):
        kill_after(start(DERIVE_FOR_EVER, path), lines)

    with collector(path) as journal:
        there = contents(journal)
        derived_from = sum(int(payload) for payload in there.values() if payload.isdigit())
        open_still = sum(
            payload == b"raw"
            for sequence, payload in there.items()
            if sequence > journal.position("deriving")
        )
        assert derived_from + open_still == sum(payload == b"raw" for payload in there.values())


def test_two_processes_share_one_journal(tmp_path: Path) -> None:
    """The collector forgets behind the forwarder; the forwarder sees every number once, in order."""
    path = tmp_path / "journal"
    with start(APPEND_FOR_EVER, path) as appending:
        assert appending.stdout is not None
        listener = threading.Thread(target=appending.stdout.readlines)  # it must not wait for us
        listener.start()
        try:
            with open_journal(path, role="forward", wait_seconds=10) as forwarder:
                seen: list[int] = []
                after = 0
                give_up_at = time.monotonic() + 60
                while len(seen) < 2000 or forwarder._reader.end().forgotten == 0:
                    assert time.monotonic() < give_up_at
                    found = forwarder.read(after, 100, PLENTY)
                    if found.through > after:
                        seen += [record.sequence for record in found.records]
                        forwarder.acknowledge(FORWARDER, after + 1, found.through)
                        after = found.through
        finally:
            appending.kill()
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


def opened(path: Path, minimum_free_bytes: int = 0) -> Journal:
    return open_journal(
        path,
        role="collect",
        budget=Budget(minimum_free_bytes=minimum_free_bytes),
        housekeeping=False,
        segment_bytes=200_000,
    )


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
    with opened(small_disk / "journal") as journal:
        given = fill(journal, b"x" * 5000)
        again = fill(journal, b"x" * 50_000)

        ballast.unlink()
        given += again + list(journal.append([b"y" * 5000]))

        assert given == list(range(1, len(given) + 1))
        assert len(given) > 50
        assert list(contents(journal)) == given


def test_a_full_disk_cannot_stop_acknowledging(small_disk: Path) -> None:
    path = small_disk / "journal"
    with opened(path) as journal, open_journal(path, role="forward") as forwarder:
        given = fill(journal, b"x" * 5000)
        (small_disk / "ballast").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
        assert os.statvfs(small_disk).f_bavail == 0

        forwarder.acknowledge(FORWARDER, 1, given[-1])

        assert journal.depth(FORWARDER) == 0
        assert journal.forget() > 1, "nor deleting"
        assert journal.append([b"y"]) == range(given[-1] + 1, given[-1] + 2)


def test_a_journal_that_fills_its_disk_gets_going_again_by_draining(small_disk: Path) -> None:
    path = small_disk / "journal"
    with opened(path, 1 << 20) as journal, open_journal(path, role="forward") as forwarder:
        given = fill(journal, b"x" * 5000)
        forwarder.acknowledge(FORWARDER, 1, given[-1])

        with structlog.testing.capture_logs():
            housekeeper_of(journal).keep_house()
        given += [sequence for _ in range(20) for sequence in journal.append([b"y" * 5000])]

        assert given == list(range(1, len(given) + 1))
        assert [*contents(journal).values()][-20:] == [b"y" * 5000] * 20


def test_a_collector_starts_on_a_full_disk_and_waits_for_room(small_disk: Path) -> None:
    path = small_disk / "journal"
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(256 << 10))
    with opened(path, 1 << 20) as journal:
        given = fill(journal, b"x" * 5000)

    with opened(path, 1 << 20) as again:
        assert again.head == given[-1]
        with pytest.raises(JournalFull):
            again.append([b"x" * 50_000])
        ballast.unlink()
        assert again.append([b"x"]) == range(given[-1] + 1, given[-1] + 2)


def test_a_file_at_its_limit_keeps_what_it_has(tmp_path: Path) -> None:
    """A limit on the size of a file is no full disk to the kernel, and no reason to lose a record."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    given: list[int] = []
    with opened(tmp_path / "journal") as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        try:
            while True:
                given += journal.append([b"x" * 5000])
        except JournalError as error:
            assert "cannot be used: File too large" in str(error)  # noqa: PT017  as above
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

        given += journal.append([b"y"])

        assert given == list(range(1, len(given) + 1))
        assert list(contents(journal)) == given
