"""Our own wheel: what an installation from the sources would have, the same bytes every time."""

from __future__ import annotations

import zipfile
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

import flit_core.buildapi
import pytest
from artifact.archive import OLDEST
from artifact.errors import BuildError
from artifact.project import Project
from artifact.wheel import build_wheel

ROOT = Path(__file__).parents[2]
TOLD_TO_PIP = ("Name", "Version", "Summary", "Requires-Python", "License-Expression", "License-File")


def read(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(members: dict[str, bytes]) -> Message:
    name = next(name for name in members if name.endswith("/METADATA"))
    return HeaderParser().parsestr(members[name].decode())


def test_it_holds_what_the_build_backend_puts_into_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)

    theirs = read(tmp_path / flit_core.buildapi.build_wheel(str(tmp_path)))
    (tmp_path / "ours").mkdir()
    ours = read(build_wheel(Project(ROOT), tmp_path / "ours", OLDEST))

    assert ours.keys() == theirs.keys()
    written_by_us = ("/METADATA", "/WHEEL", "/RECORD", "/entry_points.txt")
    assert [name for name in ours if ours[name] != theirs[name] and not name.endswith(written_by_us)] == []
    for field in TOLD_TO_PIP:
        assert metadata(ours)[field] == metadata(theirs)[field]
    for field in ("Requires-Dist", "Provides-Extra"):
        assert sorted(metadata(ours).get_all(field, [])) == sorted(metadata(theirs).get_all(field, []))
    entry_points = next(name for name in ours if name.endswith("/entry_points.txt"))
    assert ours[entry_points].split() == theirs[entry_points].split()


def test_it_is_the_same_wherever_and_whenever_it_is_built(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    one = build_wheel(Project(ROOT), tmp_path / "one", OLDEST)
    two = build_wheel(Project(ROOT), tmp_path / "two", OLDEST)

    assert one.read_bytes() == two.read_bytes()


def test_what_running_leaves_behind_is_left_out(tmp_path: Path) -> None:
    project = stub_project(tmp_path)
    (project.root / "edge_agent" / "__pycache__").mkdir()
    (project.root / "edge_agent" / "__pycache__" / "x.cpython-311.pyc").write_bytes(b"x")
    (project.root / "edge_agent" / ".mypy_cache").mkdir()
    (project.root / "edge_agent" / ".mypy_cache" / "x.json").write_text("{}")

    members = read(build_wheel(project, tmp_path, OLDEST))

    assert [name for name in members if name.startswith("edge_agent/")] == ["edge_agent/__init__.py"]


def test_a_private_key_in_the_package_is_refused(tmp_path: Path) -> None:
    project = stub_project(tmp_path)
    key = project.root / "edge_agent" / "forgotten.txt"
    words = "PRIVATE KEY"
    key.write_text(f"-----BEGIN EC {words}-----\n{'A' * 64}\n-----END EC {words}-----\n")

    with pytest.raises(BuildError, match=r"forgotten\.txt holds a private key — remove it"):
        build_wheel(project, tmp_path, OLDEST)


def stub_project(folder: Path) -> Project:
    root = folder / "checkout"
    (root / "edge_agent").mkdir(parents=True)
    (root / "edge_agent" / "__init__.py").touch()
    (root / "LICENSE").write_text("as you like")
    (root / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    return Project(root)
