"""A project to build components of: our scripts, recipes and components, and stubs of the rest.

The stubs have the names and versions of the real wheels, so what is read and written is as it will be.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from artifact.archive import OLDEST, write_archive
from artifact.locked import read_lock

ROOT = Path(__file__).parents[2]
KEPT = ("LICENSE", "pyproject.toml", "certs", "components", "recipes", "scripts")
FORWARDER = "casino.edge.Forwarder"

# Modules that the installation proves to load.
MODULES = {"cryptography": "cryptography/x509.py"}


@dataclass(frozen=True, slots=True)
class Sources:
    """A checkout that can be built and spoilt."""

    root: Path

    @property
    def wheelhouse(self) -> Path:
        return self.root / "build" / "wheelhouse"

    def component(self, name: str = FORWARDER) -> Path:
        return self.root / "components" / name

    def artifact(self, architecture: str = "amd64", name: str = FORWARDER) -> Path:
        folder = self.component(name) / "greengrass-build" / "artifacts" / name
        return next(folder.glob(f"*/{name}-{architecture}.zip"))

    def build(self, name: str = FORWARDER, **variables: str) -> subprocess.CompletedProcess[str]:
        """Build as gdk does: the custom command, in the component's folder."""
        environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **OFFLINE, **variables}
        return subprocess.run(
            [sys.executable, "../../scripts/build_component.py"],
            check=False,
            cwd=self.component(name),
            env=environment,
            capture_output=True,
            text=True,
        )


# Whatever would reach out for an index or an account finds a closed door.
CLOSED = "http://127.0.0.1:9"
OFFLINE = {
    "http_proxy": CLOSED,
    "https_proxy": CLOSED,
    "PIP_NO_INDEX": "1",
    "PIP_CONFIG_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


def write_stub(folder: Path, name: str, version: str, tag: str = "py3-none-any") -> Path:
    """A wheel with nothing in it but what makes it one."""
    plain = name.replace("-", "_")
    stem = f"{plain}-{version}.dist-info"
    members: Mapping[str, bytes] = {
        f"{plain}/__init__.py": b"",
        MODULES.get(name, f"{plain}/stub.py"): b"",
        f"{stem}/METADATA": (
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nLicense: MIT\n"
        ).encode(),
        f"{stem}/WHEEL": f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n".encode(),
    }
    record = "".join(f"{member},,\n" for member in (*members, f"{stem}/RECORD"))
    file = folder / f"{plain}-{version}-{tag}.whl"
    write_archive(file, {**members, f"{stem}/RECORD": record.encode()}, OLDEST)
    return file


def copy_sources(root: Path) -> Sources:
    """Our sources, a stub of the agent, and a wheelhouse of stubs with its lock."""
    root.mkdir(parents=True)
    for name in KEPT:
        kept = ROOT / name
        if kept.is_dir():
            ignored = shutil.ignore_patterns("__pycache__", "greengrass-build")
            shutil.copytree(kept, root / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy2(kept, root / name)
    for module in ("__init__", "component"):
        file = root / "edge_agent" / f"{module}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('"""A stub."""\n\n\ndef main(role: str) -> int:\n    print(role)\n    return 0\n')
    sources = Sources(root)
    sources.wheelhouse.mkdir(parents=True)
    lock = [
        (f"{pin.name}=={pin.version}", write_stub(sources.wheelhouse, pin.name, pin.version))
        for pin in read_lock(ROOT / "requirements" / "gateway.txt")
    ]
    (root / "requirements").mkdir()
    (root / "requirements" / "gateway.txt").write_text(
        "".join(
            f"{requirement} \\\n    --hash=sha256:{hashlib.sha256(wheel.read_bytes()).hexdigest()}\n"
            for requirement, wheel in lock
        )
    )
    return sources


@pytest.fixture
def sources(tmp_path: Path) -> Sources:
    return copy_sources(tmp_path / "checkout")


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sources]:
    """Sources whose forwarder is built; to be read only."""
    ready = copy_sources(tmp_path_factory.mktemp("built") / "checkout")
    done = ready.build()
    assert done.returncode == 0, done.stderr
    yield ready
    shutil.rmtree(ready.root)
