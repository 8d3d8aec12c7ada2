"""A chain: several machines on one line. All hear everything, and each answers to its own address.

What a host says to one machine is, to all others, a poll to another address: it wakes them up, and tells
them that their last answer was heard.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.peer.loop import Device


class Chain:
    """Devices that share a port."""

    def __init__(self, devices: Sequence[Device]) -> None:
        self._devices = devices

    def receive_data(self, stream: bytes, now: float) -> None:
        """Let all of them hear it."""
        for device in self._devices:
            device.receive_data(stream, now)

    def handle_timer(self, now: float) -> None:
        """Let all of them live on."""
        for device in self._devices:
            device.handle_timer(now)

    def next_timer(self) -> float | None:
        """When the first of them wants to be called."""
        dues = (device.next_timer() for device in self._devices)
        return min((due for due in dues if due is not None), default=None)

    def data_to_send(self, now: float) -> bytes:
        """What any of them says; on a line where two talk at once nobody is understood."""
        return b"".join([device.data_to_send(now) for device in self._devices])
