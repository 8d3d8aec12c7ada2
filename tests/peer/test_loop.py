"""The loop: bytes and time for every device, and a flood on one port keeps no other waiting."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from edge_agent.errors import LinkError
from edge_agent.peer.loop import Loop, Served
from edge_agent.peer.port import Watch
from edge_agent.testing.clock import VirtualClock


class PipePort:
    """A port that is a pipe."""

    def __init__(self) -> None:
        self.name = "pipe"
        self.said: list[bytes] = []
        self.is_open = False
        self.has_host = True
        self.due: float | None = None
        self.timers: list[float] = []
        self._reader, self.writer = os.pipe()
        os.set_blocking(self._reader, False)

    def open(self, watch: Watch) -> None:
        self.is_open = True
        watch(self._reader)

    def read(self, _now: float) -> bytes | None:
        try:
            return os.read(self._reader, 4)
        except BlockingIOError:
            return None

    def write(self, stream: bytes) -> None:
        self.said.append(stream)

    def next_timer(self) -> float | None:
        return self.due

    def handle_timer(self, now: float) -> None:
        if self.due is not None and now >= self.due:
            self.timers.append(now)
            self.due = None

    def close(self) -> None:
        self.is_open = False
        os.close(self._reader)
        os.close(self.writer)


class Echo:
    """A device that says back what it hears, and its name when its time has come."""

    def __init__(self, due: float | None = None) -> None:
        self.heard: list[bytes] = []
        self._says = b""
        self._due = due

    def receive_data(self, stream: bytes, _now: float) -> None:
        self.heard.append(stream)
        self._says += stream

    def handle_timer(self, now: float) -> None:
        if self._due is not None and now >= self._due:
            self._due, self._says = None, b"tick"

    def next_timer(self) -> float | None:
        return self._due

    def data_to_send(self, _now: float) -> bytes:
        said, self._says = self._says, b""
        return said


class Running:
    """Two devices on two ports, in virtual time."""

    def __init__(self, *dues: float | None) -> None:
        self.clock = VirtualClock()
        self.ports = [PipePort(), PipePort()]
        self.devices = [Echo(due and self.clock.now + due) for due in dues]
        served = [Served(port, device) for port, device in zip(self.ports, self.devices, strict=True)]
        self.loop = Loop(served, lambda: self.clock.now)
        self.loop.open()

    def turn(self) -> None:
        self.loop.turn(self.clock.now)


@pytest.fixture
def running() -> Iterator[Running]:
    running = Running(None, None)
    yield running
    running.loop.close()


def test_a_device_hears_and_answers_on_its_own_port(running: Running) -> None:
    os.write(running.ports[1].writer, b"hi")

    running.turn()

    assert [device.heard for device in running.devices] == [[], [b"hi"]]
    assert [port.said for port in running.ports] == [[], [b"hi"]]


def test_a_flood_on_one_port_is_taken_a_piece_a_turn(running: Running) -> None:
    running.turn()
    os.write(running.ports[0].writer, b"0123456789")
    os.write(running.ports[1].writer, b"hi")

    running.turn()
    assert [device.heard for device in running.devices] == [[b"0123"], [b"hi"]]

    running.turn()
    running.turn()
    assert running.devices[0].heard == [b"0123", b"4567", b"89"]


def test_a_device_is_woken_when_it_wants_to_be() -> None:
    running = Running(0.5, None)

    running.clock.advance(0.4)
    running.turn()
    assert running.ports[0].said == []

    running.clock.advance(0.1)
    running.turn()
    assert running.ports[0].said == [b"tick"]
    running.loop.close()


def test_a_port_is_woken_when_it_wants_to_be(running: Running) -> None:
    port = running.ports[0]
    port.due = running.clock.now + 1.0
    running.loop.serve_all()

    running.clock.advance(0.9)
    running.turn()
    assert port.timers == []

    running.clock.advance(0.1)
    running.turn()
    assert port.timers == [running.clock.now]


def test_ports_that_were_opened_are_closed_when_another_cannot_be() -> None:
    class Refusing(PipePort):
        def open(self, watch: Watch) -> None:  # noqa: ARG002  it refuses whoever watches
            raise LinkError("port is not there")

    fine, refusing = PipePort(), Refusing()
    loop = Loop([Served(fine, Echo()), Served(refusing, Echo())])

    with pytest.raises(LinkError):
        loop.open()

    assert not fine.is_open
    refusing.close()
