"""Telnet, as much of it as RFC 2217 needs: data, negotiations and subnegotiations in one stream.

FF is IAC, "interpret as command": a literal FF is sent twice, which is also how the marked stream sends it.
Bytes in, parts out; nothing here waits or answers.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

IAC = 0xFF
SB, SE = 0xFA, 0xF0

# A subnegotiation of RFC 2217 has at most a signature of some hundred bytes; more is no telnet at all.
LONGEST_SUBNEGOTIATION_BYTES = 1024


class Verb(IntEnum):
    """What one end says of an option of its own (will), or of the other's (do)."""

    WILL = 0xFB
    WONT = 0xFC
    DO = 0xFD
    DONT = 0xFE


class Option(IntEnum):
    """The options we speak of."""

    BINARY = 0
    ECHO = 1
    SUPPRESS_GO_AHEAD = 3
    COM_PORT = 44


@dataclass(frozen=True, slots=True)
class Negotiation:
    """One end wants an option, or refuses it."""

    verb: Verb
    option: int

    def __bytes__(self) -> bytes:
        return bytes((IAC, self.verb, self.option))


@dataclass(frozen=True, slots=True)
class Subnegotiation:
    """What an option has to say."""

    option: int
    payload: bytes

    def __bytes__(self) -> bytes:
        return bytes((IAC, SB, self.option)) + escape(self.payload) + bytes((IAC, SE))


Part = bytes | Negotiation | Subnegotiation


def escape(data: bytes) -> bytes:
    """Data as it travels."""
    return data.replace(b"\xff", b"\xff\xff")


class TelnetReader:
    """Takes a telnet stream apart, cut anywhere."""

    def __init__(self) -> None:
        self._command = b""  # IAC and what followed, as long as more must follow
        self._payload: bytearray | None = None  # of the subnegotiation that goes on
        self._data = bytearray()

    def feed(self, stream: bytes) -> list[Part]:
        """The parts that are complete; data as far as it came."""
        parts: list[Part] = []
        for byte in stream:
            if self._command or byte == IAC:
                self._take_command(byte, parts)
            else:
                self._take(byte)
        self._give_data(parts)
        return parts

    def _take(self, byte: int) -> None:
        if self._payload is None:
            self._data.append(byte)
        elif len(self._payload) < LONGEST_SUBNEGOTIATION_BYTES:
            self._payload.append(byte)

    def _take_command(self, byte: int, parts: list[Part]) -> None:
        self._command += bytes((byte,))
        match [*self._command[1:]]:
            case [] | [Verb.WILL | Verb.WONT | Verb.DO | Verb.DONT]:
                return
            case [int(code)] if code == IAC:
                self._take(IAC)
            case [int(code)] if code == SB:
                self._payload = bytearray()
            case [int(code)] if code == SE and self._payload:
                self._give_data(parts)
                parts.append(Subnegotiation(self._payload[0], bytes(self._payload[1:])))
                self._payload = None
            case [int(verb), int(option)]:
                self._give_data(parts)
                parts.append(Negotiation(Verb(verb), option))
            case _:
                self._payload = None  # a command that says nothing of options, or an empty subnegotiation
        self._command = b""

    def _give_data(self, parts: list[Part]) -> None:
        if self._data:
            parts.append(bytes(self._data))
            self._data.clear()
