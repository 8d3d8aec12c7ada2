"""Gap proof for the receiver: of what arrived, whether it is complete, or exactly what is not.

It needs the standard library and `edge_agent.chain`, nothing else, so that it runs in the cloud
without the rest of the agent.
"""

from __future__ import annotations

from edge_agent.verify.checkpoints import CheckpointCounts, CheckSignature
from edge_agent.verify.ledger import Limits
from edge_agent.verify.report import Declared, JournalReport, Report, Unreadable
from edge_agent.verify.spans import Span
from edge_agent.verify.verifier import Verifier, verify
from edge_agent.verify.wording import as_json, in_sentences

__all__ = [
    "CheckSignature",
    "CheckpointCounts",
    "Declared",
    "JournalReport",
    "Limits",
    "Report",
    "Span",
    "Unreadable",
    "Verifier",
    "as_json",
    "in_sentences",
    "verify",
]
