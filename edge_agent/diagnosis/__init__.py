"""Diagnosis: a bundle that may be handed to anybody who helps, and says nothing it should not."""

from edge_agent.diagnosis.archive import Part, pack
from edge_agent.diagnosis.redaction import redacted, sanitise

__all__ = ["Part", "pack", "redacted", "sanitise"]
