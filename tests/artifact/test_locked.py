"""Which wheel serves which gateway."""

from __future__ import annotations

from pathlib import Path

import pytest
from artifact.errors import BuildError
from artifact.locked import PYTHONS, Pin, chosen, read_lock, read_wheel

PIN = Pin("native-thing", "1.0", frozenset())


def choose(folder: Path, *tags: str, architecture: str = "amd64") -> dict[int, str]:
    """The tag chosen for each Python minor."""
    for tag in tags:
        (folder / f"native_thing-1.0-{tag}.whl").touch()
    wheels = chosen([PIN], folder, architecture)
    return {minor: "-".join(wheel.tags) for (_, minor), wheel in wheels.items() if wheel is not None}


def test_a_wheel_for_that_very_python_comes_before_any_other(tmp_path: Path) -> None:
    exact = "cp312-cp312-manylinux2014_x86_64"
    stable = "cp311-abi3-manylinux2014_x86_64"

    found = choose(tmp_path, exact, stable)

    assert found == {11: stable, 12: exact, 13: stable, 14: stable}


def test_the_stable_abi_serves_later_pythons_and_none_before_it(tmp_path: Path) -> None:
    old, new = "cp311-abi3-manylinux2014_x86_64", "cp313-abi3-manylinux2014_x86_64"

    found = choose(tmp_path, new, old)

    assert found == {11: old, 12: old, 13: new, 14: new}


def test_pure_python_serves_all(tmp_path: Path) -> None:
    found = choose(tmp_path, "py2.py3-none-any")

    assert found == dict.fromkeys(PYTHONS, "py2.py3-none-any")


@pytest.mark.parametrize(
    "tag",
    [
        "cp311-abi3-manylinux2014_aarch64",  # another processor
        "cp311-abi3-musllinux_1_2_x86_64",  # another C library
        "cp311-abi3-manylinux_2_34_x86_64",  # a later C library than gateways have
        "cp311-abi3-macosx_11_0_x86_64",
        "cp311-abi3-manylinux2014_x86_64_v3",
        "cp315-cp315-manylinux2014_x86_64",  # a later Python
        "pp311-pypy311_pp73-manylinux2014_x86_64",
        "py2-none-any",
    ],
)
def test_what_a_gateway_cannot_load_is_not_chosen(tmp_path: Path, tag: str) -> None:
    assert choose(tmp_path, tag) == {}


def test_one_platform_of_several_is_enough(tmp_path: Path) -> None:
    tag = "cp311-abi3-manylinux2014_aarch64.manylinux_2_34_aarch64"

    found = choose(tmp_path, tag, architecture="aarch64")

    assert found == dict.fromkeys(PYTHONS, tag)


def test_another_version_is_not_chosen(tmp_path: Path) -> None:
    (tmp_path / "native_thing-1.1-py3-none-any.whl").touch()

    assert choose(tmp_path) == {}


def test_a_lock_is_read_with_every_hash(tmp_path: Path) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text("# written\nFirst.Thing[extra]==1.0 \\\n    --hash=sha256:aa \\\n    --hash=sha256:bb\n")

    assert read_lock(lock) == (Pin("first-thing", "1.0", frozenset({"aa", "bb"})),)


@pytest.mark.parametrize(
    "line", ["thing==1.0", "thing>=1 --hash=sha256:aa", 'thing==1 ; python_version < "4" --hash=sha256:aa']
)
def test_what_pins_nothing_is_refused(tmp_path: Path, line: str) -> None:
    lock = tmp_path / "lock.txt"
    lock.write_text(f"{line}\n")

    with pytest.raises(BuildError, match="pins no version with a hash"):
        read_lock(lock)


def test_a_file_that_is_named_like_no_wheel_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="remove it"):
        read_wheel(tmp_path / "thing.whl")
