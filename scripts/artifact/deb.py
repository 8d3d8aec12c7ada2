"""The Debian package: the wheels, and the few files with which systemd runs the agent.

    /usr/lib/edge-agent/       wheels and their hashes, and the shell that makes an environment of them
    /usr/lib/systemd/system/   the units; beside them the agent's user, its folders, the serial modules
    /usr/share/edge-agent/     the roots of AWS IoT's servers, an example of the settings

What is installed below /opt/edge-agent is made on the gateway, by packaging/debian/postinst. The same
sources and wheels give the same bytes: owners, modes, dates and order are ours, and nothing is compressed
but what already is.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from artifact.archive import given_date, source_date
from artifact.build import amazon_roots, requirements
from artifact.errors import BuildError
from artifact.locked import GLIBC, PYTHONS
from artifact.project import Component, Project
from artifact.sbom import bill_of_materials
from artifact.wheel import build_wheel
from artifact.wheelhouse import gathered

# What Debian calls the architectures that Greengrass calls so.
DEBIAN = {"amd64": "amd64", "aarch64": "arm64"}

LIBRARY = "usr/lib/edge-agent"
SHARED = "usr/share/edge-agent"
DOCUMENTS = "usr/share/doc/casino-edge-agent"
PROGRAM = 0o755
FILE = 0o644

# Where each file of packaging/ goes.
PLACES = {
    "systemd/edge-agent-collector.service": ("usr/lib/systemd/system/edge-agent-collector.service", FILE),
    "systemd/edge-agent-forwarder.service": ("usr/lib/systemd/system/edge-agent-forwarder.service", FILE),
    "systemd/edge-agent.target": ("usr/lib/systemd/system/edge-agent.target", FILE),
    "sysusers.conf": ("usr/lib/sysusers.d/edge-agent.conf", FILE),
    "tmpfiles.conf": ("usr/lib/tmpfiles.d/edge-agent.conf", FILE),
    "modules-load.conf": ("usr/lib/modules-load.d/edge-agent.conf", FILE),
    "config.example.yaml": (f"{SHARED}/config.example.yaml", FILE),
    "gateway/versions.sh": (f"{LIBRARY}/versions.sh", FILE),
    "gateway/edge-agent-rollback": ("usr/sbin/edge-agent-rollback", PROGRAM),
}
AUTHOR = "Casino Edge"
# dpkg wants an address; whoever builds for a casino puts their own.
MAINTAINER = f"{AUTHOR} <root@localhost>"
SCRIPTS = ("postinst", "prerm", "postrm")

CONTROL = """\
Package: {name}
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Section: net
Priority: optional
Depends: python3 (>= 3.{oldest}), python3 (<< 3.{after}), python3-venv, systemd (>= 249), libc6 (>= {glibc})
Installed-Size: {size}
Description: reads gaming machines at the edge and delivers what they say
 Polls slot machines over SAS and table devices over TDL/1, journals what they
 say before they are told that it was heard, and publishes it to AWS IoT Core,
 forgetting a record only once the cloud has it.
 .
 Runs as two services of systemd. Carries all that it needs beside Python, and
 fetches nothing when it is installed.
"""


def build_deb(project: Project, architecture: str, folder: Path) -> Path:
    """Write the package for this architecture into `folder` and return it. Raises BuildError."""
    version = debian_version(project.version)
    file = folder / f"{project.name}_{version}_{DEBIAN[architecture]}.deb"
    wheels = [wheel.file for wheel in gathered(project, architecture)]
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        tree = Path(scratch) / "tree"
        ours = build_wheel(project, Path(scratch), source_date())
        _lay_out(project, tree, [*wheels, ours])
        _put(tree / DOCUMENTS / "sbom.cdx.json", _bill(project, architecture, [*wheels, ours]))
        _describe(project, tree, DEBIAN[architecture], version)
        _pack(tree, file)
    return file


def debian_version(version: str) -> str:
    """A Python version such that what comes before a release sorts before it: 1.0rc1 is 1.0~rc1."""
    return re.sub(r"\.?(a|b|rc|dev)(\d+)", r"~\1\2", version)


def _lay_out(project: Project, tree: Path, wheels: Sequence[Path]) -> None:
    packaging = project.root / "packaging"
    for source, (target, mode) in PLACES.items():
        _put(tree / target, (packaging / source).read_bytes(), mode)
    for wheel in wheels:
        _put(tree / LIBRARY / "wheels" / wheel.name, wheel.read_bytes())
    _put(tree / LIBRARY / "requirements.txt", requirements(project, wheels).encode())
    _put(tree / LIBRARY / "version", f"{project.version}\n".encode())
    _put(tree / SHARED / "amazon-roots.pem", amazon_roots(project))
    _put(tree / DOCUMENTS / "copyright", (project.root / "LICENSE").read_bytes())
    _put(tree / DOCUMENTS / "deploy-systemd.md", (project.root / "docs" / "deploy-systemd.md").read_bytes())
    command = tree / "usr" / "bin" / "edge-agent"
    command.parent.mkdir(parents=True, exist_ok=True)
    command.symlink_to("/opt/edge-agent/current/bin/edge-agent")


def _bill(project: Project, architecture: str, wheels: Sequence[Path]) -> bytes:
    described = Component(project.root, project.name, project.version, AUTHOR)
    return bill_of_materials(described, architecture, wheels, given_date())


def _put(target: Path, content: bytes, mode: int = FILE) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    target.chmod(mode)


def _describe(project: Project, tree: Path, architecture: str, version: str) -> None:
    files = [file for file in sorted(tree.rglob("*")) if file.is_file() and not file.is_symlink()]
    sums = [f"{_md5(file)}  {file.relative_to(tree)}\n" for file in files]
    control = CONTROL.format(
        name=project.name,
        version=version,
        architecture=architecture,
        maintainer=MAINTAINER,
        oldest=PYTHONS[0],
        after=PYTHONS[-1] + 1,
        glibc=".".join(map(str, GLIBC)),
        size=sum(-(-file.stat().st_size // 1024) for file in files),
    )
    _put(tree / "DEBIAN" / "control", control.encode())
    _put(tree / "DEBIAN" / "md5sums", "".join(sums).encode())
    _put(tree / "DEBIAN" / "triggers", (project.root / "packaging" / "debian" / "triggers").read_bytes())
    for script in SCRIPTS:
        _put(tree / "DEBIAN" / script, (project.root / "packaging" / "debian" / script).read_bytes(), PROGRAM)


def _md5(file: Path) -> str:
    """What `dpkg --verify` compares; it proves nothing against an enemy."""
    return hashlib.md5(file.read_bytes(), usedforsecurity=False).hexdigest()


def _pack(tree: Path, file: Path) -> None:
    date = source_date()
    for each in [tree, *tree.rglob("*")]:
        if each.is_dir() and not each.is_symlink():
            each.chmod(PROGRAM)
        os.utime(each, (date, date), follow_symlinks=False)
    program = shutil.which("dpkg-deb")
    if program is None:
        raise BuildError("dpkg-deb is not here", "install the package dpkg")
    command = [program, "--build", "--root-owner-group", "-Znone", str(tree), str(file)]
    environment: Mapping[str, str] = {**os.environ, "SOURCE_DATE_EPOCH": str(date)}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)  # noqa: S603  our own
    if done.returncode != 0:
        raise BuildError(f"dpkg-deb: {done.stderr.strip()}", "mend packaging/")
