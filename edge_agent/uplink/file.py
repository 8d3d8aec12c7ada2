"""FileUplink: records leave into a file of JSON lines, for benches and rooms without a network.

The file is the destination: a receipt means that the line is on disk. One object a publish:
its topic, its properties, and its payload as text, or as base64 where it is not text.
"""

from __future__ import annotations

import asyncio
import base64
import errno
import json
import os
from pathlib import Path

from edge_agent.errors import NotConnected, UplinkError
from edge_agent.uplink.base import Message, OnReceived, Promise, Receipt, UplinkState
from edge_agent.uplink.reason_codes import SUCCESS

# What is in the file is what machines said; it is nobody else's business.
FILE_MODE = 0o600


class FileUplink:
    """Appends every message to a file.

    Args:
        path: where to; appended to if it exists.
    """

    def __init__(self, path: Path) -> None:
        self.state = UplinkState()
        self._path = path
        self._descriptor = -1
        self._one_at_a_time = asyncio.Lock()

    async def start(self) -> None:
        """Open the file. Raises UplinkError if that cannot be."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
        try:
            self._descriptor = os.open(self._path, flags, FILE_MODE)
        except OSError as error:
            raise UplinkError(
                f"file {self._path} cannot be written: {error.strerror}",
                "set uplink.path to a file we may write",
            ) from error
        self.state.connected = True
        self.state.connects += 1

    async def wait_connected(self) -> None:
        """Return at once. Raises UplinkError if the file is not open."""
        if not self.state.connected:
            raise UplinkError(f"file {self._path} is not open", "start the uplink first")

    async def publish(self, message: Message) -> Receipt:
        """Append the message and have it on disk. Raises NotConnected if the disk does not take it."""
        async with self._one_at_a_time:
            if not self.state.connected:
                raise NotConnected(f"file {self._path} is not open")
            try:
                await asyncio.to_thread(_append, self._descriptor, _line(message))
            except OSError as error:
                self.state.last_reason = f"file {self._path} cannot be written: {error.strerror}"
                raise NotConnected(self.state.last_reason, "free some space") from error
        return Receipt(SUCCESS, promise=Promise.DELIVERED)

    async def subscribe(self, topic_filter: str, on_received: OnReceived) -> None:
        """Nothing ever comes from a file."""

    async def stop(self) -> None:
        """Close the file."""
        async with self._one_at_a_time:
            if self.state.connected:
                self.state.connected = False
                os.close(self._descriptor)


def _line(message: Message) -> bytes:
    entry: dict[str, object] = {
        "topic": message.topic,
        "content_type": message.content_type,
        "user_properties": message.user_properties,
        "retain": message.retain,
    }
    if message.correlation_data:
        entry["correlation_data_base64"] = base64.b64encode(message.correlation_data).decode("ascii")
    try:
        entry["payload"] = message.payload.decode("utf-8")
    except UnicodeDecodeError:
        entry["payload_base64"] = base64.b64encode(message.payload).decode("ascii")
    return json.dumps(entry, separators=(",", ":")).encode("utf-8") + b"\n"


def _append(descriptor: int, line: bytes) -> None:
    """Write a line as a whole or not at all, and have it on disk."""
    before = os.fstat(descriptor).st_size
    try:
        _write(descriptor, line)
        os.fdatasync(descriptor)
    except OSError:
        os.ftruncate(descriptor, before)
        raise


def _write(descriptor: int, line: bytes) -> None:
    if os.write(descriptor, line) != len(line):  # a full disk is why a write to a file comes up short
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
