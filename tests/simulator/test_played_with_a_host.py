"""Guests at a machine whose host does everything it is asked for: what both know of the money is the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from edge_agent.simulator.accounts import TO_HOST
from edge_agent.simulator.specification import Chances, MachineSpec
from edge_agent.testing.machine_bench import ABLE, MachineBench

PLAYED_SECONDS = 1_200.0
LIVELY = replace(
    ABLE,
    attendant_pays_from_cents=500,
    ticket_limit_cents=4_000,
    progressive_levels=(300, 50_000),
    own_progressive_levels=(),
    chances=Chances(
        progressive_per_game=0.05, ticket_per_purse=0.7, power_per_game=0.01, register_per_guest=0.5
    ),
)
EVERYTHING = 9_999_999_999


class Host:
    """A host that does its duty at once, and keeps its own books in cents."""

    def __init__(self, bench: MachineBench) -> None:
        self.bench = bench
        self.books: Counter[str] = Counter()
        self.heard: Counter[int] = Counter()
        self._tickets = self._transfers = 0
        self._duties: dict[int, Callable[[], None]] = {
            0x3F: self._identify,
            0x57: self._validate,
            0x3D: self._read_record,
            0x3E: self._read_record,
            0x67: self._redeem,
            0x68: self._redeemed,
            0x6A: lambda: self._take(0x80),
            0x6B: lambda: self._take(0x90),
            0x69: self._transferred,
            0x6C: self._register,
            0x51: lambda: self._count("handpays told", int(self.bench.read(0x1B)["amount"] > 0)),
            0x56: self._progressive,
            0xA0: lambda: self._count("changes", self.bench.read(0xB6, host_status=1)["machine_status"]),
        }

    def serve(self, seconds: float) -> None:
        until = self.bench.now + seconds
        while self.bench.now < until:
            code = self.bench.general_poll()
            self.bench.acknowledge()
            if code:
                self.heard[code] += 1
                self._duties.get(code, lambda: None)()
            else:
                self.bench.wait(0.2)

    def _count(self, name: str, amount: int) -> None:
        self.books[name] += amount

    def _identify(self) -> None:
        self.bench.read(0x4C, machine_id=0x1234, sequence=0)

    def _validate(self) -> None:
        if self.bench.read(0x57)["cash_out_type"] != 0x80:
            self._tickets += 1
            self.bench.read(0x58, validation_system="01", validation_number=f"{self._tickets:016d}")

    def _read_record(self) -> None:
        record = self.bench.read(0x4D, function=0x00)
        kind = "tickets out" if record["validation_type"] < 0x10 else "handpays validated"
        self._count(kind, record["amount_cents"])

    def _redeem(self) -> None:
        ticket = self.bench.read(0x70)
        if ticket["status"] == 0x00:
            code = 0x00 if int(ticket["validation_data"]) % 4 else 0x82
            self.bench.read(0x71, **{**ticket, "transfer_code": code, "amount_cents": 1_500})

    def _redeemed(self) -> None:
        final = self.bench.read(0x71, transfer_code=0xFF)
        if final["machine_status"] == 0x00:
            self._count("tickets in", final["amount_cents"])

    def _take(self, transfer_type: int) -> None:
        self._transfers += 1
        self.bench.read(
            0x72,
            transfer_code=0x01,
            transaction_index=0,
            transfer_type=transfer_type,
            cashable_cents=EVERYTHING,
            restricted_cents=0,
            nonrestricted_cents=0,
            transfer_flags=0,
            asset_number=300,
            registration_key=bytes(20),
            transaction_id=f"T{self._transfers}",
            expiration="00000000",
            pool=0,
            receipt_data=(),
        )

    def _transferred(self) -> None:
        final = self.bench.read(0x72, transfer_code=0xFF, transaction_index=0)
        if final["transfer_status"] in {0x00, 0x01}:
            self._count("to host", final["cashable_cents"])

    def _register(self) -> None:
        for code in (0x00, 0x01):
            self.bench.read(
                0x73, registration_code=code, asset_number=300, registration_key=b"\x01" * 20, pos_id=1
            )

    def _progressive(self) -> None:
        won = self.bench.read(0x85)
        self._count("progressives", won["amount_cents"])
        self._count("hits", int(won["level"] > 0))


CASES: dict[str, tuple[MachineSpec, set[int]]] = {
    "secure": (LIVELY, {0x3D, 0x3E, 0x3F, 0x51, 0x52, 0x54, 0x56, 0x67, 0x68, 0x9E, 0x9F, 0xA0, 0xA2}),
    "system": (replace(LIVELY, validation="system"), {0x3D, 0x3E, 0x51, 0x57, 0x67, 0x68}),
    "host cash-out": (replace(LIVELY, aft_host_cash_out=True), {0x66, 0x69, 0x6A, 0x6B, 0x6C, 0x67}),
}


@pytest.mark.parametrize("case", CASES)
def test_the_hosts_books_and_the_machines_accounts_agree(case: str) -> None:
    spec, told = CASES[case]
    bench = MachineBench(spec, guests=True)
    host = Host(bench)

    host.serve(PLAYED_SECONDS)
    bench.machine.stop_play(bench.now)
    host.serve(90.0)

    accounts = bench.cabinet.accounts
    assert not bench.machine.is_playing
    assert told <= set(host.heard)
    assert accounts.balance == 0
    assert host.books["tickets in"] == accounts.tickets_in
    assert host.books["tickets out"] == accounts.tickets_out
    assert host.books["to host"] == sum(accounts.transfer(meter).credits for meter in TO_HOST)
    assert host.books["progressives"] == accounts.machine_progressive + accounts.attendant_progressive
    validated = sum(tally.credits for tally in accounts.validated_handpays.values())
    assert host.books["handpays validated"] == validated == accounts.handpaid + accounts.jackpot
