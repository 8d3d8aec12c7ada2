"""Framing: where messages begin and end among the characters of a line, in both directions.

`ReplyReader` finds a machine's answers for a host; `PollReader` finds a host's polls for a machine;
`WakeupRestorer` finds where polls begin on a link that carries no ninth bit.
"""

from __future__ import annotations

from edge_agent.sas.poll_reader import BadPoll, PollReader
from edge_agent.sas.reply_reader import Chirp, Garbage, ReplyReader
from edge_agent.sas.wakeup_restorer import WakeupRestorer

__all__ = ["BadPoll", "Chirp", "Garbage", "PollReader", "ReplyReader", "WakeupRestorer"]
