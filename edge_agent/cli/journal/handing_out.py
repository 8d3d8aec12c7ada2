"""What `journal` hands out: events, into a file or at the pace they happened."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge_agent.cli.journal.records import event_of, opened, selection_of
from edge_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from edge_agent.journal import Journal


def export(options: argparse.Namespace) -> int:
    """`journal export`."""
    import gzip

    from edge_agent.words import counted

    with opened(options) as journal:
        events = (event_of(journal, record) for record in selection_of(options).of(journal))
        if options.output is None:
            return _write(events)
        try:
            with _private(options.output) as file, _whole_or_not_at_all(options.output):
                out = gzip.GzipFile(fileobj=file, mode="wb") if options.output.suffix == ".gz" else file
                with out:
                    count = sum(1 for event in events if out.write(event + b"\n"))
        except FileExistsError as error:
            raise ConfigurationError(f"{options.output} exists", "name another file") from error
    print(f"{options.output}: {counted(count, 'event')}")
    return 0


def _private(path: Path) -> BinaryIO:
    """A new file that its owner alone can read. Raises FileExistsError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


@contextmanager
def _whole_or_not_at_all(path: Path) -> Iterator[None]:
    """Half a file would be taken for all there was, and be in the way of the next."""
    try:
        yield
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def replay(options: argparse.Namespace) -> int:
    """`journal replay`."""
    import time

    if not 0 < options.speed < math.inf:  # nor is NaN
        raise ConfigurationError("--speed is no number of times", "give a number above 0")

    def paced(journal: Journal) -> Iterator[bytes]:
        before: float | None = None
        for record in selection_of(options).of(journal):
            if before is not None:
                time.sleep(max(0.0, record.appended_at - before) / options.speed)
            before = record.appended_at
            yield event_of(journal, record)

    with opened(options) as journal:
        return _write(paced(journal))


def _write(events: Iterator[bytes]) -> int:
    for event in events:
        sys.stdout.buffer.write(event + b"\n")
        sys.stdout.buffer.flush()
    return 0
