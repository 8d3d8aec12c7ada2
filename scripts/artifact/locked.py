"""The lock and the wheels it allows: which file serves which gateway.

A target is a processor and a CPython minor version. Of several wheels that fit one, the most specific
is taken, as pip does: built for that very Python, then the stable ABI, then pure Python.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from artifact.errors import BuildError

# What an architecture is called by Greengrass, and by wheels.
ARCHITECTURES = {"amd64": "x86_64", "aarch64": "aarch64"}
PYTHONS = (11, 12, 13, 14)  # the minor versions of CPython 3 an artifact serves
# The glibc every wheel must content itself with: Debian 10, Ubuntu 18.10, Yocto 3.1 and later have it.
GLIBC = (2, 28)
_NAMED_GLIBC = {"manylinux1": (2, 5), "manylinux2010": (2, 12), "manylinux2014": (2, 17)}

_EXACT, _STABLE, _PURE = 1000, 100, 1


@dataclass(frozen=True, slots=True)
class Pin:
    """One line of the lock."""

    name: str  # normalised: `python-pkcs11`
    version: str
    hashes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Wheel:
    """One file of the wheelhouse, by what its name says."""

    file: Path
    name: str
    version: str
    tags: tuple[str, str, str]

    @property
    def sha256(self) -> str:
        """What the lock calls it."""
        with self.file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()


def read_lock(file: Path) -> tuple[Pin, ...]:
    """The pins of a lock file. Raises BuildError for what it does not pin."""
    text = file.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = (line.strip() for line in text.splitlines())
    return tuple(_pin(line, file) for line in lines if line and not line.startswith("#"))


def _pin(line: str, file: Path) -> Pin:
    requirement, *hashes = re.split(r"\s+--hash=sha256:", line)
    match = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([A-Za-z0-9.+!]+)", requirement.strip())
    if match is None or not hashes:
        raise BuildError(f"{file}: {requirement!r} pins no version with a hash", "write it with scripts/lock")
    return Pin(normalised(match[1]), match[2], frozenset(one.strip() for one in hashes))


def normalised(name: str) -> str:
    """A distribution's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_wheel(file: Path) -> Wheel:
    """A wheel's name, version and tags, from its file name."""
    parts = file.name.removesuffix(".whl").split("-")
    if len(parts) not in (5, 6):
        raise BuildError(f"{file} is not named like a wheel", "remove it")
    return Wheel(file, normalised(parts[0]), parts[1], (parts[-3], parts[-2], parts[-1]))


def chosen(pins: Iterable[Pin], folder: Path, architecture: str) -> Mapping[tuple[str, int], Wheel | None]:
    """The wheel for each (distribution, Python minor) on this architecture; None where there is none."""
    wheels = [read_wheel(file) for file in sorted(folder.glob("*.whl"))]
    return {
        (pin.name, minor): _best(wheels, pin, minor, ARCHITECTURES[architecture])
        for pin in pins
        for minor in PYTHONS
    }


def _best(wheels: Iterable[Wheel], pin: Pin, minor: int, machine: str) -> Wheel | None:
    fitting = [
        (rank, wheel)
        for wheel in wheels
        if (wheel.name, wheel.version) == (pin.name, pin.version)
        and (rank := _rank(wheel.tags, minor, machine)) is not None
    ]
    return max(fitting, key=lambda pair: pair[0])[1] if fitting else None


def _rank(tags: tuple[str, str, str], minor: int, machine: str) -> int | None:
    """How well a wheel fits a target; None if it does not."""
    pythons, abis, platforms = (tag.split(".") for tag in tags)
    if not any(_runs_on(platform, machine) for platform in platforms):
        return None
    return max(
        (rank for python in pythons for abi in abis for rank in _ranks(python, abi, minor)), default=None
    )


def _ranks(python: str, abi: str, minor: int) -> Iterator[int]:
    if python == f"cp3{minor}" and abi in (python, "none"):
        yield _EXACT
    stable = re.fullmatch(r"cp3(\d+)", python)
    if stable and abi == "abi3" and int(stable[1]) <= minor:
        yield _STABLE + int(stable[1])
    if python == "py3" and abi == "none":
        yield _PURE


def _runs_on(platform: str, machine: str) -> bool:
    if platform == "any":
        return True
    standard, _, built_for = platform.partition(f"_{machine}")
    if built_for or standard == platform:
        return False
    if named := _NAMED_GLIBC.get(standard):
        return named <= GLIBC
    numbered = re.fullmatch(r"manylinux_(\d+)_(\d+)", standard)
    return numbered is not None and (int(numbered[1]), int(numbered[2])) <= GLIBC
