"""Bytes flipped, zeroed, cut and exchanged, files deleted, foreign and in each other's place.

Whatever is done to the folder, the journal opens; a record whose bytes are where they were is read as it
was; the ranges that are missing are journalled, exactly, once; and no number is given out again.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from edge_agent.delivery import DeliveryClass
from edge_agent.journal import Budget, Gap, Journal, open_journal
from edge_agent.journal.frames import scan
from edge_agent.testing.damage import DAMAGES
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration

SEGMENT_BYTES = 24 << 10
# Another journal is begun after so many damages, since each has its own segments and acknowledgements.
DAMAGES_A_JOURNAL = 25
CLASSES = tuple(DeliveryClass)


@dataclass(frozen=True, slots=True)
class Whole:
    """A journal before any damage."""

    folder: Path
    payloads: Mapping[int, bytes]  # of what it has, by sequence
    frames: Mapping[int, bytes]  # as they lie in the segments
    segment_of: Mapping[int, str]
    forgotten: int  # the last sequence that was acknowledged and deleted

    def untouched(self, damaged: Path) -> set[int]:
        """The records whose bytes are still in the file they were in."""
        contents = {name: _bytes(damaged / name) for name in set(self.segment_of.values())}
        return {
            sequence
            for sequence, frame in self.frames.items()
            if frame in contents[self.segment_of[sequence]]
        }

    def end_in_doubt(self, damaged: Path) -> bool:
        """Whether nobody knows where it ended: then numbers are told as gone that were never given out.

        Both are hit that say so, or there is a file that claims to be the newest segment.
        """
        newest = max(self.segment_of.values())
        hit = all(_bytes(damaged / name) != _bytes(self.folder / name) for name in ("head", newest))
        return hit or max((path.name for path in damaged.glob("0*.seg")), default="") > newest


def opened(folder: Path, gaps: list[Gap]) -> Journal:
    """The journal as the next start opens it, with what it says is missing."""

    def describe(gap: Gap) -> bytes:
        gaps.append(gap)
        return b"gap %d" % len(gaps)

    return open_journal(
        folder,
        role="collect",
        budget=Budget(minimum_free_bytes=0),
        classify=lambda payload: CLASSES[len(payload) % len(CLASSES)],
        describe_gap=describe,
        housekeeping=False,
        segment_bytes=SEGMENT_BYTES,
    )


def make_whole(folder: Path, chance: random.Random) -> Whole:
    """Several segments, of which the oldest may be deleted, and the next may be acknowledged."""
    with opened(folder, []) as journal:
        for number in range(chance.randint(40, 120)):
            sizes = [chance.choice((0, 100, 272, 600, 3_000)) for _ in range(chance.randint(1, 6))]
            journal.append([b"record %d " % number + chance.randbytes(size) for size in sizes])
        if chance.random() < 0.7:
            journal.acknowledge("forwarder", 1, chance.randint(1, journal.head))
            journal.forget()
        payloads = {record.sequence: record.payload for record in journal.records()}
    lying = [(file.name, file.read_bytes()) for file in folder.glob("*.seg")]
    found = {
        frame.sequence: (name, data[frame.offset : frame.end])
        for name, data in lying
        for frame in scan(data)
        if frame.sequence in payloads and frame.payload == payloads[frame.sequence]
    }
    return Whole(
        folder,
        payloads,
        {sequence: frame for sequence, (_name, frame) in found.items()},
        {sequence: name for sequence, (name, _frame) in found.items()},
        min(payloads) - 1,
    )


def look_everywhere(journal: Journal) -> None:
    """Have each segment looked at, as is done beside the work in the course of some minutes."""
    for _segment in journal.path.glob("*.seg"):
        journal.look_after()


def judge(whole: Whole, damaged: Path) -> int:
    """Open it, look at every segment, and compare; how many records are gone."""
    untouched, in_doubt, gaps = whole.untouched(damaged), whole.end_in_doubt(damaged), list[Gap]()
    last = max(whole.payloads)
    with opened(damaged, gaps) as journal:
        look_everywhere(journal)
        after = {record.sequence: record.payload for record in journal.records()}
        told = Counter(sequence for gap in gaps for sequence in sequences_of(gap))
        missing = set(whole.payloads) - set(after)
        assert {sequence: after[sequence] for sequence in whole.payloads.keys() & after.keys()} == {
            sequence: whole.payloads[sequence] for sequence in whole.payloads.keys() & after.keys()
        }
        assert not untouched - set(after), "intact, and not salvaged"
        assert {sequence for sequence in told if sequence <= last} == missing, "told and missing differ"
        assert max(told, default=0) <= last or in_doubt, "told, and never there"
        assert set(told.values()) <= {1}, "told twice"
        new = set(after) - set(whole.payloads)
        assert {after[sequence] for sequence in new} == {
            b"gap %d" % number for number in range(1, len(gaps) + 1)
        }
        assert min(new, default=last + 1) > last, "a number given out again"
        assert journal.append([b"afterwards"]).start > last
    judge_again(damaged, after)
    return len(missing)


def judge_again(damaged: Path, after: Mapping[int, bytes]) -> None:
    """Opened once more, there is nothing left to say."""
    gaps: list[Gap] = []
    with opened(damaged, gaps) as journal:
        look_everywhere(journal)
        assert not gaps, "told again"
        assert after.items() <= {record.sequence: record.payload for record in journal.records()}.items()
        journal.acknowledge("forwarder", 1, journal.head)
        journal.forget()
        assert not gaps


def test_damage_costs_what_it_hits_and_is_told(tmp_path: Path, counts: Counts, report: Report) -> None:
    seed, times = 20260103, counts(100, 1_000)
    chance = random.Random(seed)  # noqa: S311  a story
    records = gone = 0
    for number in range(times):
        if number % DAMAGES_A_JOURNAL == 0:
            whole = make_whole(tmp_path / f"journal-{number}", chance)
        damaged = tmp_path / f"damaged-{number}"
        shutil.copytree(whole.folder, damaged)
        what = chance.choice(DAMAGES)(damaged, chance)
        try:
            gone += judge(whole, damaged)
        except BaseException as error:
            error.add_note(f"damage {number}: {what}")
            raise
        records += len(whole.payloads)
        shutil.rmtree(damaged)

    kinds = ", ".join(damage.__name__.replace("_", " ") for damage in DAMAGES)
    report.write(
        "damaged files",
        f"{times:,} times: {kinds} (seed {seed})",
        appended=records,
        lost=0,
        recorded=gone,
    )


def sequences_of(gap: Gap) -> Iterator[int]:
    """What a gap says is gone."""
    for place, sequence in enumerate(range(gap.first, gap.last + 1)):
        if not gap.removed or gap.removed[place // 8] & 0x80 >> place % 8:
            yield sequence


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
