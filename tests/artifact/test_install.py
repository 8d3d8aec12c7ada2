"""Installing on a gateway: the recipe's own script, run by sh, offline, in a folder like a nucleus' own.

The wheels are stubs with the real names, so pip resolves what it will resolve; one test takes the real ones.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from artifact import install
from artifact.archive import OLDEST, write_archive
from artifact.build import recipe_text
from artifact.locked import ARCHITECTURES, chosen, read_lock
from artifact.project import Project, read_component

from edge_agent.testing.nucleus import LITE, NucleusDouble
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from edge_agent.testing.recipes import Nucleus, Place, Recipe, environment, read_recipe, script
from tests.artifact.conftest import FORWARDER, OFFLINE, ROOT, Sources, copy_sources

pytestmark = [pytest.mark.integration]

MACHINE = {"x86_64": "amd64", "aarch64": "aarch64"}[os.uname().machine]
WHEELHOUSE, LOCK = Project(ROOT).wheelhouse, Project(ROOT).lock

# For a machine with much else to do; that a component stops within five seconds is tested by itself.


class Gateway:
    """A nucleus' folders with one component's artifact in them."""

    def __init__(self, root: Path, artifact: Path, recipe: Recipe) -> None:
        self.place = Place(Nucleus.LITE, root, "gw-07", recipe.component_name, recipe.component_version)
        self.recipe = recipe
        self.manifest = next(one for one in recipe.manifests if one.platform.architecture == MACHINE)
        self.place.work.mkdir(parents=True)
        self.place.artifacts.mkdir(parents=True)
        shutil.copy2(artifact, self.place.artifacts)
        self.environment = environment(recipe, self.manifest, self.place)

    @property
    def artifact(self) -> Path:
        return self.place.artifacts / f"{self.recipe.component_name}-{MACHINE}.zip"

    @property
    def venv(self) -> Path:
        return self.place.work / f"venv-{self.recipe.component_version}"

    def variables(self, path: str | None = None) -> dict[str, str]:
        return {"PATH": path or os.environ["PATH"], "HOME": "/nonexistent", **OFFLINE, **self.environment}

    def step(
        self, text: str, path: str | None = None, umask: int = 0o022
    ) -> subprocess.CompletedProcess[str]:
        """Run one step as a nucleus does: by sh, in the work folder."""
        return subprocess.run(
            ["/bin/sh"],
            check=False,
            umask=umask,
            input=script(text, self.recipe, self.place),
            cwd=self.place.work,
            env=self.variables(path),
            capture_output=True,
            text=True,
        )

    def start_installing(self) -> subprocess.Popen[bytes]:
        """Begin the step, in a process group of its own."""
        text = script(self.manifest.lifecycle.install.script, self.recipe, self.place)
        return subprocess.Popen(
            ["/bin/sh", "-c", text],
            cwd=self.place.work,
            env=self.variables(),
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )

    def install(self, path: str | None = None) -> subprocess.CompletedProcess[str]:
        return self.step(self.manifest.lifecycle.install.script, path)

    def run(self) -> subprocess.CompletedProcess[str]:
        return self.step(self.manifest.lifecycle.run.script)


def recipe_in(sources: Sources, name: str = FORWARDER) -> Recipe:
    built = sources.component(name) / "greengrass-build" / "recipes" / f"{name}.yaml"
    return read_recipe(built.read_text(), name)


@pytest.fixture
def empty(built: Sources, tmp_path: Path) -> Gateway:
    """A gateway on which the forwarder is to be installed."""
    return Gateway(tmp_path / "greengrass", built.artifact(MACHINE), recipe_in(built))


@pytest.fixture
def gateway(empty: Gateway) -> Gateway:
    """A gateway on which it is complete, as far as an installation looks."""
    with zipfile.ZipFile(empty.artifact) as archive:
        contents = json.loads(archive.read("about.json"))["contents"]
    python = str(Path(sys.executable).resolve())
    made_of = {"artifact": contents, "python": sys.implementation.cache_tag, "from": python}
    (empty.venv / "bin").mkdir(parents=True)
    (empty.venv / "bin" / "python").symlink_to(python)
    (empty.venv / "complete.json").write_text(json.dumps(made_of))
    return empty


def test_an_installation_that_was_killed_is_made_anew(empty: Gateway) -> None:
    killed = empty.start_installing()
    wait_until((empty.venv / "bin").is_dir)
    os.killpg(killed.pid, signal.SIGKILL)
    killed.wait(PATIENCE_SECONDS)
    (empty.venv / "left from before").touch()
    left = {file.name.partition("-")[0] for file in empty.place.work.iterdir()}

    mended = empty.install()
    started = empty.run()

    assert left == {"venv", "install"}
    assert mended.returncode == 0, mended.stderr
    assert mended.stdout.startswith(f"installing {FORWARDER} ")
    assert {file.name for file in empty.place.work.iterdir()} == {empty.venv.name, "amazon-roots.pem"}
    assert not (empty.venv / "left from before").exists()
    assert (started.returncode, started.stdout) == (0, "forwarder\n")


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_nobody_else_can_change_what_is_installed_whatever_the_umask(empty: Gateway, umask: int) -> None:
    done = empty.step(empty.manifest.lifecycle.install.script, umask=umask)

    assert done.returncode == 0, done.stderr
    made = [path for path in empty.place.work.rglob("*") if not path.is_symlink()]
    assert [path for path in made if path.stat().st_mode & 0o022] == []
    assert [path for path in made if path.stat().st_mode & 0o400 == 0] == []


def test_an_installation_that_pip_refuses_is_not_complete_and_says_so(empty: Gateway) -> None:
    spoil(empty.artifact)

    failed = empty.install()

    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    assert failed.stderr.splitlines()[-1].endswith("/bin/python failed with status 1 — see above")
    assert not (empty.venv / "complete.json").exists()
    assert not (empty.venv / "main.py").exists()


def test_an_installation_over_a_complete_one_touches_nothing(gateway: Gateway) -> None:
    def state() -> dict[Path, float]:
        return {file: file.lstat().st_mtime for file in gateway.place.work.rglob("*")}

    first = gateway.install()
    before = state()

    second = gateway.install()

    assert (first.returncode, first.stdout, first.stderr) == (0, "", "")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    assert state() == before
    assert (gateway.place.work / "amazon-roots.pem").read_text().count("BEGIN CERTIFICATE") == 2


def test_other_versions_go_unless_something_runs_in_them(gateway: Gateway) -> None:
    idle, busy = (gateway.place.work / f"venv-0.0.{number}" for number in (8, 9))
    for folder in (idle, busy):
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "python").symlink_to(sys.executable)
    waiting = [str(busy / "bin" / "python"), "-c", "input()"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE) as process:
        during = gateway.install()
        left = (idle.exists(), busy.exists())
        process.communicate(b"\n")
    after = gateway.install()

    assert (during.returncode, left) == (0, (False, True))
    assert (after.returncode, busy.exists()) == (0, False)


def test_the_first_python_that_serves_is_taken(gateway: Gateway, tmp_path: Path) -> None:
    (tmp_path / "python3").write_text("#!/bin/sh\nexit 1\n")  # too old, or without venv
    (tmp_path / "python3").chmod(0o755)
    (tmp_path / "python3.12").symlink_to(sys.executable)

    done = gateway.install(path=str(tmp_path))

    assert (done.returncode, done.stderr) == (0, "")


def test_a_gateway_without_a_python_that_serves_says_what_to_install(
    gateway: Gateway, tmp_path: Path
) -> None:
    done = gateway.install(path=str(tmp_path))

    assert done.returncode == 1
    assert done.stderr == (
        f"{FORWARDER} finds no Python 3.11 to 3.14 with venv - install python3 and python3-venv\n"
    )


@pytest.mark.parametrize(
    ("made_of", "complete"),
    [
        ({"artifact": "a", "python": "cpython-311"}, True),
        ({"artifact": "b", "python": "cpython-311"}, False),
        ({"artifact": "a", "python": "cpython-312"}, False),
    ],
)
def test_what_another_artifact_or_python_made_is_not_complete(
    tmp_path: Path, made_of: dict[str, str], *, complete: bool
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "complete.json").write_text(json.dumps({"artifact": "a", "python": "cpython-311"}))

    assert install._is_complete(tmp_path, made_of) is complete


def test_a_python_that_was_removed_leaves_nothing_complete(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(tmp_path / "gone")
    (tmp_path / "complete.json").write_text("{}")

    assert not install._is_complete(tmp_path, {})


@pytest.mark.parametrize("written", ["", "{", "[]"])
def test_a_marker_that_was_cut_marks_nothing(tmp_path: Path, written: str) -> None:
    (tmp_path / "complete.json").write_text(written)

    assert not install._is_complete(tmp_path, {})


def test_a_folder_that_cannot_be_written_is_named(built: Sources, tmp_path: Path) -> None:
    file = tmp_path / "work"
    file.touch()

    done = subprocess.run(
        [sys.executable, "-I", str(built.artifact(MACHINE)), str(file)],
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 1
    assert f"{file}/install-" in done.stderr
    assert done.stderr.endswith(": Not a directory — make room, or mend who owns it\n")
    assert len(done.stderr.splitlines()) == 1


def test_the_room_that_the_journal_needs_is_left_to_it(empty: Gateway) -> None:
    with zipfile.ZipFile(empty.artifact) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    kept["about.json"] = json.dumps({**json.loads(kept["about.json"]), "room_bytes": 1 << 60}).encode()
    write_archive(empty.artifact, kept, OLDEST)
    (empty.venv / "lib").mkdir(parents=True)  # half made: it goes first

    done = empty.install()

    assert done.returncode == 1
    assert done.stderr == (
        f"{FORWARDER}-{MACHINE}.zip: {empty.place.work} has too little room"
        " — make 1099511627776 MiB free on its disk\n"
    )
    assert not empty.venv.exists()


@pytest.mark.skipif(not WHEELHOUSE.is_dir(), reason="needs the real wheels: make wheelhouse")
def test_the_real_agent_is_installed_and_every_component_starts_and_stops(tmp_path: Path) -> None:
    real = copy_sources(tmp_path / "checkout")
    for stub, true in ((real.root / "edge_agent", ROOT / "edge_agent"), (real.wheelhouse, WHEELHOUSE)):
        shutil.rmtree(stub)
        stub.symlink_to(true)
    shutil.copy2(ROOT / "requirements" / "gateway.txt", real.root / "requirements")
    built = real.build()
    assert built.returncode == 0, built.stderr
    gateway = Gateway(tmp_path / "greengrass", real.artifact(MACHINE), recipe_in(real))

    installed = gateway.install()

    assert installed.returncode == 0, installed.stderr
    # What differs between the components is one line, so one environment tries them all.
    for name, serves in SERVES.items():
        folder = ROOT / "components" / name
        recipe = read_recipe(recipe_text(read_component(folder, Project(ROOT))), name)
        shutil.copy2(folder / "main.py", gateway.venv)
        status, log = started_and_stopped(gateway, recipe, serves)
        assert (name, status) == (name, 0), log
        waits = [
            entry["reason"] for entry in map(json.loads, log.splitlines()) if entry["event"] == "waiting"
        ]
        lacks = "deployment: uplink: kind iot_core needs endpoint, certificate, key"
        assert waits == ([lacks] if name == FORWARDER else [])


# With its recipe's defaults alone: how its state or its log shows that a component serves, or waits.
SERVES: Mapping[str, Callable[[Path, str], bool]] = {
    "casino.edge.FloorCollector": lambda state, _: (state / "journal").exists(),
    "casino.edge.Forwarder": lambda _, log: '"waiting"' in log,
    "casino.edge.Simulator": lambda state, _: (state / "ports" / "slot-001").is_symlink(),
}


def started_and_stopped(
    gateway: Gateway, recipe: Recipe, serves: Callable[[Path, str], bool]
) -> tuple[int, str]:
    """Run the installed program with a recipe's defaults until it serves: its status and its log."""
    variables = environment(recipe, recipe.manifests[0], gateway.place)
    run = script(gateway.manifest.lifecycle.run.script, gateway.recipe, gateway.place)
    state, log = Path(variables["EDGE_AGENT_STATE"]), gateway.place.root / f"{recipe.component_name}.log"
    configuration = recipe.component_configuration.default_configuration
    with NucleusDouble(configuration, flavour=LITE) as nucleus, log.open("wb") as output:
        program = subprocess.Popen(
            ["/bin/sh", "-c", run],
            cwd=gateway.place.work,
            env={"PATH": os.environ["PATH"], **variables, **nucleus.environment},
            stdout=output,
        )
        with program:
            nucleus.wait_until(lambda: serves(state, log.read_text()), PATIENCE_SECONDS)
            program.terminate()
            program.wait(PATIENCE_SECONDS)
        assert nucleus.states == ["RUNNING"]
    return program.returncode, log.read_text()


@pytest.mark.skipif(not WHEELHOUSE.is_dir(), reason="needs the real wheels: make wheelhouse")
@pytest.mark.parametrize(("architecture", "minor"), [("aarch64", 11), ("aarch64", 14), ("amd64", 14)])
def test_the_real_wheels_are_all_a_gateway_of_another_kind_needs(
    tmp_path: Path, architecture: str, minor: int
) -> None:
    """What cannot be run here can be resolved here: pip finds all of it, with hashes and no index."""
    wheels = {wheel.file for wheel in chosen(read_lock(LOCK), WHEELHOUSE, architecture).values() if wheel}
    for wheel in wheels:
        (tmp_path / wheel.name).symlink_to(wheel)
    machine = ARCHITECTURES[architecture]
    platforms = [f"--platform=manylinux{standard}_{machine}" for standard in ("2014", "_2_28")]
    target = [
        f"--python-version=3.{minor}",
        "--only-binary=:all:",
        f"--target={tmp_path / 'none'}",
        *platforms,
    ]
    offline = ["--no-index", f"--find-links={tmp_path}", "--require-hashes", "--requirement", str(LOCK)]

    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--isolated", "--quiet", "--dry-run", *target, *offline],
        check=False,
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"], **OFFLINE},
    )

    assert done.returncode == 0, done.stderr


def spoil(artifact: Path) -> None:
    """Have the artifact require what it does not carry."""
    with zipfile.ZipFile(artifact) as archive:
        kept = {name: archive.read(name) for name in archive.namelist()}
    kept["requirements.txt"] = b"nothing-of-the-kind==1.0 --hash=sha256:" + b"0" * 64 + b"\n"
    write_archive(artifact, kept, OLDEST)
