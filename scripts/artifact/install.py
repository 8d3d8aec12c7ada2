"""What an artifact does when it is run: it installs the component it carries.

    python3 NAME-ARCHITECTURE.zip FOLDER

The nucleus runs this before every start, so what is complete is left alone at once. Complete is what
`complete.json` says: it is written last, when everything else is on the disk, and names the artifact and
the Python. Anything else, cut by a lost supply or made for a Python that is gone, is made anew. Nothing
is fetched: pip sees the wheels in this file and no index, and takes only what the hashes beside them name.

    FOLDER/venv-VERSION/         the environment; main.py in it starts the component
    FOLDER/amazon-roots.pem      the roots that AWS IoT's servers chain to

Environments of other versions go once this one is complete, unless something still runs in them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

ARTIFACT = Path(__file__).parent
# What must load, so that a library too old for the wheels is said here and not by a component that dies.
PROOF = "import cryptography.x509, edge_agent.component"


def install(folder: Path) -> None:
    """Make the environment below `folder`, unless it is complete."""
    with zipfile.ZipFile(ARTIFACT) as archive:
        about = json.loads(archive.read("about.json"))
        environment = folder / f"venv-{about['version']}"
        made_of = {
            "artifact": about["contents"],
            "python": sys.implementation.cache_tag,
            "from": os.path.realpath(sys.executable),
        }
        if not _is_complete(environment, made_of):
            print(
                f"installing {about['component']} {about['version']} for Python {sys.version.split()[0]}",
                flush=True,
            )
            _discard(environment)
            _check_room(folder, about["room_bytes"])
            with tempfile.TemporaryDirectory(prefix="install-", dir=folder) as scratch:
                _make(environment, archive, Path(scratch))
            _write(environment / "complete.json", json.dumps(made_of).encode())
        _write(folder / "amazon-roots.pem", archive.read("amazon-roots.pem"))
    for other in _others(folder, environment):
        shutil.rmtree(other, ignore_errors=True)


def _is_complete(environment: Path, made_of: Mapping[str, str]) -> bool:
    try:
        return (
            json.loads((environment / "complete.json").read_bytes()) == made_of
            and (environment / "bin" / "python").exists()
        )
    except (OSError, ValueError):
        return False


def _discard(environment: Path) -> None:
    """Take away what is half made or made of something else; first of all what says that it is complete."""
    if environment.exists():
        (environment / "complete.json").unlink(missing_ok=True)
        shutil.rmtree(environment)


def _check_room(folder: Path, needed_bytes: int) -> None:
    """What is installed must not take the room that the journal needs."""
    if shutil.disk_usage(folder).free < needed_bytes:
        sys.exit(
            f"{ARTIFACT.name}: {folder} has too little room — make {needed_bytes >> 20} MiB free on its disk"
        )


def _make(environment: Path, archive: zipfile.ZipFile, scratch: Path) -> None:
    venv.create(environment, with_pip=True, symlinks=True)
    carried = [name for name in archive.namelist() if name.startswith("wheels/")]
    archive.extractall(scratch, [*carried, "requirements.txt"])
    python = str(environment / "bin" / "python")
    # Nothing of the gateway's own pip settings: no index, no proxy, no cache.
    offline = {**os.environ, "PIP_CONFIG_FILE": os.devnull, "TMPDIR": str(scratch)}
    pip = [python, "-I", "-m", "pip", "--isolated", "--disable-pip-version-check", "install"]
    wheels = ["--no-index", "--find-links", str(scratch / "wheels"), "--only-binary", ":all:"]
    what = ["--require-hashes", "--requirement", str(scratch / "requirements.txt")]
    quiet = ["--quiet", "--no-input", "--no-cache-dir"]
    subprocess.run([*pip, *quiet, *wheels, *what], check=True, env=offline)  # noqa: S603  our own
    subprocess.run([python, "-I", "-c", PROOF], check=True)  # noqa: S603  our own
    (environment / "main.py").write_bytes(archive.read("main.py"))
    os.sync()  # all of it is on the disk before anything says that it is complete


def _write(file: Path, content: bytes) -> None:
    """Write a small file whole or not at all."""
    if file.is_file() and file.read_bytes() == content:
        return
    unfinished = file.with_name(f".{file.name}")
    with unfinished.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    unfinished.replace(file)


def _others(folder: Path, ours: Path) -> Iterator[Path]:
    """What earlier versions, and earlier installations that were cut, left behind."""
    programs = set(_programs())
    for left in [*folder.glob("venv-*"), *folder.glob("install-*")]:
        if left != ours and str(left / "bin" / "python") not in programs:
            yield left


def _programs() -> Iterator[str]:
    """What the processes we may look at were started as."""
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield str(Path(process.read_bytes().split(b"\0")[0].decode(errors="replace")))
        except OSError:
            continue  # it has ended, or is not ours to see


def main(arguments: list[str]) -> None:
    """Install below the folder named; say in one line why it cannot be done."""
    if len(arguments) != 1:
        sys.exit(f"{ARTIFACT.name} installs below one folder — name it")
    os.umask(0o022)  # whatever we were started with: our user can run it, and nobody else can change it
    try:
        install(Path(arguments[0]).absolute())
    except subprocess.CalledProcessError as error:
        sys.exit(f"{ARTIFACT.name}: {error.cmd[0]} failed with status {error.returncode} — see above")
    except OSError as error:
        what = error.filename or "the disk"
        sys.exit(f"{ARTIFACT.name}: {what}: {error.strerror} — make room, or mend who owns it")


if __name__ == "__main__":
    main(sys.argv[1:])
