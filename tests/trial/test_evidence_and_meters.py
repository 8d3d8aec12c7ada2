"""The proof can fail: each kind of loss, repeat and disagreement is found."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.trial.evidence import Arrived, match, read_raised, read_received
from edge_agent.trial.meters import check_meters, last_snapshot_is_in
from edge_agent.trial.proof import percentile


def raised(serial: int, code: object, at: float = 1.0, **values: int) -> dict[str, Any]:
    return {"line": "slot-001", "what": "raised", "serial": serial, "code": code, "values": values, "at": at}


def arrived(sequence: int, at: float = 2.0, subject: str = "slot-001", **data: Any) -> Arrived:
    event = {
        "id": f"j/{sequence}",
        "sequence": f"{sequence:020}",
        "subject": subject,
        "type": data.pop("type", "floor.slot.x"),
        "monotonictime": f"{at:.6f}",
        "data": data,
    }
    return Arrived(event, at + 0.01)


def exception(sequence: int, code: int, at: float = 2.0, *, repeated: bool = False, **data: Any) -> Arrived:
    return arrived(sequence, at, code=f"0x{code:02x}", real_time=True, possibly_repeated=repeated, **data)


def snapshot(
    sequence: int, meters: dict[str, int], *, settled: bool = True, worth_known: bool = True
) -> Arrived:
    """Meters of a one-cent machine, by name."""
    codes = {"coin_in": "0x00", "coin_out": "0x01", "jackpot": "0x02", "bills_in": "0x0b", "credits": "0x0c"}
    rows: list[dict[str, Any]] = [
        {
            "code": codes[name],
            "value": value,
            "unit": "credits",
            "money": {"minor": value, "currency": "USD"} if worth_known else None,
        }
        for name, value in meters.items()
        if name in codes
    ]
    rows.append({"code": "0x05", "value": meters.get("games_played", 0), "unit": "count", "money": None})
    denomination = "0.01" if worth_known else None
    return arrived(
        sequence, type="floor.slot.meters_read", settled=settled, denomination=denomination, meters=rows
    )


def money(minor: int) -> dict[str, Any]:
    return {"credits": minor, "money": {"minor": minor, "currency": "USD"}}


class TestMatch:
    def test_each_raised_event_is_told_by_one_received(self) -> None:
        matched = match([raised(1, 0x11), raised(2, 0x12)], [exception(1, 0x11), exception(2, 0x12)])

        assert not matched.lost
        assert not matched.unexplained

    def test_a_missing_one_is_lost(self) -> None:
        matched = match([raised(1, 0x11), raised(2, 0x11)], [exception(1, 0x11)])

        assert [entry["serial"] for entry in matched.lost] == [2]

    def test_one_too_many_is_unexplained(self) -> None:
        matched = match([raised(1, 0x11)], [exception(1, 0x11), exception(2, 0x11, repeated=True)])

        assert [one.sequence for one in matched.unexplained] == [2]

    def test_what_was_received_before_it_was_raised_tells_of_something_else(self) -> None:
        matched = match([raised(1, 0x11, at=5.0)], [exception(1, 0x11, at=4.0)])

        assert matched.lost
        assert matched.unexplained

    def test_data_must_agree(self) -> None:
        started = exception(1, 0x7E, coin_in_credits=100)

        assert match([raised(1, 0x7E, coin_in=101)], [started]).lost
        assert not match([raised(1, 0x7E, coin_in=100)], [started]).lost

    @pytest.mark.parametrize(
        ("code", "values", "data"),
        [
            (0x7F, {"win": 5}, {"win": {"credits": 6}}),
            (0x4F, {"count": 1}, {"denomination_code": 3, "count": 2}),
        ],
    )
    def test_a_win_and_a_bill_must_agree(
        self, code: int, values: dict[str, int], data: dict[str, Any]
    ) -> None:
        assert match([raised(1, code, **values)], [exception(1, code, **data)]).lost

    def test_a_bill_is_the_same_with_and_without_data(self) -> None:
        one_byte = arrived(1, code="0x48", real_time=False, possibly_repeated=False)

        assert not match([raised(1, 0x4F, count=1)], [one_byte]).lost

    def test_a_table_event_is_told_by_its_boot_and_sequence(self) -> None:
        event = arrived(1, boot=3, device_sequence=7, possibly_repeated=False)

        assert not match([raised(1, [3, 7])], [event]).lost
        assert match([raised(1, [3, 8])], [event]).lost

    def test_another_machines_event_tells_nothing(self) -> None:
        other = arrived(1, subject="slot-002", code="0x11", real_time=True, possibly_repeated=False)

        assert match([raised(1, 0x11)], [other]).lost


def test_what_a_machine_dropped_itself_is_not_lost() -> None:
    lines = [json.dumps(raised(1, 0x11)), json.dumps({**raised(1, 0x11), "what": "dropped"})]

    assert read_raised(lines) == ([], 1)


def test_repeats_are_removed_by_identity(tmp_path: Path) -> None:
    batch = json.dumps([arrived(2).event, arrived(1).event]).encode()

    def row(payload: bytes, encoding: str | None, puback: object, content: str) -> str:
        return json.dumps(
            {
                "at": 1.0,
                "acked_at": 1.5,
                "client": "c",
                "topic": "t",
                "content_type": content,
                "encoding": encoding,
                "payload_b64": base64.b64encode(payload).decode(),
                "puback": puback,
            }
        )

    cloudevents, alone = "application/cloudevents-batch+json", "application/cloudevents+json; charset=UTF-8"
    (tmp_path / "received").write_text(
        "\n".join(
            [
                row(batch, None, "lost", cloudevents),
                row(gzip.compress(batch), "gzip", 0, cloudevents),
                row(json.dumps(arrived(3).event).encode(), None, 0, alone),
                row(b'{"id":"j/canary/1","type":"floor.agent.canary"}', None, 0, alone),
                row(b'{"state":"online"}', None, 0, "application/json"),
            ]
        )
        + "\n"
    )

    events, copies = read_received(tmp_path / "received")

    assert [one.sequence for one in events] == [1, 2, 3]
    assert [one.acked_at for one in events] == [1.5, 1.5, 1.5]
    assert copies == 2


def test_nothing_received_is_no_evidence(tmp_path: Path) -> None:
    assert read_received(tmp_path / "nowhere") == ([], 0)


TRUTH = {
    "coin_in": 150,
    "coin_out": 20,
    "jackpot": 0,
    "games_played": 3,
    "credits": 70,
    "bills_in": 200,
    "tickets_out": 0,
}
BEFORE = {"coin_in": 100, "coin_out": 10, "jackpot": 0, "games_played": 2, "credits": 10, "bills_in": 100}
AFTER = {"coin_in": 150, "coin_out": 20, "jackpot": 0, "games_played": 3, "credits": 70, "bills_in": 200}
STORY = [
    exception(2, 0x4F, denomination_code=7, count=1, bill={"minor": 100, "currency": "USD"}),
    exception(3, 0x7E, coin_in_credits=150, wager=money(50)),
    exception(4, 0x7F, win=money(10)),
]


def checks(*events: Arrived, truth: dict[str, int] | None = None) -> list[str]:
    return [f"{check.meter}: {check.what}" for check in check_meters("slot-001", truth or TRUTH, events)]


class TestMeters:
    def test_events_that_add_up_agree(self) -> None:
        assert checks(snapshot(1, BEFORE), *STORY, snapshot(5, AFTER)) == []

    @pytest.mark.parametrize(("missing", "meter"), [(0, "bills_in"), (1, "coin_in"), (2, "won")])
    def test_an_event_that_is_missing_is_found(self, missing: int, meter: str) -> None:
        story = [event for index, event in enumerate(STORY) if index != missing]

        assert checks(snapshot(1, BEFORE), *story, snapshot(5, AFTER)) == [f"{meter}: the meters rose by"]

    def test_an_event_that_was_repeated_for_certain_is_found(self) -> None:
        again = exception(5, 0x7F, win=money(10))

        assert checks(snapshot(1, BEFORE), *STORY, again, snapshot(6, AFTER)) == ["won: the meters rose by"]

    def test_a_doubtful_event_counts_only_if_the_meters_say_so(self) -> None:
        doubtful = exception(5, 0x7F, repeated=True, win=money(10))

        assert checks(snapshot(1, BEFORE), *STORY, doubtful, snapshot(6, AFTER)) == []

    def test_many_doubtful_events_are_bounded(self) -> None:
        doubtful = [exception(5 + index, 0x7F, repeated=True, win=money(10)) for index in range(40)]

        assert checks(snapshot(1, BEFORE), *STORY, *doubtful, snapshot(99, AFTER)) == []

    def test_a_last_snapshot_that_is_not_the_machines_own_truth_is_found(self) -> None:
        truth = {**TRUTH, "coin_in": 151}

        assert checks(snapshot(1, AFTER), snapshot(5, AFTER), truth=truth) == ["coin_in: the machine says"]

    def test_a_meter_that_was_never_published_is_found(self) -> None:
        partial = {name: value for name, value in AFTER.items() if name != "jackpot"}

        assert checks(snapshot(1, partial)) == ["jackpot: the machine says"]

    def test_what_one_snapshot_lacks_another_may_have(self) -> None:
        partial = {name: value for name, value in AFTER.items() if name != "jackpot"}

        assert checks(snapshot(1, BEFORE), *STORY, snapshot(5, AFTER), snapshot(6, partial)) == []

    def test_credits_of_unknown_worth_are_not_taken_for_nothing(self) -> None:
        assert [
            str(check)
            for check in check_meters("slot-001", TRUTH, [snapshot(1, AFTER, worth_known=False)])
            if check.meter == "coin_in"
        ] == ["slot-001 coin_in: the machine says 150, published nothing"]

    def test_the_events_are_added_up_from_the_first_snapshot_with_a_worth(self) -> None:
        story = [event for event in STORY if event is not STORY[1]]
        unworthy = snapshot(0, BEFORE, worth_known=False)

        assert checks(unworthy, snapshot(1, BEFORE), *STORY, snapshot(5, AFTER)) == []
        assert checks(unworthy, snapshot(1, BEFORE), *story, snapshot(5, AFTER)) == [
            "coin_in: the meters rose by"
        ]

    def test_a_machine_without_a_settled_snapshot_is_found(self) -> None:
        assert checks(snapshot(1, AFTER, settled=False)) == [
            "all: no settled snapshot was published; expected"
        ]

    def test_one_byte_exceptions_leave_it_to_the_snapshots(self) -> None:
        game = arrived(2, code="0x7e", real_time=False, possibly_repeated=False)
        bill = arrived(3, code="0x49", real_time=False, possibly_repeated=False)

        assert checks(snapshot(1, BEFORE), game, bill, STORY[2], snapshot(5, AFTER)) == []

    def test_the_last_snapshot_must_follow_the_last_money(self) -> None:
        assert last_snapshot_is_in([*STORY, snapshot(5, AFTER)])
        assert last_snapshot_is_in([*STORY, snapshot(5, AFTER), exception(6, 0x11)])
        assert not last_snapshot_is_in([snapshot(1, AFTER), *STORY])
        assert not last_snapshot_is_in([])

    def test_a_last_snapshot_that_lacks_something_has_to_be_followed_by_another(self) -> None:
        partial = {name: value for name, value in AFTER.items() if name != "jackpot"}

        assert not last_snapshot_is_in([snapshot(1, AFTER), *STORY, snapshot(5, partial)])
        assert not last_snapshot_is_in([*STORY, snapshot(5, AFTER, worth_known=False)])
        assert last_snapshot_is_in([*STORY, snapshot(5, AFTER), snapshot(6, partial)])

    def test_what_was_ever_told_of_a_meter_has_to_be_told_again(self) -> None:
        partial = {name: value for name, value in AFTER.items() if name != "bills_in"}

        assert not last_snapshot_is_in([snapshot(1, BEFORE), *STORY, snapshot(5, partial)])
        assert last_snapshot_is_in([snapshot(1, BEFORE), *STORY, snapshot(5, partial), snapshot(6, AFTER)])
        assert last_snapshot_is_in([*STORY, snapshot(5, partial)])


def test_a_percentile_is_a_value_that_was_seen() -> None:
    assert percentile([], 0.5) is None
    assert percentile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert percentile([1.0, 2.0], 0.99) == 2.0
