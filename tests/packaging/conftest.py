"""A checkout that packages can be built of, and a gateway's disk that they are installed on.

The agent is the real one, and so is what it needs where it is run: those wheels are made again of what is
installed here, for any CPython, so that no index is asked.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import pytest
from artifact.archive import OLDEST, write_archive
from artifact.locked import Pin, read_lock

ROOT = Path(__file__).parents[2]
NAME = "casino-edge-agent"
KEPT = ("LICENSE", "pyproject.toml", "certs", "docs", "packaging", "scripts", "edge_agent")
TOOLS = ("dpkg", "systemd-sysusers", "systemd-tmpfiles", "systemctl")
MISSING = [tool for tool in TOOLS if shutil.which(tool) is None]
NEEDS_DPKG = [
    pytest.mark.integration,
    pytest.mark.skipif(bool(MISSING), reason=f"not here: {', '.join(MISSING)} (Debian: systemd)"),
    pytest.mark.skipif(os.geteuid() != 0, reason="dpkg installs as root alone"),
]

IGNORED = shutil.ignore_patterns("__pycache__", "*.pyc")

CONFIG = """
site: harbour
gateway: gw-07
state: {state}
uplink: {{kind: file, path: {state}/out.jsonl}}
"""


@dataclass(frozen=True, slots=True)
class Checkout:
    """Sources of one version, with a wheelhouse and its lock."""

    root: Path

    @property
    def wheelhouse(self) -> Path:
        return self.root / "build" / "wheelhouse"

    def build(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, self.root / "scripts" / "build_deb.py", *arguments],
            check=False,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "PIP_NO_INDEX": "1", **variables},
            capture_output=True,
            text=True,
        )

    def package(self) -> Path:
        """The package for the architecture this is run on, which dpkg alone knows."""
        asked = subprocess.run(["dpkg", "--print-architecture"], check=True, capture_output=True, text=True)
        architecture = asked.stdout.strip()
        done = self.build(architecture)
        assert done.returncode == 0, done.stderr
        return next((self.root / "dist").glob(f"*_{architecture}.deb"))

    def next_version(self, root: Path, version: str) -> Checkout:
        """The same sources as another version."""
        for name in (*KEPT, "requirements"):
            _copy(self.root / name, root / name)
        (root / "build").mkdir()
        (root / "build" / "wheelhouse").symlink_to(self.wheelhouse)
        for file in (root / "pyproject.toml", root / "edge_agent" / "__init__.py"):
            text = re.sub(
                r'^((?:__)?version(?:__)? = ")[^"]+', rf"\g<1>{version}", file.read_text(), flags=re.MULTILINE
            )
            file.write_text(text)
        return Checkout(root)


@dataclass(frozen=True, slots=True)
class Gateway:
    """Another root with its own dpkg, on which maintainer scripts run as dpkg runs them."""

    root: Path
    python: str = sys.executable

    def __post_init__(self) -> None:
        for name in ("info", "updates", "triggers"):
            (self.root / "var/lib/dpkg" / name).mkdir(parents=True)
        (self.root / "var/lib/dpkg/status").touch()
        (self.root / "etc").mkdir()

    def dpkg(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run dpkg on this root."""
        # Nothing this root depends on is in it: the scripts use the tools of the system we are on.
        command = ["dpkg", f"--root={self.root}", "--force-script-chrootless", "--force-depends"]
        return subprocess.run(
            [*command, *arguments],
            check=False,
            env={
                "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "EDGE_PYTHON": self.python,
                "LC_ALL": "C",
            },
            capture_output=True,
            text=True,
        )

    def install(self, package: Path) -> subprocess.CompletedProcess[str]:
        return self.dpkg("--install", package)

    def rollback(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.root / "usr/sbin/edge-agent-rollback"],
            check=False,
            env={"PATH": os.environ["PATH"], "DPKG_ROOT": str(self.root)},
            capture_output=True,
            text=True,
        )

    def configure(self, more: str = "") -> None:
        file = self.root / "etc/edge-agent/config.yaml"
        file.write_text(CONFIG.format(state=self.state) + more)

    @property
    def state(self) -> Path:
        return self.root / "var/lib/edge-agent"

    @property
    def versions(self) -> Path:
        return self.root / "opt/edge-agent"

    def current(self) -> str:
        """What the version that runs says it is."""
        return self.run("edge-agent", "--version").removeprefix("edge-agent ").strip()

    def run(self, program: str, *arguments: str) -> str:
        """Run a program of the version that runs."""
        done = subprocess.run(
            [self.versions / "current/bin" / program, *arguments],
            check=True,
            env={"PATH": os.environ["PATH"]},  # no PYTHONPATH: it would put our sources before its own
            capture_output=True,
            text=True,
        )
        return done.stdout


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, ignore=IGNORED)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)


def _make_checkout(root: Path, make_wheel: Callable[[Pin, Path], Path]) -> Checkout:
    checkout = Checkout(root)
    for name in KEPT:
        _copy(ROOT / name, root / name)
    checkout.wheelhouse.mkdir(parents=True)
    lines = []
    for pin in read_lock(ROOT / "requirements" / "gateway.txt"):
        digest = hashlib.sha256(make_wheel(pin, checkout.wheelhouse).read_bytes()).hexdigest()
        lines.append(f"{pin.name}=={pin.version} \\\n    --hash=sha256:{digest}\n")
    (root / "requirements").mkdir()
    (root / "requirements" / "gateway.txt").write_text("".join(lines))
    return checkout


def _empty_wheel(pin: Pin, folder: Path) -> Path:
    file = folder / f"{pin.name.replace('-', '_')}-{pin.version}-py3-none-any.whl"
    metadata = f"Metadata-Version: 2.1\nName: {pin.name}\nVersion: {pin.version}\nLicense: MIT\n"
    write_archive(file, {f"{pin.name}-{pin.version}.dist-info/METADATA": metadata.encode()}, OLDEST)
    return file


def _wheel_again(pin: Pin, folder: Path) -> Path:
    """The wheel of an installed distribution, said to fit every CPython. It is tried on this one alone."""
    installed = distribution(pin.name)
    members = {
        str(file): Path(str(installed.locate_file(file))).read_bytes()
        for file in installed.files or ()
        if not str(file).startswith("..")
        and file.suffix != ".pyc"
        and file.name not in {"INSTALLER", "REQUESTED"}
    }
    file = folder / f"{pin.name.replace('-', '_')}-{installed.version}-py3-none-any.whl"
    write_archive(file, members, OLDEST)
    return file


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """Our sources, to be read only, with a wheelhouse of empty wheels."""
    return _make_checkout(tmp_path_factory.mktemp("packaging") / "checkout", _empty_wheel)


@pytest.fixture(scope="session")
def package(checkout: Checkout) -> Path:
    """What those sources give."""
    return checkout.package()


@pytest.fixture(scope="session")
def whole_checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The same with wheels that hold what they should."""
    return _make_checkout(tmp_path_factory.mktemp("packaging") / "checkout", _wheel_again)


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path / "gateway")
