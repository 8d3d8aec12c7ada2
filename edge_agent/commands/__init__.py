"""The read-only command channel: what the cloud may ask of this gateway, each with a record of it."""

from edge_agent.commands.channel import Channel, ChannelOptions, Doer, DoneBadly
from edge_agent.commands.gate import Accepted, Gate, Refused
from edge_agent.commands.request import VERBS, BundleCommand, CaptureCommand, Command, MetersCommand
from edge_agent.commands.used_ids import UsedIds

__all__ = [
    "VERBS",
    "Accepted",
    "BundleCommand",
    "CaptureCommand",
    "Channel",
    "ChannelOptions",
    "Command",
    "Doer",
    "DoneBadly",
    "Gate",
    "MetersCommand",
    "Refused",
    "UsedIds",
]
