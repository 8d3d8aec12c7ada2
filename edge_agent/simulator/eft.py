"""EFT: the transfers of machines from before AFT, in two phases.

The host sends a transfer once to have it looked at (acknowledgement 00), and once more, the same, to have it
done (01). The last five are kept for long poll 28.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.simulator.accounts import EFT_CASHABLE_IN, EFT_PROMOTIONAL_IN, EFT_PROMOTIONAL_OUT, Kind
from edge_agent.simulator.mainboard import Mainboard, Part

OFFER, CONFIRM = 0x00, 0x01
OK, DOOR_OPEN, OVER_LIMIT, TILT, BAD_ACKNOWLEDGEMENT, GAME_RUNS = 0x00, 0x02, 0x04, 0x07, 0x08, 0x09
DUPLICATE, OUT_OF_SERVICE, BUSY, UNDER_LIMIT = 0x0B, 0x0D, 0x0E, 0xFD
# Promotional credits of these transfers can be played and not cashed: long poll 27 shows them.
KINDS: Mapping[int, Kind] = {EFT_PROMOTIONAL_IN: Kind.RESTRICTED, EFT_CASHABLE_IN: Kind.CASHABLE}

LOG_ENTRIES = 5
DOWNLOAD, UPLOAD = 0x01, 0x02


@dataclass(frozen=True, slots=True)
class EftEntry:
    """One transfer as it was answered, its amount in accounting credits."""

    command: int
    transaction_number: int
    acknowledgement: int
    status: int
    amount: int


@dataclass(slots=True)
class EftMemory:
    """What was offered, and what was done, newest first."""

    offered: EftEntry | None = None
    log: list[EftEntry] = field(default_factory=list)


class Eft(Part[EftMemory]):
    """The legacy transfers of one machine."""

    def __init__(self, board: Mainboard) -> None:
        super().__init__(board, EftMemory())

    def take(self, command: int, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of 63, 64, 69 and 6B."""
        transaction, acknowledgement = request["transaction_number"], request["acknowledgement"]
        amount = request.get("amount", sum(map(self.board.accounts.held, _sent_by(command))))
        asked = EftEntry(command, transaction, OFFER, OK, amount)
        status = self._status(asked, acknowledgement)
        self.memory.offered = asked if acknowledgement == OFFER and status == OK else None
        if acknowledgement == CONFIRM and status == OK:
            self._do(asked)
            done = EftEntry(command, transaction, CONFIRM, OK, amount)
            self.memory.log = [done, *self.memory.log][:LOG_ENTRIES]
        return {
            "transaction_number": transaction,
            "acknowledgement": acknowledgement,
            "status": status,
            "amount": amount,
        }

    def _status(self, asked: EftEntry, acknowledgement: int) -> int:
        if acknowledgement not in {OFFER, CONFIRM}:
            return BAD_ACKNOWLEDGEMENT
        if acknowledgement == CONFIRM and asked != self.memory.offered:
            return BAD_ACKNOWLEDGEMENT
        return self._status_of_machine() or self._status_of_amount(asked)

    def _status_of_machine(self) -> int:
        situation = self.board.situation
        for stands, status in (
            (bool(situation.open_doors), DOOR_OPEN),
            (bool(situation.tilt), TILT),
            (situation.in_menu or situation.out_of_service, OUT_OF_SERVICE),
            (situation.game is not None, GAME_RUNS),
            (not situation.is_idle, BUSY),
        ):
            if stands:
                return status
        return OK

    def _status_of_amount(self, asked: EftEntry) -> int:
        last = self.memory.log[0] if self.memory.log else None
        if last and (last.command, last.transaction_number) == (asked.command, asked.transaction_number):
            return DUPLICATE
        if not asked.amount:
            return UNDER_LIMIT
        full = self.board.cents(self.board.accounts.credits + asked.amount)
        is_in = asked.command in KINDS
        return OVER_LIMIT if is_in and full > self.board.spec.credit_limit_cents else OK

    def _do(self, entry: EftEntry) -> None:
        accounts = self.board.accounts
        kind = KINDS.get(entry.command)
        if kind is not None:
            accounts.transfer_in(entry.command, kind, entry.amount)
            return
        for kind in _sent_by(entry.command):
            accounts.transfer_out(entry.command, kind, accounts.held(kind))

    @property
    def available(self) -> int:
        """Which transfers are possible now: the flags of long poll 6A."""
        return 0 if self._status_of_machine() else DOWNLOAD | UPLOAD


def _sent_by(command: int) -> tuple[Kind, ...]:
    """What a transfer to the host takes along."""
    return (Kind.RESTRICTED,) if command == EFT_PROMOTIONAL_OUT else (Kind.CASHABLE, Kind.NONRESTRICTED)
