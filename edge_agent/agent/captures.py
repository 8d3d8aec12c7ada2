"""Captures: what goes over a line for some seconds, into the journal in bounded pieces.

A capture never holds a line up: the line hands its frames to a recorder, and a thread of the
capture's own takes them away and journals them. When the journal refuses, the capture ends, because
what machines say comes first.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self

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

# Whoever asked for one looks whether it is over while others have been asked for since.
REMEMBERED = 8

Observe = Callable[[str, LineCaptured], int]


class Captures:
    """The captures that run. Ends them when closed.

    Args:
        observe: journals a piece, of a device; its sequence; raises JournalError.
        monotonic: seconds.
    """

    def __init__(self, observe: Observe, monotonic: Callable[[], float]) -> None:
        self._observe = observe
        self._monotonic = monotonic
        self._known: list[_Capture] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_raised: object) -> None:
        for capture in self._known:
            capture.stop()

    def start(self, line: Line, device: str, command_id: str, seconds: float) -> None:
        """Capture a line. Raises InUseError if it, or as many as may be, are captured already."""
        running = [capture for capture in self._known if capture.running]
        if any(capture.line is line for capture in running):
            raise InUseError(f"line {line.name} is being captured", "wait until that has ended")
        if len(running) >= MOST_CAPTURES:
            raise InUseError(f"{MOST_CAPTURES} captures run already", "wait until one has ended")
        capture = _Capture(
            line,
            Recorder(self._monotonic()),
            seconds,
            lambda body: self._observe(device, body),
            command_id,
        )
        self._known = [*self._known[-REMEMBERED:], capture]
        capture.start()

    def result(self, command_id: str) -> Mapping[str, Any] | None:
        """How far a capture is; None if it is not known, or no more."""
        return next((one.result() for one in reversed(self._known) if one.id == command_id), None)


class _Capture:
    """One capture, and its thread."""

    def __init__(
        self,
        line: Line,
        recorder: Recorder,
        seconds: float,
        observe: Callable[[LineCaptured], int],
        command_id: str,
    ) -> None:
        self.line = line
        self.id = command_id
        self._recorder = recorder
        self._left = seconds
        self._observe = observe
        self._sequences: list[int] = []
        self._frames = 0
        self._cut = False
        self._trouble = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"capture[{line.name}]")

    def start(self) -> None:
        self.line.record(self._recorder)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    def result(self) -> Mapping[str, Any]:
        over = not self.running
        return {
            "over": over,
            "first": self._sequences[0] if self._sequences else None,
            "pieces": len(self._sequences),
            "frames": self._frames,
            "cut": self._cut,
            "trouble": self._trouble,
        }

    def _run(self) -> None:
        try:
            self._capture()
        except JournalError as refused:
            self._trouble = refused.what
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
        self._cut = last and (self._recorder.cut or self._stopping.is_set())
        sequence = self._observe(
            LineCaptured(
                line=self.line.name,
                id=self.id,
                piece=len(self._sequences),
                last=last,
                cut=self._cut,
                frames=tuple(_published(frame) for frame in frames),
            )
        )
        self._sequences.append(sequence)
        self._frames += len(frames)


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
