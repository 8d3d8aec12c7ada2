"""A machine alone: simulated machines on one port, in real time, for anybody's host.

One process, one port; on it one machine, or a chain of machines. They chirp until a host comes, answer what
it asks, and tell on the output what happens. With `play` guests play on them; with `state` they remember
their earlier lives, however those ended.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TextIO

from edge_agent.errors import ConfigurationError
from edge_agent.peer.chain import Chain
from edge_agent.peer.keeping import Keeper, MemoryFile
from edge_agent.peer.loop import Loop, Served
from edge_agent.peer.ports import make_port
from edge_agent.peer.reporter import Reporter, Standing
from edge_agent.peer.tap import Tap
from edge_agent.peer.telling import Teller
from edge_agent.sas.machine import CHIRP_SECONDS
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.personalities import load_personality
from edge_agent.simulator.unmarked import PARTIAL_POLL_SECONDS

FIRST_ADDRESS, LAST_ADDRESS = 1, 127
# How often is looked for what there is to tell, and how late a signal may be heeded.
LOOK_SECONDS = 0.1
POWER_APPLIED = 0x17
# As much as a trial floor may be hurried.
MOST_HASTE = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to run. Raises ConfigurationError for what makes no sense."""

    link: str
    addresses: tuple[int, ...] = (1,)
    personality: str = "plain"
    play: bool = False
    rate: float = 1.0
    seed: int = 1
    state: Path | None = None
    by_table: bool = False
    quiet: bool = False
    as_json: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.rate <= MOST_HASTE:
            raise ConfigurationError(
                f"rate {self.rate:g} makes no sense", f"choose more than 0, and {MOST_HASTE} at most"
            )


def parse_addresses(text: str) -> tuple[int, ...]:
    """`1`, `1-8` or `1,3,10-12`, rising. Raises ConfigurationError for anything else."""
    addresses: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ConfigurationError(f"address {text!r} makes no sense", "write 1, 1-8 or 1,3,5")
        low, high = int(first), int(last or first)
        if not FIRST_ADDRESS <= low <= high <= LAST_ADDRESS:
            raise ConfigurationError(
                f"address {part} is not within {FIRST_ADDRESS} to {LAST_ADDRESS}",
                "a machine that is set to 0 ignores its host; choose another",
            )
        addresses.update(range(low, high + 1))
    return tuple(sorted(addresses))


def run_alone(wanted: Wanted, out: TextIO, monotonic: Callable[[], float] = time.monotonic) -> None:
    """Serve the machines until SIGINT or SIGTERM.

    Raises ConfigurationError, LinkError or InUseError for what cannot be served.
    """
    port = make_port(wanted.link, by_table=wanted.by_table)
    teller = Teller(out, quiet=wanted.quiet, as_json=wanted.as_json)
    with ExitStack() as ending, _until_told() as is_told:
        standing = _set_up(wanted, ending)
        loop = Loop([Served(port, Chain([each.tap for each in standing]))], monotonic)
        _switch_on(standing, monotonic(), play=wanted.play)
        loop.open()
        ending.callback(loop.close)
        _introduce(wanted, port.name, teller)
        _recall(standing, teller)
        reporter = Reporter(teller, standing, lambda: port.has_host)
        while not is_told():
            loop.turn(monotonic() + LOOK_SECONDS)
            reporter.look(monotonic())
        for each in standing:
            if each.keeper is not None:
                each.keeper.keep(monotonic())
        reporter.end()


def _set_up(wanted: Wanted, ending: ExitStack) -> list[Standing]:
    personality = load_personality(wanted.personality)
    standing = []
    for address in wanted.addresses:
        file = None
        if wanted.state is not None:
            file = MemoryFile(wanted.state / f"machine-{address:03}.json", wanted.personality)
            ending.callback(file.close)
        memory = file.read() if file is not None else None
        machine = MachineOnLine(
            replace(personality.spec, number=address, address=address),
            wanted.seed + address,
            rate=wanted.rate,
            temperament=personality.temperament,
            memory=memory,
        )
        keeper = None if file is None else Keeper(machine, file)
        tap = Tap(keeper or machine, address, PARTIAL_POLL_SECONDS)
        standing.append(Standing(address, machine, tap, keeper, is_new=memory is None))
    return standing


def _switch_on(standing: Sequence[Standing], now: float, *, play: bool) -> None:
    """Let the machines have power. One that remembers an earlier life tells of it, and of its end, itself."""
    for nth, each in enumerate(standing):
        # Chirps of the same moment would be understood by nobody.
        each.tap.handle_timer(now - CHIRP_SECONDS * nth / len(standing))
        if each.is_new:
            each.machine.machine.cabinet.note(POWER_APPLIED)
        if not play:
            each.machine.stop_play(now)


def _introduce(wanted: Wanted, port: str, teller: Teller) -> None:
    addresses = ", ".join(map(str, wanted.addresses))
    play = "played" if wanted.play else "idle"
    teller.say(
        "ready",
        f"ready at {port}: {wanted.personality}, address {addresses}, {play}, seed {wanted.seed}",
        always=True,
        port=port,
        personality=wanted.personality,
        addresses=list(wanted.addresses),
        seed=wanted.seed,
    )


def _recall(standing: Sequence[Standing], teller: Teller) -> None:
    for each in standing:
        if not each.is_new:
            words = "remembers its earlier life; what nobody heard then is raised again"
            teller.say("remembers", words, address=each.address)


@contextmanager
def _until_told() -> Iterator[Callable[[], bool]]:
    """Whether SIGINT or SIGTERM has come."""
    came: list[int] = []
    before = {
        number: signal.signal(number, lambda number, _: came.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
