"""Errands: what the collector does for a command, once it was accepted and journalled.

    {"verb": "meters", "subjects": […]}             have counters read; all devices if none is named
    {"verb": "reading", "subject": …, "after": …}   what that brought, once it is journalled
    {"verb": "capture", "subject": …, …}            record a line for some seconds
    {"verb": "captured", "id": …}                   how far that is

All come back at once: a desk does not wait for a device. Nothing here sends anything: a station is
told that a reading is wanted, and asks for it by the polls it reads with anyway.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from edge_agent.agent.captures import Captures
from edge_agent.agent.journalist import Journalist
from edge_agent.agent.readings import Readings
from edge_agent.agent.watching import Watching
from edge_agent.desk import Desk, answer_say, desk_path
from edge_agent.desk.address import LONGEST_LINE_BYTES
from edge_agent.errors import LocalProtocolError
from edge_agent.line import Line
from edge_agent.logs import recent_log
from edge_agent.settings import Settings


@contextmanager
def open_desk(
    settings: Settings,
    journalist: Journalist,
    lines: Callable[[], Mapping[str, Line]],
    readings: Readings,
    head: Callable[[], int],
) -> Iterator[None]:
    """The collector's desk, open while the context lasts."""
    with Captures(journalist.say_of, journalist.clock.monotonic) as captures:
        errands = Errands(
            lines,
            captures,
            readings,
            head=head,
            allow=settings.commands.allow,
            longest_capture_seconds=settings.commands.longest_capture_seconds,
        )
        answers = {
            "say": answer_say(journalist.say),
            "command": errands.answer,
            "log": answer_log,
            "watch": Watching(lines, journalist.clock.monotonic).answer,
        }
        with Desk(desk_path(settings.state), answers):
            yield


def answer_log(_request: object) -> Mapping[str, Any]:
    """What the collector logged last, as much as a line of the desk holds, for a diagnosis."""
    lines, room = [*recent_log()], LONGEST_LINE_BYTES - 1024
    while lines and len(json.dumps(lines)) > room:
        del lines[: max(1, len(lines) // 4)]
    return {"lines": lines}


class Errands:
    """Answers `command` at the desk.

    Args:
        lines: the lines that run now, by device.
        captures: those under way.
        readings: what was read last of each device.
        head: the journal's last sequence.
        allow: the verbs of the settings.
        longest_capture_seconds: of the settings.
    """

    def __init__(
        self,
        lines: Callable[[], Mapping[str, Line]],
        captures: Captures,
        readings: Readings,
        *,
        head: Callable[[], int],
        allow: Collection[str],
        longest_capture_seconds: float,
    ) -> None:
        self._lines = lines
        self._captures = captures
        self._readings = readings
        self._head = head
        self._allow = allow
        self._longest_capture_seconds = longest_capture_seconds

    def answer(self, request: Any) -> Mapping[str, Any]:  # noqa: ANN401  whatever JSON holds
        """Begin what is asked. Raises LocalProtocolError for what is not allowed or makes no sense."""
        match request:
            case {"verb": "reading", "subject": str(subject), "after": int(after)}:
                return self._reading(subject, after)
            case {"verb": "captured", "id": str(id_)}:
                return self._captures.result(id_) or {"over": True, "trouble": "the capture is not known"}
            case {"verb": str(verb)} if verb not in self._allow:
                raise LocalProtocolError(f"{verb!r} is not allowed", "list it in `commands.allow`")
            case {"verb": "meters", "subjects": list(subjects)}:
                return self._read_meters([str(subject) for subject in subjects])
            case {"verb": "capture", "subject": str(subject), "id": str(id_), "seconds": int(seconds)}:
                return self._capture(subject, id_, seconds)
        raise LocalProtocolError("`command` takes a verb and its arguments")

    def _read_meters(self, subjects: list[str]) -> Mapping[str, Any]:
        lines, after = self._lines(), self._head()
        asked: list[str] = []
        cannot: dict[str, str] = {}
        for subject in subjects or [*lines]:
            line = lines.get(subject)
            if line is None:
                cannot[subject] = "no line of this gateway has this device"
            elif line.read_meters():
                asked.append(subject)
            else:
                cannot[subject] = "this kind of device has no counters that can be asked for"
        return {"after": after, "asked": asked, "cannot": cannot}

    def _reading(self, subject: str, after: int) -> Mapping[str, Any]:
        reading = self._readings.after(subject, after)
        return {} if reading is None else {"sequence": reading.sequence, "data": reading.data}

    def _capture(self, subject: str, command_id: str, seconds: int) -> Mapping[str, Any]:
        line = self._lines().get(subject)
        if line is None:
            raise LocalProtocolError(f"no line of this gateway has the device {subject[:64]!r}")
        if not 0 < seconds <= self._longest_capture_seconds:
            raise LocalProtocolError(f"a capture lasts 1 to {self._longest_capture_seconds:g} seconds")
        self._captures.start(line, subject, command_id, seconds)
        return {}
