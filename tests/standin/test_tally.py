"""The tally: what arrived, counted and not kept."""

from __future__ import annotations

import gzip
import json
from itertools import pairwise
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from edge_agent.standin.ledger import Entry
from edge_agent.standin.tally import MOST_TOPICS, Ranges, Tally

BATCH, ALONE = "application/cloudevents-batch+json", "application/cloudevents+json; charset=UTF-8"


def entry(payload: bytes, content_type: str | None = BATCH, **changed: object) -> Entry:
    fields: dict[str, object] = {
        "at": 1.0,
        "acked_at": 1.0,
        "client": "gw-07-events",
        "topic": "floor/lab/gw-07/ev/batch",
        "content_type": content_type,
        "encoding": None,
        "payload": payload,
        "puback": 0x10,
    }
    return Entry(**fields | changed)  # type: ignore[arg-type]  # fields by name


def event(sequence: int, journal: str = "J") -> bytes:
    return b'{"id":"%s/%d","sequence":"%020d","data":{"id":"x"}}' % (journal.encode(), sequence, sequence)


def batch(*sequences: int) -> bytes:
    return b"[" + b",".join(map(event, sequences)) + b"]"


def test_events_are_counted_whatever_they_travel_in(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "counts.json")

    tally.append(entry(batch(1, 2, 3)))
    tally.append(entry(gzip.compress(batch(4, 6)), encoding="gzip"))
    tally.append(entry(event(5), ALONE, topic="floor/lab/gw-07/ev/t"))
    tally.append(entry(b'{"state":"online"}', "application/json", topic="floor/lab/gw-07/status"))

    told = tally.document()
    assert (told["publishes"], told["events"], told["repeats"]) == (4, 6, 0)
    assert told["journals"] == {"J": [(1, 6)]}
    assert told["topics"]["floor/lab/gw-07/ev/batch"][:2] == [2, 5]
    assert told["topics"]["floor/lab/gw-07/status"] == [1, 0, 18]


def test_repeats_holes_and_lost_receipts_show(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "counts.json")

    tally.append(entry(batch(1, 2), puback="lost"))
    tally.append(entry(batch(1, 2, 5)))

    told = tally.document()
    assert (told["events"], told["repeats"], told["pubacks_lost"]) == (5, 2, 1)
    assert told["journals"] == {"J": [(1, 2), (5, 5)]}


def test_a_payload_that_is_not_what_it_says_is_counted_as_such(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "counts.json")

    tally.append(entry(b"no gzip", encoding="gzip"))

    assert (tally.unread, tally.events) == (1, 0)


def test_its_memory_is_bounded_by_topic(tmp_path: Path) -> None:
    tally = Tally(tmp_path / "counts.json")

    for number in range(MOST_TOPICS + 5):
        tally.append(entry(b"", topic=f"t/{number}"))

    assert tally.document()["topics"]["others"] == [5, 0, 0]
    assert len(tally.document()["topics"]) == MOST_TOPICS + 1


def test_at_its_end_it_is_written_down(tmp_path: Path) -> None:
    with Tally(tmp_path / "counts.json") as tally:
        tally.append(entry(batch(7)))

    told = json.loads((tmp_path / "counts.json").read_text())
    assert (told["events"], told["journals"]) == (1, {"J": [[7, 7]]})


@given(st.lists(st.integers(0, 60), max_size=200))
def test_ranges_are_a_set_of_numbers(numbers: list[int]) -> None:
    ranges, known = Ranges(), set[int]()

    for number in numbers:
        assert ranges.add(number) is (number not in known)
        known.add(number)

    pairs = ranges.pairs()
    assert {one for first, last in pairs for one in range(first, last + 1)} == known
    assert all(after[0] > before[1] + 1 for before, after in pairwise(pairs))
