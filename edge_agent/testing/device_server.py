"""A device server with a simulated device behind it: raw TCP, or RFC 2217 over pyserial's server side.

Its port is a model of a UART that is as hard on a host as a chip is: characters leave one after the other,
and a change of parity also changes those that have not left. What left, when, and with which ninth bit, is
there to look at.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol, Self, cast

from serial import PARITY_MARK, PARITY_NONE, PARITY_SPACE
from serial.rfc2217 import PortManager

from edge_agent.links.parity import BITS_A_CHARACTER
from edge_agent.links.stream import runs
from edge_agent.sas.wakeup import marked, stuff
from edge_agent.testing.patience import wait_until

# What a server says unasked, and one thing it may say (RFC 2217).
NOTIFY_LINE_STATE, PARITY_ERROR = 106, 0x04

READ_BYTES = 4096
LOOK_SECONDS = 0.0005


class Device(Protocol):
    """A simulated device at the end of a line, such as `MachineOnLine`."""

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take a marked stream from the host."""

    def handle_timer(self, now: float) -> None:
        """Live on."""

    def data_to_send(self, now: float) -> bytes:
        """Answer, as a marked stream."""


class Recorder:
    """A device that only listens, and says what it is told to."""

    def __init__(self) -> None:
        self.heard = b""  # a marked stream
        self.says = b""

    def receive_data(self, stream: bytes, _now: float) -> None:
        """Keep it."""
        self.heard += stream

    def handle_timer(self, now: float) -> None:
        """Nothing is due."""

    def data_to_send(self, _now: float) -> bytes:
        """What it was told to say, once."""
        said, self.says = self.says, b""
        return said


@dataclass(slots=True)
class Character:
    """One character on its way: when it begins and ends (monotonic seconds)."""

    byte: int
    wakeup: bool
    begins: float
    ends: float


@dataclass
class UartModel:
    """A serial port's sending half, as `PortManager` sees one."""

    parities: str = PARITY_NONE + PARITY_MARK + PARITY_SPACE
    baudrate: int = 9600
    bytesize: int = 8
    stopbits: int = 1
    rtscts: bool = False
    xonxoff: bool = False
    dtr: bool = True
    rts: bool = True
    cts: bool = False
    dsr: bool = False
    ri: bool = False
    cd: bool = False
    break_condition: bool = False
    sent: list[Character] = field(default_factory=list)
    _given: int = 0
    _parity: str = PARITY_NONE

    @property
    def parity(self) -> str:
        """As pyserial names it."""
        return self._parity

    @parity.setter
    def parity(self, parity: str) -> None:
        if parity not in self.parities:
            raise ValueError(parity)  # pyserial's server then answers with what it has
        self._parity = parity
        now = time.monotonic()
        for character in reversed(self.sent):
            if character.ends <= now:
                break
            character.wakeup = parity == PARITY_MARK

    def write(self, data: bytes) -> None:
        """Queue characters behind those that have not left."""
        begins = time.monotonic()
        for byte in data:
            begins = max(begins, self.sent[-1].ends if self.sent else 0.0)
            ends = begins + BITS_A_CHARACTER / self.baudrate
            self.sent.append(Character(byte, self._parity == PARITY_MARK, begins, ends))

    def left(self, now: float) -> bytes:
        """What has left since last asked, as a marked stream."""
        gone = [character for character in self.sent[self._given :] if character.ends <= now]
        self._given += len(gone)
        return b"".join(marked(one.byte) if one.wakeup else stuff(bytes((one.byte,))) for one in gone)

    def reset_input_buffer(self) -> None:
        """Nothing waits."""

    def reset_output_buffer(self) -> None:
        """Nothing waits."""


class DeviceServer:
    """Serves one connection at a time on a free TCP port of this computer, for as long as it is entered.

    Args:
        device: what is behind its port.
        port: the model of it.
        rfc2217: whether it speaks RFC 2217; else it copies bytes.
        delay: seconds that everything takes on the way here.
    """

    def __init__(
        self, device: Device, port: UartModel | None = None, *, rfc2217: bool = True, delay: float = 0.0
    ) -> None:
        self.port = port or UartModel()
        self._device = device
        self._rfc2217 = rfc2217
        self.delay = delay
        self._over = threading.Event()
        self._hang_up = threading.Event()
        self._client: socket.socket | None = None
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="device-server")

    @property
    def address(self) -> str:
        """HOST:PORT."""
        host, port = self._listening.getsockname()
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_raised: object) -> None:
        self._over.set()
        self._thread.join()
        self._listening.close()

    def hang_up(self) -> None:
        """Close the connection once it stands; another may come."""
        wait_until(lambda: self._client)
        self._hang_up.set()

    def notify(self, code: int, value: int) -> None:
        """Say something of RFC 2217 unasked."""
        self.write(bytes((0xFF, 0xFA, 44, code, value, 0xFF, 0xF0)))

    def write(self, data: bytes) -> None:
        """As `PortManager` wants it: send to the client."""
        if self._client is not None:
            with suppress(OSError):  # it has gone
                self._client.sendall(data)

    def _serve(self) -> None:
        while not self._over.is_set():
            if select.select([self._listening], [], [], 0.02)[0]:
                client, _ = self._listening.accept()
                with client:
                    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._hang_up.clear()
                    self._client = client
                    self._attend(client)
                    self._client = None

    def _attend(self, client: socket.socket) -> None:
        take, say = self._in_form()
        while not (self._over.is_set() or self._hang_up.is_set()):
            if select.select([client], [], [], LOOK_SECONDS)[0]:
                try:
                    data = client.recv(READ_BYTES)
                except OSError:
                    return
                if not data:
                    return
                time.sleep(self.delay)
                take(data)
            now = time.monotonic()
            if self._rfc2217:
                self._device.receive_data(self.port.left(now), now)
            self._device.handle_timer(now)
            if said := self._device.data_to_send(now):
                say(said)

    def _in_form(self) -> tuple[Callable[[bytes], None], Callable[[bytes], None]]:
        """How bytes of the client reach the device, and how the device's reach the client."""
        if not self._rfc2217:
            return lambda data: self._device.receive_data(data, time.monotonic()), self.write
        # It asks of both only what they have; its types say more.
        manager = PortManager(cast("Any", self.port), cast("Any", self))

        def take(data: bytes) -> None:
            for character in manager.filter(data):  # which obeys orders on the way
                self.port.write(character)

        def say(stream: bytes) -> None:
            for wakeup, characters in runs(stream):
                if wakeup:
                    self.notify(NOTIFY_LINE_STATE, PARITY_ERROR)
                self.write(b"".join(manager.escape(characters)))

        return take, say
