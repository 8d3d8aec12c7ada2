"""Quirks of meters and of memory: late meters, meters that step down, and exceptions that are lost."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edge_agent.events.slot import (
    MachineIdentified,
    MeterBackwards,
    MeterEpochBegan,
    MetersRead,
    MeterVariance,
)
from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import DataReply

SetScene = Callable[..., Any]
SitDown = Callable[..., Any]

OFTEN = {"meters_seconds": 1}
# Handpays, ticket records, a ticket in escrow and what became of it, transfers and locks, the last bill.
EVERYTHING_TOLD = (0x1B, 0x4D, 0x70, 0x71, 0x72, 0x74, 0x48)
# So many $20 bills in its past that a game's meters have more than three digits.
OLD = {"past_twenties": 1_000}


def read(host: Any, message: str) -> dict[str, Any]:
    """What a machine answers, by name."""
    reply = host.read(bytes.fromhex(message) if len(message) == 4 else append_crc(bytes.fromhex(message)))
    assert isinstance(reply, DataReply)
    host.synchronise()
    return dict(reply.values)


def test_quirk_20_classic_meters_follow_a_game_late(hand: SitDown) -> None:
    machine = hand("aristocrat-class")
    before = read(machine, "0119")["coin_out"]
    machine.cabinet.accept_bill(5)
    start, end = machine.cabinet, machine.cabinet
    machine.machine.port.raise_exception(0x7E, machine.now, {})
    start.accounts.machine_pays(1, 500)
    machine.machine.port.raise_exception(0x7F, machine.now, {})

    def selected() -> int:
        (meter,) = read(machine, "012f03000001")["meters"]
        return int(meter.digits)

    assert (read(machine, "0119")["coin_out"], selected()) == (before, end.accounts.coin_out)
    machine.wait(0.8)
    assert read(machine, "0119")["coin_out"] == selected() == before + 500


def play_and_read(scene: SetScene, vendor: str) -> Any:
    """Games at a machine whose meters are late, each read after."""
    line = scene("aristocrat-class", options={**OFTEN, "vendor": vendor})
    line.run_for(20)
    for _ in range(8):
        line.play(win=50)
        line.run_for(3)
    line.run_for(10)
    return line


def test_quirk_20_late_meters_are_waited_for(scene: SetScene) -> None:
    line = play_and_read(scene, vendor="auto")

    assert line.of(MachineIdentified)[0].vendor_profile == "aristocrat"
    assert line.of(MeterVariance) == []
    last = {meter.name: meter.value for meter in line.of(MetersRead)[-1].meters}
    assert last["coin_out"] == line.cabinet.accounts.coin_out


def test_quirk_20_read_at_once_they_do_not_agree_with_the_games(scene: SetScene) -> None:
    assert {variance.meter for variance in play_and_read(scene, vendor="none").of(MeterVariance)} == {"won"}


def test_quirk_21_meters_of_a_game_step_down_and_the_machines_do_not(hand: SitDown) -> None:
    machine = hand("wms-bb2-class", spec=OLD)
    game, whole = read(machine, "01520001"), read(machine, "0119")

    machine.cabinet.change_options()

    assert read(machine, "01520001")["coin_in"] < game["coin_in"]
    assert read(machine, "0119") == whole


def test_quirk_21_a_game_that_steps_down_is_no_clear_and_no_fall(scene: SetScene) -> None:
    line = scene("wms-bb2-class", spec=OLD, options=OFTEN).meet()

    for _ in range(3):
        line.play(win=20)
        line.run_for(2)
    line.cabinet.change_options()
    for _ in range(3):
        line.run_for(10)
        line.play(win=20)
    line.run_for(30)

    assert line.of(MeterEpochBegan) == line.of(MeterVariance) == []
    assert [fall for fall in line.of(MeterBackwards) if fall.game is None] == []
    last = {meter.name: meter.value for meter in line.of(MetersRead)[-1].meters}
    assert last["coin_in"] == line.cabinet.accounts.coin_in


def test_quirk_23_after_an_overflow_the_meters_say_what_was_lost(scene: SetScene) -> None:
    line = scene(options=OFTEN).meet()
    for wire in line.wires:
        wire.cut(line.clock.now, 20.0)
    for _ in range(30):
        line.play(win=5, seconds=0.1)
    line.run_for(60)

    assert line.heard[0] == 0x70
    assert len(line.heard) == 1 + 25
    assert line.machine.dropped == 60 - 25
    assert "overflow" in {reading.reason for reading in line.of(MetersRead)}
    variances = {variance.meter: variance for variance in line.of(MeterVariance)}
    assert {variance.likely_cause for variance in variances.values()} == {"overflow"}
    bet = line.machine.spec.games[0].bets[0]
    told = line.heard.count(0x7E) * bet
    assert variances["coin_in"].unexplained == 30 * bet - told


def test_quirk_23_after_an_overflow_the_primary_asks_for_all_that_may_have_been_told(scene: SetScene) -> None:
    line = scene("aft-particular", options={"role": "primary"}).meet()
    before = {command: line.asked(command) for command in EVERYTHING_TOLD}

    line.raise_exception(0x70)
    line.run_for(10)

    assert all(line.asked(command) > before[command] for command in EVERYTHING_TOLD)
