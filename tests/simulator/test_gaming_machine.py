"""Stories of simulated machines, told in virtual time to a port that only writes them down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import pytest

from edge_agent.sas.code_tables import BILL_EXCEPTIONS
from edge_agent.sas.exception_codes import EXCEPTIONS
from edge_agent.sas.messages import EventReply, GeneralPoll, decode_reply, encode_reply
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.gaming_machine import LONGEST_CATCH_UP_SECONDS, GamingMachine
from edge_agent.simulator.play import HASTE_SECONDS, POWER_OFF_SECONDS, PRINTING_SECONDS
from edge_agent.simulator.specification import Chances, GameSpec, MachineSpec

QUIET = Chances(*[0.0] * 8)
GAME = GameSpec("Test", "000001", 9_000, (1, 2, 3))
QUARTERS = MachineSpec(1, (GAME,), denomination_code=0x04, chances=QUIET)


@dataclass
class Diary:
    """A port nobody polls: it writes down what the machine says."""

    entries: list[tuple[float, int, Mapping[str, Any]]] = field(default_factory=list)
    powered: list[tuple[float, bool]] = field(default_factory=list)
    link_up: bool = True

    def raise_exception(self, code: int, now: float, values: Mapping[str, Any]) -> None:
        self.entries.append((now, code, values))

    def settle(self, code: int) -> None:
        """What was about is over."""

    def volunteer(self, command: int, values: Mapping[str, Any]) -> None:
        """Nobody asked."""

    def pending(self) -> list[tuple[int, Mapping[str, Any]]]:
        return [(code, values) for _, code, values in self.entries]

    def power_off(self, now: float) -> None:
        self.powered.append((now, False))

    def power_on(self, now: float) -> None:
        self.powered.append((now, True))

    def times(self, code: int) -> list[float]:
        return [at for at, said, _ in self.entries if said == code]

    @property
    def codes(self) -> list[int]:
        return [code for _, code, _ in self.entries]


def machine_of(spec: MachineSpec, seed: int = 1, rate: float = 1.0) -> GamingMachine[Diary]:
    return GamingMachine(spec, lambda _: Diary(), seed, rate)


def live(machine: GamingMachine[Any], seconds: float, start: float = 1_000.0) -> Iterator[float]:
    """Wake the machine whenever it asks to be, and stop after each time."""
    machine.handle_timer(start)
    yield start
    while (due := machine.next_timer()) is not None and due <= start + seconds:
        machine.handle_timer(due)
        yield due


def tell(
    spec: MachineSpec, seconds: float = 3_600.0, seed: int = 1, rate: float = 1.0
) -> GamingMachine[Diary]:
    machine = machine_of(spec, seed, rate)
    for _ in live(machine, seconds):
        pass
    return machine


def test_the_same_seed_tells_the_same_story() -> None:
    first = tell(default_floor(4, seed=3)[3], seed=9)
    again = tell(default_floor(4, seed=3)[3], seed=9)
    other = tell(default_floor(4, seed=3)[3], seed=10)

    assert first.connection == again.connection
    assert first.connection != other.connection


def test_a_busy_machine_says_something_every_two_to_four_seconds() -> None:
    diary = tell(default_floor(1, seed=1)[0]).connection

    assert 2.0 <= 3_600.0 / len(diary.entries) <= 4.0


def test_a_rate_speeds_the_story() -> None:
    slow, fast = tell(QUARTERS, rate=1.0).connection, tell(QUARTERS, rate=10.0).connection

    assert len(fast.entries) > 5 * len(slow.entries)


def test_a_day_on_the_floor_shows_everything_a_machine_can_tell() -> None:
    told: Counter[int] = Counter()

    for spec in default_floor(5, seed=1):
        told.update(tell(spec, seconds=8 * 3_600.0, seed=spec.number).connection.codes)

    assert {
        *(0x11, 0x12, 0x13, 0x14, 0x17, 0x18, 0x1B, 0x1C, 0x20, 0x2B, 0x3C, 0x3D, 0x40),
        *(0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x51, 0x52, 0x71, 0x72, 0x74, 0x7B, 0x7E, 0x7F, 0x84, 0x85, 0x8C),
    } <= set(told)


def test_every_event_fits_the_layout_of_the_protocol() -> None:
    for spec in default_floor(5, seed=2):
        for _, code, values in tell(spec).connection.entries:
            sent = 0x4F if code in BILL_EXCEPTIONS else code
            event = EventReply(spec.address, sent, values)

            assert decode_reply(encode_reply(event), GeneralPoll(spec.address)) == event
            assert sent in EXCEPTIONS


def test_games_come_in_pairs_and_tell_the_wager_and_the_coin_in_after_it() -> None:
    games = [(code, values) for _, code, values in tell(QUARTERS).connection.entries if code in {0x7E, 0x7F}]

    assert [code for code, _ in games[: len(games) // 2 * 2]] == [0x7E, 0x7F] * (len(games) // 2)
    staked = 0
    for started, _ in zip(games[::2], games[1::2], strict=False):
        staked += started[1]["wager"]
        assert started[1]["coin_in"] == staked


def test_a_wager_in_a_player_denomination_names_it() -> None:
    spec = replace(QUARTERS, denomination_code=0x01, player_denominations=(0x02, 0x17))

    started = [values for _, code, values in tell(spec).connection.entries if code == 0x7E]

    assert {values["wager_type"] & 0x7F for values in started} == {0x42, 0x57}
    for before, after in pairwise(started):
        cents = {0x02: 5, 0x17: 2}[after["wager_type"] & 0x3F]
        assert after["coin_in"] - before["coin_in"] == after["wager"] * cents


def test_the_highest_bet_is_marked() -> None:
    started = [values for _, code, values in tell(QUARTERS).connection.entries if code == 0x7E]

    assert all((values["wager"] == GAME.max_bet) == (values["wager_type"] == 0x80) for values in started)


def test_a_large_win_locks_the_machine_until_the_attendant_paid_it() -> None:
    machine = tell(replace(QUARTERS, attendant_pays_from_cents=100, ticket_limit_cents=10**9))

    handpays = [
        [code for _, code, _ in machine.connection.entries[index : index + 3]]
        for index, (_, code, _) in enumerate(machine.connection.entries)
        if code == 0x51
    ]
    assert handpays
    assert all(codes == [0x51, 0x52, 0x7F] for codes in handpays)
    assert machine.cabinet.accounts.jackpot >= 4 * len(handpays)


def test_credits_above_the_ticket_limit_are_paid_by_hand() -> None:
    machine = tell(replace(QUARTERS, ticket_limit_cents=1))

    assert 0x3D not in machine.connection.codes
    assert machine.connection.codes.count(0x51) == machine.connection.codes.count(0x52) > 0
    assert machine.cabinet.accounts.handpaid > 0
    assert machine.cabinet.accounts.jackpot == 0


def test_two_tickets_are_a_printing_apart_at_any_rate() -> None:
    printed = tell(replace(QUARTERS, ticket_limit_cents=10**9), rate=1_000.0, seconds=300).connection.times(
        0x3D
    )

    assert len(printed) > 20
    assert all(later - earlier >= PRINTING_SECONDS for earlier, later in pairwise(printed))


def test_a_power_cycle_outlasts_the_host_and_is_told_afterwards() -> None:
    diary = tell(replace(QUARTERS, chances=replace(QUIET, power_per_game=0.5))).connection

    off_and_on = list(zip(diary.powered[::2], diary.powered[1::2], strict=False))
    assert len(off_and_on) > 10
    for (lost, off), (back, on) in off_and_on:
        assert (off, on) == (False, True)
        assert POWER_OFF_SECONDS[0] <= back - lost <= POWER_OFF_SECONDS[1]
        assert [code for at, code, _ in diary.entries if lost <= at <= back][-2:] == [0x18, 0x17]


def test_a_game_that_loses_power_ends_after_it() -> None:
    diary = tell(replace(QUARTERS, chances=replace(QUIET, power_per_game=1.0))).connection

    played = [code for code in diary.codes if code in {0x7E, 0x18, 0x7F}]
    assert any(played[at : at + 3] == [0x7E, 0x18, 0x7F] for at in range(len(played)))


def test_a_stopped_machine_finishes_its_game_and_falls_silent() -> None:
    machine = machine_of(QUARTERS)
    now = next(at for at in live(machine, 600.0) if machine.connection.codes[-1:] == [0x7E])
    machine.stop_play(now)

    while (due := machine.next_timer()) is not None:
        assert due <= now + HASTE_SECONDS
        machine.handle_timer(due)

    assert machine.connection.codes[-1] == 0x7F
    assert machine.connection.codes.count(0x3D) == 0
    assert not machine.is_playing


def test_a_machine_stopped_at_rest_raises_nothing_more() -> None:
    machine = machine_of(QUARTERS)
    machine.handle_timer(0.0)

    machine.stop_play(0.1)

    assert machine.next_timer() is None
    assert machine.connection.entries == []


def test_a_machine_stopped_without_power_comes_back_first() -> None:
    machine = machine_of(replace(QUARTERS, chances=replace(QUIET, power_per_game=1.0)))
    now = next(at for at in live(machine, 600.0) if not machine.cabinet.powered)
    due = machine.next_timer()
    machine.stop_play(now)

    assert machine.next_timer() == due
    while (due := machine.next_timer()) is not None:
        machine.handle_timer(due)
    assert machine.cabinet.powered
    assert 0x17 in machine.connection.codes


def test_any_moment_is_good_to_stop() -> None:
    for seed in range(60):
        machine = machine_of(default_floor(5, seed=1)[seed % 5], seed)
        now = list(live(machine, 20.0 + seed * 7))[-1]
        machine.stop_play(now)
        while (due := machine.next_timer()) is not None:
            machine.handle_timer(due)
        codes = machine.connection.codes

        assert codes.count(0x7E) == codes.count(0x7F)
        assert codes.count(0x11) == codes.count(0x12)
        assert codes.count(0x51) == codes.count(0x52)
        assert machine.cabinet.handpays.pending is None


def test_a_process_that_slept_lives_on_from_now() -> None:
    machine = machine_of(QUARTERS)
    machine.handle_timer(0.0)

    machine.handle_timer(3_600.0)

    due = machine.next_timer()
    assert due is not None
    assert due > 3_600.0
    assert len(machine.connection.entries) <= 1


def test_a_machine_woken_late_keeps_its_own_time() -> None:
    punctual, late = machine_of(QUARTERS), machine_of(QUARTERS)
    for _ in live(punctual, 300.0):
        pass
    now = 1_000.0
    while now < 1_300.0:
        late.handle_timer(now)
        now += LONGEST_CATCH_UP_SECONDS / 2
    late.handle_timer(1_300.0)

    assert [entry[1:] for entry in punctual.connection.entries] == [
        entry[1:] for entry in late.connection.entries
    ]


@pytest.mark.parametrize("number", range(10))
def test_the_truth_is_in_minor_units(number: int) -> None:
    spec = default_floor(10, seed=4)[number]
    machine = tell(spec)
    accounts, truth = machine.cabinet.accounts, machine.meters_in_minor_units()

    assert truth["coin_in"] == accounts.coin_in * spec.denomination_cents
    assert truth["tickets_out"] == accounts.tickets_out * spec.denomination_cents
    assert truth["bills_in"] == 100 * sum(dollars * count for dollars, count in accounts.bill_counts.items())
    assert truth["bills_in"] + truth["coin_out"] == (
        truth["coin_in"] + truth["tickets_out"] + truth["handpaid_cancelled"] + truth["credits"]
    )
