"""What a simulated gaming machine is: its games, denominations, limits and temperament.

A specification never changes, and one that could not exist is refused when it is made. All money
limits are whole cents; denominations are SAS codes. The accounting denomination, the unit of the
credit meters, must be a whole number of cents, so that meters read back to the cent.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise

from edge_agent.errors import ConfigurationError
from edge_agent.sas.code_tables import BILL_DENOMINATIONS, DENOMINATIONS, VALIDATION_STYLES

TEN_THOUSANDTHS_PER_CENT = 100

# 7E carries the wager in two BCD bytes.
LARGEST_WAGER = 9_999

US_DOLLARS = 37  # country code of the bills

STANDARD, SYSTEM, SECURE_ENHANCED = VALIDATION_STYLES.values()
# Long poll 4D numbers them 1 to 1F.
VALIDATION_RECORDS = 31

# Long poll 8F shows nine reels, 86 up to 32 levels; a group and an asset number are one and four bytes.
MOST_REELS = 9
MOST_LEVELS = 32
LAST_GROUP = 0xFF
LAST_ASSET_NUMBER = 0xFFFF_FFFF

# Whether something is wrong, what, and how to mend it.
Fault = tuple[bool, str, str]


@dataclass(frozen=True, slots=True)
class GameSpec:
    """One game of a machine. Bets are in credits of the denomination the player chose."""

    name: str
    paytable_id: str
    base_percent_hundredths: int
    bets: tuple[int, ...]

    @property
    def max_bet(self) -> int:
        """The most one game takes."""
        return self.bets[-1]


@dataclass(frozen=True, slots=True)
class Chances:
    """How often a machine or its guest does something other than play, from 0 to 1."""

    door_per_game: float = 0.012
    tilt_per_game: float = 0.010
    lamp_per_game: float = 0.015
    power_per_game: float = 0.004
    rejected_per_bill: float = 0.08
    paper_low_per_ticket: float = 0.06
    menu_per_guest: float = 0.10
    drop_per_guest: float = 0.06
    ticket_per_purse: float = 0.30  # where the machine takes tickets
    progressive_per_game: float = 0.004  # where it has progressive levels
    register_per_guest: float = 0.02  # where a host registers it for transfers


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What one machine is. Raises ConfigurationError when it could not exist."""

    number: int
    games: tuple[GameSpec, ...]
    address: int = 1
    denomination_code: int = 0x01
    player_denominations: tuple[int, ...] = ()
    bills: tuple[int, ...] = (1, 5, 10, 20, 50, 100)
    version: str = "602"
    serial: str = ""
    game_id: str = "VS"
    additional_id: str = "000"
    asset_number: int = 0  # what transfers name the machine by; 0 for none
    past_twenties: int = 0  # the $20 bills of its life so far: its meters do not start at zero

    # Its cabinet.
    has_hopper: bool = False
    reels: int = 0  # physical ones
    deals_cards: bool = False

    # What it pays by hand.
    attendant_pays_from_cents: int = 120_000
    ticket_limit_cents: int = 300_000
    secure_handpays: bool = False
    remote_reset: bool = True  # a host may key a handpay off
    resets_to_credits: bool = False  # ... and have a jackpot paid to the credit meter

    # How it answers.
    extended_meters: bool = True
    extended_value_bytes: int = 0
    shows_missing_meters: bool = True
    fast_polling: bool = True
    unsupported: frozenset[int] = frozenset()
    queue_capacity: int = 25

    # Tickets.
    validation: str = STANDARD  # a name of VALIDATION_STYLES
    validation_extensions: bool = False
    ticket_redemption: bool = False
    prints_restricted_tickets: bool = False
    validates_handpays: bool = False
    prints_handpay_receipts: bool = False
    unread_records: int = VALIDATION_RECORDS  # validated and not read; then it validates nothing more

    # Transfers.
    aft: bool = False
    aft_bonus: bool = False
    aft_debit: bool = False
    aft_to_ticket: bool = False
    aft_partial_to_host: bool = True
    aft_lock_after_transfer: bool = False
    aft_receipts: bool = False
    aft_host_cash_out: bool = False  # the credits of a guest who leaves are offered to the host first
    aft_transfer_limit_cents: int = 500_000
    credit_limit_cents: int = 1_000_000
    eft: bool = False

    # Progressives, bonuses, tournaments.
    progressive_group: int = 0  # 0: the host feeds no progressive
    progressive_levels: tuple[int, ...] = ()  # what each starts again from, in cents
    own_progressive_levels: tuple[int, ...] = ()  # the same, of a controller of its own
    multiple_progressive_wins: bool = False
    enhanced_progressives: bool = False
    legacy_bonus: bool = False
    jackpot_multiplier: bool = False
    tournament: bool = False

    # What it proves and announces.
    rom_signature: bool = True
    component_authentication: bool = False
    meter_change_notification: bool = False
    session_play: bool = False
    chances: Chances = field(default_factory=Chances)

    def __post_init__(self) -> None:
        for wrong, what, mend in (*self._wrong_with_play(), *self._wrong_with_money()):
            if wrong:
                raise ConfigurationError(f"machine {self.number} {what}", mend)

    def _wrong_with_play(self) -> Iterator[Fault]:
        yield (
            not self.games or not all(_is_playable(game) for game in self.games),
            f"has no game, or one without rising bets of 1 to {LARGEST_WAGER} credits",
            "give each game its bets, smallest first",
        )
        yield (
            any(self.credits_per(code) == 0 for code in self.player_denominations),
            "offers a denomination that is not a multiple of its accounting denomination",
            "account in the smallest one",
        )
        yield (
            not 0 <= self.reels <= MOST_REELS,
            f"has {self.reels} reels",
            f"give it 0 to {MOST_REELS} of them",
        )
        yield (
            bool(self.progressive_levels) != bool(self.progressive_group)
            or not 0 <= self.progressive_group <= LAST_GROUP,
            f"is in progressive group {self.progressive_group} with {len(self.progressive_levels)} levels",
            f"give it progressive_levels and a progressive_group of 1 to {LAST_GROUP}, or neither",
        )
        yield (
            max(len(self.progressive_levels), len(self.own_progressive_levels)) > MOST_LEVELS,
            "has too many progressive levels",
            f"give it {MOST_LEVELS} at most",
        )

    def _wrong_with_money(self) -> Iterator[Fault]:
        cents = self.denomination_cents
        yield (
            not self.bills or any(bill not in BILL_CODES or bill * 100 % cents for bill in self.bills),
            "accepts a bill that is no whole number of credits",
            "choose its bills to fit",
        )
        yield (
            bool(self.past_twenties) and 20 not in self.bills,
            "has taken $20 bills in its past, which it does not take",
            "add 20 to its bills",
        )
        yield (
            any(level % cents for level in (*self.progressive_levels, *self.own_progressive_levels)),
            "has a progressive level that is no whole number of credits",
            "choose its levels to fit",
        )
        yield (
            self.validation not in VALIDATION_STYLES.values(),
            f"validates tickets by {self.validation!r}",
            f"use one of {', '.join(VALIDATION_STYLES.values())}",
        )
        yield (
            not 1 <= self.unread_records <= VALIDATION_RECORDS,
            f"keeps {self.unread_records} unread ticket records",
            f"use 1 to {VALIDATION_RECORDS}",
        )
        yield (
            not 0 <= self.asset_number <= LAST_ASSET_NUMBER or (self.aft and not self.asset_number),
            f"has asset number {self.asset_number}",
            f"give it one of 1 to {LAST_ASSET_NUMBER}: transfers name the machine by it",
        )
        yield (
            self.aft and self.eft,
            "transfers in two ways",
            "leave one of aft and eft out",
        )

    @property
    def denomination_cents(self) -> int:
        """What one credit of the meters is worth. Raises ConfigurationError for fractions of a cent."""
        cents, rest = divmod(DENOMINATIONS.get(self.denomination_code, 0), TEN_THOUSANDTHS_PER_CENT)
        if not cents or rest:
            raise ConfigurationError(
                f"machine {self.number}: denomination {self.denomination_code:02X} is no whole cents",
                "account in 0.01 or a multiple of it",
            )
        return cents

    def credits_per(self, denomination_code: int) -> int:
        """Accounting credits in one credit of a player denomination; 0 if it does not fit."""
        value, rest = divmod(
            DENOMINATIONS.get(denomination_code, 0), self.denomination_cents * TEN_THOUSANDTHS_PER_CENT
        )
        return 0 if rest else value

    @property
    def serial_number(self) -> str:
        """What poll 54 says."""
        return self.serial or f"SIM{self.number:06d}"


# dollars -> code in poll 48 and event 4F
BILL_CODES = {dollars: code for code, dollars in BILL_DENOMINATIONS.items()}


def _is_playable(game: GameSpec) -> bool:
    rising = all(less < more for less, more in pairwise(game.bets))
    return bool(game.bets) and rising and game.bets[0] > 0 and game.max_bet <= LARGEST_WAGER
