"""The desk: where other processes of the gateway hand things to the collector's."""

from edge_agent.desk.address import desk_path
from edge_agent.desk.asking import Say, ask, say_through
from edge_agent.desk.desk import Answer, Desk
from edge_agent.desk.saying import AGENT_BODIES, answer_say

__all__ = ["AGENT_BODIES", "Answer", "Desk", "Say", "answer_say", "ask", "desk_path", "say_through"]
