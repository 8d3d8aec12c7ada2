"""Uplinks: ways for records to leave, and what the far side promises for them."""

from edge_agent.uplink.base import Message, Promise, Receipt, Uplink, UplinkState

__all__ = ["Message", "Promise", "Receipt", "Uplink", "UplinkState"]
