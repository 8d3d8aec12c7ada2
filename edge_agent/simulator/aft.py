"""AFT: one transfer at a time between the host and the machine, to its end and into the history.

    asked for (72) -> pending -> done or failed, told (69) -> read (72 FF) and acknowledged -> history

A transfer is done when nothing is half done at the machine. Until its final status was read with FF and
acknowledged, every other transfer is answered with C0. A transfer that was refused at once is over: it is
shown until the next, and stands in nobody's way. What moved money is kept in the history, 127 of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from edge_agent.simulator.accounts import Kind
from edge_agent.simulator.aft_lock import AftLock
from edge_agent.simulator.aft_registration import AftRegistration
from edge_agent.simulator.aft_rules import Proposal, fitting, refusal, refusal_at_last
from edge_agent.simulator.aft_transfer import (
    ASK,
    CANCEL,
    CANCELLED,
    DONE,
    DONE_IN_PART,
    FULL_ONLY,
    LOCK_AFTER,
    LOOK,
    NOTHING,
    PARTIAL_ALLOWED,
    PENDING,
    RECEIPT,
    RECEIPT_PENDING,
    RECEIPT_PRINTED,
    UNSUPPORTED_CODE,
    WRONG_MOMENT,
    Transfer,
    Way,
    refused_transfer,
)
from edge_agent.simulator.host_cash_out import HostCashOut
from edge_agent.simulator.mainboard import Mainboard, Part
from edge_agent.simulator.validation import Slip

TRANSFER_COMPLETE = 0x69
HISTORY_ENTRIES = 127
NEWEST = 0xFF
LAST_RELATIVE = 0x80  # below it an index is a position, above it counts from the newest

# A machine takes this long to see to a transfer, and looks this often whether a game is over.
TRANSFER_SECONDS = 0.2
TICKET_DEVICE_UNAVAILABLE = 0x8E


@dataclass(slots=True)
class AftMemory:
    """The transfer of this moment, and those before it."""

    current: Transfer | None = None
    was_refused: bool = False  # at once: nobody waits for its end
    history: dict[int, Transfer] = field(default_factory=dict)
    last_position: int = 0
    restricted_expiration: str = "00000000"
    restricted_pool: int = 0
    receipt_texts: dict[int, str] = field(default_factory=dict)
    ticket_wanted: bool = False  # the money is to be printed and waits for its number


@dataclass(frozen=True, slots=True)
class AftActs:
    """What a transfer makes the rest of the machine do."""

    can_play: Callable[[], bool]
    can_print: Callable[[], bool]
    print_slip: Callable[[Slip], None]
    pay_bonus_by_hand: Callable[[int], None]
    take_win: Callable[[], None]  # the win that was offered has gone to the host
    host_is_done: Callable[[int], None]  # of what it was asked for


class Aft(Part[AftMemory]):
    """The transfers of one machine."""

    def __init__(
        self,
        board: Mainboard,
        registration: AftRegistration,
        lock: AftLock,
        host: HostCashOut,
        acts: AftActs,
    ) -> None:
        super().__init__(board, AftMemory())
        self._registration = registration
        self._lock = lock
        self._host = host
        self._acts = acts
        self._try_at: float | None = None
        self._shown: Transfer | None = None  # the final status the host was last told

    # -- the host ----------------------------------------------------------------------------

    def take(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of 72."""
        match request["transfer_code"]:
            case code if code in {ASK, LOOK}:
                return self._interrogated(request.get("transaction_index", 0), acknowledges=code == ASK)
            case code if code == CANCEL:
                return self._cancel()
            case code if code in {FULL_ONLY, PARTIAL_ALLOWED} and "transfer_type" in request:
                return self._start(request)
        return refused_transfer(UNSUPPORTED_CODE)

    def was_read(self) -> None:
        """The host has what 72 FF told: a final status closes the cycle."""
        shown, self._shown = self._shown, None
        if shown is not None and shown is self.memory.current:
            self._close()

    def _start(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        memory = self.memory
        if memory.current is not None and not memory.was_refused:
            return refused_transfer(WRONG_MOMENT)
        transfer = Transfer.of(request)
        memory.current = transfer
        reason = refusal(self._proposal(transfer, request))
        memory.was_refused = bool(reason)
        if reason:
            transfer.status = reason
            return self._told(transfer)
        self._accept(transfer)
        return self._told(transfer)

    def _accept(self, transfer: Transfer) -> None:
        self._host.set(transfer.transfer_flags)
        if transfer.type.way in {Way.TO_HOST, Way.WIN_TO_HOST}:
            self._host.hold()
        if transfer.transfer_flags & RECEIPT:
            transfer.receipt_status = RECEIPT_PENDING
        self._try_at = self.board.now + TRANSFER_SECONDS

    def _cancel(self) -> Mapping[str, Any]:
        current = self.memory.current
        if current is None or current.is_over or self.memory.ticket_wanted:
            return refused_transfer(WRONG_MOMENT)
        self._fail(current, CANCELLED)
        return refused_transfer(CANCELLED)

    def _interrogated(self, index: int, *, acknowledges: bool) -> Mapping[str, Any]:
        transfer = self._at(index)
        if acknowledges:
            self._shown = transfer if transfer is not None and transfer.is_over else None
        if transfer is None:
            return {"history_position": 0, "transfer_status": NOTHING, "receipt_status": NOTHING}
        return self._told(transfer)

    def _at(self, index: int) -> Transfer | None:
        memory = self.memory
        if index == 0:
            return memory.current or memory.history.get(memory.last_position)
        if index > LAST_RELATIVE:
            index = (memory.last_position - 1 - (NEWEST - index)) % HISTORY_ENTRIES + 1
        return memory.history.get(index)

    def _told(self, transfer: Transfer) -> Mapping[str, Any]:
        return transfer.told(self._host.status)

    def _proposal(self, transfer: Transfer, request: Mapping[str, Any] | None = None) -> Proposal:
        memory = self.memory
        last = memory.history.get(memory.last_position)
        return Proposal(
            transfer=transfer,
            key=request["registration_key"] if request else b"",
            has_receipt_data=bool(request and request.get("receipt_data")),
            board=self.board,
            registration=self._registration,
            is_locked=self._lock.is_locked,
            can_print=self._acts.can_print(),
            can_play=self._acts.can_play(),
            cash_out_asked=bool(self._host.memory.asked),
            win=self._host.win,
            last_id=last.transaction_id if last else "",
            pool=memory.restricted_pool,
        )

    # -- the machine -------------------------------------------------------------------------

    def _do(self, transfer: Transfer) -> None:
        """Move the money, now that nothing is half done."""
        proposal = self._proposal(transfer)
        reason = refusal_at_last(proposal)
        if reason:
            self._fail(transfer, reason)
            self._say_over(transfer)
            return
        asked = transfer.cents
        transfer.set_cents(fitting(proposal))
        if transfer.type.way is Way.TO_TICKET:
            self._print(transfer)
            return
        self._move(transfer)
        self._finish(transfer, DONE if transfer.cents == asked else DONE_IN_PART)

    def _move(self, transfer: Transfer) -> None:
        accounts, way = self.board.accounts, transfer.type.way
        for kind, meter in transfer.type.meters.items():
            credits_ = transfer.cents[kind] // self.board.spec.denomination_cents
            if not credits_:
                continue
            match way:
                case Way.TO_MACHINE:
                    accounts.transfer_in(meter, kind, credits_)
                case Way.BONUS:
                    accounts.machine_pays_bonus(meter, kind, credits_)
                case Way.JACKPOT:
                    accounts.bonus_by_hand(meter, credits_)
                    self._acts.pay_bonus_by_hand(credits_)
                case Way.WIN_TO_HOST:
                    self._acts.take_win()
                    accounts.transfer_out(meter, kind, credits_)
                case Way.TO_HOST:
                    accounts.transfer_out(meter, kind, credits_)
                case Way.TO_TICKET:
                    pass  # see ticket_decided
        if way is Way.TO_MACHINE and transfer.restricted_cents:
            self.memory.restricted_expiration = transfer.expiration
            self.memory.restricted_pool = transfer.pool

    def _print(self, transfer: Transfer) -> None:
        self.memory.ticket_wanted = True
        kind = next(kind for kind, cents in transfer.cents.items() if cents)
        self._acts.print_slip(Slip(transfer.type.tickets[kind], transfer.cents[kind]))

    def ticket_decided(self, slip: Slip, *, printed: bool) -> None:
        """Validation has decided about the ticket of a transfer."""
        self.memory.ticket_wanted = False
        transfer = self.memory.current
        if transfer is None:
            return
        if not printed:
            self._fail(transfer, TICKET_DEVICE_UNAVAILABLE)
            self._say_over(transfer)
            return
        for kind, meter in transfer.type.meters.items():
            credits_ = transfer.cents[kind] // self.board.spec.denomination_cents
            if credits_:
                self.board.accounts.transfer_to_ticket(meter, slip.validation_type, credits_)
        self._finish(transfer, DONE)

    def _finish(self, transfer: Transfer, status: int) -> None:
        clock = self.board.clock
        transfer.status = status
        transfer.date, transfer.time = f"{clock:%m%d%Y}", f"{clock:%H%M%S}"
        if transfer.transfer_flags & RECEIPT:
            transfer.receipt_status = RECEIPT_PRINTED
        cumulative = {
            kind: self.board.cents(self.board.accounts.transfer(meter).credits)
            for kind, meter in transfer.type.meters.items()
        }
        transfer.cumulative_cashable_cents = cumulative.get(Kind.CASHABLE, 0)
        transfer.cumulative_restricted_cents = cumulative.get(Kind.RESTRICTED, 0)
        transfer.cumulative_nonrestricted_cents = cumulative.get(Kind.NONRESTRICTED, 0)
        self._unlock(transfer)
        self._say_over(transfer)

    def _unlock(self, transfer: Transfer) -> None:
        wants_lock = transfer.transfer_flags & LOCK_AFTER and self.board.spec.aft_lock_after_transfer
        self._lock.end()
        if wants_lock:
            self._lock.keep(transfer.lock_timeout_hundredths)

    def _fail(self, transfer: Transfer, status: int) -> None:
        transfer.status, self._try_at = status, None
        for kind in ("cashable", "restricted", "nonrestricted"):
            setattr(transfer, f"{kind}_cents", 0)
        self._end_cash_out(transfer)

    def _say_over(self, transfer: Transfer) -> None:
        self._try_at = None
        self.board.say(TRANSFER_COMPLETE)
        self._end_cash_out(transfer)

    def _end_cash_out(self, transfer: Transfer) -> None:
        asked = self._host.end() if transfer.type.way in {Way.TO_HOST, Way.WIN_TO_HOST} else 0
        if asked:
            self._acts.host_is_done(asked)

    def _close(self) -> None:
        memory = self.memory
        transfer, memory.current, memory.was_refused = memory.current, None, False
        if transfer is not None and transfer.moved:
            memory.last_position = memory.last_position % HISTORY_ENTRIES + 1
            transfer.position = memory.last_position
            memory.history[memory.last_position] = transfer

    # -- time --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """See Part."""
        return self._try_at

    def handle_timer(self) -> None:
        """See Part."""
        current = self.memory.current
        if self._try_at is None or self.board.now < self._try_at or current is None:
            return
        if self._is_its_turn(current):
            self._try_at = None
            self._do(current)
        else:
            self._try_at = self.board.now + TRANSFER_SECONDS

    def _is_its_turn(self, transfer: Transfer) -> bool:
        situation = self.board.situation
        if situation.is_disturbed or transfer.type.way is Way.WIN_TO_HOST:
            return True
        if self._host.memory.asked and transfer.type.way is Way.TO_HOST:
            return True
        return situation.is_idle

    def power_returned(self) -> None:
        """See Part."""
        current = self.memory.current
        if current is not None and current.status == PENDING and not self.memory.ticket_wanted:
            self._try_at = self.board.now + TRANSFER_SECONDS
