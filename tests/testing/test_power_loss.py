"""What a folder looks like when the power goes: what was synced is there, the rest may be."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.testing.power_loss import PAGE_BYTES, PowerLoss, torn

IMAGES = 60


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "folder"
    folder.mkdir()
    return folder


@contextmanager
def file_of(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    yield descriptor
    os.close(descriptor)


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def images(power: PowerLoss, beside: Path) -> list[dict[str, bytes]]:
    """What the folder may look like, many times."""
    chance, found = random.Random(1), []  # noqa: S311  the same images every time
    for number in range(IMAGES):
        power.image(beside / f"image-{number}", chance)
        found.append({path.name: path.read_bytes() for path in (beside / f"image-{number}").iterdir()})
    return found


def test_what_was_synced_with_its_name_is_always_there(folder: Path, tmp_path: Path) -> None:
    with PowerLoss(folder) as power, file_of(folder / "log") as log:
        os.pwrite(log, b"kept", 0)
        os.fdatasync(log)
        sync_folder(folder)

        assert all(image == {"log": b"kept"} for image in images(power, tmp_path))


def test_a_name_that_was_not_synced_may_be_there_or_not(folder: Path, tmp_path: Path) -> None:
    with PowerLoss(folder) as power, file_of(folder / "log") as log:
        os.pwrite(log, b"kept", 0)
        os.fsync(log)

        assert {"log" in image for image in images(power, tmp_path)} == {True, False}


def test_what_was_written_since_may_be_there_in_any_part(folder: Path, tmp_path: Path) -> None:
    with PowerLoss(folder) as power, file_of(folder / "log") as log:
        sync_folder(folder)
        os.fsync(log)
        os.pwrite(log, b"x" * 3 * PAGE_BYTES, 0)

        found = [image["log"] for image in images(power, tmp_path)]
    assert b"" in found
    assert b"x" * 3 * PAGE_BYTES in found
    assert any(
        data.startswith(b"\0") and data.strip(b"\0") for data in found
    )  # a later page without the first


def test_a_deleted_file_may_come_back_as_it_was(folder: Path, tmp_path: Path) -> None:
    (folder / "log").write_bytes(b"before")
    with PowerLoss(folder) as power:
        os.unlink(folder / "log")  # noqa: PTH108  as the kernel is asked

        assert {image.get("log") for image in images(power, tmp_path)} == {None, b"before"}


def test_a_rename_that_was_not_synced_leaves_one_or_the_other(folder: Path, tmp_path: Path) -> None:
    (folder / "log").write_bytes(b"before")
    with PowerLoss(folder) as power:
        with file_of(folder / "new") as new:
            os.pwrite(new, b"after", 0)
            os.fsync(new)
        (folder / "new").rename(folder / "log")

        assert {image.get("log") for image in images(power, tmp_path)} == {b"before", b"after"}


def test_each_step_is_announced_before_it_is_done(folder: Path) -> None:
    sizes: list[int] = []
    with (
        PowerLoss(folder, lambda: sizes.append((folder / "log").stat().st_size)),
        file_of(folder / "log") as log,
    ):
        os.pwrite(log, b"1234", 0)
        os.fsync(log)
        os.ftruncate(log, 1)

    assert sizes == [0, 4, 4]


def test_what_is_durable_is_never_torn() -> None:
    chance = random.Random(2)  # noqa: S311  the same every time

    assert torn(b"same", b"same", chance) == b"same"
    assert all(
        torn(b"head" * 1024, b"head" * 1024 + b"tail", chance)[:4096] == b"head" * 1024 for _ in range(50)
    )
