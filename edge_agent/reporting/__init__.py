"""How a gateway is, as one small document, and who is told."""

from edge_agent.reporting.report import (
    HELD_BACK,
    LIMIT_BYTES,
    Document,
    Sources,
    as_json,
    is_running,
    make_report,
    scrub,
    size_of,
    wants_a_look,
)
from edge_agent.reporting.reporter import Reporter, ReporterOptions
from edge_agent.reporting.shadow import Shadow

__all__ = [
    "HELD_BACK",
    "LIMIT_BYTES",
    "Document",
    "Reporter",
    "ReporterOptions",
    "Shadow",
    "Sources",
    "as_json",
    "is_running",
    "make_report",
    "scrub",
    "size_of",
    "wants_a_look",
]
