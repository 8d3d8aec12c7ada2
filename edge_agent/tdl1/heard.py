"""What a host end learns: one frozen value for each thing a device can tell, or fail to."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.tdl1.messages import Message


@dataclass(frozen=True, slots=True)
class DeviceKey:
    """Whose sequence it is: with a sequence number it names one event for ever."""

    serial: str
    boot: int


@dataclass(frozen=True, slots=True)
class EventHeard:
    """An event. Take it and make it durable: the next thing sent acknowledges it."""

    at: float
    device: DeviceKey | None  # None while the device has not said who it is
    message: Message
    late: bool = False  # a younger event was heard before it
    possibly_repeated: bool = False  # it may have been heard before a restart


@dataclass(frozen=True, slots=True)
class SnapshotHeard:
    """Counters, or another state that a device repeats."""

    at: float
    device: DeviceKey | None
    message: Message


@dataclass(frozen=True, slots=True)
class Booted:
    """The device has booted since it was last heard, if ever it was."""

    at: float
    device: DeviceKey
    message: Message


@dataclass(frozen=True, slots=True)
class Identified:
    """The device says what it is."""

    at: float
    device: DeviceKey
    message: Message


@dataclass(frozen=True, slots=True)
class SequenceMissing:
    """Events the device raised and we never heard, although there was time to repeat them."""

    at: float
    device: DeviceKey | None
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class DeviceSilent:
    """No valid frame for too long, or the link is gone."""

    at: float
    reason: str


@dataclass(frozen=True, slots=True)
class DeviceAnswers:
    """A valid frame, the first since the link opened or the device was silent."""

    at: float
    silent_seconds: float


Heard = EventHeard | SnapshotHeard | Booted | Identified | SequenceMissing | DeviceSilent | DeviceAnswers
