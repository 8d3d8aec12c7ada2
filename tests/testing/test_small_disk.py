"""A small disk can be filled, freed and broken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.testing.small_disk import SmallDisk, can_mount

pytestmark = pytest.mark.integration


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    if not can_mount(tmp_path):
        pytest.skip("a small file system needs root and loop devices")
    with SmallDisk(tmp_path, 16) as disk:
        yield disk


def test_a_full_disk_takes_nothing_until_it_is_freed(disk: SmallDisk) -> None:
    disk.fill()
    with (disk.path / "file").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space left"):
        file.write(bytes(4096))

    disk.free()

    assert (disk.path / "file").write_bytes(bytes(4096)) == 4096


def test_a_disk_that_fails_is_read_only_under_whoever_writes_until_it_is_mounted_again(
    disk: SmallDisk,
) -> None:
    descriptor = os.open(disk.path / "file", os.O_RDWR | os.O_CREAT)
    os.write(descriptor, b"kept")
    os.fsync(descriptor)

    disk.fail()
    with pytest.raises(OSError, match="Read-only file system"):
        os.write(descriptor, b"more")
    assert os.pread(descriptor, 4, 0) == b"kept"
    os.close(descriptor)
    disk.unmount()
    disk.check()
    disk.mount()

    (disk.path / "file").write_bytes(b"again")
    assert (disk.path / "file").read_bytes() == b"again"
