"""Frames: how a TDL/1 message stands on the wire, and how a reader finds it again in noise.

    $ payload * CCCC CR LF

The payload is printable ASCII; CCCC is CRC-16/CCITT-FALSE over it in upper-case hex. A reader
takes any chunking. A `$` always begins a frame, so it begins again at one inside an unfinished
frame; a frame over 512 bytes is dropped. Whatever is not a frame becomes a `BadFrame`, one for
each run of rubbish, and how the stream was cut changes nothing.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from dataclasses import dataclass
from enum import StrEnum

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.tdl1.messages import Message, from_payload, to_payload

# TDL/1: the largest frame, from `$` to LF.
MAXIMUM_FRAME_BYTES = 512

_CRC_START = 0xFFFF
_TAIL_BYTES = len("*CCCC")
_ENDING = b"\r\n"


class Fault(StrEnum):
    """What was wrong with bytes that are not a frame."""

    NOISE = "noise"  # bytes outside a frame
    CUT = "cut"  # a new frame began inside it, or it ended in another character
    TOO_LONG = "too_long"
    CRC = "crc"
    FORMAT = "format"  # the CRC agrees, and still it says nothing


@dataclass(frozen=True, slots=True)
class BadFrame:
    """Bytes that are not a frame."""

    fault: Fault
    reason: str


def encode(message: Message) -> bytes:
    """A message as a frame. Raises LocalProtocolError when it does not fit one."""
    payload = to_payload(message)
    frame = b"$%b*%04X\r\n" % (payload, crc(payload))
    if len(frame) > MAXIMUM_FRAME_BYTES:
        raise LocalProtocolError(
            f"TDL/1: {message.code} takes {len(frame)} bytes, a frame {MAXIMUM_FRAME_BYTES}",
            "say less at once",
        )
    return frame


def crc(payload: bytes) -> int:
    """CRC-16/CCITT-FALSE.

    >>> f"{crc(b'123456789'):04X}"
    '29B1'
    """
    return crc_hqx(payload, _CRC_START)


class FrameReader:
    """Turns what arrives, in any chunks, into messages. Never holds more than one frame."""

    def __init__(self) -> None:
        self._buffer = bytearray()  # empty, or an unfinished frame that begins with `$`
        self._in_rubbish = False  # rubbish that was already reported

    def __repr__(self) -> str:
        return f"<FrameReader {len(self._buffer)} bytes>"

    def reset(self) -> None:
        """Forget a half-received frame."""
        self._buffer.clear()
        self._in_rubbish = False

    def receive_data(self, data: bytes) -> list[Message | BadFrame]:
        """What these bytes complete."""
        found: list[Message | BadFrame] = []
        self._buffer += data
        while self._buffer:
            if self._buffer[0] != _DOLLAR:
                self._skip_to_dollar(found)
            elif not self._take_frame(found):
                break
        return found

    def _skip_to_dollar(self, found: list[Message | BadFrame]) -> None:
        start = self._buffer.find(b"$")
        skipped = self._buffer if start < 0 else self._buffer[:start]
        rubbish = skipped.strip(_ENDING)
        if rubbish and not self._in_rubbish:
            found.append(BadFrame(Fault.NOISE, "bytes outside a frame"))
            self._in_rubbish = True
        del self._buffer[: len(skipped)]

    def _take_frame(self, found: list[Message | BadFrame]) -> bool:
        """Take the frame at the start of the buffer, good or bad; False when more must arrive."""
        self._in_rubbish = False
        stop = _STOP.search(self._buffer, 1, _LAST_CR + 1)
        if stop is None:
            if len(self._buffer) <= _LAST_CR:
                return False
            self._drop(_LAST_CR + 1, found, Fault.TOO_LONG, f"no end within {MAXIMUM_FRAME_BYTES} bytes")
            return True
        at = stop.start()
        if self._buffer[at] == _DOLLAR:
            self._drop(at, found, Fault.CUT, "a frame began inside another")
        elif self._buffer[at] != _ENDING[0]:
            self._drop(at + 1, found, Fault.CUT, f"character 0x{self._buffer[at]:02x} in a frame")
        elif len(self._buffer) == at + 1:
            return False
        elif self._buffer[at + 1] != _ENDING[1]:
            self._drop(at + 1, found, Fault.CUT, "no LF after CR")
        else:
            found.append(_read_line(bytes(self._buffer[1:at])))
            del self._buffer[: at + 2]
        return True

    def _drop(self, count: int, found: list[Message | BadFrame], fault: Fault, reason: str) -> None:
        found.append(BadFrame(fault, reason))
        del self._buffer[:count]
        self._in_rubbish = True


_DOLLAR = ord("$")
_STOP = re.compile(rb"[^ -#%-~]")  # what ends a frame's text: `$` or anything not printable
_LAST_CR = MAXIMUM_FRAME_BYTES - len(_ENDING)  # where a CR may stand at the latest
_TAIL = re.compile(rb"\*[0-9A-F]{4}")


def _read_line(line: bytes) -> Message | BadFrame:
    payload, tail = line[:-_TAIL_BYTES], line[-_TAIL_BYTES:]
    if not _TAIL.fullmatch(tail):
        return BadFrame(Fault.FORMAT, "no *CCCC at its end")
    if crc(payload) != int(tail[1:], 16):
        return BadFrame(Fault.CRC, f"CRC is {tail[1:].decode()}, the payload's is {crc(payload):04X}")
    try:
        return from_payload(payload)
    except RemoteProtocolError as error:
        return BadFrame(Fault.FORMAT, error.what)
