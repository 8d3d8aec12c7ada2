"""What outlives the power: a whole machine as JSON, and back; and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.games import Bet
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.specification import MachineSpec
from edge_agent.testing.machine_bench import ABLE, MachineBench


def live(line: MachineOnLine, start: float, seconds: float) -> None:
    now = start
    while now < start + seconds:
        line.handle_timer(now)
        now = max(line.machine.next_timer() or now, now + 0.01)


@pytest.mark.parametrize("spec", default_floor(5, seed=6), ids=lambda spec: spec.game_id)
def test_a_machine_of_the_floor_lives_on_from_any_moment(spec: MachineSpec) -> None:
    line = MachineOnLine(spec, seed=spec.number)
    now = 0.0
    for life in range(3):
        live(line, now, 37.0 + life)
        now += 100.0
        memory = json.loads(json.dumps(line.remember()))
        before = line.machine.cabinet.accounts
        line = MachineOnLine(spec, seed=life, memory=memory)

        assert line.machine.cabinet.accounts == before
        live(line, now, 20.0)
        now += 20.0
        line.stop_play(now)
        live(line, now, 30.0)
        now += 30.0
        accounts = line.machine.cabinet.accounts
        assert accounts.balance == 0
        assert accounts.power_resets >= before.power_resets + 1
        assert accounts.games_played == accounts.games_won + accounts.games_lost
        assert line.machine.cabinet.handpays.pending is None
        line = MachineOnLine(spec, seed=life, memory=json.loads(json.dumps(line.remember())))


def test_a_game_that_was_cut_short_is_paid_after_the_power_came_back() -> None:
    bench = MachineBench()
    bench.cabinet.accept_bill(1)
    bench.cabinet.games.start(Bet(1, 0), win=25)

    bench.die_and_return()

    assert bench.ask(0x1A) == {"current_credits": 124}
    heard = bench.hear()
    assert heard.index(0x7E) < heard.index(0x18) < heard.index(0x17) < heard.index(0x7F)


def test_what_was_pending_is_told_in_the_next_life_with_its_data() -> None:
    bench = MachineBench()
    bench.cabinet.accept_bill(20)
    bench.cabinet.games.start(Bet(2, 0), win=7)
    bench.cabinet.games.finish()

    bench.die_and_return()
    bench.ask(0x0E, enable=1)
    bench.ask(0x1A)

    told = [(event.code, event.values) for event in bench.events]
    assert (0x4F, {"country": 37, "denomination_code": 4, "count": 1}) in told
    assert (0x7F, {"win": 7}) in told
    assert [code for code, _ in told][-2:] == [0x18, 0x17]


def test_meters_switches_and_texts_are_as_they_were() -> None:
    bench = MachineBench(replace(ABLE, past_twenties=500))
    bench.cabinet.accept_bill(20)
    bench.read(0x07)
    bench.read(0x7C, texts=({"code": 0, "text": "Riverside"},))
    bench.cabinet.games.select(2, 0x02)
    commands = (0x0F, 0x19, 0x1A, 0x1E, 0x48, 0x55, 0xB1)
    before = [bench.read(command) for command in commands]

    bench.die_and_return()

    assert [bench.read(command) for command in commands] == before
    assert not bench.cabinet.takes_bill(20)
    assert bench.cabinet.validation.memory.ticket_texts == {0: "Riverside"}
    assert bench.ask(0x1C)["power_resets"] == 1


MEMORY = MachineBench().machine.remember()


def broken(*path: str, value: Any = "nonsense") -> dict[str, Any]:
    memory: dict[str, Any] = json.loads(json.dumps(MEMORY))
    at = memory
    for step in path[:-1]:
        at = at[step]
    at[path[-1]] = value
    return memory


@pytest.mark.parametrize(
    ("memory", "names"),
    [
        ({}, "not of machine SIM000001"),
        (broken("form", value=2), "not of machine"),
        (broken("serial"), "not of machine"),
        (broken("cabinet"), "not of machine"),
        (broken("pending"), "pending"),
        (broken("pending", value=[["x", {}]]), "pending"),
        (broken("cabinet", "board"), "board"),
        (broken("cabinet", "board", "accounts", "coin_in"), "board.accounts.coin_in"),
        (broken("cabinet", "board", "accounts", "games", value=[]), "0 games"),
        (broken("cabinet", "aft", "current", value={"status": 1}), "aft.current"),
        (broken("cabinet", "validation", value=None), "validation"),
    ],
)
def test_a_memory_that_is_not_this_machines_is_refused_by_name(memory: dict[str, Any], names: str) -> None:
    with pytest.raises(ConfigurationError, match=names) as refused:
        MachineBench(memory=memory)

    assert refused.value.mend


def test_a_memory_of_another_machine_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="not of machine OTHER"):
        MachineBench(replace(ABLE, serial="OTHER"), memory=MEMORY)


def test_without_power_nothing_is_due() -> None:
    bench = MachineBench(replace(ABLE, validation="system"))
    bench.cabinet.accept_bill(5)
    bench.cabinet.cash_out.begin("")
    assert bench.machine.next_timer() is not None

    bench.cabinet.lose_power()

    assert bench.machine.next_timer() is None
    bench.now += 60.0
    bench.cabinet.regain_power()
    assert bench.cabinet.board.situation.cashing_out
