"""What a person can mend about a build, in one line."""

from __future__ import annotations


class BuildError(Exception):
    """An artifact cannot be built: `what — mend`."""

    def __init__(self, what: str, mend: str) -> None:
        super().__init__(f"{what} — {mend}")
