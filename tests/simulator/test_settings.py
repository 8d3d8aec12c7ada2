"""What a host switches on and off, and that it really is."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.sas.messages import Ack, LongPollRequest, Nack
from edge_agent.simulator.games import Bet
from edge_agent.testing.machine_bench import MachineBench
from tests.simulator.conftest import bench_of


def test_a_locked_out_machine_finishes_its_game_plays_no_other_and_cashes_out() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(20)
    bench.cabinet.games.start(Bet(1, 0))

    assert isinstance(bench.read(0x01), Ack)
    bench.cabinet.games.finish()

    assert not bench.cabinet.can_play
    bench.cabinet.cash_out.begin("")
    assert bench.cabinet.accounts.tickets_out == 1_999
    bench.read(0x02)
    assert bench.cabinet.can_play


def test_a_lock_out_outlives_the_power() -> None:
    bench = bench_of()
    bench.read(0x01)

    bench.die_and_return()

    assert not bench.cabinet.can_play


def test_the_bill_acceptor_is_switched_off_and_on() -> None:
    bench = bench_of()
    bench.read(0x07)
    assert not bench.cabinet.takes_bill(5)

    bench.read(0x06)

    assert bench.cabinet.takes_bill(5)


def test_a_host_chooses_bills_and_may_want_only_one() -> None:
    bench = bench_of()

    bench.read(0x08, denominations=0b0001_0100, action=0)

    assert [bill for bill in bench.spec.bills if bench.cabinet.takes_bill(bill)] == [5, 20]
    bench.cabinet.accept_bill(5)
    assert not bench.cabinet.takes_bill(20)
    bench.read(0x08, denominations=0xFF, action=1)
    bench.cabinet.accept_bill(5)
    assert bench.cabinet.takes_bill(20)


def test_the_bits_of_bills_are_those_of_the_text() -> None:
    bench = bench_of(bills=(1, 2, 5, 10, 20, 25, 50, 100, 10_000))

    bench.read(0x08, denominations=0x80FF, action=1)

    assert all(bench.cabinet.takes_bill(bill) for bill in bench.spec.bills)
    bench.read(0x08, denominations=0x0080, action=1)
    assert [bill for bill in bench.spec.bills if bench.cabinet.takes_bill(bill)] == [100]


@pytest.mark.parametrize(("version", "told"), [("602", 0x3C), ("603", 0xA2)])
def test_a_game_is_disabled_and_enabled_and_told_when_that_changed_something(version: str, told: int) -> None:
    bench = bench_of(version=version)

    assert isinstance(bench.read(0x09, game=2, enable=0), Ack)
    assert bench.ask(0x56) == {"games": (1,)}
    assert bench.hear() == [told]
    bench.read(0x09, game=2, enable=0)
    assert bench.hear() == []
    bench.read(0x09, game=2, enable=1)

    assert bench.ask(0x56) == {"games": (1, 2)}
    assert bench.hear() == [told]


@pytest.mark.parametrize("wrong", [{"game": 0}, {"game": 3}, {"enable": 2}])
def test_a_game_it_does_not_have_cannot_be_switched(wrong: dict[str, int]) -> None:
    assert isinstance(bench_of().read(0x09, **{"game": 1, "enable": 0, **wrong}), Nack)


def test_maintenance_keeps_the_doors_quiet() -> None:
    bench = bench_of()
    bench.read(0x0A)
    bench.cabinet.open_door()
    bench.cabinet.close_door()
    bench.cabinet.note(0x20)
    assert bench.hear() == [0x20]

    bench.read(0x0B)
    bench.cabinet.open_door()

    assert bench.hear() == [0x11]
    assert bench.ask(0x1C)["slot_door_opened"] == 2


def test_a_game_delay_keeps_the_next_game_waiting() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(1)
    bench.read(0x2E, delay_tenths=20)
    bench.cabinet.games.start(Bet(1, 0))
    bench.cabinet.games.finish()

    assert not bench.cabinet.can_play
    bench.wait(1.9)
    assert not bench.cabinet.can_play
    bench.wait(0.2)
    assert bench.cabinet.can_play


def test_a_delay_of_nothing_ends_the_one_under_way() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(1)
    bench.read(0x2E, delay_tenths=2_000)
    bench.cabinet.games.start(Bet(1, 0))
    bench.cabinet.games.finish()

    bench.read(0x2E, delay_tenths=0)

    assert bench.cabinet.can_play


def test_the_clock_is_set_by_address_and_by_broadcast_and_runs_on() -> None:
    bench = bench_of()
    assert isinstance(bench.read(0x7F, date="07042026", time="235958"), Ack)
    bench.wait(3.0)
    assert bench.ask(0x7E)["date"] == "07052026"

    assert bench.say(LongPollRequest(0, 0x7F, {"date": "12312030", "time": "000000"})) is None
    assert bench.ask(0x7E)["date"] == "12312030"
    assert isinstance(bench.read(0x7F, date="13012026", time="000000"), Nack)


def test_the_clock_goes_on_from_where_the_process_left_it() -> None:
    bench = bench_of()
    bench.read(0x7F, date="07042026", time="120000")
    bench.wait(100.0)

    bench.die_and_return(seconds=0.0)

    assert "120140" <= bench.ask(0x7E)["time"] <= "120142"


def test_sounds_and_auto_rebet_are_kept() -> None:
    bench = bench_of()
    switches = bench.cabinet.switches.memory
    bench.read(0x03)
    bench.read(0x05)
    assert (switches.sounds, switches.game_sounds) == (False, False)
    bench.read(0x04)
    bench.read(0xAA, enable=1)

    assert (switches.sounds, switches.game_sounds, switches.auto_rebet) == (True, True, True)
    assert isinstance(bench.read(0xAA, enable=2), Nack)


def test_asset_number_and_location_are_set_or_only_asked_for() -> None:
    bench = bench_of()

    assert bench.read(0xB7, asset_number=0, location="")["asset_number"] == 300
    assert bench.read(0xB7, asset_number=77, location="A-12") == {
        "control_flags": 3,
        "asset_number": 77,
        "location": "A-12",
    }
    bench.die_and_return()

    assert bench.read(0xB7, asset_number=0, location="") == {
        "control_flags": 3,
        "asset_number": 77,
        "location": "A-12",
    }


# -- the preamble ----------------------------------------------------------------------------


def preamble(bench: MachineBench, denomination: int, command: int, **base: Any) -> Any:
    return bench.read(0xB0, denomination=denomination, base_command=command, base=base)


def test_meters_of_a_denomination_are_what_was_played_at_it() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(5)
    for denomination, win in ((0x01, 0), (0x02, 10)):
        bench.cabinet.games.select(1, denomination)
        bench.cabinet.games.start(Bet(2, denomination), win)
        bench.cabinet.games.finish()

    assert preamble(bench, 0x01, 0x11)["base"] == {"coin_in": 2}
    assert preamble(bench, 0x02, 0x11)["base"] == {"coin_in": 10}
    assert preamble(bench, 0x00, 0x11)["base"] == {"coin_in": 12}
    assert preamble(bench, 0x02, 0x16)["base"] == {"games_won": 1}
    selected = preamble(bench, 0x02, 0x6F, game=0, meter_codes=(0x00, 0x01, 0x0C))["base"]["meters"]
    assert [(meter.digits, meter.size) for meter in selected] == [(10, 4), (10, 4), (0, 0)]


def test_a_game_is_disabled_at_one_denomination() -> None:
    bench = bench_of()

    assert preamble(bench, 0x02, 0x09, game=2, enable=0)["base"] == {"acknowledged": True}

    assert preamble(bench, 0x02, 0x56)["base"] == {"games": (1,)}
    assert preamble(bench, 0x01, 0x56)["base"] == {"games": (1, 2)}
    assert preamble(bench, 0x02, 0x09, game=9, enable=0)["base"] == {"acknowledged": False}
    assert preamble(bench, 0x02, 0xB5, game=2)["base"]["game_name"] == "Copper Canyon"


@pytest.mark.parametrize(
    ("denomination", "command", "base", "error"),
    [
        (0x01, 0x59 ^ 0xFF, {"data": b""}, 0x01),
        (0x01, 0x57, {"data": b""}, 0x01),
        (0x01, 0x09, {"data": b"\x00"}, 0x02),
        (0x01, 0x1A, {"data": b""}, 0x03),
        (0x01, 0x2F, {"game": 1, "meter_codes": (0,)}, 0x04),
        (0x05, 0x11, {}, 0x05),
        (0x00, 0xB5, {"game": 3}, 0x01),
    ],
)
def test_what_cannot_be_asked_of_a_denomination_is_said(
    denomination: int, command: int, base: dict[str, Any], error: int
) -> None:
    answer = preamble(bench_of(), denomination, command, **base)

    assert (answer["base_command"], answer["error_code"]) == (0x00, error)


# -- what is shown and cleared ---------------------------------------------------------------


def test_reels_stand_where_their_events_said_until_the_next_game() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(1)
    bench.read(0x0E, enable=1)
    bench.cabinet.games.start(Bet(1, 0))
    bench.cabinet.games.finish()
    bench.ask(0x1A)

    stops = bench.ask(0x8F)["stops"]

    told = [event.values for event in bench.events if event.code == 0x88]
    assert [(values["reel"], values["stop"]) for values in told] == list(enumerate(stops[:5], start=1))
    assert stops[5:] == b"\xff" * 4
    assert bench.ask(0x8F)["stops"] == stops


def test_cards_are_dealt_and_then_final_and_of_one_deck() -> None:
    bench = bench_of()
    bench.cabinet.accept_bill(1)
    hands = set()
    for _ in range(20):
        bench.cabinet.games.start(Bet(1, 0))
        dealt = bench.ask(0x8E)
        bench.cabinet.games.finish()
        final = bench.ask(0x8E)
        assert (dealt["hand_type"], final["hand_type"]) == (0x00, 0x01)
        assert dealt["cards"] == final["cards"]
        hands.add(final["cards"])

    assert len(hands) == 20
    assert all(len(set(hand)) == 5 and max(card & 0x0F for card in hand) <= 0x0C for hand in hands)


def test_a_recalled_game_is_told_with_its_entry() -> None:
    bench = bench_of()
    bench.read(0x0E, enable=1)

    bench.cabinet.games.recall(3)
    bench.ask(0x1A)

    assert bench.events[-1].values == {"game": 1, "entry": 3}


def test_cleared_meters_start_again_at_zero() -> None:
    bench = bench_of(past_twenties=500)
    bench.cabinet.accept_bill(20)
    bench.hear()

    bench.cabinet.clear_memory()

    assert bench.hear() == [0x7A]
    assert set(bench.ask(0x0F).values()) == {0}
    assert bench.ask(0x1A) == {"current_credits": 0}
    assert bench.cabinet.accounts.balance == 0


def test_out_of_service_lasts_until_the_attendant_leaves_the_menu() -> None:
    bench = bench_of()
    for code in (0x82, 0x86):
        bench.cabinet.note(code)
    assert not bench.cabinet.can_play

    bench.cabinet.note(0x83)

    assert bench.cabinet.can_play
