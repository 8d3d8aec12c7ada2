"""Authentication polls: a signature that comes when it is ready, and components one by one."""

from __future__ import annotations

from types import MappingProxyType

from edge_agent.simulator.cabinet import Cabinet
from edge_agent.simulator.polls.row import ACK, Answer, Answers, Values


def _sign(cabinet: Cabinet, request: Values) -> Answer:
    cabinet.components.sign(request["seed"])
    return ACK


def _authenticate(cabinet: Cabinet, request: Values) -> Answer:
    return cabinet.components.take(request)


AUTHENTICATION_ANSWERS: Answers = MappingProxyType({0x21: _sign, 0x6E: _authenticate})
