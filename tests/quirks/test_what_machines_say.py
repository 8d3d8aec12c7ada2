"""Quirks of what machines say: refusals, idle codes, odd frames, odd answers, and hosts that ask oddly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from edge_agent.events.agent import LineDown, ProtocolErrors
from edge_agent.events.slot import (
    GameStarted,
    MachineIdentified,
    MetersRead,
    MeterVariance,
    ReelStopped,
    SlotException,
)
from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import DataReply
from edge_agent.sas.wakeup import encode_host_message, marked, stuff

SetScene = Callable[..., Any]
SitDown = Callable[..., Any]

ONE_BYTE = {"real_time_events": "off"}


@pytest.mark.parametrize("vendor", ["auto", "wms-bb2"])
def test_quirk_03_bursts_of_81_are_refusals(scene: SetScene, vendor: str) -> None:
    line = scene("wms-bb2-class", options={**ONE_BYTE, "vendor": vendor}).meet()

    raised = line.doors(60, every=0.5)
    line.run_for(20)

    assert line.heard == raised == line.machine.raised
    assert sum(report.count for report in line.of(ProtocolErrors)) > 20
    assert line.of(LineDown) == []


def test_quirk_03_what_a_refusal_garbled_before_it_is_told_again_after_it(scene: SetScene) -> None:
    """A poll to another address would acknowledge what was said last, and had not been heard."""
    line = scene("wms-bb2-class", options=ONE_BYTE).meet()
    line.port.temperament = replace(line.port.temperament, stray_before=(0x01,), stray_chance=0.4)

    raised = line.doors(60, every=0.5)
    line.run_for(30)

    assert line.certain == raised


def test_quirk_03_a_machine_with_a_hopper_means_it(scene: SetScene) -> None:
    line = scene(spec={"has_hopper": True}, options={**ONE_BYTE, "vendor": "wms-bb2"}).meet()

    line.raise_exception(0x81)
    line.run_for(1)

    assert line.heard == [0x81]


def test_quirk_04_1f_at_every_general_poll_is_idle(scene: SetScene, hand: SitDown) -> None:
    machine = hand("idle-waiting-player")
    assert [machine.exception() for _ in range(3)] == [0x1F] * 3

    line = scene("idle-waiting-player", options=ONE_BYTE).meet()
    raised = line.doors(5)
    line.run_for(20)

    assert line.heard == raised
    assert line.of(MetersRead)[-1].settled
    assert line.station_counters.unknown_codes == {}


@pytest.mark.parametrize("idle_code", [0x00, 0x1F])
def test_quirk_06_idle_frames_at_poll_rate_are_idle(scene: SetScene, hand: SitDown, idle_code: int) -> None:
    machine = hand("idle-waiting-player", idle_code=idle_code)
    machine.ask(append_crc(bytes.fromhex("010e01")))
    machine.synchronise()
    assert machine.ask("81") == append_crc(bytes((0x01, 0xFF, idle_code)))

    line = scene("idle-waiting-player", idle_code=idle_code)
    line.port.real_time = True  # another host has been here
    line.run_for(40)
    raised = line.doors(5)
    line.run_for(20)

    assert line.of(MachineIdentified)
    assert line.heard == raised
    assert line.port.real_time


def test_quirk_07_event_88_without_its_data_says_null(scene: SetScene) -> None:
    line = scene("idle-waiting-player").meet()

    line.raise_exception(0x88, reel=1, stop=5)
    line.doors(1)
    line.run_for(10)

    assert [(reel.reel, reel.stop) for reel in line.of(ReelStopped)] == [(None, None)]
    assert line.heard == [0x88, 0x11, 0x12]
    assert line.of(ProtocolErrors) == []


def test_quirk_07_event_88_with_its_data_says_them(scene: SetScene) -> None:
    line = scene().meet()

    line.raise_exception(0x88, reel=1, stop=5)
    line.run_for(5)

    assert [(reel.reel, reel.stop) for reel in line.of(ReelStopped)] == [(1, 5)]


def test_an_event_with_more_data_than_the_tables_know_is_journalled_without_them_and_counted(
    scene: SetScene,
) -> None:
    """Whatever it says, it happened; and a machine that is not understood would say nothing else for ever."""
    line = scene(long_events=frozenset({0x11, 0x4F})).meet()

    line.doors(1)
    line.raise_exception(0x4F, country=37, denomination_code=4, count=7)
    line.doors(1)
    line.run_for(70)

    assert line.heard == [0x11, 0x12, 0x4F, 0x11, 0x12]
    assert [type(body) for body in line.of(SlotException) if body.name == "bill_accepted"] == [SlotException]
    assert line.of(ProtocolErrors)[-1].last == "slot_door_opened: data that no table lays out so"


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_quirk_09_answers_to_1f_end_where_their_crc_does(
    scene: SetScene, hand: SitDown, chance: float
) -> None:
    lengths = set()
    machine = hand("egt-class", long_information_chance=chance)
    for _ in range(20):
        lengths.add(len(machine.ask("011f")))
        machine.synchronise()
    assert lengths == {0.0: {24}, 0.5: {24, 25}, 1.0: {25}}[chance]

    line = scene("egt-class", long_information_chance=chance)
    line.run_for(40)

    assert [one.denomination for one in line.of(MachineIdentified)] == ["0.01"]
    assert line.of(ProtocolErrors) == []


def test_quirk_18_polls_of_a_careless_host_are_served(hand: SitDown) -> None:
    """82 before each command, a zero behind 54, a CRC behind what needs none; no ninth bit at all."""
    machine = hand("novomatic-class", answer_delay=0.0, answer_jitter=0.0, spec={"validation": "standard"})
    machine.cabinet.open_door()

    version = machine.write(b"\x82\x01\x54\x00", wait=0.002)
    door = machine.write(b"\x81")
    credits_ = machine.write(b"\x82" + append_crc(b"\x01\x1a"))
    nothing = machine.write(b"\x82\x81")

    assert version[:2] == b"\x01\x54"
    assert door == b"\x11"
    assert machine.machine.delivered == 1, "82 is a poll to another address: it acknowledges"
    assert credits_[:2] == b"\x01\x1a"
    assert nothing == b"\x00"


def test_quirk_18_the_same_from_a_host_that_has_the_ninth_bit(hand: SitDown) -> None:
    machine = hand()

    version = machine.write(marked(0x82) + encode_host_message(b"\x01\x54") + stuff(b"\x00"))
    credits_ = machine.write(marked(0x82) + encode_host_message(append_crc(b"\x01\x1a")))

    assert version[:2] == b"\x01\x54"
    assert credits_[:2] == b"\x01\x1a"


def test_quirk_19_a_denomination_nobody_configured_is_unknown_and_no_money_is_made_up(
    scene: SetScene, hand: SitDown
) -> None:
    machine = hand("novomatic-class")
    machine.wait(0.5)
    information = machine.write(encode_host_message(b"\x01\x1f"), wait=0.5)
    assert information[7] == 0x00

    line = scene("novomatic-class")
    line.run_for(60)
    line.play()
    line.run_for(20)

    assert [one.denomination for one in line.of(MachineIdentified)] == [None]
    assert [game.wager.credits for game in line.of(GameStarted)] == [5]
    assert [game.wager.money for game in line.of(GameStarted)] == [None]
    credit_meters = [meter for meter in line.of(MetersRead)[-1].meters if meter.unit == "credits"]
    assert credit_meters
    assert all(meter.money is None for meter in credit_meters)
    assert line.of(MeterVariance) == []


def test_quirk_22_3c_for_every_change_is_answered_by_one_interrogation(scene: SetScene) -> None:
    line = scene("restless-options").meet()
    before = line.asked(0xA0)

    line.cabinet.change_options()
    line.run_for(1.0)
    line.cabinet.change_options()
    line.run_for(30)

    assert line.heard == [0x3C] * 10
    assert line.asked(0xA0) - before == 1
    assert line.of(MachineIdentified)


def test_quirk_29_a_port_without_roles_is_read_as_far_as_it_goes(scene: SetScene, hand: SitDown) -> None:
    machine = hand("second-port")
    for poll in ("0170", append_crc(bytes.fromhex("017101ff")), append_crc(bytes.fromhex("017202ff00"))):
        assert machine.ask(poll) == b""
        machine.synchronise()

    line = scene("second-port")
    line.run_for(30)
    raised = line.doors(5)
    line.play()
    line.run_for(20)

    assert {"0x73", "0x74"} <= set(line.of(MachineIdentified)[0].unsupported_polls)
    assert [code for code in line.heard if code in (0x11, 0x12)] == raised
    assert line.of(MetersRead)[-1].settled
    assert line.of(LineDown) == line.of(ProtocolErrors) == line.of(MeterVariance) == []


def test_quirk_29_the_number_of_a_ticket_is_not_told_there(hand: SitDown) -> None:
    numbers = {}
    for personality in ("plain", "second-port"):
        machine = hand(personality, spec={"validation": "standard"})
        machine.cabinet.accept_bill(5)
        machine.cabinet.cash_out.begin("12345678")
        reply = machine.read("013d")
        assert isinstance(reply, DataReply)
        numbers[personality] = reply.values["validation_number"]

    assert numbers == {"plain": "12345678", "second-port": "00000000"}
