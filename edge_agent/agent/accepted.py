"""Accepted settings: what a role begins with when what it is given makes no sense.

A running role refuses such settings and goes on. But nucleus lite applies whatever is deployed and then
starts the component again, and any nucleus does when the gateway boots. A slip in one line must not
silence the others: the settings that last made sense are kept in the state folder, and a role
begins with them, says so, and has what is deployed looked at again, so that the refusal is journalled.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog

from edge_agent.agent.sources import Source
from edge_agent.credentials.disk import FOLDER_MODE, Disk, put
from edge_agent.errors import AgentError
from edge_agent.settings import Settings, read_settings


class AcceptedSource:
    """A source that remembers.

    Args:
        source: what is deployed.
        check: raises AgentError for settings that make no sense to the role.
        file: where the last accepted settings are kept.
        begun_with_kept: called when the role begins with those.
    """

    def __init__(
        self,
        source: Source,
        check: Callable[[Settings], object],
        file: Path,
        begun_with_kept: Callable[[], object],
    ) -> None:
        self._source = source
        self._check = check
        self._file = file
        self._begun_with_kept = begun_with_kept
        self._begun = False
        self._log = structlog.get_logger()

    def load(self) -> Settings:
        """The settings as they are now; to begin with, if they make no sense, those that last did.

        Raises AgentError.
        """
        try:
            settings = self._source.load()
            self._check(settings)
        except AgentError as refusal:
            kept = None if self._begun else self._kept()
            if kept is None:
                raise
            self._say_so(refusal)
            settings = kept
        else:
            self._keep(settings)
        self._begun = True
        return settings

    def _say_so(self, refusal: AgentError) -> None:
        self._log.error(
            "settings refused; the agent begins with those it last accepted",
            reason=refusal.what,
            mend=refusal.mend,
        )
        self._begun_with_kept()

    def _kept(self) -> Settings | None:
        """The last accepted settings, under the environment of now; None if this version cannot read them."""
        with suppress(OSError, ValueError, AgentError):
            document = json.loads(self._file.read_text(encoding="utf-8"))
            return read_settings(document, str(self._file)) if isinstance(document, dict) else None
        return None

    def _keep(self, settings: Settings) -> None:
        """Remember. What prevents it is said, and stops nothing."""
        document = json.dumps(settings.model_dump(mode="json", exclude_defaults=True)).encode()
        try:
            if not self._file.is_file() or self._file.read_bytes() != document:
                self._file.parent.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
                put(Disk(), self._file, document)
        except OSError as error:
            self._log.warning(
                "accepted settings cannot be kept", path=str(self._file), reason=error.strerror or str(error)
            )
