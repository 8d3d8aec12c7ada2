"""People choose records by sequence, time, class, machine and type."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from edge_agent.delivery import DeliveryClass
from edge_agent.errors import ConfigurationError
from edge_agent.events.delivery_class import class_of_sealed
from edge_agent.journal import Journal, open_journal
from edge_agent.toolbox.selection import Selection, moment_of, ranges_of

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def event(kind: str, subject: str) -> bytes:
    return b'{"specversion":"1.0","type":"%s","source":"/s","subject":"%s","data":{}}' % (
        kind.encode(),
        subject.encode(),
    )


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    now = 100.0

    def wall() -> float:
        return now

    with open_journal(
        tmp_path / "journal", role="collect", classify=class_of_sealed, housekeeping=False, wall=wall
    ) as journal:
        journal.append([event("floor.line.up", "slot-1"), event("floor.slot.meters_read", "slot-1")])
        now = 200.0
        journal.append([event("floor.line.up", "slot-2"), b"\xff\x00 no event"])
        yield journal


def sequences(journal: Journal, selection: Selection) -> list[int]:
    return [record.sequence for record in selection.of(journal)]


@pytest.mark.parametrize(
    ("selection", "chosen"),
    [
        (Selection(), [1, 2, 3, 4]),
        (Selection(first=2, last=3), [2, 3]),
        (Selection(last=99), [1, 2, 3, 4]),
        (Selection(since=150.0), [3, 4]),
        (Selection(until=150.0), [1, 2]),
        (Selection(classes=frozenset({DeliveryClass.B})), [2]),
        (Selection(machines=frozenset({"slot-1"})), [1, 2]),
        (Selection(types=frozenset({"floor.line.up"})), [1, 3]),
        (Selection(types=frozenset({"floor.line.up"}), machines=frozenset({"slot-2"})), [3]),
        (Selection(first=5), []),
    ],
)
def test_what_is_said_narrows_and_what_is_not_said_fits_any(
    journal: Journal, selection: Selection, chosen: list[int]
) -> None:
    assert sequences(journal, selection) == chosen


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", datetime(2026, 11, 26, 10, tzinfo=UTC)),
        ("2h ago", datetime(2026, 11, 26, 10, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 26, 10, 30, tzinfo=UTC)),
        ("1.5d", datetime(2026, 11, 25, 0, tzinfo=UTC)),
        ("2026-11-26T08:00", datetime(2026, 11, 26, 8, tzinfo=UTC)),
        ("2026-11-26T08:00+02:00", datetime(2026, 11, 26, 6, tzinfo=UTC)),
    ],
)
def test_moments_are_written_as_people_write_them(text: str, moment: datetime) -> None:
    assert moment_of(text, lambda: NOON) == moment.timestamp()


def test_what_is_no_moment_is_one_line() -> None:
    with pytest.raises(ConfigurationError, match="'yesterday' is no moment"):
        moment_of("yesterday", lambda: NOON)


def test_sequences_become_ranges() -> None:
    assert [*ranges_of([1, 2, 3, 5, 9, 10])] == [(1, 3), (5, 5), (9, 10)]
    assert [*ranges_of([])] == []
