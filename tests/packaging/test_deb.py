"""The Debian package: the same bytes from the same sources, and everything in its place."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from artifact.deb import debian_version

from tests.packaging.conftest import Checkout

needs_dpkg = pytest.mark.skipif(
    shutil.which("dpkg-deb") is None, reason="dpkg-deb is not here (Debian: dpkg)"
)


@pytest.mark.parametrize(
    ("python", "debian"),
    [("1.2.3", "1.2.3"), ("1.2.3rc1", "1.2.3~rc1"), ("1.2.3.dev4", "1.2.3~dev4"), ("2.0a1", "2.0~a1")],
)
def test_what_comes_before_a_release_sorts_before_it(python: str, debian: str) -> None:
    assert debian_version(python) == debian


@needs_dpkg
@pytest.mark.integration
def test_two_builds_are_the_same_bytes_whenever_and_wherever(
    checkout: Checkout, package: Path, tmp_path: Path
) -> None:
    first = hashlib.sha256(package.read_bytes()).hexdigest()
    elsewhere = checkout.next_version(tmp_path / "elsewhere", "0.1.0")
    (elsewhere.root / "packaging" / "systemd" / "edge-agent.target").touch()

    second = hashlib.sha256(elsewhere.package().read_bytes()).hexdigest()

    assert second == first


@needs_dpkg
@pytest.mark.integration
def test_the_package_is_dated_as_it_is_told(checkout: Checkout) -> None:
    done = checkout.build("arm64", SOURCE_DATE_EPOCH="1700000000")
    listing = _contents(checkout.root / "dist" / "casino-edge-agent_0.1.0_arm64.deb")

    assert done.returncode == 0, done.stderr
    assert all(" 2023-11-14 " in line for line in listing)


@needs_dpkg
@pytest.mark.integration
def test_everything_is_roots_and_in_its_place(package: Path) -> None:
    listing = _contents(package)

    names = {line.split()[5]: line.split()[0] for line in listing}
    assert all(line.split()[1] == "root/root" for line in listing)
    for unit in ("edge-agent-collector.service", "edge-agent-forwarder.service", "edge-agent.target"):
        assert names[f"./usr/lib/systemd/system/{unit}"] == "-rw-r--r--"
    for folder in ("sysusers.d", "tmpfiles.d", "modules-load.d"):
        assert f"./usr/lib/{folder}/edge-agent.conf" in names
    assert names["./usr/sbin/edge-agent-rollback"] == "-rwxr-xr-x"
    assert not any(
        name.startswith(("./etc", "./var", "./opt")) for name in names
    )  # made there, never replaced
    assert any(name.endswith("casino_edge_agent-0.1.0-py3-none-any.whl") for name in names)


@needs_dpkg
@pytest.mark.integration
def test_the_bill_of_materials_names_every_wheel(package: Path, tmp_path: Path) -> None:
    wheels = {line.rpartition("/wheels/")[2] for line in _contents(package) if line.endswith(".whl")}
    subprocess.run(["dpkg-deb", "--extract", package, tmp_path], check=True)

    bill = json.loads((tmp_path / "usr/share/doc/casino-edge-agent/sbom.cdx.json").read_text())

    assert {part["bom-ref"].rpartition("file_name=")[2] for part in bill["components"]} == wheels
    assert len(wheels) > 10


@needs_dpkg
@pytest.mark.integration
def test_an_architecture_that_is_not_built_is_said(checkout: Checkout) -> None:
    done = checkout.build("m68k")

    assert done.returncode == 1
    assert done.stderr.strip() == "build_deb: no architecture m68k — name one of amd64, arm64"


@needs_dpkg
@pytest.mark.integration
def test_a_wheel_that_is_not_the_locked_one_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    spoilt = checkout.next_version(tmp_path / "spoilt", "0.1.0")
    spoilt.wheelhouse.unlink()
    shutil.copytree(checkout.wheelhouse, spoilt.wheelhouse)
    wheel = next(spoilt.wheelhouse.glob("structlog-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"\0")

    done = spoilt.build("amd64")

    assert done.returncode == 1
    assert "structlog" in done.stderr
    assert not list((spoilt.root / "dist").glob("*.deb"))


def _contents(package: Path) -> list[str]:
    done = subprocess.run(["dpkg-deb", "--contents", package], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()
