"""Putting back the ninth bit: on a link that carries none, the length table says where polls begin.

Plain host bytes go in and a marked stream comes out, as if the wire had told. What field hosts send
besides is taken for what it is:

    the CRC behind a type R poll, the zero behind 54     belong to no poll
    what follows a poll with a wrong CRC                 belongs to it: the host has its length wrong
    what follows a command that no table lists           belongs to it: nobody knows its length

Either of the last two ends where its CRC checks out after all, as that of an over-long 2E does.

After silence (`gap`) the next byte begins a message. So it does once the machine has spoken (`answered`)
after a poll whose end was not certain: hosts take turns with their machine.

Where it is known how a byte was sent, by a host that sets its parity, that is believed and no table.
"""

from __future__ import annotations

from edge_agent.sas.crc import append_crc, crc_is_good
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.messages import GENERAL_POLL_BIT
from edge_agent.sas.poll_lengths import (
    HOST_POLL_LENGTHS,
    LONGEST_MESSAGE_BYTES,
    READ_POLL_BYTES,
    host_poll_length,
)
from edge_agent.sas.wakeup import marked, stuff

# saspy and its descendants send 54 with a zero behind it.
_PADDED_POLL, _PADDING = 0x54, b"\x00"


class WakeupRestorer:
    """Marks the first byte of each host message."""

    def __init__(self) -> None:
        self._message = bytearray()
        self._tails: tuple[bytes, ...] = ()  # what may stand behind the poll just finished
        self._held = b""  # bytes that may be such a tail, or begin the next message
        self._overrun = bytearray()  # the message whose end has passed, as nobody knows where it ends

    def feed(self, data: bytes, *, wakeup: bool | None = None) -> bytes:
        """`data` as a marked stream; `wakeup` is the bit of all its bytes, where that is known.

        A byte whose part is not yet clear is held back.
        """
        if wakeup is not None:
            return self._known(data, wakeup=wakeup)
        return b"".join([self._take(data[at : at + 1]) for at in range(len(data))])

    def gap(self) -> bytes:
        """The line has been silent: begin anew. Gives what was held back."""
        held, self._held, self._tails = self._held, b"", ()
        stream = self.feed(held)
        self._message.clear()
        self._overrun.clear()
        return stream

    def answered(self) -> None:
        """The machine has spoken: what comes now is not the rest of what it answered."""
        self._overrun.clear()

    def _known(self, data: bytes, *, wakeup: bool) -> bytes:
        """Bytes of which it is known whether they begin messages."""
        stream, self._held, self._tails = stuff(self._held), b"", ()
        self._overrun.clear()
        for at in range(len(data)):
            byte = data[at : at + 1]
            if wakeup:
                self._message.clear()
            stream += self._append(byte) if wakeup or self._message else stuff(byte)
        return stream

    def _take(self, byte: bytes) -> bytes:
        if self._overrun:
            return self._run_on(byte)
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
            self._overrun += message if _has_no_certain_end(message) else b""
        return stream

    def _run_on(self, byte: bytes) -> bytes:
        """One more of a message that is longer than the table says, or of unknown length."""
        if len(self._overrun) < LONGEST_MESSAGE_BYTES:
            self._overrun += byte
            if len(self._overrun) > READ_POLL_BYTES + 1 and crc_is_good(self._overrun):
                self._overrun.clear()
        return stuff(byte)


def _has_no_certain_end(message: bytes) -> bool:
    if len(message) == READ_POLL_BYTES:
        return message[1] not in LONG_POLLS and message[1] not in HOST_POLL_LENGTHS
    return not crc_is_good(message)


def _tails(message: bytes) -> tuple[bytes, ...]:
    if len(message) != READ_POLL_BYTES:
        return ()
    crc = append_crc(message)[READ_POLL_BYTES:]
    return (crc, _PADDING) if message[1] == _PADDED_POLL else (crc,)
