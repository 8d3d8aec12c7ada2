"""The ledger: what the stand-in accepted, one JSON line a PUBLISH, written before its PUBACK.

Whatever was PUBACKed is in the ledger, even when the broker is killed a moment later: a line is
in the kernel's hands before the PUBACK is. The reverse does not hold, as in the cloud: a line may
be there whose PUBACK never arrived.

`at` and `acked_at` are this host's monotonic seconds: when the PUBLISH was read and when its
PUBACK was given to TLS. `puback` is its reason code, "lost" when it was swallowed on request or
overtaken by the end of the connection, and null at QoS 0.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from edge_agent.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class Entry:
    """One accepted PUBLISH."""

    at: float
    acked_at: float | None
    client: str
    topic: str
    content_type: str | None
    encoding: str | None
    payload: bytes
    puback: int | Literal["lost"] | None

    def line(self) -> bytes:
        """The line of the ledger."""
        document = {
            "at": self.at,
            "acked_at": self.acked_at,
            "client": self.client,
            "topic": self.topic,
            "content_type": self.content_type,
            "encoding": self.encoding,
            "payload_b64": base64.b64encode(self.payload).decode("ascii"),
            "puback": self.puback,
        }
        return json.dumps(document, separators=(",", ":")).encode("utf-8") + b"\n"


class Ledger:
    """Appends entries to a file that is ours while we run."""

    def __init__(self, file: Path) -> None:
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._end = _mend(self._descriptor)
        except OSError as error:
            raise ConfigurationError(
                f"ledger {file} cannot be written: {error.strerror}", "name another with --ledger"
            ) from error

    def append(self, entry: Entry) -> None:
        """Hand a line to the kernel, whole. Raises OSError and leaves no half line."""
        rest = memoryview(entry.line())
        at = self._end
        try:
            while rest:
                written = os.pwrite(self._descriptor, rest, at)
                at, rest = at + written, rest[written:]
        except OSError:
            os.ftruncate(self._descriptor, self._end)
            raise
        self._end = at

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_ledger(file: Path) -> Iterator[Entry]:
    """Every entry so far, while it grows or after; an unfinished last line was never PUBACKed.

    Raises ConfigurationError for a line that is no entry.
    """
    with file.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.endswith(b"\n"):
                return
            yield _entry(line, f"{file}, line {number}")


def _entry(line: bytes, origin: str) -> Entry:
    try:
        document = json.loads(line)
        payload = base64.b64decode(document.pop("payload_b64"), validate=True)
        return Entry(payload=payload, **document)
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
        raise ConfigurationError(
            f"{origin} is no ledger entry", "name the file the stand-in wrote"
        ) from error


def _mend(descriptor: int) -> int:
    """Cut off a line torn by a kill in the middle of a write; where the next one goes."""
    end = os.fstat(descriptor).st_size
    # A line holds at most 128 KB as base64 and its topic: it begins within the last 256 KiB.
    window = 256 * 1024
    tail = os.pread(descriptor, window, max(0, end - window))
    at = end - len(tail) + tail.rfind(b"\n") + 1
    if at < end:
        os.ftruncate(descriptor, at)
    return at
