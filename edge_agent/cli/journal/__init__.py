"""`journal`: what a person at the gateway can find out of the journal and have done with it."""

from edge_agent.cli.journal.arguments import add

__all__ = ["add"]
