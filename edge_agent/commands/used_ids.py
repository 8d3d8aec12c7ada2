"""Used ids: a command is carried out once, whatever is killed, restarted or played back.

An id is on the disk before its command is carried out. It is kept for a day after the command has
expired, in case the wall clock is set back. When the file cannot be read, nobody knows
what was used: then nothing is carried out until every command that could have been in it has expired.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import structlog

from edge_agent.errors import JournalError

FILE_NAME = "used-commands.json"
FILE_MODE = 0o600

# Clocks are set back by minutes, sometimes by a time zone; a day covers both.
KEEP_SECONDS = 86_400.0
# One every minute and a half, all day long. Beyond it nobody asks who means well.
MOST_IDS = 1000


class UsedIds:
    """The ids of commands that were accepted. One writer.

    Args:
        path: the file; made, with mode 0600, when the first id is used.
        now: seconds since 1970.
        longest_life: seconds that a command may live.

    Attributes:
        closed_until: when commands may be carried out, in seconds since 1970; 0.0 unless the file
            could not be read.
    """

    def __init__(self, path: Path, now: float, longest_life: float) -> None:
        self.closed_until = 0.0
        self._path = path
        self._expiries: dict[str, float] = {}
        try:
            self._expiries = _read(path)
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            self.closed_until = now + longest_life
            structlog.get_logger().error(
                "used commands are not known; commands are refused for a while",
                path=str(path),
                reason=str(error),
                seconds=longest_life,
            )

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._expiries

    def full(self, now: float) -> bool:
        """Whether no other id can be remembered."""
        self._forget(now)
        return len(self._expiries) >= MOST_IDS

    def use(self, command_id: str, expires: float, now: float) -> None:
        """Remember an id; it is on the disk on return. Raises JournalError if it cannot be."""
        self._forget(now)
        kept = {**self._expiries, command_id: expires}
        try:
            _write(self._path, kept)
        except OSError as error:
            raise JournalError(
                f"{self._path} cannot be written: {error.strerror}", "free some space"
            ) from error
        self._expiries = kept

    def _forget(self, now: float) -> None:
        self._expiries = {one: at for one, at in self._expiries.items() if at + KEEP_SECONDS > now}


def _read(path: Path) -> dict[str, float]:
    kept = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(kept, dict):
        raise ValueError("it holds no ids")  # noqa: TRY004  one kind of error for a file that is damaged
    return {str(one): float(at) for one, at in kept.items()}


def _write(path: Path, kept: Mapping[str, float]) -> None:
    """Replace the file, and have both it and its name on the disk."""
    beside = path.with_suffix(".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(kept, file)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
