"""The tools at the cabinet: what a technician asks of a line, and nothing lost that its host should hear."""

from edge_agent.cabinet.asking import Asking, Outcome, Verdict
from edge_agent.cabinet.explain import explain, explain_host, explain_machine
from edge_agent.cabinet.explanation import Crc, Explanation, Piece
from edge_agent.cabinet.glued import explain_all
from edge_agent.cabinet.in_words import as_json, in_lines, in_short
from edge_agent.cabinet.masking import Masker
from edge_agent.cabinet.question import Question, read_question
from edge_agent.cabinet.retelling import retell
from edge_agent.cabinet.trace import Seen, Trace

__all__ = [
    "Asking",
    "Crc",
    "Explanation",
    "Masker",
    "Outcome",
    "Piece",
    "Question",
    "Seen",
    "Trace",
    "Verdict",
    "as_json",
    "explain",
    "explain_all",
    "explain_host",
    "explain_machine",
    "in_lines",
    "in_short",
    "read_question",
    "retell",
]
