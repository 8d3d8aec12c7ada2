"""Captures: what goes over a line for some seconds, into the journal in bounded pieces.

A capture never holds a line up: the line hands its frames to a recorder, and a thread of the
capture's own takes them away and journals them. When the journal refuses, the capture ends, because
what machines say comes first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Self

import structlog

from edge_agent.errors import InUseError, JournalError
from edge_agent.events.agent import LineCaptured, WireFrame
from edge_agent.line import Line
from edge_agent.recorder import Frame, Recorder

# Somebody looks at one machine, perhaps beside a good one.
MOST_CAPTURES = 2
# Soon enough to be watched, and far fewer records than the line itself makes.
PIECE_SECONDS = 1.0
# A piece is one record: well below what one publish may hold.
PIECE_FRAMES = 200

Observe = Callable[[str, LineCaptured], None]


class Captures:
    """The captures that run. Ends them when closed.

    Args:
        observe: journals a piece, of a device; raises JournalError.
        monotonic: seconds.
    """

    def __init__(self, observe: Observe, monotonic: Callable[[], float]) -> None:
        self._observe = observe
        self._monotonic = monotonic
        self._running: list[_Capture] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        for capture in self._running:
            capture.stop()

    def start(self, line: Line, device: str, command_id: str, seconds: float) -> None:
        """Capture a line. Raises InUseError if it, or as many as may be, are captured already."""
        self._running = [capture for capture in self._running if capture.is_alive()]
        if any(capture.line is line for capture in self._running):
            raise InUseError(f"line {line.name} is being captured", "wait until that has ended")
        if len(self._running) >= MOST_CAPTURES:
            raise InUseError(f"{MOST_CAPTURES} captures run already", "wait until one has ended")
        capture = _Capture(
            line,
            Recorder(self._monotonic()),
            seconds,
            lambda body: self._observe(device, body),
            command_id,
        )
        self._running.append(capture)
        capture.start()


class _Capture:
    """One capture, and its thread."""

    def __init__(
        self,
        line: Line,
        recorder: Recorder,
        seconds: float,
        observe: Callable[[LineCaptured], None],
        command_id: str,
    ) -> None:
        self.line = line
        self._recorder = recorder
        self._left = seconds
        self._observe = observe
        self._id = command_id
        self._pieces = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture[{line.name}]")

    def start(self) -> None:
        self.line.record(self._recorder)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._capture()
        except JournalError as refused:
            structlog.get_logger().warning(
                "capture ended: the journal refuses", line=self.line.name, reason=refused.what
            )
        finally:
            self.line.record(None)

    def _capture(self) -> None:
        while self._left > 0 and not (self._recorder.cut or self._stopping.is_set()):
            pause = min(self._left, PIECE_SECONDS)
            self._left -= pause
            self._stopping.wait(pause)
            for frames in _pieces(self._recorder.take()):
                self._tell(frames, last=False)
        self.line.record(None)
        for frames in _pieces(self._recorder.take()):
            self._tell(frames, last=False)
        self._tell((), last=True)

    def _tell(self, frames: Sequence[Frame], *, last: bool) -> None:
        piece, self._pieces = self._pieces, self._pieces + 1
        early = self._recorder.cut or self._stopping.is_set()
        self._observe(
            LineCaptured(
                line=self.line.name,
                id=self._id,
                piece=piece,
                last=last,
                cut=last and early,
                frames=tuple(_published(frame) for frame in frames),
            )
        )


def _pieces(frames: Sequence[Frame]) -> Iterator[Sequence[Frame]]:
    for start in range(0, len(frames), PIECE_FRAMES):
        yield frames[start : start + PIECE_FRAMES]


def _published(frame: Frame) -> WireFrame:
    return WireFrame(
        at=round(frame.at, 4),
        direction=frame.direction,
        size=frame.size,
        data=frame.data.hex(" ") if frame.data else None,
    )
