"""The proof of a run whose disk was short: what was let go and told of is no loss, all else is."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent.journal_watch import gap_event
from edge_agent.clock import Clock
from edge_agent.delivery import DeliveryClass
from edge_agent.events import Observation, identify, seal
from edge_agent.events.base import EventBody
from edge_agent.events.delivery_class import class_of_sealed
from edge_agent.events.slot import SlotException
from edge_agent.journal import Budget, Journal, Record, open_journal
from edge_agent.standin.ledger import Entry
from edge_agent.trial.meters import MeterCheck, check_meters
from edge_agent.trial.permitted import class_of_raised, really_lost
from edge_agent.trial.plan import TrialFolder, TrialPlan
from edge_agent.trial.proof import Proof, prove
from tests.trial.test_evidence_and_meters import arrived, exception, money, snapshot

A, B, C = DeliveryClass
DOOR, GAME_ENDED = 0x11, 0x7F
KIB = 1 << 10


def sealed(body: EventBody) -> bytes:
    return seal(Observation("table-01", 5.0, body), Clock().reading(), "/floor/lab/gw-07")


def raise_on(journal: Journal, serial: int, code: int) -> dict[str, Any]:
    """Journal what a device raised; what the device writes down of it."""
    name, category = {DOOR: ("slot_door_opened", "door"), GAME_ENDED: ("game_ended", "game")}[code]
    body = SlotException(
        code=f"0x{code:02x}", name=name, category=category, real_time=False, possibly_repeated=False
    )
    journal.append([sealed(body)])
    return {
        "line": "table-01",
        "what": "raised",
        "serial": serial,
        "code": code,
        "values": {},
        "at": 1.0,
    }


def received(journal: Journal, records: Sequence[Record]) -> bytes:
    """What the stand-in writes down of them."""
    events = [identify(one.payload, journal.id, one.sequence, one.chain, one.before) for one in records]
    payload = b"[" + b",".join(events) + b"]"
    content_type = "application/cloudevents-batch+json"
    return Entry(1.0, 1.1, "gw-07", "floor/lab/gw-07/ev/batch", content_type, None, payload, 0).line()


def run_of(path: Path, keep: Callable[[Record], bool]) -> Proof:
    """A run in which games had to be let go, and of the rest this was received."""
    folder = TrialFolder(path, path / "pki")
    with open_journal(
        path / "agent" / "journal",
        role="collect",
        budget=Budget(size_bytes=256 * KIB, minimum_free_bytes=0),
        classify=class_of_sealed,
        describe_gap=lambda gap: sealed(gap_event(gap)),
        housekeeping=False,
        segment_bytes=16 * KIB,
    ) as journal:
        raised: list[dict[str, Any]] = []
        while not (journal.head > 40 and journal.shed()):
            raised.append(raise_on(journal, len(raised), GAME_ENDED if len(raised) % 4 else DOOR))
        records = [record for record in journal.records() if keep(record)]
        (path / "received.jsonl").write_bytes(received(journal, records))
        journal.acknowledge("forwarder", 1, journal.head)
    (path / "floor.jsonl").write_text("\n".join(map(json.dumps, raised)), encoding="utf-8")
    (path / "truth.json").write_text("{}", encoding="utf-8")
    nothing = {"collector": 0, "forwarder": 0}
    return prove(
        TrialPlan.of(machines=0, tables=1, state=path),
        folder,
        began=0.0,
        played=1.0,
        cpu_percent=nothing,
        rss_bytes=nothing,
        polls={},
        kills={},
    )


@pytest.fixture
def run(tmp_path: Path) -> Path:
    (tmp_path / "agent").mkdir()
    return tmp_path


def test_what_was_let_go_for_room_and_told_of_is_told_as_shed(run: Path) -> None:
    proof = run_of(run, lambda _record: True)

    assert proof.holds
    assert proof.shed > 20
    assert (proof.lost, proof.gaps) == (0, 0)
    assert "shed" in proof.as_text()
    assert "Nothing was lost but what was let go for room and told" in proof.as_text()
    assert proof.as_dict()["shed"] == proof.shed


def test_money_that_did_not_arrive_is_lost_whatever_was_let_go(run: Path) -> None:
    proof = run_of(run, lambda record: record.sequence not in {1, 9})

    assert not proof.holds
    assert (proof.lost, proof.gaps) == (2, 2)
    assert "NOT ALL" in proof.as_text()


def test_more_than_is_told_is_lost(run: Path) -> None:
    proof = run_of(run, lambda record: record.delivery_class is A)

    assert not proof.holds
    assert proof.lost == proof.gaps > 20


def test_as_many_are_taken_for_let_go_as_are_told_of_their_class() -> None:
    entries = [{"line": "slot-001", "code": code} for code in (GAME_ENDED, GAME_ENDED, DOOR, [3, 17])]

    assert really_lost(entries, {C: 1, A: 5}) == entries[1:]
    assert really_lost(entries, {B: 1, C: 9}) == entries[2:3]
    assert [class_of_raised(code) for code in (GAME_ENDED, DOOR, 0x60, 0xEE)] == [C, A, B, A]


def test_meters_may_have_risen_by_more_than_the_games_that_were_not_let_go() -> None:
    before = {"coin_in": 100, "coin_out": 0, "jackpot": 0, "bills_in": 0, "credits": 0}
    told = [
        snapshot(1, before),
        exception(2, 0x7E, wager=money(5)),
        arrived(3),
        snapshot(4, before | {"coin_in": 120}),
    ]
    truth = {"coin_in": 120, "coin_out": 0, "jackpot": 0, "bills_in": 0, "credits": 0}
    truth |= {"handpaid_cancelled": 0, "games_played": 0, "tickets_out": 0}

    assert [*check_meters("slot-001", truth, told, {C: 3})] == []
    assert [*check_meters("slot-001", truth, told)] == [
        MeterCheck("slot-001", "coin_in", "the meters rose by", 20, 5)
    ]
