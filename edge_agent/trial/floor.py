"""The floor's process: simulated machines and tables on real pseudo-terminals.

The devices are pure; `peer` gives them bytes and time. What they raised, dropped and had acknowledged
goes to a ledger as it happens, and their own meters to a file at the end: the proof compares those
with what the cloud received.

SIGUSR1 lets the guests finish and go; SIGTERM writes the truth and ends.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TextIO

from edge_agent.errors import JournalError, LinkError
from edge_agent.health import write_status
from edge_agent.peer.loop import Device, Loop, Served
from edge_agent.peer.port import Port
from edge_agent.peer.pty_port import PtyPort
from edge_agent.sas.framing import WakeupRestorer
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.simulator.shuffler import default_tables
from edge_agent.simulator.table_on_line import TableOnLine
from edge_agent.testing.wires import WIRE_PROFILES, HostileWire, WireProfile, lossy

STATUS_SECONDS = 0.25

# Of a shuffler's characters on the wire `lossy`: a third of its frames are damaged.
TABLE_LOSS = 0.005


class FloorDevice(Device, Protocol):
    """One simulated device at the end of a line, and what it can be asked about itself."""

    def stop_play(self, now: float) -> None:
        """Finish what is going on, and start nothing more."""

    def history(self) -> Iterable[Mapping[str, Any]]:
        """What was raised, dropped and acknowledged since last asked."""

    def truth(self) -> Mapping[str, Any]:
        """What the device itself knows at the end."""

    @property
    def pending(self) -> int:
        """What it has raised and the host has not acknowledged."""


@dataclass(frozen=True, slots=True)
class FloorLine:
    """A device on a pseudo-terminal, whose stable name the collector opens."""

    name: str
    device: FloorDevice
    port: Port


class Floor:
    """All the devices, served until told to end."""

    def __init__(self, lines: list[FloorLine], ledger: TextIO, status: Path) -> None:
        self._lines = lines
        self._ledger = ledger
        self._status = status
        self._raised = 0
        self.stopping_play = False
        self.ending = False
        self._guests_gone = False

    def run(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        """Serve the lines until told to end. Raises LinkError when a port cannot be opened."""
        loop = Loop([Served(line.port, line.device) for line in self._lines], monotonic)
        loop.open()
        try:
            self._serve(loop, monotonic)
        finally:
            loop.close()

    def _serve(self, loop: Loop, monotonic: Callable[[], float]) -> None:
        status_due = 0.0
        while not self.ending:
            loop.turn(status_due)
            now = monotonic()
            if self.stopping_play and not self._guests_gone:
                self._guests_gone = True
                for line in self._lines:
                    line.device.stop_play(now)
                loop.serve_all()
            if now >= status_due:
                status_due = now + STATUS_SECONDS
                self._write_ledger()
        self._write_ledger()

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


def run_floor(lines: list[FloorLine], run: Path) -> None:
    """Serve the lines until SIGTERM, and write the truth."""
    with (run / "floor.jsonl").open("a", encoding="utf-8") as ledger:
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
    try:
        run_floor(lines, run)
    except LinkError as error:
        sys.stderr.write(f"floor: {error}\n")
        return error.exit_status
    except OSError as error:
        sys.stderr.write(f"floor: {run} cannot be written: {error.strerror} — free some space\n")
        return JournalError.exit_status
    return 0


def make_lines(plan: Mapping[str, Any], run: Path) -> list[FloorLine]:
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
        lines.append(FloorLine(name, slot, PtyPort(name, run / "ports" / name, WakeupRestorer())))
    for name, table in tables:
        to_device, to_host = wires(name, table_wire)
        shuffler = TableOnLine(table, seed + table.number, rate=rate, to_device=to_device, to_host=to_host)
        lines.append(FloorLine(name, shuffler, PtyPort(name, run / "ports" / name, None)))
    return lines


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
