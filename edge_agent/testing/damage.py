"""Damage: what a disk, a person or another program does to the files of a folder, at random.

Each kind of damage is done to one folder and says in words what it did. Whoever chooses is handed in, so
that the same seed does the same.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

LONGEST_RANGE = 20_000

Damage = Callable[[Path, random.Random], str]


def flip_bits(folder: Path, chance: random.Random) -> str:
    """A few bits anywhere in a file."""
    file = some_file(folder, chance)
    data = bytearray(file.read_bytes())
    bits = chance.choice((1, 1, 2, 20))
    for _ in range(bits):
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    file.write_bytes(data)
    return f"{bits} bits of {file.name} flipped"


def zero_a_range(folder: Path, chance: random.Random) -> str:
    """A range of a file reads as zeros."""
    file = some_file(folder, chance)
    data = bytearray(file.read_bytes())
    at = chance.randrange(len(data))
    size = min(len(data) - at, chance.randint(1, LONGEST_RANGE))
    data[at : at + size] = bytes(size)
    file.write_bytes(data)
    return f"{size} bytes of {file.name} zeroed from {at} on"


def overwrite_a_range(folder: Path, chance: random.Random) -> str:
    """A range of a file holds something else."""
    file = some_file(folder, chance)
    data = bytearray(file.read_bytes())
    at = chance.randrange(len(data))
    size = min(len(data) - at, chance.randint(1, LONGEST_RANGE))
    data[at : at + size] = chance.randbytes(size)
    file.write_bytes(data)
    return f"{size} bytes of {file.name} overwritten from {at} on"


def truncate(folder: Path, chance: random.Random) -> str:
    """A file ends early, perhaps at once."""
    file = some_file(folder, chance)
    size = chance.choice((0, chance.randrange(file.stat().st_size)))
    with file.open("r+b") as there:
        there.truncate(size)
    return f"{file.name} truncated to {size} bytes"


def cut_out(folder: Path, chance: random.Random) -> str:
    """A range of a file is missing, and what follows has moved."""
    file = some_file(folder, chance)
    data = file.read_bytes()
    at = chance.randrange(len(data))
    size = min(len(data) - at, chance.randint(1, LONGEST_RANGE))
    file.write_bytes(data[:at] + data[at + size :])
    return f"{size} bytes of {file.name} cut out from {at} on"


def delete(folder: Path, chance: random.Random) -> str:
    """A file is gone."""
    file = some_file(folder, chance)
    file.unlink()
    return f"{file.name} deleted"


def swap(folder: Path, chance: random.Random) -> str:
    """Two files have each other's names."""
    one, other = some_file(folder, chance), some_file(folder, chance)
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)
    return f"{one.name} and {other.name} swapped"


def copy_over(folder: Path, chance: random.Random) -> str:
    """A file is a copy of another."""
    one, other = some_file(folder, chance), some_file(folder, chance)
    if one != other:
        shutil.copyfile(one, other)
    return f"{one.name} copied over {other.name}"


def foreign_content(folder: Path, chance: random.Random) -> str:
    """A file is something else altogether."""
    file = some_file(folder, chance)
    size = chance.choice((1, 100, 50_000))
    file.write_bytes(chance.choice((b"SQLite format 3\0", b"<html>", b"")) + chance.randbytes(size))
    return f"{file.name} replaced by {size} foreign bytes"


def foreign_file(folder: Path, chance: random.Random) -> str:
    """There is a file that does not belong here, by a name that is nobody's or could be one of ours."""
    names = [path.name for path in folder.iterdir()]
    name = chance.choice(
        ("core", "README", f"{chance.choice(names)}.bak", _near(chance.choice(names), chance))
    )
    file = folder / name
    if not file.exists():
        file.write_bytes(chance.randbytes(chance.choice((0, 10, 30_000))))
    return f"foreign file {name}"


DAMAGES: tuple[Damage, ...] = (
    flip_bits,
    zero_a_range,
    overwrite_a_range,
    truncate,
    cut_out,
    delete,
    swap,
    copy_over,
    foreign_content,
    foreign_file,
)


def some_file(folder: Path, chance: random.Random) -> Path:
    """A file that is not empty; half of the time one that holds much."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.stat().st_size)
    if chance.random() < 0.5:
        return chance.choice(files)
    return chance.choices(files, [file.stat().st_size for file in files])[0]


def _near(name: str, chance: random.Random) -> str:
    """A name like it: another number where it has one."""
    stem, dot, suffix = name.partition(".")
    if not stem.isdigit():
        return f"{name}.new"
    number = chance.choice((0, int(stem) + 1, int(stem) + 7, 10 ** len(stem) - 1))
    return f"{number:0{len(stem)}d}{dot}{suffix}"
