"""Quirks of what is told until it was read: the observer looks, and the primary reads so that it ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.events.slot import MachineIdentified, SequenceViolation
from edge_agent.events.slot_records import AftTransferRecorded, HandpayRecorded
from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import LongPollRequest, encode_poll
from edge_agent.simulator.handpays import CANCELLED_CREDITS, Handpay

SetScene = Callable[..., Any]


def handpay_for_a_minute(scene: SetScene, role: str) -> Any:
    """A handpay that no attendant has come for."""
    line = scene("strict-602", options={"role": role}).meet()
    line.cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 5_000))
    line.run_for(62)
    return line


def test_quirk_05_an_observer_is_told_again_and_knows_it_for_the_same_handpay(scene: SetScene) -> None:
    line = handpay_for_a_minute(scene, "observer")

    assert line.heard.count(0x51) == 5
    assert line.certain.count(0x51) == 1
    assert line.asked(0x1B) == 0
    assert line.of(SequenceViolation) == []
    assert set(line.station_counters.conditions) >= {"handpay"}


def test_quirk_05_the_primary_reads_the_handpay_and_is_told_once(scene: SetScene) -> None:
    line = handpay_for_a_minute(scene, "primary")

    assert line.heard.count(0x51) == 1
    assert [record.credits.credits for record in line.of(HandpayRecorded)] == [5_000]


def after_a_transfer(scene: SetScene, role: str) -> Any:
    """Another host has put $10 on the machine, and reads no further."""
    line = scene("aft-particular", options={"role": role}, lock_settles=0.0).meet()
    values = {
        "transfer_code": 0x00, "transaction_index": 0, "transfer_type": 0x00, "cashable_cents": 1_000,
        "restricted_cents": 0, "nonrestricted_cents": 0, "transfer_flags": 0, "asset_number": 300,
        "registration_key": bytes(20), "transaction_id": "T0001", "expiration": "00000000", "pool": 0,
        "receipt_data": (),
    }  # fmt: skip
    taken = line.cabinet.aft.take(values)
    assert taken["transfer_status"] == 0x40
    line.run_for(40)
    return line


@pytest.mark.parametrize(("role", "is_closed"), [("observer", False), ("primary", True)])
def test_quirk_14_only_the_primary_closes_a_transfer(scene: SetScene, role: str, *, is_closed: bool) -> None:
    line = after_a_transfer(scene, role)

    look, read = (append_crc(bytes((0x01, 0x72, 0x02, code, 0x00))) for code in (0xFE, 0xFF))
    sent = {bytes(character & 0xFF for character in poll) for poll in line.polls}
    assert (look in sent, read in sent) == (not is_closed, is_closed)
    assert [record.status for record in line.of(AftTransferRecorded)] == ["full_transfer_done"]
    assert (line.cabinet.aft.memory.current is None) is is_closed


def test_quirk_14_the_polls_that_look_and_read_are_what_they_are_called() -> None:
    looked = LongPollRequest(1, 0x72, {"transfer_code": 0xFE, "transaction_index": 0})

    assert encode_poll(looked) == append_crc(bytes.fromhex("017202fe00"))


def test_quirk_12_the_driver_tells_the_asset_number_by_which_transfers_name_the_machine(
    scene: SetScene,
) -> None:
    line = scene("aft-particular")

    line.run_for(25)

    assert [identity.asset_number for identity in line.of(MachineIdentified)] == [300]
