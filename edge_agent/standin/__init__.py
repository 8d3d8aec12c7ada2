"""The IoT Core stand-in: a small MQTT 5 broker on loopback that is as strict as the service."""

from edge_agent.standin.config import StandinConfig
from edge_agent.standin.control import StandinControl
from edge_agent.standin.ledger import Entry, read_ledger
from edge_agent.standin.server import Standin, StandinThread, run_standin
from edge_agent.standin.templates import Template

__all__ = [
    "Entry",
    "Standin",
    "StandinConfig",
    "StandinControl",
    "StandinThread",
    "Template",
    "read_ledger",
    "run_standin",
]
