"""The story of one machine: guests come, play, win and leave; doors open, printers run low.

The story is told as a generator of pauses: it acts on the cabinet, then says for how many seconds
nothing happens. It is drawn from one seeded source of chance and never looks at the host, so the
same seed tells the same story on every wire. `rate` shortens what people and games take; what
printers and power supplies take stays as it is.

A *rest* is a pause in which nothing is half done. A story may be ended there, and only there.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator

from edge_agent.simulator.cabinet import CANCELLED_CREDITS, TOP_WIN, Bet, Cabinet
from edge_agent.simulator.paytable import Paytable

# A printer takes this long to print and present a ticket. It also bounds how soon the record of the
# last ticket, long poll 3D, can be overwritten by the next.
PRINTING_SECONDS = 3.0

# Longer than a host waits before it calls a machine lost, and than a link takes to drop (5 s).
POWER_OFF_SECONDS = (6.0, 10.0)

# Once the story is to end, people make haste: no pause of theirs takes longer.
HASTE_SECONDS = 0.25

BILLS_A_GUEST = (1, 4)
GAMES_A_GUEST = (6, 40)

# A guest puts in what suits the bets: bills below this many lowest bets are left in the purse, and
# of the others a large one comes out as much more rarely as it is larger.
BETS_A_BILL = 5

TILTS = (0x20, 0x28, 0x60, 0x78)
REEL_TILTS = (0x40, 0x41, 0x42, 0x43)

Pauses = Generator[float, None, None]


class Story:
    """What happens to one cabinet. See the module."""

    def __init__(self, cabinet: Cabinet, chance: random.Random, rate: float) -> None:
        self.at_rest = True  # nothing is half done: the story may end here
        self.waits_for_people = True  # else for a printer or the mains, which no haste shortens
        self.hurried = False
        self._cabinet = cabinet
        self._spec = cabinet.spec
        self._chance = chance
        self._rate = rate
        self._paytables = tuple(Paytable.of(game.base_percent_hundredths) for game in cabinet.spec.games)
        self._bets: tuple[Bet, ...] = ()

    def tell(self) -> Iterator[float]:
        """What happens, as the pauses in between."""
        yield from self._rest(0.2, 4.0)
        while True:
            yield from self._guest()
            yield from self._rest(2.0, 8.0)
            yield from self._between_guests()

    # -- scenes ------------------------------------------------------------------------------

    def _guest(self) -> Pauses:
        self._sit_down()
        purse = self._chance.randint(*BILLS_A_GUEST)
        games = self._chance.randint(*GAMES_A_GUEST)
        while games:
            affordable = [bet for bet in self._bets if self._cabinet.worth(bet) <= self._credits]
            if affordable:
                games -= 1
                yield from self._game(self._chance.choice(affordable))
                yield from self._rest(0.8, 3.2)
                yield from self._mishaps()
            elif purse:
                purse -= 1
                yield from self._bill()
            else:
                break
        if self._credits:
            yield from self._cash_out()

    def _sit_down(self) -> None:
        cabinet, spec = self._cabinet, self._spec
        number = self._chance.choice(cabinet.enabled_games)
        denomination = self._chance.choice(spec.player_denominations) if spec.player_denominations else 0
        cabinet.select_game(number, denomination)
        self._bets = tuple(Bet(credits_, denomination) for credits_ in spec.games[number - 1].bets)

    def _bill(self) -> Pauses:
        least = self._cabinet.worth(self._bets[0]) * self._spec.denomination_cents * BETS_A_BILL
        suitable = [dollars for dollars in self._spec.bills if dollars * 100 >= least] or [
            self._spec.bills[-1]
        ]
        (dollars,) = self._chance.choices(suitable, [1 / dollars for dollars in suitable])
        yield from self._people(0.8, 2.0)
        if self._happens(self._spec.chances.rejected_per_bill):
            self._cabinet.note(0x2B)
            yield from self._people(0.8, 2.0)
        self._cabinet.accept_bill(dollars)
        yield from self._rest(0.4, 1.2)

    def _game(self, bet: Bet) -> Pauses:
        cabinet = self._cabinet
        times = self._paytables[cabinet.selected_game - 1].spin(self._chance)
        win = times * cabinet.worth(bet)
        cabinet.start_game(bet)
        yield from self._people(1.2, 3.0)
        if self._happens(self._spec.chances.power_per_game / 2):
            yield from self._power_cycle()
            yield from self._people(1.0, 2.0)
        if cabinet.is_handpay(win):
            cabinet.call_attendant(TOP_WIN, win)
            yield from self._people(4.0, 10.0)
            cabinet.end_game_paid_by_hand()
        else:
            cabinet.end_game(win)

    def _cash_out(self) -> Pauses:
        cabinet = self._cabinet
        if self._credits * self._spec.denomination_cents > self._spec.ticket_limit_cents:
            cabinet.call_attendant(CANCELLED_CREDITS, self._credits)
            yield from self._people(4.0, 10.0)
            cabinet.pay_credits_by_hand()
            return
        yield from self._machinery(PRINTING_SECONDS)
        cabinet.print_ticket(f"{self._chance.randrange(10**8):08d}")
        if self._happens(self._spec.chances.paper_low_per_ticket):
            yield from self._people(0.5, 1.5)
            cabinet.note(0x74)

    def _mishaps(self) -> Pauses:
        """What now and then happens between two games."""
        chances = self._spec.chances
        for likely, scene in (
            (chances.door_per_game, self._door),
            (chances.tilt_per_game, self._tilt),
            (chances.lamp_per_game, self._change_lamp),
            (chances.power_per_game / 2, self._power_cycle),
        ):
            if self._happens(likely):
                yield from scene()
                yield from self._rest(0.5, 2.0)

    def _between_guests(self) -> Pauses:
        if self._happens(self._spec.chances.menu_per_guest):
            yield from self._operator_menu()
            yield from self._rest(1.0, 3.0)
        if self._happens(self._spec.chances.drop_per_guest):
            yield from self._drop()
            yield from self._rest(1.0, 3.0)

    def _door(self) -> Pauses:
        self._cabinet.open_door()
        yield from self._people(3.0, 8.0)
        self._cabinet.close_door()

    def _tilt(self) -> Pauses:
        tilts = REEL_TILTS if self._spec.has_hopper else TILTS
        self._cabinet.note(self._chance.choice(tilts))
        yield from self._people(2.0, 5.0)
        yield from self._door()

    def _change_lamp(self) -> Pauses:
        self._cabinet.note(0x71)
        yield from self._people(2.0, 6.0)
        self._cabinet.note(0x72)

    def _power_cycle(self) -> Pauses:
        self._cabinet.lose_power()
        yield from self._machinery(self._chance.uniform(*POWER_OFF_SECONDS))
        self._cabinet.regain_power()

    def _operator_menu(self) -> Pauses:
        self._cabinet.note(0x84)
        yield from self._people(1.5, 4.0)
        self._cabinet.change_options()
        yield from self._people(1.0, 2.0)
        self._cabinet.note(0x85)

    def _drop(self) -> Pauses:
        self._cabinet.note(0x13)
        yield from self._people(1.0, 2.0)
        self._cabinet.remove_cashbox()
        yield from self._people(2.0, 4.0)
        self._cabinet.install_cashbox()
        yield from self._people(0.5, 1.5)
        self._cabinet.note(0x14)

    # -- pauses ------------------------------------------------------------------------------

    @property
    def _credits(self) -> int:
        return self._cabinet.accounts.credits

    def _happens(self, likely: float) -> bool:
        return self._chance.random() < likely

    def _people(self, least: float, most: float) -> Pauses:
        """Somebody, or a game, takes this long."""
        seconds = self._chance.uniform(least, most) / self._rate
        yield min(seconds, HASTE_SECONDS) if self.hurried else seconds

    def _rest(self, least: float, most: float) -> Pauses:
        """Nothing is half done for this long."""
        self.at_rest = True
        yield from self._people(least, most)
        self.at_rest = False

    def _machinery(self, seconds: float) -> Pauses:
        """A machine takes this long, whatever the rate."""
        self.waits_for_people = False
        yield seconds
        self.waits_for_people = True
