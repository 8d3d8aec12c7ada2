"""Each kind of damage does what it says, and the same again with the same seed."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from edge_agent.testing.damage import DAMAGES, Damage


def make(folder: Path) -> Path:
    folder.mkdir()
    for number in (1, 40):
        (folder / f"{number:020d}.seg").write_bytes(random.Random(number).randbytes(9_000))  # noqa: S311  content
    (folder / "head").write_bytes(b"head")
    return folder


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_changes_a_folder_and_says_how(tmp_path: Path, damage: Damage) -> None:
    before, told = content(make(tmp_path / "whole")), []
    for seed in range(5):
        one, other = make(tmp_path / f"one-{seed}"), make(tmp_path / f"other-{seed}")

        told.append(damage(one, random.Random(seed)))  # noqa: S311  damage

        assert damage(other, random.Random(seed)) == told[-1]  # noqa: S311  damage
        assert content(one) == content(other)
        changed = [name for name, data in content(one).items() if before.get(name) != data]
        assert all(name in told[-1] for name in changed)
    assert any(content(tmp_path / f"one-{seed}") != before for seed in range(5))
