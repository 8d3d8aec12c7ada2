"""Inputs: the files of a proof, those in folders too, read in their order.

Where more records waited for the one before them than memory takes, the files are read once more:
by then every link is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from edge_agent.verify.verifier import Verifier


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and every file in the folders named, in the order of their names.

    Raises:
        OSError: one is not there, or a folder may not be read.
    """
    for path in paths:
        if path.is_dir():
            yield from files_in(sorted(path.iterdir()))
        else:
            yield path


def read_files(verifier: Verifier, paths: Iterable[Path]) -> None:
    """Feed a verifier with files. Raises OSError if one cannot be read."""
    files = [*files_in(paths)]
    for file in files:
        with file.open("rb") as stream:
            verifier.feed(stream, str(file))
    if verifier.gave_up:
        for file in filter(Path.is_file, files):
            with file.open("rb") as stream:
                verifier.feed_again(stream)
