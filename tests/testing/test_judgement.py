"""The judge of the fault tests: it must find what is lost, or its silence means nothing."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from edge_agent.clock import Clock
from edge_agent.events import Observation, identify, seal
from edge_agent.events.agent import RecordSetAside
from edge_agent.events.catalogue import EXAMPLES
from edge_agent.events.of_journal import JournalGap
from edge_agent.testing.judgement import judge

JOURNAL = "0123456789abcdef"
BODIES = [body for body in EXAMPLES if not isinstance(body, JournalGap | RecordSetAside)]


def sealed(place: int) -> bytes:
    """What the journal keeps of the event at a place."""
    body = BODIES[place % len(BODIES)]
    return seal(Observation("slot-1001", float(place), body), Clock().reading(), "/floor/lab/gw-07")


RECORDS = [sealed(place) for place in range(1, len(BODIES) + 1)]


@pytest.fixture
def proof(tmp_path: Path) -> Path:
    """What a source wrote of all of them, in two appends, and of a third that was torn."""
    proof = tmp_path / "proof"
    sums = [f"{zlib.crc32(record):08x}" for record in RECORDS]
    proof.write_text(f"{JOURNAL} 1 {' '.join(sums[:3])}\n{JOURNAL} 4 {' '.join(sums[3:])}\n{JOURNAL} 99 0000")
    return proof


def published(records: Sequence[bytes], first: int = 1) -> bytes:
    """A batch of them."""
    events = [identify(record, JOURNAL, first + place) for place, record in enumerate(records)]
    return b"[" + b",".join(events) + b"]"


def gap(first: int, last: int, removed: str = "") -> bytes:
    """A publish that says what is gone."""
    data = {"first": first, "last": last, "removed": removed}
    return json.dumps({"id": f"{JOURNAL}/1000", "type": "floor.agent.journal_gap", "data": data}).encode()


def test_every_event_of_the_catalogue_arrives_as_it_was_appended(proof: Path) -> None:
    judgement = judge([proof], [published(RECORDS)])

    assert judgement.holds, judgement
    assert judgement.appended == judgement.received == len(RECORDS)


def test_what_did_not_arrive_is_lost(proof: Path) -> None:
    judgement = judge([proof], [published(RECORDS[:2]), published(RECORDS[3:], first=4)])

    assert judgement.lost == ((JOURNAL, 3),)
    assert not judgement.holds


def test_copies_are_repeats_and_lose_nothing(proof: Path) -> None:
    judgement = judge([proof], [published(RECORDS), published(RECORDS[:5])])

    assert judgement.holds, judgement
    assert judgement.repeats == 5


def test_the_same_identity_with_other_bytes_is_a_change(proof: Path) -> None:
    judgement = judge([proof], [published(RECORDS), published([RECORDS[1]])])

    assert judgement.changed == ((JOURNAL, 1),)
    assert not judgement.holds


@pytest.mark.parametrize(
    ("first", "last", "removed"),
    [(3, 4, ""), (2, 5, base64.b64encode(zlib.compress(bytes([0b0110_0000]))).decode())],
    ids=["a range", "a bitmap"],
)
def test_what_a_gap_tells_is_not_lost(proof: Path, first: int, last: int, removed: str) -> None:
    arrived = [published(RECORDS[:2]), published(RECORDS[4:], first=5), gap(first, last, removed)]

    judgement = judge([proof], arrived)

    assert judgement.holds, judgement
    assert judgement.recorded == 2


def test_what_was_set_aside_is_not_lost(proof: Path) -> None:
    judgement = judge([proof], [published(RECORDS[1:], first=2)], set_aside=[(JOURNAL, 1)])

    assert judgement.holds, judgement
    assert judgement.recorded == 1


def test_no_proof_proves_nothing(tmp_path: Path) -> None:
    assert not judge([tmp_path / "missing"], [published(RECORDS)]).holds
