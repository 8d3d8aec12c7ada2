"""What a simulated gaming machine is: its games, denominations, limits and temperament.

A specification never changes, and one that could not exist is refused when it is made. All money
limits are whole cents; denominations are SAS codes. The accounting denomination, the unit of the
credit meters, must be a whole number of cents, so that meters read back to the cent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

from edge_agent.errors import ConfigurationError
from edge_agent.sas.code_tables import BILL_DENOMINATIONS, DENOMINATIONS

TEN_THOUSANDTHS_PER_CENT = 100

# 7E carries the wager in two BCD bytes.
LARGEST_WAGER = 9_999

US_DOLLARS = 37  # country code of the bills


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
    attendant_pays_from_cents: int = 120_000
    ticket_limit_cents: int = 300_000
    has_hopper: bool = False
    extended_meters: bool = True
    extended_value_bytes: int = 0
    shows_missing_meters: bool = True
    fast_polling: bool = True
    unsupported: frozenset[int] = frozenset()
    queue_capacity: int = 25
    past_twenties: int = 0  # the $20 bills of its life so far: its meters do not start at zero
    secure_handpays: bool = False
    chances: Chances = field(default_factory=Chances)

    def __post_init__(self) -> None:
        name = f"machine {self.number}"
        if not self.games or not all(_is_playable(game) for game in self.games):
            raise ConfigurationError(
                f"{name} has no game, or one without rising bets of 1 to {LARGEST_WAGER} credits",
                "give each game its bets, smallest first",
            )
        if any(self.credits_per(code) == 0 for code in self.player_denominations):
            raise ConfigurationError(
                f"{name} offers a denomination that is not a multiple of its accounting denomination",
                "account in the smallest one",
            )
        if not self.bills or any(
            dollars not in BILL_CODES or dollars * 100 % self.denomination_cents for dollars in self.bills
        ):
            raise ConfigurationError(
                f"{name} accepts a bill that is no whole number of credits", "choose its bills to fit"
            )
        if self.past_twenties and 20 not in self.bills:
            raise ConfigurationError(
                f"{name} has taken $20 bills in its past, which it does not take", "add 20 to its bills"
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
