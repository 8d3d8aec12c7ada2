"""What is built carries the documents themselves, not links to where they were."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from edge_agent.standin.policy import SHIPPED

pytestmark = pytest.mark.integration
ROOT = Path(__file__).parents[2]
CARRIED = {f"edge_agent/standin/policies/{name}.json": name for name in SHIPPED} | {
    "edge_agent/standin/blueprints/edge-agent-enrol.json": "provisioning-template",
    "edge_agent/standin/blueprints/edge-agent-rotate.json": "rotation-template",
}
BUILD = "from flit_core import buildapi; buildapi.build_wheel('out'); buildapi.build_sdist('out')"


def test_the_wheel_and_the_source_archive_carry_policies_and_templates(tmp_path: Path) -> None:
    for name in ("edge_agent", "certs"):
        shutil.copytree(ROOT / name, tmp_path / name, symlinks=True)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "out").mkdir()

    subprocess.run([sys.executable, "-c", BUILD], cwd=tmp_path, check=True, capture_output=True)

    (wheel,) = (tmp_path / "out").glob("*.whl")
    (archive,) = (tmp_path / "out").glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as zipped, tarfile.open(archive) as tarred:
        for inside, name in CARRIED.items():
            ours = (ROOT / "certs" / "policies" / f"{name}.json").read_bytes()
            assert zipped.read(inside) == ours
            member = tarred.extractfile(f"{archive.name.removesuffix('.tar.gz')}/{inside}")
            assert member is not None
            assert member.read() == ours
