"""TDL/1, the open line protocol for table devices, sans I/O, both ends."""

from edge_agent.tdl1.device import DeviceCard, DeviceEnd, Fate, Happened
from edge_agent.tdl1.frame import BadFrame, Fault, FrameReader, encode
from edge_agent.tdl1.heard import (
    Booted,
    DeviceAnswers,
    DeviceKey,
    DeviceSilent,
    EventHeard,
    Heard,
    Identified,
    SequenceMissing,
    SnapshotHeard,
)
from edge_agent.tdl1.host import HostEnd
from edge_agent.tdl1.messages import BROADCAST, Kind, Message

__all__ = [
    "BROADCAST",
    "BadFrame",
    "Booted",
    "DeviceAnswers",
    "DeviceCard",
    "DeviceEnd",
    "DeviceKey",
    "DeviceSilent",
    "EventHeard",
    "Fate",
    "Fault",
    "FrameReader",
    "Happened",
    "Heard",
    "HostEnd",
    "Identified",
    "Kind",
    "Message",
    "SequenceMissing",
    "SnapshotHeard",
    "encode",
]
