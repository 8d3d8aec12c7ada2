"""A busy floor's events, as the agent seals them: 2 % class A, 20 % class B, 78 % class C.

Machines have meters that rise with what they play, so events differ as much as real ones do and compress as
badly. Of class B half are faults, a quarter snapshots of all seventeen meters and a quarter of one game's.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

from edge_agent.clock import Clock
from edge_agent.events import EventBody, Observation, credits_of, seal
from edge_agent.events.base import Money
from edge_agent.events.delivery_class import DeliveryClass
from edge_agent.events.slot import (
    BillAccepted,
    GameEnded,
    GameStarted,
    Meter,
    MetersRead,
    PartMetersRead,
    SlotException,
)

SITE, GATEWAY = "hall", "benchmark"
SOURCE = f"/floor/{SITE}/{GATEWAY}"
MIX = (2.0, 20.0, 78.0)  # per cent of A, B and C

CREDITS = (
    ("coin_in", "0x00"), ("coin_out", "0x01"), ("jackpot", "0x02"), ("hand_paid_cancelled_credits", "0x03"),
    ("cancelled_credits", "0x04"), ("bills_credits", "0x0b"), ("current_credits", "0x0c"),
    ("ticket_in_credits", "0x15"), ("ticket_out_credits", "0x16"), ("electronic_in_credits", "0x17"),
    ("electronic_out_credits", "0x18"), ("drop", "0x24"),
)  # fmt: skip
COUNTS = (
    ("games_played", "0x05"), ("cashable_ticket_in_count", "0x11"), ("cashable_ticket_out_count", "0x12"),
    ("bills_5", "0x42"), ("bills_20", "0x44"),
)  # fmt: skip
FAULTS = (
    ("0x18", "card_cage_opened", "tilt"), ("0x28", "bill_jam", "tilt"), ("0x21", "coin_in_tilt", "tilt"),
    ("0x60", "printer_communication_error", "printer"), ("0x61", "printer_paper_out_error", "printer"),
    ("0x74", "printer_paper_low", "printer"), ("0x41", "reel_1_tilt", "reel"),
)  # fmt: skip
DENOMINATIONS = (100, 500, 2_500, 10_000)  # ten-thousandths of a currency unit
BILLS = ((500, 2), (1_000, 3), (2_000, 4), (10_000, 6))  # minor units, and the denomination's code


class Machine:
    """One gaming machine and what its meters say."""

    def __init__(self, name: str, rest: random.Random) -> None:
        self.name = name
        self._rest = rest
        self._denomination = rest.choice(DENOMINATIONS)
        self._meters = {meter: rest.randrange(5_000_000) for meter, _ in (*CREDITS, *COUNTS)}
        self._told: dict[str, int] = {}
        self._playing = False

    def body(self, wanted: DeliveryClass) -> EventBody:
        """The next thing of a class that it says."""
        if wanted is DeliveryClass.A:
            return self._bill()
        if wanted is DeliveryClass.C:
            return self._game()
        kind = self._rest.randrange(4)
        return self._fault() if kind < 2 else self._snapshot() if kind == 2 else self._part()

    def _game(self) -> EventBody:
        self._playing = not self._playing
        bet = self._rest.choice((1, 2, 3, 5, 20, 40))
        if self._playing:
            self._meters["coin_in"] += bet
            return GameStarted(
                code="0x7e", name="game_started", category="game", real_time=True, possibly_repeated=False,
                wager=credits_of(bet, self._denomination, "USD"), coin_in_credits=self._meters["coin_in"],
                max_bet=bet == 40, progressive_group=0,
            )  # fmt: skip
        win = self._rest.choice((0, 0, 0, bet, 3 * bet, self._rest.randrange(500)))
        self._meters["coin_out"] += win
        self._meters["games_played"] += 1
        return GameEnded(
            code="0x7f", name="game_ended", category="game", real_time=True, possibly_repeated=False,
            win=credits_of(win, self._denomination, "USD"),
        )  # fmt: skip

    def _bill(self) -> EventBody:
        minor, code = self._rest.choice(BILLS)
        self._meters["bills_20"] += 1
        return BillAccepted(
            code="0x4f", name="bill_accepted", category="bill", real_time=True, possibly_repeated=False,
            bill=Money(minor=minor, currency="USD"), denomination_code=code, country="USA", country_code=37,
            count=self._meters["bills_20"],
        )  # fmt: skip

    def _fault(self) -> EventBody:
        code, name, category = self._rest.choice(FAULTS)
        return SlotException(
            code=code, name=name, category=category, real_time=False, possibly_repeated=False
        )

    def _snapshot(self) -> EventBody:
        meters = tuple(self._meter(*meter) for meter in (*CREDITS, *COUNTS))
        return MetersRead(
            reason="interval", denomination=self._in_units(), epoch=0, settled=True, meters=meters
        )

    def _part(self) -> EventBody:
        return PartMetersRead(
            game=self._rest.randrange(1, 6), denomination=None, paytable_id="PT9412",
            accounting_denomination=self._in_units(), epoch=0,
            meters=tuple(self._meter(*meter) for meter in CREDITS[:3]),
        )  # fmt: skip

    def _meter(self, name: str, code: str) -> Meter:
        value = self._meters[name]
        delta = value - self._told.get(name, value)
        self._told[name] = value
        in_credits = name in dict(CREDITS)
        return Meter(
            name=name, code=code, value=value, digits=8, unit="credits" if in_credits else "count",
            money=credits_of(value, self._denomination, "USD").money if in_credits else None,
            change="rose", delta=max(0, delta),
        )  # fmt: skip

    def _in_units(self) -> str | None:
        return credits_of(1, self._denomination, "USD").denomination


class Floor:
    """Machines that say things, in the shares of a busy floor. One a thread: it is not locked."""

    def __init__(
        self, machines: int = 64, seed: int = 1, first: int = 1001, mix: Sequence[float] = MIX
    ) -> None:
        self._mix = mix
        self._rest = random.Random(seed)  # noqa: S311  makes events differ, guards nothing
        self._machines = [Machine(f"slot-{first + n}", self._rest) for n in range(machines)]
        self._clock = Clock()

    def sealed(self, at: float) -> bytes:
        """The next event, observed at a monotonic moment."""
        machine = self._rest.choice(self._machines)
        (wanted,) = self._rest.choices([*DeliveryClass], self._mix)
        return seal(Observation(machine.name, at, machine.body(wanted)), self._clock.reading(), SOURCE)

    def events(self, count: int) -> Iterator[bytes]:
        """So many, observed now."""
        for _ in range(count):
            yield self.sealed(self._clock.monotonic())
