"""Keeping: a machine's memory in a file, so that it survives the power and `kill -9`.

A machine writes down what it knows before it says anything, so a host was never told what the next life
does not know. What happens while nobody asks is written down once a second: a power cut may take that
second of play back, whole. The file is replaced by a rename, so it is the old one or the new one. It is
not forced to the disk: it outlives the process, and the computer's own power on most days.

It may hold the numbers of tickets and keys of transfers, so nobody but its owner can read it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from edge_agent.errors import ConfigurationError, InUseError
from edge_agent.peer.lock import Lock
from edge_agent.peer.loop import Device
from edge_agent.simulator.unmarked import is_chirp

KEEP_SECONDS = 1.0
# A general poll was answered: nothing has happened. There is nothing new to know.
NOTHING_HAPPENED = b"\x00"


class Remembering(Device, Protocol):
    """A device that knows what it will need to know in its next life."""

    def remember(self) -> Mapping[str, Any]:
        """All that outlives the power, as JSON can hold it."""


class MemoryFile:
    """The file of one machine's memory, ours alone.

    Args:
        path: the file.
        personality: whose memory it is to be.

    Raises:
        InUseError: while another machine holds it.
        ConfigurationError: there can be no such file, or it holds no memory of that personality.
    """

    def __init__(self, path: Path, personality: str) -> None:
        self._path = path
        self._personality = personality
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = Lock(path)
        except BlockingIOError as error:
            raise InUseError(
                f"state {path} is held by another machine", "stop it, or choose another folder"
            ) from error
        except OSError as error:
            raise _trouble(path, "kept", error) from error

    def read(self) -> Mapping[str, Any] | None:
        """The memory that was kept last; None if there is none yet."""
        try:
            kept = json.loads(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _trouble(self._path, "read", error) from error
        except ValueError:
            kept = None
        if not isinstance(kept, dict) or not isinstance(kept.get("memory"), dict):
            raise ConfigurationError(
                f"state {self._path} is no memory of a machine", "remove it, or choose another folder"
            )
        if kept.get("personality") != self._personality:
            raise ConfigurationError(
                f"state {self._path} is of the personality {kept.get('personality')!r}",
                "run that one, or choose another folder",
            )
        memory: Mapping[str, Any] = kept["memory"]
        return memory

    def write(self, memory: Mapping[str, Any]) -> None:
        """Keep a memory in place of the last. Raises ConfigurationError when it cannot be."""
        beside = self._path.with_name(f"{self._path.name}.new")
        text = json.dumps({"personality": self._personality, "memory": memory})
        try:
            with open(beside, "w", encoding="utf-8", opener=_for_us_alone) as file:
                file.write(text)
            beside.replace(self._path)
        except OSError as error:
            raise _trouble(self._path, "kept", error) from error

    def close(self) -> None:
        """Let others have it."""
        self._lock.release()


class Keeper:
    """A device whose memory is kept.

    Args:
        device: the device.
        file: where its memory is kept.
    """

    def __init__(self, device: Remembering, file: MemoryFile) -> None:
        self._device = device
        self._file = file
        self._due: float | None = None

    def receive_data(self, stream: bytes, now: float) -> None:
        """See Device."""
        self._device.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """Live on, and once a second write down what is known."""
        self._device.handle_timer(now)
        if self._due is None or now >= self._due:
            self.keep(now)

    def next_timer(self) -> float | None:
        """See Device."""
        timer = self._device.next_timer()
        return timer if self._due is None else min(self._due, self._due if timer is None else timer)

    def data_to_send(self, now: float) -> bytes:
        """What is said, once it is written down."""
        stream = self._device.data_to_send(now)
        if stream not in (b"", NOTHING_HAPPENED) and not is_chirp(stream):
            self.keep(now)
        return stream

    def keep(self, now: float) -> None:
        """Write down what is known."""
        self._due = now + KEEP_SECONDS
        self._file.write(self._device.remember())


def _for_us_alone(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _trouble(path: Path, what: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"state {path} cannot be {what}: {error.strerror}", "choose a folder of your own with room in it"
    )
