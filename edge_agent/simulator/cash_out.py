"""Cashing out: where a guest's credits go, in the order the machine tries.

First to the host, where it controls cash-outs: it has about eight seconds to send for them. Then onto
tickets, one for what a guest may cash and one for restricted credits, each with a validation number. What no
ticket can hold, for want of a number, a printer or the limit, an attendant pays; restricted credits that
cannot be printed stay on the credit meter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.simulator.accounts import Kind
from edge_agent.simulator.handpays import CANCELLED_CREDITS, Handpay
from edge_agent.simulator.host_cash_out import HostCashOut
from edge_agent.simulator.mainboard import Mainboard, Part
from edge_agent.simulator.validation import (
    CASHABLE,
    PRINTER,
    RESTRICTED,
    RESTRICTED_TICKETS,
    Slip,
    Validation,
)

BUTTON_PRESSED = 0x66


@dataclass(slots=True)
class CashOutMemory:
    """How far it has come."""

    at_host: bool = False
    made_up: str = ""  # the number a machine makes up itself
    tried: tuple[int, ...] = ()  # validation types
    last_credits: int = 0  # what the guest wanted to take along


class CashOut(Part[CashOutMemory]):
    """The way of credits out of the machine."""

    def __init__(
        self,
        board: Mainboard,
        host: HostCashOut,
        validation: Validation,
        call_attendant: Callable[[Handpay], None],
    ) -> None:
        super().__init__(board, CashOutMemory())
        self._host = host
        self._validation = validation
        self._call_attendant = call_attendant

    @property
    def exceeds_ticket(self) -> bool:
        """Whether there is more to cash than a ticket may say."""
        cents = self.board.cents(self.board.accounts.can_be_cashed)
        return cents > self.board.spec.ticket_limit_cents

    def begin(self, made_up: str) -> None:
        """The guest wants to leave. `made_up` is the number of a standard ticket."""
        if self.board.accounts.credits == 0 or not self.board.situation.is_idle:
            return
        self.memory = CashOutMemory(made_up=made_up, last_credits=self.board.accounts.can_be_cashed)
        self.board.situation.cashing_out = True
        if self._host.is_enabled:
            self.board.say(BUTTON_PRESSED)
        if self._host.ask_for_credits():
            self.memory.at_host = True
        else:
            self._print_next()

    def host_is_done(self) -> None:
        """The host has taken credits, or let its time pass: what is left goes another way."""
        if not self.memory.at_host:
            return
        self.memory.at_host = False
        if self._host.is_hard and self.board.accounts.can_be_cashed:
            self._attendant()  # a host that wants them hard lets no ticket have them
        else:
            self._print_next()

    def decided(self, slip: Slip, number: str | None) -> None:
        """Validation has decided about a ticket."""
        if number is not None:
            self.board.accounts.ticket_out(slip.validation_type)
            self._validation.tell(slip)
            self._print_next()
        elif slip.validation_type == CASHABLE:
            self._attendant()
        else:
            self._end()

    def _print_next(self) -> None:
        slip = self._next_slip()
        if slip is None:
            self._end()
        elif slip.validation_type == CASHABLE and (
            self.exceeds_ticket or not self._validation.is_on(PRINTER)
        ):
            self._attendant()
        else:
            self.memory.tried = (*self.memory.tried, slip.validation_type)
            self._validation.request(slip, self.memory.made_up)

    def _next_slip(self) -> Slip | None:
        accounts, tried = self.board.accounts, self.memory.tried
        if accounts.can_be_cashed and CASHABLE not in tried:
            return Slip(CASHABLE, self.board.cents(accounts.can_be_cashed))
        restricted = accounts.held(Kind.RESTRICTED)
        prints = self._validation.is_on(RESTRICTED_TICKETS) and self._validation.is_on(PRINTER)
        if restricted and RESTRICTED not in tried and prints:
            return Slip(RESTRICTED, self.board.cents(restricted))
        return None

    def _attendant(self) -> None:
        credits_ = self.board.accounts.can_be_cashed
        self._end()
        if credits_:
            self._call_attendant(Handpay(CANCELLED_CREDITS, credits_))

    def _end(self) -> None:
        self.board.situation.cashing_out = False
