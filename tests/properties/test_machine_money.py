"""Money at a simulated machine is neither made nor lost, whatever is asked and whatever fails.

Polls come in any order, repeated, refused or unheard; the link drops, the power fails, the process dies.
The model is a host that writes down what it was told in the end: of each ticket and each transfer the final
status and amount, once. When all is over, the machine's accounts must say the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from edge_agent.sas.messages import DataReply, LongPollRequest
from edge_agent.simulator.accounts import TICKETS_OUT, Kind
from edge_agent.simulator.aft_transfer import TRANSFER_TYPES, Way
from edge_agent.simulator.games import Bet
from edge_agent.simulator.machine_meters import meter
from edge_agent.testing.machine_bench import ABLE, MachineBench
from edge_agent.testing.tries import tries

SPEC = replace(ABLE, attendant_pays_from_cents=2_000, ticket_limit_cents=5_000, credit_limit_cents=20_000)
STYLES = ("secure_enhanced", "system", "standard")
REDEEMED, MOVED = {0x00, 0x01, 0x02}, {0x00, 0x01}
KEY = bytes(range(1, 21))
AMOUNTS = st.sampled_from((1, 500, 2_500, 0, 19_999, 9_999_999_999))
# Mostly of one kind, which every type can move.
CENTS = st.one_of(st.tuples(AMOUNTS, st.just(0), st.just(0)), st.tuples(AMOUNTS, AMOUNTS, AMOUNTS))
PATIENCE = st.sampled_from((0.0, 0.5))
METERS_READ = ("drop", "coin_out", "coin_in", "cancelled_credits", "current_credits")
KINDS = ("cashable", "restricted", "nonrestricted")


class MachineMoney(RuleBasedStateMachine):
    """A guest, an attendant, a host and the power company at one machine."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = MachineBench()
        self.bills = self.inserted = self.asked = 0
        self.tickets: dict[int, Any] = {}  # cycle -> what the host was told of it in the end
        self.transfers: dict[str, Any] = {}  # transaction -> likewise
        self.last: LongPollRequest | None = None

    @initialize(style=st.sampled_from(STYLES), to_host=st.booleans())
    def begin(self, *, style: str, to_host: bool) -> None:
        self.bench = MachineBench(replace(SPEC, validation=style, aft_host_cash_out=to_host))
        if style == "secure_enhanced":
            self.ask(0x4C, machine_id=77, sequence=0)
        for code in (0x00, 0x01):
            self.ask(0x73, registration_code=code, asset_number=300, registration_key=KEY, pos_id=1)

    # -- the guest and the attendant ---------------------------------------------------------

    @rule(dollars=st.sampled_from((1, 20, 100)))
    def bill(self, dollars: int) -> None:
        if self.bench.cabinet.takes_bill(dollars):
            self.bench.cabinet.accept_bill(dollars)
            self.bills += dollars * 100

    @rule(bet=st.sampled_from((1, 5)), win=st.sampled_from((0, 3, 500, 2_500)), hit=st.booleans())
    def game(self, *, bet: int, win: int, hit: bool) -> None:
        cabinet = self.bench.cabinet
        if cabinet.can_play and cabinet.accounts.credits >= bet:
            cabinet.games.start(Bet(bet, 0x01), win)
            if hit:
                cabinet.games.hit_progressive(1)

    @rule()
    def game_over(self) -> None:
        self.bench.cabinet.games.finish()

    @rule()
    def cash_out(self) -> None:
        self.bench.cabinet.cash_out.begin("12345678")

    @rule()
    def key_off(self) -> None:
        self.bench.cabinet.key_off()

    @rule(opened=st.sampled_from((False, False, True)))
    def door(self, *, opened: bool) -> None:
        if opened:
            self.bench.cabinet.open_door()
        else:
            self.bench.cabinet.close_door()

    @rule(seconds=PATIENCE, accepted=st.booleans(), looked=st.booleans())
    def insert_ticket(self, *, seconds: float, accepted: bool, looked: bool) -> None:
        if not self.bench.cabinet.redemption.insert("010000000000000042"):
            self.ask(0x71, transfer_code=0xFF)
            return
        self.inserted += 1
        if accepted:
            self.decide_about_ticket(code=0x00, cents=2_500, seconds=seconds)
        if looked:
            self.ask(0x71, transfer_code=0xFF)
            self.bench.wait(seconds)

    # -- the host ----------------------------------------------------------------------------

    def ask(self, command: int, **values: Any) -> Any:
        self.last = LongPollRequest(1, command, values)
        return self.told(self.bench.say(self.last))

    def told(self, reply: object) -> Any:
        """Write down the final status of a ticket or a transfer."""
        if not isinstance(reply, DataReply):
            return reply
        values = reply.values
        if reply.command == 0x71 and "amount_cents" in values and values["machine_status"] != 0x40:
            self.tickets[self.inserted] = values
        if reply.command == 0x72 and "transaction_id" in values and values["transfer_status"] != 0x40:
            self.transfers[values["transaction_id"]] = values
        return values

    @rule(code=st.sampled_from((0x00, 0x01, 0x02, 0x80, 0x03)), cents=AMOUNTS, seconds=PATIENCE)
    def decide_about_ticket(self, *, code: int, cents: int, seconds: float) -> None:
        self.ask(0x70)
        self.ask(
            0x71,
            transfer_code=code,
            amount_cents=cents,
            parsing_code=0,
            validation_data="010000000000000042",
        )
        self.bench.wait(seconds)

    @rule(command=st.sampled_from((0x71, 0x72)), code=st.sampled_from((0xFF, 0xFE)))
    def read_status(self, command: int, code: int) -> None:
        if command == 0x72:
            self.ask(0x72, transfer_code=code, transaction_index=0)
        else:
            self.ask(0x71, transfer_code=0xFF)

    @rule(
        code=st.sampled_from((0x00, 0x01)),
        transfer_type=st.sampled_from((0x00, 0x00, 0x10, 0x11, 0x20, 0x40, 0x60, 0x80, 0x80, 0x90)),
        cents=CENTS,
        flags=st.sampled_from((0x00, 0x00, 0x01, 0x03, 0x07, 0x40)),
        again=st.booleans(),
        seconds=PATIENCE,
    )
    def transfer(
        self,
        *,
        code: int,
        transfer_type: int,
        cents: tuple[int, int, int],
        flags: int,
        again: bool,
        seconds: float,
    ) -> None:
        self.asked += 0 if again and self.asked else 1
        amounts = {f"{kind}_cents": amount for kind, amount in zip(KINDS, cents, strict=True)}
        self.ask(
            0x72,
            transfer_code=code,
            transaction_index=0,
            transfer_type=transfer_type,
            **amounts,
            transfer_flags=flags,
            asset_number=300,
            registration_key=KEY,
            transaction_id=f"T{self.asked}",
            expiration="00000000",
            pool=0,
            receipt_data=(),
        )
        self.bench.wait(seconds)

    @rule()
    def cancel_transfer(self) -> None:
        self.ask(0x72, transfer_code=0x80)

    @rule(conditions=st.sampled_from((0x01, 0x02, 0x03)))
    def lock(self, conditions: int) -> None:
        self.ask(0x74, lock_code=0x00, lock_conditions=conditions, lock_timeout_hundredths=300)

    @rule(system=st.sampled_from(("00", "01")))
    def number(self, system: str) -> None:
        self.ask(0x57)
        self.ask(0x58, validation_system=system, validation_number="4" * 16)

    @rule(amount=st.sampled_from((1, 700)))
    def bonus(self, amount: int) -> None:
        self.ask(0x8A, amount=amount, tax_status=0)

    @rule(command=st.sampled_from((0x1B, 0x94, 0x85, 0x90, 0x01, 0x02)))
    def plain_poll(self, command: int) -> None:
        self.ask(command)

    @rule(times=st.integers(1, 4))
    def refuse_what_was_said(self, times: int) -> None:
        """The same poll again means that the answer was not heard."""
        for _ in range(times):
            if self.last is not None:
                self.told(self.bench.repeat(self.last))

    @rule()
    def hear(self) -> None:
        self.bench.hear()

    # -- time and power ----------------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.1, 0.3, 1.0, 9.0, 12.0)), polling=st.booleans())
    def wait(self, *, seconds: float, polling: bool) -> None:
        self.bench.wait(seconds, polling=polling)

    @rule()
    def power_cut(self) -> None:
        self.bench.cut_power()

    @rule()
    def process_dies(self) -> None:
        self.bench.die_and_return()
        self.bench.wait(0.6)

    # -- what must hold ----------------------------------------------------------------------

    @invariant()
    def accounts_balance(self) -> None:
        accounts = self.bench.cabinet.accounts
        assert accounts.balance == 0
        assert min(accounts.held(kind) for kind in Kind) >= 0
        assert accounts.bills == self.bills
        assert accounts.games_played - accounts.games_won - accounts.games_lost in {0, 1}
        read = {name: meter(self.bench.cabinet, name) or 0 for name in METERS_READ}
        came_in = read["drop"] + read["coin_out"]
        assert came_in == read["coin_in"] + read["cancelled_credits"] + read["current_credits"]

    def teardown(self) -> None:
        """Let everything come to its end, and compare what the host was told with the accounts."""
        bench = self.bench
        for door in bench.cabinet.board.situation.open_doors:
            bench.cabinet.note(door + 1)
        for _ in range(3):
            bench.cabinet.games.finish()
            bench.wait(35.0)
            bench.cabinet.key_off()
            self.ask(0x71, transfer_code=0xFF)
            self.ask(0x72, transfer_code=0xFF, transaction_index=0)
            bench.acknowledge()
        self.accounts_balance()
        assert bench.cabinet.board.situation.is_idle
        self._compare_tickets()
        self._compare_transfers()

    def _compare_tickets(self) -> None:
        accounts, validation = self.bench.cabinet.accounts, self.bench.cabinet.validation
        told = [values for values in self.tickets.values() if values["machine_status"] in REDEEMED]
        assert accounts.tickets_in == sum(values["amount_cents"] for values in told)
        records = validation.memory.records.values()
        printed = sum(record.amount_cents for record in records if record.validation_type in TICKETS_OUT)
        if self.bench.spec.validation != "standard" and len(records) < 31:
            assert accounts.tickets_out == printed

    def _compare_transfers(self) -> None:
        moved: dict[int, int] = {}
        for values in self.transfers.values():
            if values["transfer_status"] in MOVED:
                for kind, meter in TRANSFER_TYPES[values["transfer_type"]].meters.items():
                    moved[meter] = moved.get(meter, 0) + values[f"{kind.value}_cents"]
        tallies = self.bench.cabinet.accounts.transfers
        assert {meter: tally.credits for meter, tally in tallies.items() if tally.credits} == {
            meter: cents for meter, cents in moved.items() if cents
        }
        assert {row.way for row in TRANSFER_TYPES.values()} == set(Way)


MachineMoney.TestCase.settings = settings(deadline=None, max_examples=tries(12), stateful_step_count=50)
TestMachineMoney = MachineMoney.TestCase
