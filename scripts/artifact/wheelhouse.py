"""The wheelhouse: every wheel a gateway may need, fetched once, checked against the lock at every build.

Only files the lock has a hash for are taken, whoever put them there. What is missing is fetched with
pip, if there is one and it reaches an index; else the build names it and stops.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from artifact.errors import BuildError
from artifact.locked import ARCHITECTURES, GLIBC, Pin, Wheel, chosen, read_lock
from artifact.project import Project


def gathered(project: Project, architecture: str) -> tuple[Wheel, ...]:
    """The locked wheels that gateways of this architecture need, fetched if need be, each checked."""
    pins = read_lock(project.lock)
    if _missing(pins, project.wheelhouse, architecture):
        fetch(project, architecture)
    for name, minor in _missing(pins, project.wheelhouse, architecture):
        version = next(pin.version for pin in pins if pin.name == name)
        raise BuildError(
            f"no wheel of {name} {version} for CPython 3.{minor} on {architecture} in {project.wheelhouse}",
            "run `make wheelhouse` where an index can be reached",
        )
    wheels = {wheel for wheel in chosen(pins, project.wheelhouse, architecture).values() if wheel is not None}
    return tuple(_checked(wheel, pins) for wheel in sorted(wheels, key=lambda wheel: wheel.file.name))


def fetch(project: Project, architecture: str) -> None:
    """Fetch what is missing, as far as that can be done. Never raises for what cannot."""
    pins = read_lock(project.lock)
    for minor in sorted({minor for _, minor in _missing(pins, project.wheelhouse, architecture)}):
        print(f"Fetching wheels for CPython 3.{minor} on {architecture}.", flush=True)
        if not _download(project, architecture, minor):
            return  # the next would fail for the same reason


def _missing(pins: Sequence[Pin], folder: Path, architecture: str) -> list[tuple[str, int]]:
    return [target for target, wheel in chosen(pins, folder, architecture).items() if wheel is None]


def _checked(wheel: Wheel, pins: Iterable[Pin]) -> Wheel:
    allowed = next(pin.hashes for pin in pins if pin.name == wheel.name)
    if wheel.sha256 not in allowed:
        raise BuildError(
            f"{wheel.file} is not the file the lock names: its hash differs",
            "remove it and run `make wheelhouse`",
        )
    return wheel


def _download(project: Project, architecture: str, minor: int) -> bool:
    """Whether some pip could fetch the wheels for one target."""
    project.wheelhouse.mkdir(parents=True, exist_ok=True)
    machine = ARCHITECTURES[architecture]
    newest = "_".join(map(str, GLIBC))
    command = [
        *("download", "-qq", "--disable-pip-version-check", "--no-input"),
        *("--require-hashes", "--no-deps", "--only-binary", ":all:"),
        *("--platform", f"manylinux2014_{machine}", "--platform", f"manylinux_{newest}_{machine}"),
        *("--implementation", "cp", "--python-version", f"3.{minor}"),
        *("--dest", str(project.wheelhouse), "--requirement", str(project.lock)),
    ]
    return any(
        subprocess.run([python, "-m", "pip", *command], check=False).returncode == 0  # noqa: S603  our own
        for python in _pips(project)
    )


def _pips(project: Project) -> Iterator[str]:
    """The interpreters that have pip; the project's own environment first."""
    for python in (project.root / ".venv" / "bin" / "python", Path(sys.executable)):
        asked = [str(python), "-m", "pip", "--version"]
        if python.exists() and subprocess.run(asked, check=False, capture_output=True).returncode == 0:  # noqa: S603  our own
            yield str(python)
