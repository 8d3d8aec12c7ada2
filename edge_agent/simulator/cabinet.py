"""The cabinet: a machine's whole state, and the acts that change it and say so.

Every act moves the accounts first and raises its exception after, so that whoever reads meters
because of an exception finds them moved. The data of real-time events is taken at that moment.
Acts are small and whole: between two of them the accounts balance and every poll can be answered.

What decides to act is the story (`play`); what answers polls out of this state is `machine_polls`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from edge_agent.sas.code_tables import BILL_EXCEPTIONS
from edge_agent.simulator.accounts import Accounts
from edge_agent.simulator.specification import BILL_CODES, US_DOLLARS, MachineSpec

# Four BCD bytes carry the meters inside events.
EVENT_METER_MODULUS = 10**8

MAX_BET = 0x80
PLAYER_DENOMINATION_GIVEN = 0x40

# What a machine's own clock shows until somebody sets it.
FACTORY_CLOCK = datetime(2026, 1, 1)  # noqa: DTZ001  a machine knows no time zones

TOP_WIN = 0x40  # level of a hand-paid win in long poll 1B
CANCELLED_CREDITS = 0x80

# Secure reporting keeps five handpays at least that no host has read; of older ones the meters tell.
UNREAD_HANDPAYS = 5

ANY_BILL = 0x4F
_BILL_EXCEPTION = {dollars: code for code, dollars in BILL_EXCEPTIONS.items()}


class Port(Protocol):
    """What a cabinet needs of its SAS port."""

    def raise_exception(self, code: int, values: Mapping[str, Any]) -> None:
        """Put an exception before the host."""

    def power_off(self) -> None:
        """The port goes dead."""

    def power_on(self) -> None:
        """The port comes back."""


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill accepted last."""

    dollars: int
    count: int


@dataclass(frozen=True, slots=True)
class Ticket:
    """The ticket printed last."""

    validation_number: str
    cents: int


@dataclass(frozen=True, slots=True)
class Handpay:
    """What an attendant has to pay, in accounting credits."""

    level: int
    credits: int


@dataclass(frozen=True, slots=True)
class Bet:
    """What a guest stakes on one game: credits of a player denomination."""

    credits: int
    denomination: int


class Cabinet:
    """One machine's state. See the module."""

    def __init__(self, spec: MachineSpec, port: Port) -> None:
        self.spec = spec
        self.accounts = Accounts.after(
            spec.past_twenties, 20 * 100 // spec.denomination_cents, len(spec.games)
        )
        self.enabled_games = tuple(range(1, len(spec.games) + 1))
        self.selected_game = 1
        self.player_denomination = spec.player_denominations[0] if spec.player_denominations else 0
        self.last_bill: Bill | None = None
        self.last_ticket: Ticket | None = None
        self.handpay: Handpay | None = None
        self.unread_handpays: deque[Handpay] = deque(maxlen=UNREAD_HANDPAYS)
        self.powered = True
        self.clock = FACTORY_CLOCK
        self._port = port

    # -- the guest ---------------------------------------------------------------------------

    def accept_bill(self, dollars: int) -> None:
        """A bill was stacked and its credits added."""
        count = self.accounts.bill_in(dollars, dollars * 100 // self.spec.denomination_cents)
        self.last_bill = Bill(dollars, count)
        self._say(
            _BILL_EXCEPTION.get(dollars, ANY_BILL),
            {
                "country": US_DOLLARS,
                "denomination_code": BILL_CODES[dollars],
                "count": count % EVENT_METER_MODULUS,
            },
        )

    def select_game(self, number: int, denomination: int) -> None:
        """The guest chose a game and what one of its credits is worth; 0 for the accounting one."""
        self.player_denomination = denomination
        if number != self.selected_game:
            self.selected_game = number
            self._say(0x8C, {"game": number})

    def worth(self, bet: Bet) -> int:
        """A bet in accounting credits."""
        return bet.credits * (self.spec.credits_per(bet.denomination) if bet.denomination else 1)

    def start_game(self, bet: Bet) -> None:
        """The guest staked `bet` on the selected game."""
        self.accounts.wager(self.selected_game, self.worth(bet))
        most = self.spec.games[self.selected_game - 1].max_bet
        wager_type = MAX_BET if bet.credits == most else 0
        if bet.denomination:
            wager_type |= PLAYER_DENOMINATION_GIVEN | bet.denomination
        self._say(
            0x7E,
            {
                "wager": bet.credits,
                "coin_in": self.accounts.coin_in % EVENT_METER_MODULUS,
                "wager_type": wager_type,
                "progressive_group": 0,
            },
        )

    def is_handpay(self, win: int) -> bool:
        """Whether an attendant has to pay this win."""
        return 0 < self.spec.attendant_pays_from_cents <= win * self.spec.denomination_cents

    def end_game(self, win: int) -> None:
        """The game is over and the machine itself pays the win, if any."""
        self.accounts.machine_pays(self.selected_game, win)
        self._say(0x7F, {"win": win})

    def end_game_paid_by_hand(self) -> None:
        """The attendant has paid the win and keyed it off: the game is over."""
        win = self._key_off()
        self.accounts.attendant_pays(self.selected_game, win)
        self._say(0x52)
        self._say(0x7F, {"win": win})

    def print_ticket(self, validation_number: str) -> None:
        """All credits went out on a ticket."""
        paid = self.accounts.ticket_out()
        self.last_ticket = Ticket(validation_number, paid * self.spec.denomination_cents)
        self._say(0x3D)

    # -- the attendant -----------------------------------------------------------------------

    def call_attendant(self, level: int, amount: int) -> None:
        """The machine locks up until somebody has paid `amount` credits by hand."""
        self.handpay = Handpay(level, amount)
        is_first = not self.unread_handpays
        if self.spec.secure_handpays:
            self.unread_handpays.append(self.handpay)
        if is_first:
            self._say(0x51)

    def handpay_was_read(self) -> None:
        """Under secure reporting the host has read a handpay: the next one is told of."""
        if self.unread_handpays:
            self.unread_handpays.popleft()
        if self.unread_handpays:
            self._say(0x51)

    def pay_credits_by_hand(self) -> None:
        """The attendant has paid the credits of the guest and keyed them off."""
        self._key_off()
        self.accounts.handpay_credits()
        self._say(0x52)

    def _key_off(self) -> int:
        amount = self.handpay.credits if self.handpay else 0
        self.handpay = None
        return amount

    def open_door(self) -> None:
        """The main door was opened."""
        self.accounts.door_openings += 1
        self._say(0x11)

    def close_door(self) -> None:
        """The main door was closed; what was tilted is well again."""
        self.accounts.games_since_door = 0
        self._say(0x12)

    def remove_cashbox(self) -> None:
        """The drop team took the bills."""
        self._say(0x1B)

    def install_cashbox(self) -> None:
        """The drop team left an empty box: what the stacker held counts from nothing."""
        self.accounts.empty_stacker()
        self._say(0x1C)
        self._say(0x7B)

    def change_options(self) -> None:
        """An operator switched the last game off, or on again."""
        every = tuple(range(1, len(self.spec.games) + 1))
        self.enabled_games = every if self.enabled_games != every or len(every) == 1 else every[:-1]
        self._say(0x3C)

    def note(self, code: int) -> None:
        """Something happened that moves no account: a lamp, a tilt, a menu, a printer."""
        self._say(code)

    # -- the power ---------------------------------------------------------------------------

    def lose_power(self) -> None:
        """Everything stops. What is in memory stays."""
        self.powered = False
        self._port.power_off()

    def regain_power(self) -> None:
        """The machine starts, finds that it had not been shut down, and says both."""
        self.powered = True
        self.accounts.power_resets += 1
        self.accounts.games_since_power = 0
        self._port.power_on()
        self._say(0x18)
        self._say(0x17)

    def _say(self, code: int, values: Mapping[str, Any] | None = None) -> None:
        self._port.raise_exception(code, values or {})
