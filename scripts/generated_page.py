"""A page that is made from tables: written, or compared with what it should be."""

from __future__ import annotations

import sys
from pathlib import Path


def write_or_check(arguments: list[str], page: str, file: Path, accept: str) -> int:
    """The exit status: 0 when the page agrees with its table, or was made to; `accept` is what makes it."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {accept} [--check]", file=sys.stderr)
        return 2
    if file.exists() and file.read_text(encoding="utf-8") == page:
        return 0
    if arguments:
        print(f"{file.name} differs from the tables — write it with `{accept}`", file=sys.stderr)
        return 1
    file.write_text(page, encoding="utf-8")
    return 0
