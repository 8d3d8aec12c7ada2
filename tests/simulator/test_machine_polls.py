"""What a simulated machine answers, through the codec both ways, before and after hours of play."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.machine import Elementary
from edge_agent.sas.messages import (
    DataReply,
    LongPollRequest,
    decode_poll,
    decode_reply,
    encode_poll,
    encode_reply,
)
from edge_agent.sas.meter_codes import METERS
from edge_agent.simulator.accounts import CASHABLE_TICKET, Tally
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.games import Bet
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.simulator.handpays import CANCELLED_CREDITS, TOP_WIN, Handpay
from edge_agent.simulator.mainboard import FACTORY_CLOCK
from edge_agent.simulator.polls import ANSWERED, answer_poll
from edge_agent.simulator.specification import BILL_CODES, GameSpec, MachineSpec

# Long polls every machine of the trial floor could be asked; 0E is the connection's own.
ASKED = (
    *(0x0F, *range(0x10, 0x1D), 0x1E, 0x1F, 0x20, 0x2A, 0x2B, 0x2F, *range(0x31, 0x40), 0x46, 0x48, 0x4F),
    *(*range(0x51, 0x57), 0x6F, 0x7E, 0xA0, 0xAF, 0xB1, 0xB2, 0xB3, 0xB5),
)
GAMES = (GameSpec("First", "000001", 9_000, (1, 2, 3)), GameSpec("Second", "000002", 9_400, (1, 500)))
FULL = MachineSpec(
    7,
    GAMES,
    denomination_code=0x01,
    player_denominations=(0x01, 0x02),
    bills=tuple(BILL_CODES),
    has_hopper=True,
)


class Deaf:
    """A port that ignores what the machine says."""

    link_up = True

    def is_linked(self) -> bool:
        return True

    def pending(self) -> list[Any]:
        return []

    def raise_exception(self, *_: Any) -> None: ...
    def settle(self, *_: Any) -> None: ...
    def volunteer(self, *_: Any) -> None: ...
    def power_off(self, *_: Any) -> None: ...
    def power_on(self, *_: Any) -> None: ...


def cabinet_of(spec: MachineSpec = FULL) -> Cabinet:
    return Cabinet(spec, Deaf())


def request_of(command: int, **values: Any) -> dict[str, Any]:
    """A request as a host's bytes would read, with game 0 and coin-in where nothing else is said."""
    given: dict[str, Any] = {field.name: 0 for field in LONG_POLLS[command].request}
    if "meter_codes" in given:
        given["meter_codes"] = (0x00,)
    poll = decode_poll(encode_poll(LongPollRequest(1, command, {**given, **values})))
    assert isinstance(poll, LongPollRequest)
    return dict(poll.values)


def ask(cabinet: Cabinet, command: int, **values: Any) -> Any:
    """The answer, after it has travelled as bytes; None for silence."""
    request = request_of(command, **values)
    answer = answer_poll(cabinet, LongPollRequest(1, command, request))
    if answer is None or isinstance(answer, Elementary):
        return answer
    reply = decode_reply(encode_reply(DataReply(1, command, answer)), LongPollRequest(1, command, request))
    assert isinstance(reply, DataReply)
    return reply.values


def meters(answer: Any) -> dict[str, tuple[int, int]]:
    return {METERS[meter.code].name: (meter.digits, meter.size) for meter in answer["meters"]}


def test_a_full_machine_answers_every_poll_it_can_be_asked() -> None:
    cabinet = cabinet_of()

    assert [command for command in ASKED if ask(cabinet, command) is None] == []
    assert set(ASKED) <= ANSWERED


@pytest.mark.parametrize("spec", default_floor(5, seed=8), ids=lambda spec: spec.game_id)
def test_every_answer_of_a_played_machine_is_one_the_codec_reads(spec: MachineSpec) -> None:
    machine = GamingMachine(spec, lambda _: Deaf(), seed=spec.number)
    now = 0.0
    for _ in range(2_000):
        machine.handle_timer(now)
        due = machine.next_timer()
        assert due is not None
        now = due

    for command in ASKED:
        answer = ask(machine.cabinet, command)

        if answer is None:
            assert command in spec.unsupported | {0x4F, 0x6F, 0xAF} | set(range(0x31, 0x40))


def test_a_meter_reads_the_same_in_every_poll_that_carries_it() -> None:
    cabinet = cabinet_of(replace(FULL, past_twenties=1_234))
    cabinet.accept_bill(50)
    cabinet.games.start(Bet(3, 0x01))
    cabinet.games.end(7)

    groups = {**ask(cabinet, 0x0F), **ask(cabinet, 0x19), **ask(cabinet, 0x1C)}
    for command in range(0x10, 0x17):
        ((name, value),) = ask(cabinet, command).items()
        assert groups[name] == value
    codes = (0x00, 0x01, 0x02, 0x04, 0x05, 0x06, 0x24)
    for command in (0x2F, 0x6F, 0xAF):
        for name, (value, _) in meters(ask(cabinet, command, meter_codes=codes)).items():
            assert groups[name] == value
    assert ask(cabinet, 0x1E)["bills_50"] == ask(cabinet, 0x36)["bills_50"] == 1
    assert ask(cabinet, 0x20)["bills_value"] == 1_234 * 20 + 50
    assert ask(cabinet, 0x46)["bills_credits"] == (1_234 * 20 + 50) * 100


def test_classic_meters_roll_over_after_eight_digits() -> None:
    cabinet = cabinet_of(replace(FULL, extended_value_bytes=8))
    cabinet.accounts.coin_in = 10**8 + 5
    cabinet.accounts.tickets[CASHABLE_TICKET] = Tally(10**10 + 6)

    assert ask(cabinet, 0x11) == {"coin_in": 5}
    assert ask(cabinet, 0x52)["coin_in"] == 5
    assert meters(ask(cabinet, 0x2F, meter_codes=(0x00, 0x0E))) == {
        "coin_in": (5, 4),
        "cashable_ticket_out": (6, 5),
    }
    assert meters(ask(cabinet, 0x6F))["coin_in"] == (10**8 + 5, 8)


def test_events_carry_rolled_over_meters() -> None:
    said: list[Any] = []

    class Port(Deaf):
        def raise_exception(self, code: int, values: Any) -> None:
            said.append((code, values))

    cabinet = Cabinet(FULL, Port())
    cabinet.accounts.coin_in = 10**8 - 2
    cabinet.accounts.bill_counts[100] = 10**8 - 1

    cabinet.games.start(Bet(3, 0))
    cabinet.accept_bill(100)

    assert [values.get("coin_in", values.get("count")) for _, values in said] == [1, 0]
    assert ask(cabinet, 0x48)["count"] == 0


def test_a_lone_meter_that_is_not_kept_is_silence_and_in_a_group_zero() -> None:
    cabinet = cabinet_of(replace(FULL, bills=(5, 20), past_twenties=9))

    assert ask(cabinet, 0x31) is None
    assert ask(cabinet, 0x35) == {"bills_20": 9}
    assert ask(cabinet, 0x1E)["bills_1"] == 0


@pytest.mark.parametrize(("shows", "expected"), [(True, {0x00, 0xA0, 0xEE}), (False, {0x00})])
def test_missing_meters_are_shown_empty_or_left_out(shows: bool, expected: set[int]) -> None:  # noqa: FBT001  a case
    cabinet = cabinet_of(replace(FULL, shows_missing_meters=shows))

    extended = ask(cabinet, 0x6F, meter_codes=(0x00, 0xA0, 0xEE))
    selected = ask(cabinet, 0x2F, meter_codes=(0x00, 0xA0, 0xEE))

    assert {meter.code for meter in extended["meters"]} == expected
    assert all(meter.size == 0 for meter in extended["meters"] if meter.code)
    assert {meter.code for meter in selected["meters"]} == {0x00}


def test_at_most_ten_meters_are_told_at_once() -> None:
    answer = ask(cabinet_of(), 0x6F, meter_codes=tuple(range(0x0C)))

    assert len(answer["meters"]) == 10


def test_meters_of_one_game_are_its_own() -> None:
    cabinet = cabinet_of()
    cabinet.accept_bill(100)
    for number, bet in ((1, 3), (2, 500)):
        cabinet.games.select(number, 0x01)
        cabinet.games.start(Bet(bet, 0x01))
        cabinet.games.end(0)

    assert [ask(cabinet, 0x52, game=number)["coin_in"] for number in (0, 1, 2)] == [503, 3, 500]
    assert meters(ask(cabinet, 0x2F, game=2, meter_codes=(0x00, 0x07, 0x0C))) == {
        "coin_in": (500, 4),
        "games_lost": (1, 4),
    }
    assert meters(ask(cabinet, 0x2F, meter_codes=(0x7F,)))["weighted_average_payback"][0] == 9_397


@pytest.mark.parametrize("command", [0x52, 0x53, 0xA0, 0xB5])
def test_a_game_it_does_not_have_is_silence(command: int) -> None:
    assert ask(cabinet_of(), command, game=3) is None


def test_meters_of_a_game_it_does_not_have_are_an_empty_list() -> None:
    assert ask(cabinet_of(), 0x2F, game=3)["meters"] == ()


def test_a_poll_it_does_not_support_is_silence() -> None:
    cabinet = cabinet_of(
        replace(FULL, extended_meters=False, has_hopper=False, unsupported=frozenset({0xB5}))
    )

    assert [ask(cabinet, command) for command in (0x6F, 0xAF, 0x4F, 0xB5)] == [None] * 4
    assert answer_poll(cabinet, LongPollRequest(1, 0x59)) is None


def test_it_says_what_it_is() -> None:
    cabinet = cabinet_of()

    whole, second = ask(cabinet, 0x1F), ask(cabinet, 0x53, game=2)

    assert (whole["denomination"], whole["max_bet"], whole["base_percent"]) == (0x01, 3, "9000")
    assert (second["game"], second["max_bet"], second["paytable_id"]) == (2, 255, "000002")
    assert ask(cabinet, 0xB5, game=2)["max_bet"] == 500
    assert ask(cabinet, 0x54) == {"version": "602", "serial": "SIM000007"}
    assert ask(cabinet, 0x51) == {"games_implemented": 2}
    assert ask(cabinet, 0xB2) == {"denominations": (0x01, 0x02)}
    assert ask(cabinet, 0xB3) == {"token_denomination": 0}


def test_features_are_what_it_does() -> None:
    full, bare = (
        ask(cabinet_of(spec), 0xA0)
        for spec in (FULL, replace(FULL, player_denominations=(), extended_meters=False, fast_polling=False))
    )

    assert (full["features1"], full["features2"], full["features3"]) == (0, 0x8D, 0x01)
    assert (bare["features1"], bare["features2"], bare["features3"]) == (0, 0x05, 0x00)


def test_before_any_play_the_payback_is_that_of_the_first_game() -> None:
    answer = ask(cabinet_of(), 0x2F, meter_codes=(0x7F,))

    assert meters(answer) == {"weighted_average_payback": (9_000, 4)}


def test_a_single_denomination_machine_plays_its_accounting_denomination() -> None:
    cabinet = cabinet_of(replace(FULL, denomination_code=0x04, player_denominations=(), bills=(1, 5)))

    assert ask(cabinet, 0xB1) == {"denomination": 0x04}
    assert ask(cabinet, 0xB2) == {"denominations": (0x04,)}


def test_the_selected_game_and_the_enabled_ones_follow_the_cabinet() -> None:
    cabinet = cabinet_of()
    cabinet.games.select(2, 0x02)
    cabinet.change_options()

    assert ask(cabinet, 0x55) == {"game": 2}
    assert ask(cabinet, 0x56) == {"games": (1,)}
    assert ask(cabinet, 0xB1) == {"denomination": 0x02}
    cabinet.change_options()
    assert ask(cabinet, 0x56) == {"games": (1, 2)}


def test_the_last_bill_and_the_last_ticket_can_be_read() -> None:
    cabinet = cabinet_of()
    assert ask(cabinet, 0x48) == {"country": 0, "denomination_code": 0, "count": 0}
    assert ask(cabinet, 0x3D) == {"validation_number": "00000000", "amount_cents": 0}

    cabinet.accept_bill(500)
    cabinet.cash_out.begin("01234567")

    assert ask(cabinet, 0x48) == {"country": 37, "denomination_code": 10, "count": 1}
    assert ask(cabinet, 0x3D) == {"validation_number": "01234567", "amount_cents": 50_000}


def test_a_handpay_can_be_read_until_it_is_keyed_off() -> None:
    cabinet = cabinet_of()
    cabinet.accept_bill(10)
    cabinet.handpays.call_attendant(Handpay(CANCELLED_CREDITS, 1_000))

    pending = ask(cabinet, 0x1B)
    cabinet.key_off()

    assert (pending["level"], pending["amount"]) == (CANCELLED_CREDITS, 1_000)
    assert (ask(cabinet, 0x1B)["level"], ask(cabinet, 0x1B)["amount"]) == (0, 0)


def test_a_jackpot_is_metered_when_it_is_paid() -> None:
    cabinet = cabinet_of()
    cabinet.accept_bill(10)
    cabinet.games.start(Bet(3, 0x01))
    cabinet.handpays.call_attendant(Handpay(TOP_WIN, 1_500))

    locked = ask(cabinet, 0x14)
    cabinet.key_off()

    assert locked == {"jackpot": 0}
    assert ask(cabinet, 0x14) == {"jackpot": 1_500}
    assert ask(cabinet, 0x1A) == {"current_credits": 997}


def test_doors_drops_and_power_have_their_meters() -> None:
    cabinet = cabinet_of()
    cabinet.accept_bill(20)
    cabinet.games.start(Bet(1, 0x01))
    cabinet.games.end(0)
    assert ask(cabinet, 0x18) == {"games_since_power_up": 1, "games_since_door_close": 1}
    assert meters(ask(cabinet, 0x2F, meter_codes=(0x3E, 0x3F)))["stacker_credits"] == (2_000, 4)

    cabinet.open_door()
    cabinet.close_door()
    cabinet.install_cashbox()
    cabinet.lose_power()
    cabinet.regain_power()

    assert ask(cabinet, 0x18) == {"games_since_power_up": 0, "games_since_door_close": 0}
    assert (ask(cabinet, 0x1C)["slot_door_opened"], ask(cabinet, 0x1C)["power_resets"]) == (1, 1)
    assert meters(ask(cabinet, 0x2F, meter_codes=(0x3E, 0x3F)))["stacker_credits"] == (0, 4)
    assert ask(cabinet, 0x13) == {"drop": 2_000}


def test_its_clock_runs() -> None:
    machine = GamingMachine(FULL, lambda _: Deaf(), seed=1)
    machine.handle_timer(50.0)

    answer = machine.answer(LongPollRequest(1, 0x7E), 50.0 + 3_661.0)

    assert answer == {"date": "01012026", "time": "010101"}
    assert machine.cabinet.board.clock == FACTORY_CLOCK + timedelta(seconds=3_661)
