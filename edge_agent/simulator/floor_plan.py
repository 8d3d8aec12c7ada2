"""A believable mixed floor of machines, the same for the same seed.

Penny video slots, nickel and quarter machines, dollar steppers, machines with several games and
denominations; machines that answer every poll, and machines that leave some unanswered.

A trial lasts minutes, so a win is paid by hand from fifty times a usual bet, and a ticket prints
up to what a guest rarely exceeds: a minute shows what a real floor shows in a day.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace

from edge_agent.simulator.paytable import Paytable
from edge_agent.simulator.specification import GameSpec, MachineSpec

# Lives long enough for meters of six and more digits, short enough that none rolls over in a trial.
PAST_TWENTIES = (500, 8_000)

_VIDEO_BETS = (40, 80, 120, 200)
_NAMES = ("Harbour Lights", "Copper Canyon", "Lucky Lantern", "Seven Rivers", "Moon Orchard", "Iron Stallion")


def default_floor(count: int, seed: int) -> list[MachineSpec]:
    """A mixed floor of `count` machines, the same for the same seed."""
    chance = random.Random(f"floor/{seed}")  # noqa: S311  a story, not a secret
    makers: tuple[Callable[[int, random.Random], MachineSpec], ...]
    makers = (_penny_video, _nickel, _dollar_stepper, _multi_denomination, _quarter)
    floor = (makers[index % len(makers)](index + 1, chance) for index in range(count))
    return [replace(spec, past_twenties=chance.randint(*PAST_TWENTIES)) for spec in floor]


def _game(chance: random.Random, bets: tuple[int, ...], percents: tuple[int, int]) -> GameSpec:
    """A game whose stated payback a paytable gives exactly."""
    percent = Paytable.of(chance.randrange(*percents, 5)).percent_hundredths
    return GameSpec(chance.choice(_NAMES), f"{chance.randrange(10**6):06d}", percent, bets)


def _penny_video(number: int, chance: random.Random) -> MachineSpec:
    return MachineSpec(
        number,
        (_game(chance, _VIDEO_BETS, (8_700, 9_000)),),
        denomination_code=0x01,
        version="603",
        game_id="AT",
        attendant_pays_from_cents=2_000,
        ticket_limit_cents=9_000,
        extended_value_bytes=chance.choice((0, 5, 8)),
    )


def _nickel(number: int, chance: random.Random) -> MachineSpec:
    return MachineSpec(
        number,
        (_game(chance, (5, 10, 25, 45), (8_900, 9_200)),),
        denomination_code=0x02,
        game_id="WM",
        attendant_pays_from_cents=2_500,
        ticket_limit_cents=10_000,
        shows_missing_meters=False,
        unsupported=frozenset({0x2A, 0x2B, 0xB3}),
    )


def _dollar_stepper(number: int, chance: random.Random) -> MachineSpec:
    return MachineSpec(
        number,
        (_game(chance, (1, 2, 3), (9_300, 9_700)),),
        denomination_code=0x06,
        game_id="SS",
        attendant_pays_from_cents=10_000,
        ticket_limit_cents=20_000,
        has_hopper=True,
        extended_meters=False,
        unsupported=frozenset({0xB1, 0xB2, 0xB5}),
        queue_capacity=20,
    )


def _multi_denomination(number: int, chance: random.Random) -> MachineSpec:
    return MachineSpec(
        number,
        tuple(_game(chance, bets, (8_800, 9_400)) for bets in ((20, 40, 60), (1, 5, 10), (9, 18, 27, 45))),
        denomination_code=0x01,
        player_denominations=(0x01, 0x17, 0x02),
        version="603",
        game_id="IG",
        attendant_pays_from_cents=3_000,
        ticket_limit_cents=12_000,
    )


def _quarter(number: int, chance: random.Random) -> MachineSpec:
    return MachineSpec(
        number,
        tuple(_game(chance, bets, (9_000, 9_500)) for bets in ((1, 2, 3), (1, 5))),
        denomination_code=0x04,
        game_id="BA",
        attendant_pays_from_cents=5_000,
        ticket_limit_cents=10_000,
    )
