"""Answer: what came of a question, for whoever asked it."""

from __future__ import annotations

from edge_agent.cabinet.asking import Outcome, Verdict
from edge_agent.cabinet.explain import explain_machine
from edge_agent.cabinet.explanation import Explanation
from edge_agent.cabinet.question import Question
from edge_agent.sas import DataReply, EventReply, encode_reply, exception_name, poll_name


def explained(question: Question, outcome: Outcome) -> Explanation | None:
    """What the machine said; None where it said nothing to explain."""
    if outcome.address is None:
        return None
    poll = question.at(outcome.address)
    if (event := outcome.event) is not None:
        reply = EventReply(outcome.address, event.code, event.values, event.missing_data, event.unread)
        return explain_machine(encode_reply(reply), poll)
    if outcome.verdict is Verdict.ANSWERED:
        return explain_machine(encode_reply(DataReply(outcome.address, poll.command, outcome.values)), poll)
    return None


def in_a_line(question: Question, outcome: Outcome) -> str:
    """What came of it, and what to do about it."""
    machine = f"machine {outcome.address or 0:02}"
    asked = f"{question.command:02X} {poll_name(question.command)}"
    event = f"{outcome.event.code:02X} {exception_name(outcome.event.code)}" if outcome.event else ""
    lines = {
        Verdict.ANSWERED: f"{machine} answered {asked}",
        Verdict.ACCEPTED: f"{machine} accepted {asked}; what comes of it, it tells its host's general polls",
        Verdict.SILENT: _silence(outcome),
        Verdict.NOT_KNOWN: f"{machine} does not know {asked}: it left three tries unanswered",
        Verdict.REFUSED: f"{machine} refuses {asked} (NACK) — check the arguments",
        Verdict.BUSY: f"{machine} is busy and cannot answer {asked} now — ask again",
        Verdict.EVENT_WAITS: f"{machine} tells event {event} before it answers; it was not "
        "acknowledged and is still there — start the agent, which journals it, then ask again",
    }
    return lines[outcome.verdict]


def _silence(outcome: Outcome) -> str:
    if outcome.others:
        other = outcome.others[0]
        return f"nobody answers there, and address {other:02} chirps — ask with --address {other}"
    if outcome.garbled:
        return (
            "nothing that is heard makes sense — check the speed, the polarity and what else is on the line"
        )
    return "nobody answers — check the port, the cable, and that the machine's address is not 0"
