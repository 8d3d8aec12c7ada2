"""A simulated card shuffler: decks go round, parts wear, cards stick, somebody cleans it.

Its life is one story, told as steps: wait, then say something. The story depends on the seed
and on nothing else, so polling, noise and restarts at the other end change nothing in it.

Wear rises with the cycles since service and is what everything else follows: jams come more
often, cycles take longer, the motor draws more, and a service puts it back to nothing. Totals
only ever rise.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import log

# One deck takes about 22 s (lognormal), the published figure for a modern single-deck shuffler.
CYCLE_SECONDS, CYCLE_SPREAD = 22.0, 0.08

# Wear is 1 at the service interval. It slows a cycle by this share, and costs this much current.
SERVICE_INTERVAL_CYCLES = 6_000
WEAR_SLOWS, WEAR_DRAWS_AMPERES = 0.25, 0.4

# Jams a cycle: when just serviced, and what wear of 1 adds.
JAM_HAZARD_NEW, JAM_HAZARD_WORN = 0.004, 0.06

MISREAD_CHANCE = 0.01
COUNT_MISMATCH_CHANCE = 0.0005
LID_CHANCE = 0.02

# An attempt to clear a jam by itself; after the last somebody opens the lid.
AUTO_CLEAR_CHANCE, AUTO_CLEAR_ATTEMPTS = 0.7, 3

DECK_CARDS = 52
_JAM_LOCATIONS = (1, 2, 2, 2, 3, 3, 4, 5, 6, 8)


# A trial that ends does not wait half a minute for a deck.
HURRY_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class ShufflerSpec:
    """What a shuffler is, and how much life is behind it."""

    number: int
    serial: str
    maker: str = "ACME"
    model: str = "S1"
    firmware: str = "2.4.1"
    cycles: int = 0
    cycles_since_service: int = 0


def default_tables(count: int, seed: int) -> list[ShufflerSpec]:
    """A believable room of shufflers: some new, some worn, one nearly due."""
    chance = random.Random(f"tables {seed}")  # noqa: S311  a story, not a secret
    return [
        ShufflerSpec(
            number=number,
            serial=f"A{1000 + number}",
            cycles=chance.randrange(20_000, 250_000),
            cycles_since_service=chance.randrange(SERVICE_INTERVAL_CYCLES),
        )
        for number in range(1, count + 1)
    ]


@dataclass(slots=True)
class Totals:
    """What the shuffler counts."""

    cycles: int
    cycles_since_service: int
    cards: int
    jams: int = 0
    misreads: int = 0
    power_ons: int = 1
    running_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Step:
    """Wait, then say something."""

    seconds: float
    code: str
    values: Mapping[str, str] = field(default_factory=dict)
    begins: bool = False  # the first of a cycle: not taken any more once play is to stop


@dataclass(frozen=True, slots=True)
class Said:
    """What the shuffler has to say."""

    at: float
    code: str
    values: Mapping[str, str]


class CardShuffler:
    """One shuffler.

    Args:
        spec: what it is.
        seed: of its story.
        rate: how much faster than life.
    """

    def __init__(self, spec: ShufflerSpec, seed: int, rate: float = 1.0) -> None:
        self.spec = spec
        self.status = "IDLE"
        self.totals = Totals(
            cycles=spec.cycles,
            cycles_since_service=spec.cycles_since_service,
            cards=spec.cycles * DECK_CARDS,
            jams=spec.cycles // 400,
            misreads=spec.cycles // 2000,
            running_seconds=spec.cycles * CYCLE_SECONDS,
        )
        self._chance = random.Random(f"shuffler {spec.number} {seed}")  # noqa: S311  a story, not a secret
        self._rate = rate
        self._batch = self._chance.randrange(1000, 9000)
        self._stopping = False
        self._story = self._live()
        self._step: Step | None = None
        self._due: float | None = None

    def __repr__(self) -> str:
        return f"<CardShuffler {self.spec.serial} {self.status} {self.totals.cycles} cycles>"

    @property
    def wear(self) -> float:
        """From 0, just serviced, to 1 at the service interval, and beyond."""
        return self.totals.cycles_since_service / SERVICE_INTERVAL_CYCLES

    def start(self, now: float) -> None:
        """Begin the story."""
        self._next_step(now)

    def next_timer(self) -> float | None:
        """When something happens next; None when nothing will."""
        return self._due

    def handle_timer(self, now: float) -> list[Said]:
        """What has happened by now."""
        said = []
        while self._step is not None and self._due is not None and self._due <= now:
            said.append(Said(self._due, self._step.code, self._step.values))
            self._next_step(self._due)
        return said

    def stop_play(self, now: float) -> None:
        """Finish what is going on, in a hurry, and start no other cycle."""
        self._stopping = True
        if self._step is None or self._step.begins:
            self._step = self._due = None
        elif self._due is not None:
            self._due = min(self._due, now + HURRY_SECONDS)

    def counters(self) -> tuple[str, dict[str, str]]:
        """The snapshot."""
        totals, chance = self.totals, random.Random(self.totals.cycles)  # noqa: S311  noise on readings
        amperes = 0.55 + WEAR_DRAWS_AMPERES * self.wear + chance.gauss(0, 0.01)
        return "SHF.CTR", {
            "cyc": str(totals.cycles),
            "svc": str(totals.cycles_since_service),
            "cards": str(totals.cards),
            "jam": str(totals.jams),
            "mis": str(totals.misreads),
            "hrs": str(int(totals.running_seconds // 3600)),
            "pwr": str(totals.power_ons),
            "tmp": f"{36 + 8 * min(self.wear, 2) + chance.gauss(0, 0.5):.1f}",
            "imot": f"{amperes:.2f}",
            "imax": f"{1.6 * amperes:.2f}",
            "wear": f"{min(100.0, 100 * self.wear):.0f}",
            "fan": str(2400 + chance.randrange(60)),
        }

    # The story

    def _next_step(self, now: float) -> None:
        step = next(self._story, None)
        self._step = step
        if step is None or (step.begins and self._stopping):
            self._step = self._due = None
        else:
            pause = step.seconds / self._rate
            self._due = now + (min(pause, HURRY_SECONDS) if self._stopping else pause)

    def _live(self) -> Iterator[Step]:
        while True:
            yield from self._cycle()
            if self.wear >= 1:
                yield from self._service()
            elif self._chance.random() < LID_CHANCE:
                yield from self._lid()

    def _cycle(self) -> Iterator[Step]:
        self._batch += 1
        batch = {"batch": str(self._batch)}
        exp = {"exp": str(DECK_CARDS)}
        yield Step(self._chance.uniform(3, 12), "SHF.DECK_IN", batch | {"decks": "1"} | exp, begins=True)
        yield Step(self._chance.uniform(0.5, 1.5), "SHF.START", batch)
        self.status = "BUSY"
        seconds = self._chance.lognormvariate(log(CYCLE_SECONDS * (1 + WEAR_SLOWS * self.wear)), CYCLE_SPREAD)
        spent, retries = 0.0, 0
        if self._chance.random() < JAM_HAZARD_NEW + JAM_HAZARD_WORN * self.wear**2:
            before_jam = seconds * self._chance.random()
            spent, retries = before_jam, self._tries_to_clear()
            yield from self._jam(before_jam, retries, batch)
            self.status = "BUSY"
        if self._chance.random() < MISREAD_CHANCE * (1 + self.wear):
            self.totals.misreads += 1
            yield Step((seconds - spent) / 2, "SHF.MISREAD", batch | {"n": "1"})
            spent += (seconds - spent) / 2
        counted = DECK_CARDS
        if self._chance.random() < COUNT_MISMATCH_CHANCE:
            counted += self._chance.choice((-1, 1))
        yield Step(seconds - spent, "SHF.DONE", batch | exp | self._outcome(seconds, counted, retries))
        self._count_cycle(seconds, counted)
        if counted != DECK_CARDS:
            yield Step(0.1, "SHF.VERIFY", batch | _differences(counted))
        wait = self._chance.uniform(2, 20)
        yield Step(wait, "SHF.OUT", batch | {"wait": str(round(1000 * wait))})

    def _outcome(self, seconds: float, counted: int, retries: int) -> dict[str, str]:
        result = "OK" if counted == DECK_CARDS else "COUNT_HIGH" if counted > DECK_CARDS else "COUNT_LOW"
        return {"ms": str(round(1000 * seconds)), "cnt": str(counted), "res": result, "retry": str(retries)}

    def _count_cycle(self, seconds: float, counted: int) -> None:
        self.status = "IDLE"
        self.totals.cycles += 1
        self.totals.cycles_since_service += 1
        self.totals.cards += counted
        self.totals.running_seconds += seconds

    def _tries_to_clear(self) -> int:
        """How often it tries; more than AUTO_CLEAR_ATTEMPTS means by hand."""
        tries = 1
        while tries <= AUTO_CLEAR_ATTEMPTS and self._chance.random() > AUTO_CLEAR_CHANCE:
            tries += 1
        return tries

    def _jam(self, seconds: float, tries: int, batch: Mapping[str, str]) -> Iterator[Step]:
        location, at_card = self._chance.choice(_JAM_LOCATIONS), self._chance.randrange(1, DECK_CARDS + 1)
        by_hand = tries > AUTO_CLEAR_ATTEMPTS
        for attempt in range(1, min(tries, AUTO_CLEAR_ATTEMPTS) + 1):
            place = {"loc": str(location), "at": str(at_card), "att": str(attempt), "code": f"J0{location}"}
            yield Step(seconds if attempt == 1 else 1.5, "SHF.JAM", {**batch, **place})
            self.status = "FAULT"
            self.totals.jams += attempt == 1
        down = 1.5 * tries
        if by_hand:
            fix = self._chance.uniform(10, 60)
            yield Step(fix / 2, "SHF.LID", {"open": "1"})
            yield Step(fix / 2, "SHF.LID", {"open": "0"})
            down += fix
        cleared = {"auto": str(int(not by_hand)), "down": str(round(1000 * down))}
        yield Step(1.0, "SHF.JAMCLR", {**batch, **cleared})

    def _lid(self) -> Iterator[Step]:
        yield Step(self._chance.uniform(1, 5), "SHF.LID", {"open": "1"})
        yield Step(self._chance.uniform(3, 15), "SHF.LID", {"open": "0"})

    def _service(self) -> Iterator[Step]:
        self.status = "SERVICE"
        yield Step(self._chance.uniform(20, 60), "SHF.LID", {"open": "1"})
        kind = self._chance.choice(("clean", "roller", "belt", "full"))
        yield Step(self._chance.uniform(60, 300), "DEV.SERVICE", {"what": kind, "tech": "T07", "reset": "0"})
        self.totals.cycles_since_service = 0
        yield Step(5.0, "SHF.LID", {"open": "0"})
        self.status = "IDLE"


def _differences(counted: int) -> dict[str, str]:
    missing, extra = max(0, DECK_CARDS - counted), max(0, counted - DECK_CARDS)
    return {"miss": str(missing), "extra": str(extra), "mis": "0", "back": "0"}
