"""SmallDisk: a real ext4 file system of a few megabytes, that a test may fill or break.

It lies in a file and is mounted through a loop device, so only root can have one. `fail` does to it what
the kernel does when the disk under it gives errors: it is read-only from then on, also for whoever
has a file open, until it is mounted again.
"""

from __future__ import annotations

import os
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

MEGABYTE = 1 << 20
_FILLER = "filler"


class SmallDisk:
    """A disk, mounted at `path`. Use as a context; raises OSError where none can be had.

    Args:
        folder: where the image is kept and the disk is mounted.
        megabytes: its size.
    """

    def __init__(self, folder: Path, megabytes: int) -> None:
        self.path = folder / "disk"
        self._image = folder / "disk.img"
        self._megabytes = megabytes

    def __enter__(self) -> Self:
        self.path.mkdir()
        with self._image.open("wb") as image:
            image.truncate(self._megabytes * MEGABYTE)
        _do("mkfs.ext4", "-q", "-F", "-m", "0", str(self._image))
        self.mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self.unmount()

    def mount(self, *, read_only: bool = False) -> None:
        """Mount it."""
        _do("mount", "-o", "loop,ro" if read_only else "loop", str(self._image), str(self.path))

    def unmount(self) -> None:
        """Unmount it; nobody may have a file of it open."""
        _do("umount", str(self.path))

    def fail(self) -> None:
        """Turn it read-only at once, under whoever writes."""
        _do("mount", "-o", "remount,abort", str(self.path))

    def check(self) -> None:
        """Mend the file system, unmounted, as it is mended when a gateway starts."""
        _do("e2fsck", "-p", str(self._image), allowed=(0, 1, 2))

    def free_megabytes(self) -> float:
        """What may still be written."""
        status = os.statvfs(self.path)
        return status.f_bavail * status.f_frsize / MEGABYTE

    def fill(self, leave_megabytes: float = 0.0) -> None:
        """Have something else take the room, all but so much."""
        with (self.path / _FILLER).open("ab", buffering=0) as filler, suppress(OSError):
            while (room := self.free_megabytes() - leave_megabytes) > 0:
                filler.write(bytes(max(4096, min(MEGABYTE, int(room * MEGABYTE)))))

    def free(self) -> None:
        """Have it give the room back."""
        (self.path / _FILLER).unlink(missing_ok=True)


def can_mount(folder: Path) -> bool:
    """Whether a small disk can be had here: as root, with loop devices."""
    probe = folder / "can-mount"
    probe.mkdir()
    try:
        with SmallDisk(probe, 8):
            return True
    except OSError:
        return False


def _do(*command: str, allowed: tuple[int, ...] = (0,)) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  our own words
    if done.returncode not in allowed:
        raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
