"""The cabinet: a machine's whole state, and the acts that change it and say so.

Every act moves the accounts first and raises its exception after, so that whoever reads meters because of an
exception finds them moved. The data of real-time events is taken at that moment. Acts are small and whole:
between two of them the accounts balance and every poll can be answered.

What has a story of its own is a part: handpays, cashing out, tickets in, transfers, progressives. The cabinet
joins them. What decides to act is the story (`play`); what answers polls out of this
state is `polls`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edge_agent.errors import ConfigurationError
from edge_agent.sas.code_tables import BILL_EXCEPTIONS
from edge_agent.simulator.accounts import Accounts
from edge_agent.simulator.aft import Aft, AftActs
from edge_agent.simulator.aft_lock import BONUS, FROM_MACHINE, LOCK_AFTER, TO_MACHINE, TO_TICKET, AftLock
from edge_agent.simulator.aft_lock import WIN_TO_HOST as WIN_PENDING
from edge_agent.simulator.aft_registration import AftRegistration
from edge_agent.simulator.bonus import Bonuses
from edge_agent.simulator.cash_out import CashOut
from edge_agent.simulator.components import Components
from edge_agent.simulator.eft import Eft
from edge_agent.simulator.games import EVENT_METER_MODULUS, Games
from edge_agent.simulator.handpays import (
    CANCELLED_CREDITS,
    KEYED_TO_MACHINE,
    REQUEST_CANCELLED,
    RESET,
    TOP_WIN,
    Handpay,
    Handpays,
)
from edge_agent.simulator.host_cash_out import REQUEST_CREDITS, HostCashOut
from edge_agent.simulator.mainboard import BoardMemory, Mainboard, OpenGame, Part, Port
from edge_agent.simulator.memory import from_plain, to_plain
from edge_agent.simulator.meter_change import GAMES_CHANGE, MeterChange
from edge_agent.simulator.progressives import Progressives
from edge_agent.simulator.redemption import Redemption
from edge_agent.simulator.specification import BILL_CODES, US_DOLLARS, MachineSpec
from edge_agent.simulator.switches import Switches
from edge_agent.simulator.tournament import Tournament
from edge_agent.simulator.validation import HANDPAYS, PRINTER, RECEIPTS, Slip, Validation

ANY_BILL = 0x4F
_BILL_EXCEPTION = {dollars: code for code, dollars in BILL_EXCEPTIONS.items()}

MAIN_DOOR_OPENED, MAIN_DOOR_CLOSED = 0x11, 0x12
# Doors by the exception that tells they were opened, and the one that they were closed.
DOORS: Mapping[int, int] = MappingProxyType({0x12: 0x11, 0x14: 0x13, 0x16: 0x15, 0x1A: 0x19, 0x1E: 0x1D})
TILTS = frozenset((*range(0x20, 0x23), 0x25, 0x28, 0x29, 0x2D, *range(0x40, 0x47), 0x60, 0x61, 0x78, 0x79))
MENUS: Mapping[int, bool] = MappingProxyType({0x82: True, 0x83: False, 0x84: True, 0x85: False})
OUT_OF_SERVICE = 0x86
METERS_RESET = 0x7A

# What an AFT ticket is printed for (validation types).
AFT_TICKETS = frozenset((0x02, 0x03, 0x04))
# Validation types of handpays (SAS 6.4), with and without a receipt.
CREDITS_HANDPAY, JACKPOT_HANDPAY = (0x10, 0x40), (0x20, 0x60)


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill accepted last."""

    dollars: int
    count: int


@dataclass(slots=True)
class CabinetMemory:
    """What outlives the power and belongs to no part."""

    last_bill: Bill | None = None
    receipt_numbers: int = 0  # of handpays, under standard validation


class Cabinet:
    """One machine's state. See the module."""

    def __init__(self, spec: MachineSpec, port: Port) -> None:
        self.spec = spec
        self.board = board = Mainboard(spec, port)
        self.memory = CabinetMemory()
        self.powered = True
        self.switches = Switches(board)
        self.handpays = Handpays(board)
        self.validation = Validation(board, self._decided)
        self.host_cash_out = HostCashOut(board, self._host_is_done)
        self.cash_out = CashOut(board, self.host_cash_out, self.validation, self.handpays.call_attendant)
        self.redemption = Redemption(board, self.validation)
        self.progressives = Progressives(board)
        self.bonuses = Bonuses(board)
        self.tournament = Tournament(board)
        self.games = Games(
            board,
            switches=self.switches,
            handpays=self.handpays,
            host=self.host_cash_out,
            progressives=self.progressives,
            bonuses=self.bonuses,
            tournament=self.tournament,
        )
        self.registration = AftRegistration(board)
        self.lock = AftLock(board, self.available_transfers)
        self.aft = Aft(board, self.registration, self.lock, self.host_cash_out, self._aft_acts())
        self.eft = Eft(board)
        self.components = Components(board)
        self.meter_change = MeterChange(board, self._make_change)
        self.parts = {name: part for name, part in vars(self).items() if isinstance(part, Part)}

    @property
    def accounts(self) -> Accounts:
        """What went in, was wagered, won and went out."""
        return self.board.accounts

    @property
    def enabled_games(self) -> tuple[int, ...]:
        """The games a guest can choose at the denomination of this moment."""
        return self.switches.enabled_games(self.board.situation.player_denomination)

    # -- the guest ---------------------------------------------------------------------------

    def accept_bill(self, dollars: int) -> None:
        """A bill was stacked and its credits added."""
        count = self.accounts.bill_in(dollars, dollars * 100 // self.spec.denomination_cents)
        self.memory.last_bill = Bill(dollars, count)
        self.switches.bill_taken()
        self.board.say(
            _BILL_EXCEPTION.get(dollars, ANY_BILL),
            {
                "country": US_DOLLARS,
                "denomination_code": BILL_CODES[dollars],
                "count": count % EVENT_METER_MODULUS,
            },
        )

    def takes_bill(self, dollars: int) -> bool:
        """Whether the acceptor takes a bill of so many dollars now."""
        return self.switches.takes_bill(dollars) and self.board.situation.is_idle

    @property
    def can_play(self) -> bool:
        """Whether a game can begin."""
        board = self.board
        waits = board.now < self.switches.play_from
        stopped = not self.switches.memory.play or self.lock.is_locked or board.situation.out_of_service
        return board.situation.is_idle and not (waits or stopped)

    # -- the attendant -----------------------------------------------------------------------

    def key_off(self) -> None:
        """The attendant, or the host from afar, has paid what was pending: the machine goes on."""
        closed = self.handpays.close()
        if closed is None:
            return
        handpay, to_credits = closed
        game = self.board.situation.game
        if handpay.is_bonus:
            self.accounts.attendant_pays_bonus(handpay.credits)
        elif handpay.level == CANCELLED_CREDITS:
            self.accounts.handpay_credits(self.board.situation.selected_game)
        else:
            self._pay_win(handpay, to_credits=to_credits)
        self.board.say(RESET)
        if to_credits:
            self.board.say(KEYED_TO_MACHINE)
        else:
            self._validate(handpay)
        if game is not None:
            self.games.over(handpay.credits)

    def _pay_win(self, handpay: Handpay, *, to_credits: bool) -> None:
        game = self.board.situation.game or OpenGame(
            self.board.situation.selected_game, self.spec.denomination_code
        )
        pay = self.accounts.machine_pays if to_credits else self.accounts.attendant_pays
        pay(game.number, handpay.credits, game.denomination, game.progressive)

    def _validate(self, handpay: Handpay) -> None:
        """Give a handpay that was paid a number, where this machine does."""
        if not self.validation.is_on(HANDPAYS):
            return
        with_receipt, without = CREDITS_HANDPAY if handpay.level == CANCELLED_CREDITS else JACKPOT_HANDPAY
        prints = self.validation.is_on(RECEIPTS) and self.validation.is_on(PRINTER)
        self.memory.receipt_numbers += 1
        slip = Slip(with_receipt if prints else without, self.board.cents(handpay.credits))
        self.validation.request(slip, f"{self.memory.receipt_numbers:08d}")

    def cancel_handpay_request(self) -> None:
        """The guest wants to play on instead of being paid by hand."""
        pending = self.handpays.pending
        if pending is not None and pending.level == CANCELLED_CREDITS:
            self.handpays.withdraw()
            self.board.say(REQUEST_CANCELLED)

    def open_door(self) -> None:
        """The main door was opened."""
        self.accounts.door_openings += 1
        self.note(MAIN_DOOR_OPENED)

    def close_door(self) -> None:
        """The main door was closed; what was tilted is well again."""
        self.accounts.games_since_door = 0
        self.board.situation.tilt = 0
        self.note(MAIN_DOOR_CLOSED)

    def remove_cashbox(self) -> None:
        """The drop team took the bills."""
        self.board.say(0x1B)

    def install_cashbox(self) -> None:
        """The drop team left an empty box: what the stacker held counts from nothing."""
        self.accounts.empty_stacker()
        self.board.say(0x1C)
        self.board.say(0x7B)

    def change_options(self) -> None:
        """An operator switches the last game off, or on again: once the host has read the meters."""
        self.meter_change.announce(GAMES_CHANGE)

    def clear_memory(self) -> None:
        """A technician cleared the meters: they start again at zero, and what was on them is gone."""
        self.board.memory.accounts = Accounts.after(0, 0, len(self.spec.games))
        self.board.say(METERS_RESET)

    def _make_change(self, _: int) -> None:
        self.switches.toggle_last_game()
        if self.spec.meter_change_notification:
            self.switches.tell_enabled_games()
        else:
            self.board.say(0x3C)

    def note(self, code: int) -> None:
        """Something happened that moves no account: a door, a lamp, a tilt, a menu, a printer."""
        situation = self.board.situation
        if code in DOORS.values():
            situation.open_doors = (*situation.open_doors, code)
        elif code in DOORS:
            situation.open_doors = tuple(door for door in situation.open_doors if door != DOORS[code])
        elif code in TILTS:
            situation.tilt = code
        elif code in MENUS:
            situation.in_menu = MENUS[code]
            situation.out_of_service = situation.out_of_service and MENUS[code]
        elif code == OUT_OF_SERVICE:
            situation.out_of_service = True
        is_door = code in DOORS or code in DOORS.values()
        if not (is_door and self.switches.memory.maintenance):
            self.board.say(code)

    # -- what parts make of each other -------------------------------------------------------

    def _decided(self, slip: Slip, number: str | None) -> None:
        """Validation has decided about a slip."""
        if slip.validation_type in AFT_TICKETS:
            self.aft.ticket_decided(slip, printed=number is not None)
        elif not slip.is_handpay:
            self.cash_out.decided(slip, number)
            return
        elif number is not None:
            self.accounts.handpay_validated(slip.validation_type, slip.cents // self.spec.denomination_cents)
        if number is not None:
            self.validation.tell(slip)

    def _host_is_done(self, asked: int) -> None:
        """The host has taken what it was offered, or not."""
        if asked == REQUEST_CREDITS:
            self.cash_out.host_is_done()
        else:
            self.games.host_let_win()

    def _aft_acts(self) -> AftActs:
        return AftActs(
            can_play=lambda: self.switches.memory.play,
            can_print=lambda: self.validation.is_on(PRINTER) and self.validation.can_validate(),
            print_slip=lambda slip: self.validation.request(slip, f"{slip.cents % 10**8:08d}"),
            pay_bonus_by_hand=self._pay_bonus_by_hand,
            take_win=self.games.take_win,
            host_is_done=self._host_is_done,
        )

    def _pay_bonus_by_hand(self, credits_: int) -> None:
        self.handpays.call_attendant(Handpay(TOP_WIN, credits_, is_bonus=True))

    def available_transfers(self) -> int:
        """The transfers possible now, as bits of long poll 74."""
        board, spec = self.board, self.spec
        if board.situation.is_disturbed or board.situation.lock_up:
            return 0
        has_room = board.cents(board.accounts.credits) < spec.credit_limit_cents
        return (
            (TO_MACHINE if has_room and self.switches.memory.play else 0)
            | (FROM_MACHINE if board.accounts.credits else 0)
            | (TO_TICKET if spec.aft_to_ticket and self.validation.is_on(PRINTER) else 0)
            | (WIN_PENDING if self.host_cash_out.win else 0)
            | (BONUS if spec.aft_bonus else 0)
            | (LOCK_AFTER if spec.aft_lock_after_transfer else 0)
        )

    # -- time and power ----------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """When a part wants to be called next; without power nothing is due."""
        if not self.powered:
            return None
        dues = (part.next_timer() for part in self.parts.values())
        return min((due for due in dues if due is not None), default=None)

    def handle_timer(self) -> None:
        """Do what is due, unless there is no power."""
        if self.powered:
            for part in self.parts.values():
                part.handle_timer()

    def starts(self) -> None:
        """The machine runs for the first time."""
        self.progressives.starts()
        self.validation.want_identity()

    def lose_power(self) -> None:
        """Everything stops. What is in memory stays."""
        self.powered = False
        self.board.power(on=False)

    def regain_power(self) -> None:
        """The machine starts, finds that it had not been shut down, and says both."""
        self.powered = True
        self.accounts.power_resets += 1
        self.accounts.games_since_power = 0
        self.board.power(on=True)
        self.board.say(0x18)
        self.board.say(0x17)
        for part in self.parts.values():
            part.power_returned()

    def remember(self) -> dict[str, Any]:
        """What it knows when the power comes back, as JSON can hold it."""
        self.board.set_clock(self.board.clock)
        memories: dict[str, object] = {"board": self.board.memory, "cabinet": self.memory}
        memories |= {name: part.memory for name, part in self.parts.items()}
        return {name: to_plain(memory) for name, memory in memories.items()}

    def recall(self, plain: Mapping[str, Any]) -> None:
        """Know what an earlier life left. Raises ConfigurationError where it is of no such machine."""
        board = from_plain(BoardMemory, plain, "board")
        if len(board.accounts.games) != len(self.spec.games):
            raise ConfigurationError(
                f"the machine's memory is of {len(board.accounts.games)} games, not {len(self.spec.games)}",
                "use the memory this machine left, or start it without one",
            )
        parts = {name: from_plain(type(part.memory), plain, name) for name, part in self.parts.items()}
        self.board.memory = board
        self.memory = from_plain(CabinetMemory, plain, "cabinet")
        for name, part in self.parts.items():
            part.memory = parts[name]
