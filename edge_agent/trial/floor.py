"""The floor's process: simulated machines and tables on real pseudo-terminals.

The devices are pure; this is the loop that gives them bytes and time. One loop serves them all:
wait for bytes or the next timer, hand both over, write what they answer. What they raised,
dropped and had acknowledged goes to a ledger as it happens, and their own meters to a file at
the end: the proof compares those with what the cloud received.

SIGUSR1 lets the guests finish and go; SIGTERM writes the truth and ends.
"""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import selectors
import signal
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TextIO

from edge_agent.errors import JournalError, LinkError
from edge_agent.health import write_status
from edge_agent.sas.framing import WakeupRestorer
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.shuffler import default_tables
from edge_agent.simulator.table_on_line import TableOnLine
from edge_agent.testing.wires import WIRE_PROFILES, HostileWire, WireProfile, lossy

STATUS_SECONDS = 0.25

# Of a shuffler's characters on the wire `lossy`: a third of its frames are damaged.
TABLE_LOSS = 0.005
READ_BYTES = 4096

# A host that stops in the middle of a message has given it up after this long (5 ms on a wire).
PARTIAL_POLL_SECONDS = 0.05


class Device(Protocol):
    """One simulated device at the end of a line: bytes and time in, bytes out."""

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take a marked stream from the host."""

    def handle_timer(self, now: float) -> None:
        """Live on."""

    def next_timer(self) -> float | None:
        """When to be called next."""

    def data_to_send(self, now: float) -> bytes:
        """Answer: plain bytes as a pseudo-terminal carries them."""

    def stop_play(self, now: float) -> None:
        """Finish what is going on, and start nothing more."""

    def history(self) -> Iterable[Mapping[str, Any]]:
        """What was raised, dropped and acknowledged since last asked."""

    def truth(self) -> Mapping[str, Any]:
        """What the device itself knows at the end."""

    @property
    def pending(self) -> int:
        """What it has raised and the host has not acknowledged."""


class Restorer(Protocol):
    """Puts back the wakeup marks that a pseudo-terminal cannot carry."""

    def feed(self, data: bytes) -> bytes:
        """Plain bytes of the host, as a marked stream."""

    def gap(self) -> bytes:
        """The host paused: a partial message is over. What of it was held back."""


@dataclass(slots=True)
class PtyLine:
    """A device on a pseudo-terminal, and the stable name the collector opens."""

    name: str
    device: Device
    restorer: Restorer | None
    port: Path
    master: int = -1
    slave: int = -1
    heard_at: float = field(default=0.0)

    def open(self) -> None:
        """Make the pseudo-terminal and link its name."""
        try:
            self.master, self.slave = os.openpty()
        except OSError as error:
            raise LinkError(
                f"no pseudo-terminal for {self.name}: {error.strerror}",
                "run fewer machines, or raise `ulimit -n`",
            ) from error
        # Kept open and raw at our end, so that a collector may come and go without a hang-up.
        tty.setraw(self.slave, termios.TCSANOW)
        fcntl.fcntl(self.master, fcntl.F_SETFL, os.O_NONBLOCK)
        self.port.symlink_to(os.ttyname(self.slave))

    def read(self, now: float) -> None:
        """Give the device what the host wrote."""
        with suppress(BlockingIOError):
            data = os.read(self.master, READ_BYTES)
            if self.restorer is not None:
                held = self.restorer.gap() if now - self.heard_at > PARTIAL_POLL_SECONDS else b""
                data = held + self.restorer.feed(data)
            self.heard_at = now
            self.device.receive_data(data, now)

    def write(self, now: float) -> None:
        """Put on the line what the device says. What nobody reads is lost, as on a wire."""
        data = self.device.data_to_send(now)
        if data:
            with suppress(BlockingIOError):
                os.write(self.master, data)

    def close(self) -> None:
        """Take the pseudo-terminal away."""
        os.close(self.master)
        os.close(self.slave)
        self.port.unlink(missing_ok=True)


class Floor:
    """All the devices, and the loop that serves them."""

    def __init__(self, lines: list[PtyLine], ledger: TextIO, status: Path) -> None:
        self._lines = lines
        self._ledger = ledger
        self._status = status
        self._selector = selectors.DefaultSelector()
        self._timers: list[tuple[float, int]] = []
        self._due: list[float] = [float("inf")] * len(lines)
        self._raised = 0
        self.stopping_play = False
        self.ending = False
        self._guests_gone = False

    def run(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Serve the lines until told to end."""
        for index, line in enumerate(self._lines):
            self._selector.register(line.master, selectors.EVENT_READ, index)
            self._serve(index, monotonic())
        status_due = 0.0
        while not self.ending:
            now = monotonic()
            for key, _ in self._selector.select(max(0.0, min(self._next_timer(), status_due) - now)):
                now = monotonic()
                self._lines[key.data].read(now)
                self._serve(key.data, now)
            now = monotonic()
            for index in self._take_due(now):
                self._serve(index, now)
            if self.stopping_play and not self._guests_gone:
                self._guests_gone = True
                for index, line in enumerate(self._lines):
                    line.device.stop_play(now)
                    self._serve(index, now)
            if now >= status_due:
                status_due = now + STATUS_SECONDS
                self._write_ledger()
        self._write_ledger()
        self._selector.close()

    def _serve(self, index: int, now: float) -> None:
        line = self._lines[index]
        line.device.handle_timer(now)
        line.write(now)
        due = line.device.next_timer()
        if due is not None and due != self._due[index]:
            self._due[index] = due
            heapq.heappush(self._timers, (due, index))

    def _next_timer(self) -> float:
        """When the next device wants to live on; timers that were moved since are dropped."""
        while self._timers and self._timers[0][0] != self._due[self._timers[0][1]]:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else float("inf")

    def _take_due(self, now: float) -> Iterable[int]:
        while self._next_timer() <= now:
            _, index = heapq.heappop(self._timers)
            self._due[index] = float("inf")
            yield index

    def _write_ledger(self) -> None:
        for line in self._lines:
            for entry in line.device.history():
                self._raised += entry["what"] == "raised"
                self._ledger.write(json.dumps({"line": line.name, **entry}) + "\n")
        self._ledger.flush()
        pending = {line.name: line.device.pending for line in self._lines}
        write_status(
            self._status, {"raised": self._raised, "pending": pending, "guests_gone": self._guests_gone}
        )


def run_floor(lines: list[PtyLine], run: Path, opened: list[PtyLine]) -> None:
    """Open the lines, serve them until SIGTERM, and write the truth."""
    with (run / "floor.jsonl").open("a", encoding="utf-8") as ledger:
        for line in lines:
            line.open()
            opened.append(line)
        floor = Floor(lines, ledger, run / "floor-status.json")
        signal.signal(signal.SIGUSR1, lambda *_: setattr(floor, "stopping_play", True))
        signal.signal(signal.SIGTERM, lambda *_: setattr(floor, "ending", True))
        floor.run()
    truth = {line.name: line.device.truth() for line in lines}
    (run / "truth.json").write_text(json.dumps(truth), encoding="utf-8")


def main(arguments: list[str]) -> int:
    """`python -m edge_agent.trial.floor RUN`: serve the floor planned in RUN/floor.json."""
    run = Path(arguments[0])
    lines = make_lines(json.loads((run / "floor.json").read_text(encoding="utf-8")), run)
    opened: list[PtyLine] = []
    try:
        run_floor(lines, run, opened)
    except LinkError as error:
        sys.stderr.write(f"floor: {error}\n")
        return error.exit_status
    except OSError as error:
        sys.stderr.write(f"floor: {run} cannot be written: {error.strerror} — free some space\n")
        return JournalError.exit_status
    finally:
        for line in opened:
            line.close()
    return 0


def make_lines(plan: Mapping[str, Any], run: Path) -> list[PtyLine]:
    """The devices a plan names, each with a seed and wires of its own."""
    seed, rate = plan["seed"], plan["rate"]
    machines = zip(plan["machines"], default_floor(len(plan["machines"]), seed), strict=True)
    tables = zip(plan["tables"], default_tables(len(plan["tables"]), seed), strict=True)

    def wires(name: str, profile: WireProfile) -> tuple[HostileWire | None, HostileWire | None]:
        if plan["wire"] == "perfect":
            return None, None
        return HostileWire(profile, f"{seed} to {name}"), HostileWire(profile, f"{seed} from {name}")

    wire = WIRE_PROFILES[plan["wire"]]
    # One character in twenty leaves 5 % of a shuffler's 60-character frames: not a bad line but none.
    table_wire = lossy(TABLE_LOSS) if plan["wire"] == "lossy" else wire

    lines = []
    for name, machine in machines:
        to_device, to_host = wires(name, wire)
        slot = MachineOnLine(machine, seed + machine.number, rate=rate, to_machine=to_device, to_host=to_host)
        lines.append(PtyLine(name, slot, WakeupRestorer(), run / "ports" / name))
    for name, table in tables:
        to_device, to_host = wires(name, table_wire)
        shuffler = TableOnLine(table, seed + table.number, rate=rate, to_device=to_device, to_host=to_host)
        lines.append(PtyLine(name, shuffler, None, run / "ports" / name))
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
