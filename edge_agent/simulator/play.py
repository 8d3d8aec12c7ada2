"""The story of one machine: guests come, play, win and leave; doors open, printers run low.

The story is told as a generator of pauses: it acts on the cabinet, then says for how many seconds
nothing happens. It is drawn from one seeded source of chance. Where no host gives orders it never depends
on one, so the same seed tells the same story on every wire; a machine that was locked out, or waits for a
host's word about a ticket or a cash-out, waits with its guest. `rate` shortens what people and games take;
what printers and power supplies take stays as it is.

A *rest* is a pause in which nothing is half done. A story may be ended there, and only there.
"""

from __future__ import annotations

import random
from collections.abc import Generator, Iterator

from edge_agent.simulator.aft_registration import WAITING
from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.games import Bet
from edge_agent.simulator.paytable import Paytable

# A printer takes this long to print and present a ticket. It also bounds how soon the record of the
# last ticket, long poll 3D, can be overwritten by the next.
PRINTING_SECONDS = 3.0

# Longer than a host waits before it calls a machine lost, and than a link takes to drop (5 s).
POWER_OFF_SECONDS = (6.0, 10.0)

# Once the story is to end, people make haste: no pause of theirs takes longer.
HASTE_SECONDS = 0.25

# How often people and machines that wait for a host look again.
LOOK_SECONDS = 0.25

BILLS_A_GUEST = (1, 4)
GAMES_A_GUEST = (6, 40)
# A guest who cannot play looks this often whether it goes on, and leaves.
WAITS_A_GUEST = 12

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
        yield from self._resume()
        yield from self._rest(0.2, 4.0)
        while True:
            yield from self._guest()
            yield from self._rest(2.0, 8.0)
            yield from self._between_guests()

    # -- scenes ------------------------------------------------------------------------------

    def _resume(self) -> Pauses:
        """Finish what an earlier life of the machine left half done."""
        yield from self._outcome()
        if self._cabinet.board.situation.cashing_out:
            yield from self._cashed_out()

    def _guest(self) -> Pauses:
        if not self._cabinet.enabled_games:
            yield from self._rest(2.0, 8.0)
            return
        self._sit_down()
        purse = self._chance.randint(*BILLS_A_GUEST)
        games = self._chance.randint(*GAMES_A_GUEST)
        patience = WAITS_A_GUEST
        while games and patience:
            affordable = [bet for bet in self._bets if self._cabinet.games.worth(bet) <= self._credits]
            if not self._cabinet.can_play:
                patience -= 1
                yield from self._attendant()
                yield from self._rest(0.8, 3.2)
            elif affordable:
                games -= 1
                yield from self._game(self._chance.choice(affordable))
                yield from self._rest(0.8, 3.2)
                yield from self._mishaps()
            elif purse and not self._cabinet.tournament.is_on:
                purse -= 1
                yield from self._money()
            else:
                break
        if self._cabinet.accounts.credits:
            yield from self._cash_out()
        self._cabinet.games.leave()

    def _sit_down(self) -> None:
        cabinet, spec = self._cabinet, self._spec
        number = self._chance.choice(cabinet.enabled_games)
        denomination = self._chance.choice(spec.player_denominations) if spec.player_denominations else 0
        cabinet.games.select(number, denomination)
        self._bets = tuple(Bet(credits_, denomination) for credits_ in spec.games[number - 1].bets)

    def _money(self) -> Pauses:
        """A ticket, where the machine takes them and the host says what it is worth; else a bill."""
        if self._spec.ticket_redemption and self._happens(self._spec.chances.ticket_per_purse):
            before = self._credits
            yield from self._ticket()
            if self._credits > before:
                return
        yield from self._bill()

    def _ticket(self) -> Pauses:
        yield from self._people(0.8, 2.0)
        self._cabinet.redemption.insert(f"{self._chance.randrange(10**18):018d}")
        while self._cabinet.redemption.is_busy():
            yield from self._machinery(LOOK_SECONDS)
        yield from self._rest(0.4, 1.2)

    def _bill(self) -> Pauses:
        cents = self._spec.denomination_cents
        least = self._cabinet.games.worth(self._bets[0]) * cents * BETS_A_BILL
        suitable = [dollars for dollars in self._spec.bills if dollars * 100 >= least] or [
            self._spec.bills[-1]
        ]
        (dollars,) = self._chance.choices(suitable, [1 / dollars for dollars in suitable])
        yield from self._people(0.8, 2.0)
        if self._happens(self._spec.chances.rejected_per_bill):
            self._cabinet.note(0x2B)
            yield from self._people(0.8, 2.0)
        if self._cabinet.takes_bill(dollars):
            self._cabinet.accept_bill(dollars)
        yield from self._rest(0.4, 1.2)

    def _game(self, bet: Bet) -> Pauses:
        cabinet = self._cabinet
        times = self._paytables[cabinet.board.situation.selected_game - 1].spin(self._chance)
        cabinet.games.start(bet, times * cabinet.games.worth(bet))
        yield from self._people(1.2, 3.0)
        self._progressive()
        if self._happens(self._spec.chances.power_per_game / 2):
            yield from self._power_cycle()
            yield from self._people(1.0, 2.0)
        yield from self._outcome()

    def _progressive(self) -> None:
        """Now and then a game hits a level, the lower ones more often."""
        spec = self._spec
        for levels, hit in (
            (spec.progressive_levels, self._cabinet.games.hit_progressive),
            (spec.own_progressive_levels, self._cabinet.games.hit_own_progressive),
        ):
            if levels and self._happens(spec.chances.progressive_per_game):
                hit(self._chance.randint(1, len(levels)))
                return

    def _outcome(self) -> Pauses:
        """The machine pays, the host takes a win that is offered to it, or the attendant comes and pays."""
        cabinet = self._cabinet
        cabinet.games.finish()
        while cabinet.host_cash_out.win:
            yield from self._machinery(LOOK_SECONDS)
        yield from self._attendant()

    def _attendant(self) -> Generator[float, None, bool]:
        """The attendant comes and pays what is to be paid by hand; whether anything was."""
        if self._cabinet.handpays.pending is None:
            return False
        yield from self._people(4.0, 10.0)
        self._cabinet.key_off()
        return True

    def _cash_out(self) -> Pauses:
        cabinet = self._cabinet
        if not cabinet.cash_out.exceeds_ticket:
            yield from self._machinery(PRINTING_SECONDS)
            cabinet.cash_out.begin(f"{self._chance.randrange(10**8):08d}")
        else:
            cabinet.cash_out.begin("")
        was_printed = yield from self._cashed_out()
        if was_printed and self._happens(self._spec.chances.paper_low_per_ticket):
            yield from self._people(0.5, 1.5)
            cabinet.note(0x74)

    def _cashed_out(self) -> Generator[float, None, bool]:
        """Credits go to the host, onto tickets, or are paid by hand; whether no attendant was needed."""
        while self._cabinet.board.situation.cashing_out:
            yield from self._machinery(LOOK_SECONDS)
        was_paid = yield from self._attendant()
        return not was_paid

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
        if self._spec.aft:
            yield from self._registration()

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

    def _registration(self) -> Pauses:
        """The operator agrees to what a host asked, or now and then asks a host to register the machine."""
        registration = self._cabinet.registration
        if registration.memory.status == WAITING:
            yield from self._people(1.5, 4.0)
            registration.operator_agrees()
        elif not registration.is_registered and self._happens(self._spec.chances.register_per_guest):
            registration.operator_asks()

    # -- pauses ------------------------------------------------------------------------------

    @property
    def _credits(self) -> int:
        """What can be staked: money, or points in a tournament."""
        tournament = self._cabinet.tournament
        return tournament.memory.credits if tournament.is_on else self._cabinet.accounts.credits

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
