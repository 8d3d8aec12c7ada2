"""The notary: has the chain of the journal signed now and then, with the key the gateway proves itself with.

Whoever can write to the gateway's disk can compute a chain anew, but not the signatures that were made
under it before. The key is the forwarder's; what it signed is journalled over the collector's desk, and so
leaves the gateway with everything else.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable
from pathlib import Path

import structlog

from edge_agent.chain import written
from edge_agent.credentials.certificate import read_certificates
from edge_agent.credentials.in_use import Identity, identity_in_use
from edge_agent.credentials.token import sign_with_token
from edge_agent.desk import Say, desk_path, say_through
from edge_agent.errors import AgentError
from edge_agent.events.of_journal import JournalCheckpoint
from edge_agent.journal import Journal
from edge_agent.settings import Settings
from edge_agent.verify.checkpoints import signed_text

# What could not be said, or was not worth it, is tried again sooner than the next is due.
AGAIN_SECONDS = 30.0
SAY_SECONDS = 2.0


class Notary:
    """Makes checkpoints of one journal.

    Args:
        journal: whose chain it is.
        identity: what the gateway proves itself with now; None where it does not.
        say: journals an event.
    """

    def __init__(self, journal: Journal, identity: Callable[[], Identity | None], say: Say) -> None:
        self._journal = journal
        self._identity = identity
        self._say = say
        self._signed = -1

    def look(self) -> bool:
        """Sign how far the journal has come, unless nothing but our last word is new; whether it was.

        Raises AgentError when the key cannot be used, or the collector does not take it.
        """
        sequence, link = self._journal.head_chain()
        if sequence <= self._signed + 1:
            return False
        signature, fingerprint = self._sign(signed_text(self._journal.id, sequence, link))
        self._say(
            JournalCheckpoint(
                sequence=sequence, chain=written(link), signature=signature, certificate=fingerprint
            )
        )
        self._signed = sequence
        return True

    def _sign(self, text: bytes) -> tuple[str, str]:
        """A signature in base64 and whose it is; both empty where there is no key."""
        identity = self._identity()
        if identity is None:
            return "", ""
        # As in agent.uplinks: the SDK takes a tenth of a second to import.
        from edge_agent.uplink.signing import sign  # noqa: PLC0415

        made = (
            sign(identity.key, text)
            if isinstance(identity.key, Path)
            else sign_with_token(identity.key, text)
        )
        certificate = read_certificates("certificate", identity.certificate)[0]
        return base64.b64encode(made).decode("ascii"), certificate.fingerprint


async def notarise(settings: Settings, journal: Journal) -> None:
    """Until cancelled: a checkpoint every `journal.checkpoint_minutes`, while anything is journalled."""
    uplink = settings.uplink
    say = say_through(desk_path(settings.state), SAY_SECONDS)
    has_identity = uplink is not None and uplink.kind == "iot_core"
    notary = Notary(journal, lambda: identity_in_use(uplink) if uplink and has_identity else None, say)
    complaint = ""
    while True:
        pause = settings.journal.checkpoint_minutes * 60.0
        try:
            if not await asyncio.to_thread(notary.look):
                pause = min(pause, AGAIN_SECONDS)
        except AgentError as error:
            pause = min(pause, AGAIN_SECONDS)
            if str(error) != complaint:
                structlog.get_logger().warning(
                    "the journal's chain is not signed", reason=error.what, mend=error.mend
                )
            complaint = str(error)
        await asyncio.sleep(pause)
