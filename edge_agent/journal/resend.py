"""Resend requests: records that somebody wants sent again, left in a folder for whoever forwards.

    journal/resend/20261126T074500-1f3a.json    {"ranges": [[4711, 4720]], "dead_letters": []}

A request is written under another name and renamed, so it is there whole or not at all; it is deleted once
all of it is delivered. Nothing here touches acknowledgements: a receiver drops the repeats by their ids.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from edge_agent.errors import JournalError
from edge_agent.journal.disk import FILE_MODE, FOLDER_MODE, sync_folder, translated, write_all

FOLDER = "resend"
# More would not be read in one go; a range may be of any length.
MOST_RANGES = 10_000
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ResendRequest:
    """What is to be sent again."""

    ranges: Sequence[tuple[int, int]] = ()  # of sequences, both ends included
    dead_letters: Sequence[int] | Literal["all"] = ()  # sequences of records that were set aside


def write_request(journal: Path, request: ResendRequest) -> Path:
    """Leave a request; durable on return. Raises JournalError."""
    if len(request.ranges) > MOST_RANGES:
        raise JournalError(
            f"{len(request.ranges)} ranges are too many to be sent again at once", "ask for a shorter time"
        )
    folder = journal / FOLDER
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    path = folder / f"{stamp}-{secrets.token_hex(4)}.json"
    said = {"ranges": [[*each] for each in request.ranges], "dead_letters": request.dead_letters}
    with translated(folder):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        new = path.with_suffix(".new")
        fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
        try:
            write_all(fd, json.dumps(said).encode(), 0)
            os.fsync(fd)
        finally:
            os.close(fd)
        new.rename(path)
        sync_folder(folder)
    return path


def requests(journal: Path) -> Sequence[Path]:
    """The requests there are, the oldest first."""
    return sorted((journal / FOLDER).glob("*.json"))


def read_request(path: Path) -> ResendRequest:
    """What a request asks for. Raises JournalError when it makes no sense."""
    with translated(path):
        text = path.read_bytes()[:_MOST_BYTES]
    try:
        said = json.loads(text)
        letters = said["dead_letters"]
        return ResendRequest(
            tuple((int(first), int(last)) for first, last in said["ranges"]),
            letters if letters == "all" else tuple(int(one) for one in letters),
        )
    except (ValueError, TypeError, KeyError) as error:
        raise JournalError(f"resend request {path} makes no sense", "delete it and ask again") from error


def done(path: Path) -> None:
    """All of a request is delivered, or it makes no sense: forget it."""
    with translated(path):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
