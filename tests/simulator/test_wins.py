"""Progressives, legacy bonuses, multiplied jackpots and tournaments."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from edge_agent.sas.messages import Ack, Busy, EventReply, Nack
from edge_agent.simulator.games import Bet
from edge_agent.simulator.handpays import Handpay
from edge_agent.testing.machine_bench import ABLE, MachineBench

NO_WIN = {"progressive_group": 0, "level": 0, "amount_cents": 0}


def bench_of(**change: Any) -> MachineBench:
    bench = MachineBench(replace(ABLE, **change))
    bench.read(0x4C, machine_id=1, sequence=0)
    bench.cabinet.accept_bill(20)
    bench.hear()
    return bench


def play(bench: MachineBench, win: int = 0) -> None:
    bench.cabinet.games.start(Bet(1, 0), win)
    bench.cabinet.games.finish()


# -- progressives ----------------------------------------------------------------------------


def feed(bench: MachineBench, level: int, cents: int, group: int = 1) -> Any:
    return bench.read(0x80, progressive_group=group, level=level, amount_cents=cents)


def hit(bench: MachineBench, *levels: int, own: bool = False) -> None:
    for level in levels:
        bench.cabinet.games.start(Bet(1, 0))
        games = bench.cabinet.games
        (games.hit_own_progressive if own else games.hit_progressive)(level)
        bench.cabinet.games.finish()


def test_a_hit_pays_what_the_host_told_last_and_stays_to_be_read() -> None:
    bench = bench_of()
    feed(bench, 2, 73_210)

    hit(bench, 2)

    assert bench.hear() == [0x56, 0x9E, 0x7E, 0x54, 0x7F]
    won = {"progressive_group": 1, "level": 2, "amount_cents": 73_210}
    assert bench.ask(0x84) == won
    assert bench.read(0x85) == won
    assert bench.read(0x85) == NO_WIN
    assert bench.ask(0x84) == won
    assert bench.ask(0x83, game=1) == {"game": 1, "progressive_wins": 73_210}
    meters = bench.ask(0x6F, game=0, meter_codes=(0x01, 0x1C, 0x1D))["meters"]
    assert [meter.digits for meter in meters] == [73_210, 0, 73_210]


def test_several_hits_are_read_one_by_one_or_together() -> None:
    bench = bench_of()
    hit(bench, 1, 2, 1)

    assert bench.read(0x85)["amount_cents"] == 10_000
    together = bench.read(0x87)

    assert together == {
        "progressive_group": 1,
        "wins": ({"level": 2, "amount_cents": 50_000}, {"level": 1, "amount_cents": 10_000}),
    }
    assert bench.read(0x87) == {"progressive_group": 0, "wins": ()}


def test_a_hit_after_the_answer_is_not_forgotten_with_it() -> None:
    bench = bench_of()
    hit(bench, 1)
    bench.ask(0x87)

    hit(bench, 2)
    bench.acknowledge()

    assert bench.ask(0x85)["level"] == 2
    assert bench.hear()[0] == 0x56


def test_a_large_hit_is_paid_by_hand_and_told_in_cents() -> None:
    bench = bench_of(denomination_code=0x02, player_denominations=(0x02,), attendant_pays_from_cents=40_000)
    hit(bench, 2)

    answer = bench.read(0x1B)
    assert (answer["progressive_group"], answer["level"], answer["amount"]) == (1, 2, 50_000)
    bench.cabinet.key_off()

    assert bench.ask(0x14) == {"jackpot": 10_000}
    meters = bench.ask(0x6F, game=0, meter_codes=(0x20, 0x1F))["meters"]
    assert [meter.digits for meter in meters] == [10_000, 0]
    assert 0x54 not in bench.hear()


def test_a_broadcast_feeds_all_levels_and_another_group_none() -> None:
    bench = bench_of()
    feed(bench, 1, 11_111, group=2)
    feed(bench, 9, 11_111)
    levels = (
        {"level": 1, "amount_cents": 12_345, "base_cents": 10_000, "contribution_rate": 100},
        {"level": 2, "amount_cents": 67_890, "base_cents": 50_000, "contribution_rate": 50},
    )

    bench.read(0x7A, progressive_group=1, levels=levels)

    assert bench.cabinet.progressives.memory.values == {1: 12_345, 2: 67_890}


def test_a_machine_nobody_feeds_says_so_once_an_outage() -> None:
    bench = bench_of()
    bench.wait(4.0)
    assert bench.hear() == []

    silent = bench.now
    while bench.now < silent + 12.0:  # polled, and not fed
        bench.acknowledge()
    assert bench.hear() == [0x53]

    feed(bench, 1, 10_000)
    silent = bench.now
    while bench.now < silent + 6.0:
        bench.acknowledge()
    assert bench.hear() == [0x53]


def test_a_level_of_its_own_controller_grows_and_starts_again() -> None:
    bench = bench_of()
    bench.cabinet.games.start(Bet(5, 0))
    bench.cabinet.games.finish()
    bench.cabinet.progressives.grow(20_000)

    hit(bench, 1, own=True)

    assert bench.ask(0x5D)["wins"] == (
        {
            "controller_type": 0,
            "controller_id": 1,
            "level": 1,
            "amount_cents": 20_200,
            "base_cents": 20_000,
            "escrow_cents": 0,
        },
    )
    assert 0x59 in bench.hear()
    assert bench.cabinet.progressives.memory.own_values == {1: 20_000}


# -- legacy bonuses --------------------------------------------------------------------------


def test_a_bonus_is_paid_at_once_when_the_machine_is_idle() -> None:
    bench = bench_of()

    assert isinstance(bench.read(0x8A, amount=615, tax_status=0), Ack)

    assert bench.hear() == [0x7C]
    paid = {"multiplier": 0, "multiplied_win": 0, "tax_status": 0, "bonus": 615}
    assert bench.ask(0x90) == paid
    assert bench.ask(0x90) == {**paid, "bonus": 0}
    assert bench.ask(0x1A) == {"current_credits": 2_615}
    assert bench.ask(0x12) == {"coin_out": 615}
    assert bench.cabinet.accounts.balance == 0


def test_under_real_time_events_a_bonus_is_told_with_its_data() -> None:
    bench = bench_of()
    bench.read(0x0E, enable=1)

    bench.read(0x8A, amount=5, tax_status=1)
    bench.ask(0x1A)

    assert EventReply(1, 0x7C, {"multiplier": 0, "multiplied_win": 0, "tax_status": 1, "bonus": 5}) in (
        bench.events
    )


@pytest.mark.parametrize("busy_with", ["game", "handpay"])
def test_a_bonus_is_held_until_what_is_under_way_is_over(busy_with: str) -> None:
    bench = bench_of()
    if busy_with == "game":
        bench.cabinet.games.start(Bet(1, 0))
    else:
        bench.cabinet.handpays.call_attendant(Handpay(0x40, 5))
    bench.hear()

    assert isinstance(bench.read(0x8A, amount=10, tax_status=0), Ack)
    bench.wait(3.0)
    assert 0x7C not in bench.hear()
    if busy_with == "game":
        bench.cabinet.games.finish()
    else:
        bench.cabinet.key_off()
    bench.wait(0.2)

    assert 0x7C in bench.hear()


def test_a_disturbed_machine_is_busy_for_bonuses() -> None:
    bench = bench_of()
    bench.cabinet.open_door()
    assert isinstance(bench.read(0x8A, amount=10, tax_status=0), Busy)
    bench.cabinet.close_door()
    bench.read(0x0A)
    assert isinstance(bench.read(0x8A, amount=10, tax_status=0), Busy)
    bench.read(0x0B)

    assert isinstance(bench.read(0x8A, amount=10, tax_status=0), Ack)
    assert isinstance(bench.read(0x8A, amount=10, tax_status=3), Nack)
    assert isinstance(bench.read(0x8A, amount=0, tax_status=0), Nack)


def test_each_tax_status_has_its_meter_for_the_game_it_was_paid_on() -> None:
    bench = bench_of()
    bench.cabinet.games.select(2, 0)
    for tax_status, amount in ((0, 10), (1, 20), (2, 30)):
        bench.read(0x8A, amount=amount, tax_status=tax_status)

    expected = {"deductible": 10, "non_deductible": 20, "wager_match": 30}
    assert bench.ask(0x9A, game=2) == {"game": 2, **expected}
    assert bench.ask(0x9A, game=0) == {"game": 0, **expected}
    assert bench.ask(0x9A, game=1) == {"game": 1, **dict.fromkeys(expected, 0)}


def multiply(bench: MachineBench, times: int, **change: Any) -> Any:
    mode = {"minimum_win": 10, "maximum_win": 100, "tax_status": 0, "wager_type": 0, **change}
    return bench.read(0x8B, multiplier=times, **mode)


@pytest.mark.parametrize(("win", "bonus"), [(9, 0), (10, 20), (100, 200), (101, 0)])
def test_a_win_within_the_limits_is_multiplied(win: int, bonus: int) -> None:
    bench = bench_of()
    multiply(bench, 3)

    play(bench, win)

    told = bench.ask(0x90)
    assert (told["multiplier"], told["multiplied_win"], told["bonus"]) == (
        (3, win, bonus) if bonus else (0, 0, 0)
    )
    assert bench.ask(0x12) == {"coin_out": win + bonus}


def test_a_multiplier_of_one_ends_the_mode() -> None:
    bench = bench_of()
    multiply(bench, 3)
    multiply(bench, 1)

    play(bench, 50)

    assert bench.ask(0x12) == {"coin_out": 50}
    assert isinstance(multiply(bench, 3, minimum_win=200), Nack)


# -- tournaments -----------------------------------------------------------------------------


def tournament_bench() -> MachineBench:
    bench = MachineBench()
    bench.read(0x4C, machine_id=1, sequence=0)
    bench.hear()
    return bench


def test_points_are_nobodys_money() -> None:
    bench = tournament_bench()
    assert isinstance(bench.read(0x8C, game=2, time=230, credits=1_000, pulses=0), Ack)

    play(bench, 50)
    play(bench)

    assert bench.ask(0x99, game=2) == {
        "game": 2,
        "tournament_games_played": 2,
        "tournament_games_won": 1,
        "tournament_wagered": 2,
        "tournament_won": 50,
    }
    assert bench.ask(0x95, game=1)["tournament_games_played"] == 0
    assert bench.ask(0x11) == {"coin_in": 0}
    assert bench.hear() == []
    assert bench.cabinet.tournament.memory.credits == 1_048


@pytest.mark.parametrize("ended_by", ["host", "time", "power"])
def test_a_tournament_ends(ended_by: str) -> None:
    bench = tournament_bench()
    bench.read(0x8C, game=1, time=10, credits=10, pulses=0)
    if ended_by == "host":
        bench.read(0x8C, game=0, time=0, credits=0, pulses=0)
    elif ended_by == "power":
        bench.die_and_return(1.0)
    else:
        bench.wait(9.0)
        assert bench.cabinet.tournament.is_on
        bench.wait(1.5)

    assert not bench.cabinet.tournament.is_on


def test_a_machine_that_holds_credits_does_not_go_into_a_tournament() -> None:
    bench = bench_of()

    assert isinstance(bench.read(0x8C, game=1, time=10, credits=10, pulses=0), Busy)


@pytest.mark.parametrize("change", [{"game": 3}, {"game": 0}, {"time": 99}])
def test_a_tournament_that_makes_no_sense_is_refused(change: dict[str, int]) -> None:
    bench = tournament_bench()

    answer = bench.read(0x8C, **{"game": 1, "time": 10, "credits": 10, "pulses": 0, **change})

    assert isinstance(answer, Nack)
