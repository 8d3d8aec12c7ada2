"""Inputs: the files of a proof, those in folders too, read in their order.

Where more records waited for the one before them than memory takes, the files are read once more:
by then every link is known. What came from standard input is not there a second time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from edge_agent.verify.verifier import Verifier

STANDARD_INPUT = Path("-")


def files_in(paths: Iterable[Path]) -> Iterator[Path]:
    """The files named, and every file in the folders named, in the order of their names.

    A folder that is met again, by a link to one it lies in, is passed over, and so is what is no file.

    Raises:
        OSError: one is not there, or a folder may not be read.
    """
    for path in paths:
        if path.is_dir():
            yield from _in_folder(path, set())
        else:
            yield path


def _in_folder(folder: Path, met: set[Path]) -> Iterator[Path]:
    place = folder.resolve()
    if place in met:
        return
    met.add(place)
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            yield from _in_folder(path, met)
        elif path.is_file() or not path.exists():  # a pipe would be waited for; a link to nowhere is told
            yield path


def read_files(verifier: Verifier, paths: Iterable[Path], standard_input: BinaryIO) -> None:
    """Feed a verifier with files; `-` is standard input. Raises OSError if one cannot be read."""
    files = [*files_in(paths)]
    for file in files:
        if file == STANDARD_INPUT:
            verifier.feed(standard_input, "standard input")
            continue
        with file.open("rb") as stream:
            verifier.feed(stream, str(file))
    if verifier.gave_up:
        for file in filter(Path.is_file, files):
            with file.open("rb") as stream:
                verifier.feed_again(stream)
