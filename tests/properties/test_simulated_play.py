"""Whatever is played, on whatever machine: the accounts balance and the meters say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.sas.messages import LongPollRequest
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.gaming_machine import GamingMachine
from edge_agent.simulator.specification import Chances, GameSpec, MachineSpec
from edge_agent.testing.tries import tries

LIKELY = st.floats(0.0, 0.3)

EVENTFUL = st.builds(
    MachineSpec,
    number=st.integers(1, 999),
    games=st.lists(
        st.builds(
            GameSpec,
            name=st.just("Any"),
            paytable_id=st.just("000000"),
            base_percent_hundredths=st.integers(8_000, 9_900),
            bets=st.sets(st.integers(1, 300), min_size=1, max_size=4).map(sorted).map(tuple),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    denomination_code=st.sampled_from((0x01, 0x02, 0x03, 0x04, 0x05, 0x06)),
    bills=st.just((5, 20, 100)),
    attendant_pays_from_cents=st.sampled_from((0, 1, 500, 120_000)),
    ticket_limit_cents=st.sampled_from((0, 2_000, 300_000)),
    past_twenties=st.integers(0, 3_000_000),
    chances=st.builds(Chances, *[LIKELY] * 11),
    secure_handpays=st.booleans(),
    validation=st.sampled_from(("standard", "system", "secure_enhanced")),
    ticket_redemption=st.booleans(),
    validates_handpays=st.booleans(),
    asset_number=st.just(7),
    aft=st.booleans(),
    aft_host_cash_out=st.booleans(),
    progressive_group=st.just(1),
    progressive_levels=st.just((100_000, 200_000)),
    own_progressive_levels=st.sampled_from(((), (50_000,))),
    reels=st.sampled_from((0, 3)),
    session_play=st.booleans(),
    meter_change_notification=st.booleans(),
)
FLOOR = st.integers(0, 4).map(lambda index: default_floor(5, seed=index)[index])


class Clerk:
    """A port that adds up what the events say, and looks at the meters at each of them."""

    def __init__(self) -> None:
        self.machine: GamingMachine[Clerk] | None = None
        self.wins = self.bills = 0
        self.link_up = True

    def raise_exception(self, code: int, now: float, values: Mapping[str, Any]) -> None:
        assert self.machine is not None
        accounts = self.machine.cabinet.accounts
        self.wins += values.get("win", 0)
        self.bills += 0x47 <= code <= 0x50
        assert accounts.balance == 0
        assert accounts.credits >= 0
        if code in {0x7F, 0x3D, 0x12}:
            self._read(now)

    def settle(self, code: int) -> None:
        """Nothing to add up."""

    def volunteer(self, command: int, values: Mapping[str, Any]) -> None:
        """Nothing to add up."""

    def pending(self) -> list[tuple[int, Mapping[str, Any]]]:
        """Nothing is kept."""
        return []

    def power_off(self, _: float) -> None:
        """Nothing to add up."""

    def power_on(self, _: float) -> None:
        """Nothing to add up."""

    def _read(self, now: float) -> None:
        assert self.machine is not None
        read = {
            **self._poll(0x1C, now),
            **self._poll(0x1A, now),
            **self._poll(0x10, now),
            **self._poll(0x46, now),
        }
        came_in = read["bills_credits"] + read["coin_out"]
        went_out = read["coin_in"] + read["cancelled_credits"] + read["current_credits"]
        assert (came_in - went_out) % 10**8 == 0
        assert read["games_played"] >= read["games_won"]

    def _poll(self, command: int, now: float) -> Mapping[str, Any]:
        assert self.machine is not None
        answer = self.machine.answer(LongPollRequest(1, command), now)
        assert isinstance(answer, Mapping)
        return answer


@given(spec=st.one_of(FLOOR, EVENTFUL), seed=st.integers(0, 2**32), rate=st.sampled_from((0.5, 1.0, 20.0)))
@settings(deadline=None, max_examples=tries(15))
def test_hours_of_play_balance_at_every_event(spec: MachineSpec, seed: int, rate: float) -> None:
    machine = GamingMachine(spec, lambda _: Clerk(), seed, rate)
    clerk = machine.connection
    clerk.machine = machine
    before = machine.cabinet.accounts
    won, bills = before.coin_out + before.jackpot, sum(before.bill_counts.values())
    machine.handle_timer(0.0)

    while (due := machine.next_timer()) is not None and due < 3 * 3_600 / rate:
        machine.handle_timer(due)

    after = machine.cabinet.accounts
    assert after.coin_out + after.jackpot - won == clerk.wins
    assert sum(after.bill_counts.values()) - bills == clerk.bills
    assert sum(game.coin_in for game in after.games) == after.coin_in
    assert after.games_played - after.games_won - after.games_lost in {0, 1}
