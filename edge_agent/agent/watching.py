"""Watching: what goes over a line of a running collector, for a technician at the gateway.

    {"device": "slot-1001"}  ->  {"frames": [[seconds, "sent", size, hex or null], …], "cut": false}

The first asking begins it, each later one takes what came since; whoever stops asking is forgotten. The line
is not held up and nothing is sent. What no log may show is its size alone. A capture that the cloud asked
for has the line to itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.errors import InUseError, LocalProtocolError
from edge_agent.line import Line
from edge_agent.recorder import Recorder

# A watcher asks several times a second; one that has not for so long is gone.
FORGOTTEN_SECONDS = 5.0
# An answer is one line of the desk, at most 64 KiB: some forty characters a frame, and two a byte.
MOST_FRAMES = 400
MOST_BYTES = 16 * 1024


@dataclass(slots=True)
class _Watched:
    """A line that is watched."""

    line: Line
    recorder: Recorder
    asked_at: float  # monotonic seconds


class Watching:
    """Answers `watch` at the desk, in the desk's thread.

    Args:
        lines: those that run now, by device.
        monotonic: seconds.
    """

    def __init__(self, lines: Callable[[], Mapping[str, Line]], monotonic: Callable[[], float]) -> None:
        self._lines = lines
        self._monotonic = monotonic
        self._watched: dict[str, _Watched] = {}

    def answer(self, request: Any) -> Mapping[str, Any]:  # noqa: ANN401  whatever JSON holds
        """What came since last asked. Raises LocalProtocolError, or InUseError while a capture runs."""
        match request:
            case {"device": str(device)} if len(request) == 1:
                now = self._monotonic()
                self._forget(now)
                return self._take(self._watch(device, now))
        raise LocalProtocolError("`watch` takes a device")

    def _watch(self, device: str, now: float) -> _Watched:
        line = self._lines().get(device)
        if line is None:
            raise LocalProtocolError(
                f"no line of this gateway has the device {device[:64]!r}", "see `status`"
            )
        watched = self._watched.get(device)
        if watched is None or watched.line is not line:
            watched = _Watched(line, Recorder(now, MOST_BYTES, refills=True), now)
        if line.recorder not in {None, watched.recorder}:
            self._watched.pop(device, None)
            raise InUseError(f"line {line.name} is being captured", "wait until that has ended")
        line.record(watched.recorder)
        self._watched[device] = watched
        watched.asked_at = now
        return watched

    def _forget(self, now: float) -> None:
        """Those who have not asked for a while."""
        for device, watched in [*self._watched.items()]:
            if now - watched.asked_at > FORGOTTEN_SECONDS:
                del self._watched[device]
                if watched.line.recorder is watched.recorder:
                    watched.line.record(None)

    def _take(self, watched: _Watched) -> Mapping[str, Any]:
        frames = watched.recorder.take(MOST_FRAMES)
        cut, watched.recorder.cut = watched.recorder.cut, False
        return {
            "frames": [
                [round(frame.at, 6), frame.direction, frame.size, frame.data and frame.data.hex()]
                for frame in frames
            ],
            "cut": cut,
        }
