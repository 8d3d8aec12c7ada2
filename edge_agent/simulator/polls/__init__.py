"""What a simulated machine answers to long polls: everything out of one consistent state."""

from __future__ import annotations

from edge_agent.simulator.polls.answering import ANSWERED, acknowledge_poll, answer_poll

__all__ = ["ANSWERED", "acknowledge_poll", "answer_poll"]
