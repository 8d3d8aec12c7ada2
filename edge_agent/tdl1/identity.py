"""Identity: which boot of which device is speaking, and what of it a restarted host must know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from edge_agent.errors import RemoteProtocolError
from edge_agent.tdl1.heard import DeviceKey
from edge_agent.tdl1.sequence import PACKED_BYTES, Window

# A memory must fit a note of 256 bytes together with the window.
LONGEST_SERIAL_BYTES = 64

_LARGEST_BOOT = 0xFFFFFFFF
_VERSION = b"\x01"
_BOOT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Memory:
    """A device, and which of its events were heard."""

    device: DeviceKey
    window: Window | None


def key_of(values: Mapping[str, str]) -> DeviceKey:
    """The device a DEV.BOOT or DEV.ID names. Raises RemoteProtocolError when it does not."""
    serial, boot = values.get("sn", ""), values.get("boot", "")
    if not 1 <= len(serial.encode()) <= LONGEST_SERIAL_BYTES:
        raise RemoteProtocolError(
            f"sn {serial!r} is not a serial number of 1 to {LONGEST_SERIAL_BYTES} bytes"
        )
    return DeviceKey(serial, boot_of(boot))


def boot_of(text: str) -> int:
    """A boot counter. Raises RemoteProtocolError when it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and int(text) <= _LARGEST_BOOT):
        raise RemoteProtocolError(f"boot {text!r} is not a counter")
    return int(text)


def pack(memory: Memory | None) -> bytes:
    """A memory as at most 140 bytes; b"" for none."""
    if memory is None:
        return b""
    window = memory.window.pack() if memory.window is not None else b""
    boot = memory.device.boot.to_bytes(_BOOT_BYTES, "big")
    return _VERSION + boot + bytes([len(window)]) + window + memory.device.serial.encode()


def unpack(packed: bytes) -> Memory | None:
    """The memory `pack` made; None for anything else."""
    head = len(_VERSION) + _BOOT_BYTES + 1
    if packed[:1] != _VERSION or len(packed) <= head or packed[head - 1] not in {0, PACKED_BYTES}:
        return None
    end = head + packed[head - 1]
    serial = packed[end:].decode("utf-8", "replace")
    if not serial or len(packed[end:]) > LONGEST_SERIAL_BYTES:
        return None
    window = Window.unpack(packed[head:end]) if end > head else None
    return Memory(DeviceKey(serial, int.from_bytes(packed[1 : head - 1], "big")), window)
