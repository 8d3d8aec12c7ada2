"""Putting back the ninth bit: on a link that carries none, the length table says where polls begin.

Plain host bytes go in and a marked stream comes out, as if the wire had told. What two kinds of field
host send besides is taken for what it is: the CRC behind a type R poll and the zero behind 54 belong to
no poll. After silence (`gap`) the next byte begins a message.
"""

from __future__ import annotations

from edge_agent.sas.crc import append_crc
from edge_agent.sas.messages import GENERAL_POLL_BIT
from edge_agent.sas.poll_lengths import READ_POLL_BYTES, host_poll_length
from edge_agent.sas.wakeup import marked, stuff

# saspy and its descendants send 54 with a zero behind it.
_PADDED_POLL, _PADDING = 0x54, b"\x00"


class WakeupRestorer:
    """Marks the first byte of each host message."""

    def __init__(self) -> None:
        self._message = bytearray()
        self._tails: tuple[bytes, ...] = ()  # what may stand behind the poll just finished
        self._held = b""  # bytes that may be such a tail, or begin the next message

    def feed(self, data: bytes) -> bytes:
        """`data` as a marked stream. A byte whose part is not yet clear is held back."""
        return b"".join([self._take(data[at : at + 1]) for at in range(len(data))])

    def gap(self) -> bytes:
        """The line has been silent: begin anew. Gives what was held back."""
        held, self._held, self._tails = self._held, b"", ()
        stream = self.feed(held)
        self._message.clear()
        return stream

    def _take(self, byte: bytes) -> bytes:
        if not self._tails:
            return self._append(byte)
        held = self._held + byte
        if held in self._tails:
            self._held, self._tails = b"", ()
            return stuff(held)
        if any(tail.startswith(held) for tail in self._tails):
            self._held = held
            return b""
        self._held, self._tails = b"", ()
        return self.feed(held)

    def _append(self, byte: bytes) -> bytes:
        stream = stuff(byte) if self._message else marked(byte[0])
        self._message += byte
        message = bytes(self._message)
        if message[0] & GENERAL_POLL_BIT:
            self._message.clear()
        elif host_poll_length(message) == len(message):
            self._message.clear()
            self._tails = _tails(message)
        return stream


def _tails(message: bytes) -> tuple[bytes, ...]:
    if len(message) != READ_POLL_BYTES:
        return ()
    crc = append_crc(message)[READ_POLL_BYTES:]
    return (crc, _PADDING) if message[1] == _PADDED_POLL else (crc,)
