"""Redemption: one ticket at a time is held in escrow until the host has said what it is worth.

    inserted (67) -> read (70) -> decided (71) -> stacked -> told (68) -> read (71 FF) and acknowledged

Ten seconds without 70, thirty without an end, a link that drops, a power that goes: the ticket comes back to
the guest, and the final status says why. A ticket that was being stacked when the power went is stacked when
it returns. Until the final status was read and acknowledged no other ticket is taken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from edge_agent.simulator.accounts import Kind
from edge_agent.simulator.mainboard import Mainboard, Part
from edge_agent.simulator.validation import REDEMPTION, Validation

INSERTED, TRANSFER_COMPLETE = 0x67, 0x68

# SAS 4.1: until 70, and until the end.
READ_WITHIN, ENDED_WITHIN = 10.0, 30.0
# A bill acceptor takes this long to stack what it holds.
STACKING_SECONDS = 0.5
# How often an acceptor looks whether the host is still there.
LOOK_SECONDS = 1.0

# Transfer codes of 71: validation type and kind of credits. From FIRST_REJECTION on the host refuses.
WORTH: Mapping[int, tuple[int, Kind]] = {
    0x00: (0x80, Kind.CASHABLE),
    0x01: (0x81, Kind.RESTRICTED),
    0x02: (0x82, Kind.NONRESTRICTED),
}
FIRST_REJECTION, LAST_REJECTION, ASK = 0x80, 0x88, 0xFF

# Machine statuses (SAS 3.5).
WAITING, PENDING = 0x20, 0x40
REFUSED, OTHER_NUMBER, BAD_CODE, BAD_AMOUNT = 0x80, 0x81, 0x82, 0x83
OVER_LIMIT, NO_MULTIPLE, UNABLE, TIMED_OUT, LINK_DOWN = 0x84, 0x85, 0x87, 0x88, 0x89
WRONG_MOMENT, NOTHING = 0xC0, 0xFF
IN_ESCROW, NO_TICKET = 0x00, 0xFF


class Phase(Enum):
    """How far a ticket has come."""

    NONE = "none"
    ESCROW = "escrow"
    READ = "read"
    STACKING = "stacking"
    DONE = "done"


@dataclass(slots=True)
class RedemptionMemory:
    """The ticket cycle."""

    phase: Phase = Phase.NONE
    number: str = ""
    transfer_code: int = 0
    amount_cents: int = 0
    status: int = NOTHING


class Redemption(Part[RedemptionMemory]):
    """The ticket acceptor."""

    def __init__(self, board: Mainboard, validation: Validation) -> None:
        super().__init__(board, RedemptionMemory())
        self._validation = validation
        self._phase_until: float | None = None
        self._ends_at = 0.0
        self._told_end = False

    def is_busy(self) -> bool:
        """Whether a ticket is held, so that a guest waits for it."""
        return self.memory.phase in {Phase.ESCROW, Phase.READ, Phase.STACKING}

    def insert(self, number: str) -> bool:
        """A guest puts in a ticket of 18 digits; False when it comes back at once."""
        if not self._can_take():
            return False
        now = self.board.now
        self.memory = RedemptionMemory(Phase.ESCROW, number, status=WAITING)
        self._phase_until, self._ends_at = now + READ_WITHIN, now + ENDED_WITHIN
        self.board.say(INSERTED)
        return True

    def _can_take(self) -> bool:
        situation = self.board.situation
        return (
            self.memory.phase is Phase.NONE
            and self._validation.is_on(REDEMPTION)
            and situation.is_idle
            and not situation.is_disturbed
            and self.board.is_linked()
        )

    # -- the host ----------------------------------------------------------------------------

    def read(self) -> Mapping[str, Any]:
        """The answer of 70."""
        memory = self.memory
        if memory.phase not in {Phase.ESCROW, Phase.READ}:
            return {"status": NO_TICKET}
        if memory.phase is Phase.ESCROW:
            memory.phase, self._phase_until = Phase.READ, self._ends_at
        return {"status": IN_ESCROW, **self._ticket()}

    def redeem(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of 71."""
        code = request["transfer_code"]
        if code == ASK:
            self._told_end = self.memory.phase is Phase.DONE
            return self._answer(self.memory.status)
        if self.memory.phase is not Phase.READ:
            return self._answer(WRONG_MOMENT)
        self.memory.transfer_code = code
        self.memory.amount_cents = request.get("amount_cents", 0)
        reason = self._wrong_with(request)
        if reason:
            self._end(reason)
        else:
            self.memory.phase, self.memory.status = Phase.STACKING, PENDING
            self._phase_until = self.board.now + STACKING_SECONDS
        return self._answer(self.memory.status)

    def _wrong_with(self, request: Mapping[str, Any]) -> int:
        """Why a ticket cannot be redeemed as the host says; 0 where it can."""
        code = request["transfer_code"]
        if FIRST_REJECTION <= code <= LAST_REJECTION:
            return REFUSED
        if code not in WORTH:
            return BAD_CODE
        if request.get("validation_data") != self.memory.number:
            return OTHER_NUMBER
        if not self.memory.amount_cents:
            return BAD_AMOUNT
        return self._wrong_with_amount()

    def _wrong_with_amount(self) -> int:
        board = self.board
        credits_ = board.credits_of(self.memory.amount_cents)
        if credits_ is None:
            return NO_MULTIPLE
        if board.cents(board.accounts.credits + credits_) > board.spec.credit_limit_cents:
            return OVER_LIMIT
        return 0 if board.situation.is_idle and not board.situation.is_disturbed else UNABLE

    def was_read(self) -> None:
        """The host has the final status: the cycle is closed."""
        if self._told_end:
            self.memory, self._told_end = RedemptionMemory(), False

    def _answer(self, status: int) -> Mapping[str, Any]:
        if status in {WRONG_MOMENT, NOTHING}:
            return {"machine_status": status}
        return {"machine_status": status, **self._ticket()}

    def _ticket(self) -> Mapping[str, Any]:
        memory = self.memory
        return {"amount_cents": memory.amount_cents, "parsing_code": 0, "validation_data": memory.number}

    # -- the acceptor ------------------------------------------------------------------------

    def _stack(self) -> None:
        validation_type, kind = WORTH[self.memory.transfer_code]
        credits_ = self.memory.amount_cents // self.board.spec.denomination_cents
        self.board.accounts.ticket_in(validation_type, kind, credits_)
        self._end(self.memory.transfer_code)

    def _end(self, status: int) -> None:
        self.memory.phase, self.memory.status = Phase.DONE, status
        self._phase_until = None
        self.board.settle(INSERTED)
        self.board.say(TRANSFER_COMPLETE)

    # -- time --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """See Part."""
        if self._phase_until is None:
            return None
        if self.memory.phase is Phase.STACKING:
            return self._phase_until
        return min(self._phase_until, self.board.now + LOOK_SECONDS)

    def handle_timer(self) -> None:
        """See Part."""
        due = self._phase_until is not None and self.board.now >= self._phase_until
        if self.memory.phase is Phase.STACKING and due:
            self._stack()
        elif self.memory.phase in {Phase.ESCROW, Phase.READ}:
            if due:
                self._end(TIMED_OUT)
            elif not self.board.is_linked():
                self._end(LINK_DOWN)

    def power_returned(self) -> None:
        """See Part."""
        if self.memory.phase is Phase.STACKING:
            self._phase_until = self.board.now + STACKING_SECONDS
        elif self.is_busy():
            self._end(LINK_DOWN)
