"""A machine alone: simulated machines on one port, in real time, for anybody's host.

One process, one port; on it one machine, or a chain of machines. They chirp until a host comes, answer what
it asks, and tell on the output what happens. With `play` guests play on them.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TextIO

from edge_agent.errors import ConfigurationError
from edge_agent.peer.chain import Chain
from edge_agent.peer.loop import Loop, Served
from edge_agent.peer.ports import make_port
from edge_agent.peer.tap import Tap
from edge_agent.peer.telling import COUNTS_SECONDS, Teller
from edge_agent.simulator.machine_on_line import PARTIAL_POLL_SECONDS, MachineOnLine
from edge_agent.simulator.personalities import load_personality

FIRST_ADDRESS, LAST_ADDRESS = 1, 127
# How often what happened is told, and how late a signal may be heeded.
TELLING_SECONDS = 0.1
POWER_APPLIED = 0x17


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to run."""

    link: str
    addresses: tuple[int, ...]
    personality: str
    play: bool = False
    rate: float = 1.0
    seed: int = 0
    by_table: bool = False
    quiet: bool = False
    as_json: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """One machine on the line, and the tap on it."""

    address: int
    machine: MachineOnLine
    tap: Tap


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
    standing = _set_up(wanted)
    port = make_port(wanted.link, by_table=wanted.by_table)
    loop = Loop([Served(port, Chain([each.tap for each in standing]))], monotonic)
    teller = Teller(out, quiet=wanted.quiet, as_json=wanted.as_json)
    _begin(standing, monotonic(), play=wanted.play)
    with _until_told() as told:
        loop.open()
        try:
            teller.say("ready", f"ready at {port.name}", always=True, link=wanted.link, port=port.name)
            _serve(loop, standing, teller, told, monotonic)
        finally:
            loop.close()


def _set_up(wanted: Wanted) -> list[Standing]:
    personality = load_personality(wanted.personality)
    standing = []
    for address in wanted.addresses:
        spec = replace(personality.spec, number=address, address=address)
        machine = MachineOnLine(
            spec, wanted.seed + address, rate=wanted.rate, temperament=personality.temperament
        )
        standing.append(Standing(address, machine, Tap(machine, address, PARTIAL_POLL_SECONDS)))
    return standing


def _begin(standing: Sequence[Standing], now: float, *, play: bool) -> None:
    """Switch the machines on."""
    for each in standing:
        each.machine.handle_timer(now)
        each.machine.machine.cabinet.note(POWER_APPLIED)
        if not play:
            each.machine.stop_play(now)


def _serve(
    loop: Loop,
    standing: Sequence[Standing],
    teller: Teller,
    told: Callable[[], bool],
    monotonic: Callable[[], float],
) -> None:
    counts_due = monotonic() + COUNTS_SECONDS
    while not told():
        now = monotonic()
        loop.turn(now + TELLING_SECONDS)
        for each in standing:
            teller.exceptions(each.address, each.machine.history())
            teller.polls(each.address, each.tap.news())
        if now >= counts_due:
            counts_due = now + COUNTS_SECONDS
            for each in standing:
                teller.counts(each.address, each.tap)
    for each in standing:
        teller.counts(each.address, each.tap, always=True)


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
