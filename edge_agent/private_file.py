"""A secret in a file: read only if nobody but its owner can.

What others can read has to be taken for known to others, so it is refused and not repaired.
"""

from __future__ import annotations

import stat
from pathlib import Path

from edge_agent.errors import CredentialError

# Anybody but the owner.
OTHERS = stat.S_IRWXG | stat.S_IRWXO


def read_secret(what: str, path: Path) -> str:
    """The one line that a file holds. Raises CredentialError, naming the file as `what`."""
    check_private(what, path)
    try:
        secret = path.read_text(encoding="utf-8").strip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise CredentialError(
            f"{what} {path} cannot be read: {reason}", "check the path, its owner and its mode"
        ) from error
    if not secret or "\n" in secret:
        raise CredentialError(f"{what} {path} does not hold one line", "write one line into it")
    return secret


def check_private(what: str, path: Path) -> None:
    """Raise CredentialError if others can read or change a file."""
    try:
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise CredentialError(
            f"{what} {path} cannot be read: {error.strerror}", "check the path, its owner and its mode"
        ) from error
    if mode & OTHERS:
        raise CredentialError(
            f"{what} {path} can be read or changed by others (mode {mode:04o})",
            f"chmod 600 {path}, and replace it if anyone may have copied it",
        )
