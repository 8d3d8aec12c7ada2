"""Hosts as they are found in the field, each with the habits of its kind, over a real pseudo-terminal.

They are nobody's code; they do with a port what such hosts do: open it for every command or keep it open,
play with parity or not, prefix, pad, and wait as long as their kind waits. Each learns the address from a
chirp, unless it is given.

A pseudo-terminal keeps mark and space but never the parity bit itself, and setting what changes nothing
else fails there. Hosts that are tried on one let that pass, and so do these.
"""

from __future__ import annotations

import os
import select
import termios
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import serial

from edge_agent.sas.crc import append_crc

BAUD = 19_200
LONGEST_ANSWER_BYTES = 300
QUIET_SECONDS = 0.01  # an answer is over after this long


class FieldHost(Protocol):
    """What a test does with any of them."""

    address: int

    def general_poll(self) -> bytes:
        """One poll for exceptions, and the answer."""

    def ask(self, command: bytes, *, with_crc: bool = True) -> bytes:
        """One long poll without its address, and the answer."""

    def close(self) -> None:
        """Leave the port alone."""


def read_answer(port: serial.Serial) -> bytes:
    """What comes, until nothing more does."""
    answer = port.read(1)
    while answer:
        time.sleep(QUIET_SECONDS)
        if not port.in_waiting:
            break
        answer += port.read(port.in_waiting)
    return answer


def set_parity(port: serial.Serial, parity: str) -> None:
    """Set parity as far as the port can."""
    with suppress(termios.error):
        port.parity = parity


def address_of_chirp(port: serial.Serial) -> int:
    """Wait for one byte and take it for the machine's address."""
    while not (chirp := port.read(1)):
        pass
    return chirp[0]


class ReopeningHost:
    """It reopens the port between an address and its command, and prefixes each with 82."""

    def __init__(self, path: Path, patience: float = 0.5, *, address: int = 0) -> None:
        self._port = serial.Serial(str(path), BAUD, timeout=patience)
        self.address = address or address_of_chirp(self._port)
        self._port.close()

    def general_poll(self) -> bytes:
        self._open(serial.PARITY_NONE, serial.STOPBITS_TWO)
        self._port.reset_input_buffer()
        self._port.write(b"\x82")
        self._port.write(bytes((0x80 | self.address,)))
        answer = read_answer(self._port)
        self._port.close()
        return answer

    def ask(self, command: bytes, *, with_crc: bool = True) -> bytes:
        frame = bytes((self.address,)) + command
        frame = append_crc(frame) if with_crc else frame
        self._open(serial.PARITY_MARK, serial.STOPBITS_ONE)
        self._port.reset_input_buffer()
        self._port.write(b"\x82" + frame[:1])
        self._port.close()
        self._open(serial.PARITY_SPACE, serial.STOPBITS_ONE)
        self._port.write(frame[1:])
        answer = read_answer(self._port)
        self._port.close()
        return answer

    def close(self) -> None:
        self._port.close()

    def _open(self, parity: str, stop_bits: float) -> None:
        self._port.parity, self._port.stopbits = parity, stop_bits
        self._port.open()


class SleepingHost:
    """It polls with two stop bits, and sleeps 20 ms between an address and its command."""

    def __init__(self, path: Path, patience: float = 0.3, *, address: int = 0) -> None:
        self._path = str(path)
        self._patience = patience
        with self._opened(serial.PARITY_NONE) as port:
            self.address = address or address_of_chirp(port)

    def general_poll(self) -> bytes:
        with self._opened(serial.PARITY_NONE, serial.STOPBITS_TWO) as port:
            port.write(bytes((0x80, 0x80 | self.address)))
            return read_answer(port)

    def ask(self, command: bytes, *, with_crc: bool = True) -> bytes:
        frame = bytes((self.address,)) + command
        frame = append_crc(frame) if with_crc else frame
        with self._opened(serial.PARITY_MARK) as port:
            port.write(b"\x80" + frame[:1])
            time.sleep(0.020)
        with self._opened(serial.PARITY_SPACE) as port:
            port.write(frame[1:])
            return read_answer(port)

    def close(self) -> None:
        """It never keeps it open."""

    def _opened(self, parity: str, stop_bits: float = serial.STOPBITS_ONE) -> serial.Serial:
        return serial.Serial(self._path, BAUD, parity=parity, stopbits=stop_bits, timeout=self._patience)


class FlippingHost:
    """It keeps the port open, and flips parity between an address and its command."""

    def __init__(self, path: Path, patience: float = 0.2, *, address: int = 0) -> None:
        self._port = serial.Serial(str(path), BAUD, timeout=patience)
        set_parity(self._port, serial.PARITY_SPACE)
        self.address = address or address_of_chirp(self._port)

    def close(self) -> None:
        self._port.close()

    def general_poll(self) -> bytes:
        self._port.reset_input_buffer()
        self._marked(0x80)
        self._marked(0x80 | self.address)
        return read_answer(self._port)

    def ask(self, command: bytes, *, with_crc: bool = True) -> bytes:
        frame = bytes((self.address,)) + command
        frame = append_crc(frame) if with_crc else frame
        self._port.reset_input_buffer()
        self._marked(0x80)
        self._marked(frame[0])
        self._port.write(frame[1:])
        return read_answer(self._port)

    def _marked(self, byte: int) -> None:
        set_parity(self._port, serial.PARITY_MARK)
        self._port.write(bytes((byte,)))
        self._port.flush()
        set_parity(self._port, serial.PARITY_SPACE)


class PlainHost:
    """It knows nothing of parity: bytes in, bytes out, as a board does that has nine bits of its own."""

    def __init__(self, path: Path, patience: float = 0.2, *, address: int = 0) -> None:
        self._fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        self._patience = patience
        self.address = address or self.read(10.0)[0]

    def close(self) -> None:
        os.close(self._fd)

    def general_poll(self) -> bytes:
        return self.say(bytes((0x80, 0x80 | self.address)))

    def ask(self, command: bytes, *, with_crc: bool = True) -> bytes:
        frame = bytes((self.address,)) + command
        return self.say(b"\x80" + (append_crc(frame) if with_crc else frame))

    def say(self, data: bytes) -> bytes:
        self.shout(data)
        return self.read(self._patience)

    def shout(self, data: bytes) -> None:
        with suppress(BlockingIOError):
            os.read(self._fd, LONGEST_ANSWER_BYTES)
        os.write(self._fd, data)

    def read(self, patience: float) -> bytes:
        heard, wait = b"", patience
        while select.select([self._fd], [], [], wait)[0]:
            heard += os.read(self._fd, LONGEST_ANSWER_BYTES)
            wait = QUIET_SECONDS
        return heard
