"""An adapter pulled out and put back: its line finds it again, and the neighbour notices nothing.

Two gaming machines on pseudo-terminals, each behind a name that follows its adapter. Pulling out one is a
hang-up of its far end and the loss of its name; it comes back as another terminal under the same name.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.drivers.sas import DRIVER
from edge_agent.line import LOST_STATE, Line
from edge_agent.links import open_link
from edge_agent.notebook import Notebook
from edge_agent.peer.pty_port import PtyPort
from edge_agent.sas.wakeup_restorer import WakeupRestorer
from edge_agent.simulator.floor_plan import default_floor
from edge_agent.simulator.machine_on_line import MachineOnLine
from edge_agent.station import DeviceIdentity
from edge_agent.testing.patience import wait_until

pytestmark = pytest.mark.integration

OUT_SECONDS = 1.5  # longer than the first pause before a port is tried again
# A machine is polled five times a second at least; a loaded computer is given some time.
HICCUP_SECONDS = 1.0


class Socket:
    """A machine and the adapter it is plugged in by, with everything its host asked it in time."""

    def __init__(self, number: int, folder: Path) -> None:
        self.name = f"slot-{number}"
        self.port = folder / f"usb-FTDI_FT232R_{number}-if00-port0"
        self.asked_at: list[float] = []
        self.terminals: list[str] = []
        self._machine = MachineOnLine(default_floor(2, seed=1)[number], seed=number)
        self._adapter: PtyPort | None = None
        self._plugging = threading.Lock()
        self._plugs: list[int] = []  # held, so that no terminal's name comes twice

    def plug_in(self) -> None:
        with self._plugging:
            self._adapter = self._open()
            while str(self.port.readlink()) in self.terminals:  # a name that was given back is taken first
                self._adapter.close()
                self._plugs += os.openpty()
                self._adapter = self._open()
            self.terminals.append(str(self.port.readlink()))

    def _open(self) -> PtyPort:
        adapter = PtyPort(self.name, self.port, WakeupRestorer())
        adapter.open(lambda _: None)
        return adapter

    def pull_out(self) -> None:
        with self._plugging:
            assert self._adapter is not None
            self._adapter.close()
            self._adapter = None

    def serve(self) -> None:
        """Once around: read, live on, answer."""
        with self._plugging:
            adapter, now = self._adapter, time.monotonic()
            if adapter is None:
                return
            heard = adapter.read(now)
            if heard:
                self.asked_at.append(now)
                self._machine.receive_data(heard, now)
            self._machine.handle_timer(now)
            said = self._machine.data_to_send(now)
            if said:
                adapter.write(said)

    def close(self) -> None:
        if self._adapter is not None:
            self.pull_out()
        for descriptor in self._plugs:
            os.close(descriptor)


@pytest.fixture
def sockets(tmp_path: Path) -> Iterator[Sequence[Socket]]:
    both = (Socket(0, tmp_path), Socket(1, tmp_path))
    over = threading.Event()

    def serve() -> None:
        while not over.wait(0.001):
            for socket in both:
                socket.serve()

    for socket in both:
        socket.plug_in()
    server = threading.Thread(target=serve, name="machines")
    server.start()
    yield both
    over.set()
    server.join()
    for socket in both:
        socket.close()


@pytest.fixture
def lines(sockets: Sequence[Socket], tmp_path: Path) -> Iterator[Sequence[Line]]:
    notebooks = [Notebook(tmp_path / f"note-{socket.name}") for socket in sockets]
    running = [
        Line(
            name=socket.name,
            link=open_link(str(socket.port), DRIVER.serial_format),
            station=partial(
                DRIVER.station,
                DeviceIdentity(socket.name, "USD"),
                {"address": default_floor(2, seed=1)[number].address},
            ),
            seal=lambda observation: observation.body.model_dump_json().encode(),
            append=lambda _: None,
            notebook=notebook,
            monotonic=time.monotonic,
        )
        for number, (socket, notebook) in enumerate(zip(sockets, notebooks, strict=True))
    ]
    for line in running:
        line.start()
    yield running
    for line in running:
        line.stop()
        assert line.join(10.0)
    for notebook in notebooks:
        notebook.close()


def test_an_adapter_comes_back_under_another_name_and_its_neighbour_never_waits(
    sockets: Sequence[Socket], lines: Sequence[Line]
) -> None:
    (pulled, neighbour), (line, beside) = sockets, lines
    wait_until(lambda: all(len(each.asked_at) > 5 for each in sockets))

    with capture_logs() as log:
        began = time.monotonic()
        pulled.pull_out()
        wait_until(lambda: line.station.counters.state == LOST_STATE)
        time.sleep(OUT_SECONDS)
        before = len(pulled.asked_at)
        pulled.plug_in()
        wait_until(lambda: len(pulled.asked_at) > before + 5)
        ended = time.monotonic()

    assert len(set(pulled.terminals)) == 2
    asked = [began, *(at for at in neighbour.asked_at if began <= at <= ended), ended]
    assert max(later - at for at, later in itertools.pairwise(asked)) < HICCUP_SECONDS
    assert line.station.counters.state != LOST_STATE
    assert beside.station.counters.state != LOST_STATE
    assert [entry for entry in log if entry["line"] == neighbour.name and entry["log_level"] != "debug"] == []
    lost = [entry["reason"] for entry in log if entry.get("event") == "line lost"]
    assert any(reason.endswith(("was lost: it hung up", "Input/output error")) for reason in lost)
    assert len(lost) == len(set(lost)), "each thing wrong with a port is said once"
