"""What a killed run left behind is durable before anybody is shown it, and a foreign file takes nothing."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path

import pytest

from edge_agent.journal import Budget, Gap, Journal, open_journal
from edge_agent.testing.power_loss import PowerLoss

IMAGES = 8
# So small that each append begins a segment, and none is written ahead with zeros.
ONE_APPEND_BYTES = 1


class Killed(BaseException):
    """The process is gone."""


def opened(folder: Path, gaps: list[Gap], segment_bytes: int = ONE_APPEND_BYTES) -> Journal:
    def describe(gap: Gap) -> bytes:
        gaps.append(gap)
        return b"a gap"

    return open_journal(
        folder,
        role="collect",
        budget=Budget(minimum_free_bytes=0),
        describe_gap=describe,
        housekeeping=False,
        segment_bytes=segment_bytes,
    )


def payloads(journal: Journal) -> list[bytes]:
    return [record.payload for record in journal.records()]


def bury(folder: Path) -> None:
    """Close what a process that is gone had open."""
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(OSError):
            path = descriptor.readlink()
            if folder in (path, *path.parents):
                os.close(int(descriptor.name))


@pytest.mark.parametrize("death", range(14))
def test_what_a_killed_run_left_is_durable_before_it_is_shown(tmp_path: Path, death: int) -> None:
    """Killed at each step of an append that begins a segment."""
    folder, left = tmp_path / "journal", [10_000]
    with opened(folder, []) as journal:
        journal.append([b"before"])

    def step() -> None:
        left[0] -= 1
        if left[0] < 0:
            raise Killed

    with PowerLoss(folder, step) as power:
        journal, left[0] = opened(folder, []), death
        with suppress(Killed):
            journal.append([b"in flight"])
        bury(folder)
        left[0] = 10_000
        chance = random.Random(1)  # noqa: S311  the same images every time
        with opened(folder, []) as journal:
            shown = payloads(journal)
            judge_images(power, tmp_path / "taken over", chance, shown)
            journal.append([b"afterwards"])
            judge_images(power, tmp_path / "gone on", chance, [*shown, b"afterwards"])


def judge_images(power: PowerLoss, beside: Path, chance: random.Random, shown: list[bytes]) -> None:
    """However the power goes now, what was shown is there, and nothing is told as gone."""
    beside.mkdir()
    for number in range(IMAGES):
        gaps: list[Gap] = []
        power.image(beside / f"{number}", chance)
        with opened(beside / f"{number}", gaps) as journal:
            assert payloads(journal) == shown
        assert not gaps


@pytest.mark.parametrize("content", [b"", b"junk", bytes(30_000)])
@pytest.mark.parametrize("sequence", [4, 10])
def test_a_foreign_file_with_a_segments_name_takes_no_record(
    tmp_path: Path, content: bytes, sequence: int
) -> None:
    folder, gaps = tmp_path / "journal", list[Gap]()
    with opened(folder, [], segment_bytes=1_000) as journal:
        for number in range(10):
            journal.append([b"record %d " % number + bytes(100)])
        written = payloads(journal)
    name = folder / f"{sequence:020d}.seg"
    assert not name.exists()
    name.write_bytes(content)

    with opened(folder, gaps, segment_bytes=1_000) as journal:
        while journal.look_after():
            pass

        assert payloads(journal) == written
    assert not gaps
    assert (folder / "damaged" / name.name).read_bytes() == content
