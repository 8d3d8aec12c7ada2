"""The folders of a gateway's state, private to the agent's user."""

from __future__ import annotations

import errno

from edge_agent.errors import ConfigurationError, JournalFull
from edge_agent.settings import Settings

FOLDER_MODE = 0o700


def make_folders(settings: Settings) -> None:
    """Make what is missing. Raises JournalFull or ConfigurationError."""
    for folder in (
        settings.state,
        settings.state / "notes",
        settings.status_folder,
        settings.journal_path.parent,
    ):
        try:
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                raise JournalFull(f"the disk of folder {folder} is full", "free some space") from error
            raise ConfigurationError(
                f"folder {folder} cannot be made: {error.strerror}",
                "set `state` to a folder the agent may write",
            ) from error
