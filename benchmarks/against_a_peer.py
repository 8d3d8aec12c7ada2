"""SAS beside a library of the field: CRC, one question without a wire, and one question over a real terminal.

    git clone https://github.com/zacharytomlinson/saspy /somewhere/saspy
    .venv/bin/python benchmarks/against_a_peer.py --peer /somewhere/saspy

The peer is not part of this project; a checkout of it is imported as it is. Both ask the same simulated
machine the same thing, current credits, one after the other in the same run. Ours goes through the whole
`HostConnection`, with all its rules; the peer's through `Sas.current_credits`. Medians of repeated runs.
"""

from __future__ import annotations

import argparse
import importlib
import statistics
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import serial

from edge_agent.links import open_link
from edge_agent.sas.crc import append_crc, crc16
from edge_agent.sas.host import SYNCHRONISATION_POLL, Answered, HostConnection
from edge_agent.sas.messages import LongPollRequest
from edge_agent.station import SerialFormat
from edge_agent.testing.clock import VirtualClock

REPEATS = 15
SECONDS_A_REPEAT = 0.05
QUESTIONS = 100  # over the terminal
CREDITS, GAMES = LongPollRequest(1, 0x1A), LongPollRequest(1, 0x15)
ANSWER = append_crc(bytes.fromhex("01 1A 00 00 01 03"))
ANSWER_GAMES = append_crc(bytes.fromhex("01 15 00 00 00 05"))
FRAME = append_crc(bytes(range(62)))


class Memory:
    """As much of a serial port as the peer uses, with the answer always there."""

    is_open = True
    parity = stopbits = timeout = None

    def write(self, _data: object) -> None:
        """Nothing is sent."""

    def read(self, _size: int) -> bytes:
        """The answer."""
        return ANSWER

    def flush(self) -> None:
        """Nothing is kept."""

    open = close = reset_input_buffer = reset_output_buffer = flush


class Ours:
    """A connection that has met a machine, asked in memory: two commands in turn, so that each is fresh."""

    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.host = HostConnection(1, last_poll=SYNCHRONISATION_POLL, real_time=False)
        self.host.link_opened(self.clock.now)
        self._polls = ((CREDITS, ANSWER), (GAMES, ANSWER_GAMES))
        self._at = 0
        self.clock.advance(10.0)
        self.host.handle_timer(self.clock.now)
        self.host.data_to_send(self.clock.now)
        self.host.receive_data(ANSWER, self.clock.now)
        self.host.events()

    def ask(self) -> object:
        """One question and its answer, with everything a line calls for it."""
        poll, answer = self._polls[self._at]
        self._at = 1 - self._at
        now = self.clock.now
        self.host.send(poll)
        self.host.data_to_send(now)
        self.host.receive_data(answer, now)
        self.host.handle_timer(now)
        (event,) = self.host.events()
        return event


def microseconds(call: Callable[[], object]) -> float:
    """The median cost of one call."""
    timer = timeit.Timer(call)
    number, taken = timer.autorange()
    number = max(1, int(number * SECONDS_A_REPEAT / taken))
    return statistics.median(timer.repeat(REPEATS, number)) / number * 1e6


def milliseconds_each(ask: Callable[[], object]) -> float:
    """The median time of a question over the terminal."""
    taken = []
    for _ in range(QUESTIONS):
        began = time.perf_counter()
        answered = ask()
        taken.append(time.perf_counter() - began)
        assert answered is not None, "the machine did not answer"
    return statistics.median(taken) * 1e3


@contextmanager
def machine() -> Iterator[Path]:
    """A simulated machine, alone on a pseudo-terminal."""
    with tempfile.TemporaryDirectory() as folder:
        port = Path(folder) / "sas"
        command = [sys.executable, "-m", "edge_agent", "machine", "--link", f"pty:{port}", "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            while not port.exists():
                time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait()


def ours_over(port: Path) -> float:
    """Our question over a terminal."""
    link = open_link(str(port), SerialFormat(baud=19_200, wakeup_bit=True))
    link.open()
    host = HostConnection(1)
    host.link_opened(time.monotonic())
    polls = [CREDITS, GAMES]

    def turn() -> list[Any]:
        host.handle_timer(time.monotonic())
        events = host.events()
        data = host.data_to_send(time.monotonic())
        if data:
            link.write(data)
        due = host.next_timer()
        arrived = link.read(0.25 if due is None else max(0.0, due - time.monotonic()))
        if arrived:
            host.receive_data(arrived, time.monotonic())
        return events + host.events()

    def ask() -> object:
        polls.reverse()
        while not host.ready(time.monotonic()):
            turn()
        host.send(polls[0])
        while True:
            for event in turn():
                if isinstance(event, Answered):
                    return event

    try:
        for _ in range(20):
            ask()
        return milliseconds_each(ask)
    finally:
        link.close()


class Peer:
    """saspy, from a checkout."""

    def __init__(self, checkout: Path) -> None:
        sys.path.insert(0, str(checkout))
        # A pseudo-terminal refuses parity, and the peer with it: its changes of parity are left out.
        for parity in ("PARITY_MARK", "PARITY_SPACE"):
            setattr(serial, parity, serial.PARITY_NONE)
        self.crc = importlib.import_module("utils.Crc").calculate
        self._sas = importlib.import_module("sas").Sas

    def in_memory(self) -> Callable[[], object]:
        """Its question without a wire."""
        sas = self._sas.__new__(self._sas)
        sas.__dict__.update(
            address=1, connection=Memory(), poll_address=0x82, wait_for_wake_up=0.0, timeout=2, denom=0.01
        )
        sas.log = importlib.import_module("logging").getLogger("peer")
        assert sas.current_credits(denom=False) is not None
        return lambda: sas.current_credits(denom=False)

    def over(self, port: Path) -> float:
        """Its question over a terminal."""
        sas = self._sas(str(port), debug_level="CRITICAL", poll_address=0x82)
        sas.start()
        return milliseconds_each(lambda: sas.current_credits(denom=False))


def say(what: str, ours: float, peer: float | None, unit: str) -> None:
    """One row."""
    beside = "" if peer is None else f"   peer {peer:9.2f} {unit}   {peer / ours:5.1f} times as long"
    print(f"{what:<44}{ours:9.2f} {unit}{beside}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--peer", type=Path, metavar="CHECKOUT", help="a checkout of saspy")
    chosen = arguments.parse_args()
    peer = Peer(chosen.peer) if chosen.peer else None
    ours = Ours()

    if peer is None:
        print("no peer beside it; see the head of this file\n")
    say(
        "CRC of a 64-byte frame",
        microseconds(lambda: crc16(FRAME)),
        None if peer is None else microseconds(lambda: peer.crc(FRAME)),
        "us",
    )
    say(
        "encode, ask, check, decode, without a wire",
        microseconds(ours.ask),
        None if peer is None else microseconds(peer.in_memory()),
        "us",
    )
    with machine() as port:
        over_terminal = ours_over(port)
    with machine() as port:
        say("the same over a pseudo-terminal", over_terminal, None if peer is None else peer.over(port), "ms")


if __name__ == "__main__":
    main()
