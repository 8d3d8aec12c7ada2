"""An archive whose bytes depend on its contents alone.

Entries are sorted, carry one date and one mode, and are stored: what deflate makes of the same bytes
differs from one zlib to the next, and what is large in here is compressed already.
"""

from __future__ import annotations

import os
import stat
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

from artifact.errors import BuildError

# The oldest date an archive can carry: 1980-01-01T00:00:00Z.
OLDEST = 315_532_800
_MODE = stat.S_IFREG | 0o644
_UNIX = 3


def source_date(environment: Mapping[str, str] = os.environ) -> int:
    """Seconds since 1970 that every entry is dated with: SOURCE_DATE_EPOCH, else the oldest possible."""
    text = environment.get("SOURCE_DATE_EPOCH", str(OLDEST))
    try:
        return max(OLDEST, int(text))
    except ValueError as error:
        raise BuildError(f"SOURCE_DATE_EPOCH is {text!r}", "give it whole seconds, or unset it") from error


def given_date() -> int | None:
    """The date that whoever builds has given; None if they have not."""
    return source_date() if "SOURCE_DATE_EPOCH" in os.environ else None


def write_archive(file: Path, members: Mapping[str, bytes], date: int) -> None:
    """Write these members, by name, as a zip file."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted(members.items()):
            entry = zipfile.ZipInfo(name, time.gmtime(date)[:6])
            entry.external_attr = _MODE << 16
            entry.create_system = _UNIX
            archive.writestr(entry, content)
