"""The power goes, at any step of anything the journal does, and takes whatever was not durable with it.

One journal lives on while images are made of what the disk could hold at that moment; each image is
opened as the next start would open it. The journal's own process is killed now and then as well, so that
images are also made of what a second life took over from the page cache.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import pytest

from edge_agent.chain import link
from edge_agent.delivery import DeliveryClass
from edge_agent.journal import Budget, Gap, Journal, Record, open_journal
from edge_agent.testing.power_loss import PowerLoss
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration

# Small, so that segments are sealed, begun and deleted all the time.
SEGMENT_BYTES = 24 << 10
RATINGS = "ratings"  # a consumer that derives
CLASSES = tuple(DeliveryClass)


class Killed(BaseException):
    """The process is gone: nothing it would have done afterwards is done."""


class Story:
    """A journal that lives through everything, and what is known of it.

    Args:
        folder: of the journal; images are made beside it.
        chance: decides everything.
        images: how many to make.
    """

    def __init__(self, folder: Path, chance: random.Random, images: int) -> None:
        self.images = self.lives = self.compared = self.lost = 0
        self._folder = folder
        self._chance = chance
        self._wanted = images
        self._killed = False
        self._registered = False
        self._known: dict[int, bytes] = {}  # `append` returned for it, or a reader has seen it
        self._in_flight: list[bytes] = []  # payloads of an append that has not returned
        self._open_to = 0  # the last sequence that everybody has acknowledged
        self._serial = 0
        self._journal: Journal
        folder.mkdir()
        self._power = PowerLoss(folder, self._step)

    def run(self) -> None:
        """Live on until there were enough images."""
        with self._power:
            while self.images < self._wanted:
                self.lives += 1
                with suppress(Killed):
                    self._live()
                self._bury()

    def _live(self) -> None:
        self._killed = False
        self._journal = opened(self._folder, [])
        self._journal.register(RATINGS)
        self._registered = True
        self._known.update((record.sequence, record.payload) for record in self._journal.records())
        self._in_flight = []
        deeds = [*[self._append] * 12, *[self._acknowledge] * 4, self._derive, self._forget]
        while self.images < self._wanted:
            self._chance.choice(deeds)()

    def _append(self) -> None:
        payloads = [self._payload() for _ in range(self._chance.randint(1, 8))]
        self._in_flight = payloads
        self._remember(self._journal.append(payloads), payloads)

    def _acknowledge(self) -> None:
        position, head = self._journal.position("forwarder"), self._journal.head
        if position < head:
            first = self._chance.choice([position + 1, self._chance.randint(position + 1, head)])
            last = self._chance.randint(first, head)
            cls = self._chance.choice([None, None, *CLASSES])
            self._journal.acknowledge("forwarder", first, last, delivery_class=cls)

    def _derive(self) -> None:
        position, head = self._journal.position(RATINGS), self._journal.head
        if position < head:
            through = self._chance.randint(position + 1, head)
            self._in_flight = payloads = [b"derived from %d to %d" % (position + 1, through)]
            self._remember(self._journal.derive(RATINGS, through, payloads), payloads)

    def _forget(self) -> None:
        self._open_to = min(self._journal.position("forwarder"), self._journal.position(RATINGS))
        self._journal.forget()
        self._journal.look_after()

    def _remember(self, sequences: Sequence[int], payloads: Sequence[bytes]) -> None:
        self._known.update(zip(sequences, payloads, strict=True))
        self._in_flight = []

    def _payload(self) -> bytes:
        self._serial += 1
        return b"record %d " % self._serial + self._chance.randbytes(self._chance.choice((0, 60, 300, 2_000)))

    def _step(self) -> None:
        if self._killed or self._chance.random() < 0.004:
            self._killed = True
            raise Killed
        if self._chance.random() < 0.1:
            self._power.write_back(self._chance)
        if self._chance.random() < 0.3 and self.images < self._wanted:
            self.images += 1
            image = self._folder.with_name(f"image-{self.images}")
            self._power.image(image, self._chance)
            self._judge(image)
            shutil.rmtree(image)

    def _bury(self) -> None:
        """What the kernel does for a process that is gone: close what it had open."""
        for descriptor in Path("/proc/self/fd").iterdir():
            with suppress(OSError):
                path = descriptor.readlink()
                if self._folder in (path, *path.parents):
                    os.close(int(descriptor.name))

    def _judge(self, image: Path) -> None:
        gaps: list[Gap] = []
        with opened(image, gaps) as journal:
            records = {record.sequence: record for record in journal.records()}
            assert not gaps, gaps  # nothing was damaged
            self._judge_records({sequence: record.payload for sequence, record in records.items()})
            judge_chain(list(records.values()))
            if self._registered:
                judge_derived([record.payload for record in records.values()], journal.position(RATINGS))
            assert journal.append([b"afterwards"]).start > max(self._known, default=0)

    def _judge_records(self, found: dict[int, bytes]) -> None:
        there = [sequence for sequence in self._known if sequence in found or sequence > self._open_to]
        lost = [sequence for sequence in there if found.get(sequence) != self._known[sequence]]
        self.compared += len(there)
        self.lost += len(lost)
        assert not lost
        further = [payload for sequence, payload in found.items() if sequence not in self._known]
        assert further in ([], self._in_flight)


def opened(folder: Path, gaps: list[Gap]) -> Journal:
    """The journal as the next start opens it, with what it says is missing."""

    def describe(gap: Gap) -> bytes:
        gaps.append(gap)
        return b"a gap"

    return open_journal(
        folder,
        role="collect",
        budget=Budget(minimum_free_bytes=0),
        classify=lambda payload: CLASSES[len(payload) % len(CLASSES)],
        describe_gap=describe,
        housekeeping=False,
        segment_bytes=SEGMENT_BYTES,
    )


def judge_chain(records: Sequence[Record]) -> None:
    """Sequences without a hole, each record linked to the one before."""
    for before, record in pairwise(records):
        assert record.sequence == before.sequence + 1
        assert record.chain == link(before.chain, record.sequence, record.payload)


def judge_derived(payloads: Sequence[bytes], position: int) -> None:
    """What was derived is there exactly once, and as far as the position says."""
    spans = [tuple(map(int, payload.split()[2::2])) for payload in payloads if payload.startswith(b"derived")]
    for (_first, last), (following, _last) in pairwise(spans):
        assert following == last + 1
    assert not spans or spans[-1][1] == position


def test_a_power_cut_takes_nothing_that_was_promised(tmp_path: Path, counts: Counts, report: Report) -> None:
    seed = 20260102
    story = Story(tmp_path / "journal", random.Random(seed), counts(100, 1_000))  # noqa: S311  a story

    story.run()

    done = (
        f"{story.images:,} images of what the disk could hold, at any step of appends, acknowledgements, "
        f"derivations and deletions, {story.lives - 1} kills in between (seed {seed})"
    )
    report.write("power cut, modelled", done, appended=story.compared, lost=story.lost)
