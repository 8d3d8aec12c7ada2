"""What the collector does for a command: bounded, allowed, and never anything but reading."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from structlog.testing import capture_logs

from edge_agent.agent.captures import MOST_CAPTURES, PIECE_FRAMES, Captures
from edge_agent.agent.errands import Errands
from edge_agent.agent.readings import Readings
from edge_agent.drivers.tdl1 import Tdl1Driver
from edge_agent.errors import InUseError, JournalFull, LocalProtocolError
from edge_agent.events import ClockQuality, ClockReading, EventBody, Observation, seal
from edge_agent.events.agent import LineCaptured, LineUp
from edge_agent.events.slot import MetersRead
from edge_agent.events.table import DeviceCounters
from edge_agent.line import Line
from edge_agent.links.memory import MemoryLink
from edge_agent.notebook import Notebook
from edge_agent.station import DeviceIdentity, Station
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

CLOCK = ClockReading(1_749_630_663.0, 5_021.5, "boot", ClockQuality.SYNCHRONISED)
COUNTERS = DeviceCounters(serial="A1234", boot=17, cycles=5)
QUESTION = {"verb": "capture", "subject": "one", "id": "c-1", "seconds": 1}


def sealed(body: EventBody) -> bytes:
    return seal(Observation("one", 5_021.0, body), CLOCK, "/floor/lab/gw-07")


class Floor:
    """Lines on memory that are never started: what goes over them is said by the test."""

    def __init__(self, folder: Path) -> None:
        self.told: list[tuple[str, LineCaptured]] = []
        self.full = threading.Event()
        self.notebooks = [Notebook(folder / name) for name in ("one", "two", "three")]
        self.lines = {book.path.name: self.make(book) for book in self.notebooks}
        self.readings = Readings()
        self.captures = Captures(self.observe, time.monotonic)
        self.errands = Errands(
            lambda: self.lines,
            self.captures,
            self.readings,
            head=lambda: 41,
            allow=("meters", "capture"),
            longest_capture_seconds=60,
        )

    def make(self, notebook: Notebook) -> Line:
        name = notebook.path.name
        return Line(
            name=name,
            link=MemoryLink.pair()[0],
            station=lambda note: Tdl1Driver().station(DeviceIdentity(name, "USD"), {}, note),
            seal=lambda observation: observation.body.model_dump_json().encode(),
            append=lambda _payloads: None,
            notebook=notebook,
            monotonic=time.monotonic,
        )

    def observe(self, device: str, body: LineCaptured) -> int:
        if self.full.is_set():
            raise JournalFull("the disk is full", "free some space")
        self.told.append((device, body))
        return 100 + len(self.told)

    def over(self) -> bool:
        return not [one for one in threading.enumerate() if one.name.startswith("capture[")]


@pytest.fixture
def floor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    monkeypatch.setattr("edge_agent.agent.captures.PIECE_SECONDS", 0.02)
    floor = Floor(tmp_path)
    with floor.captures:
        yield floor
    for notebook in floor.notebooks:
        notebook.close()


def test_meters_are_wanted_of_every_device_if_none_is_named(floor: Floor) -> None:
    answer = floor.errands.answer({"verb": "meters", "subjects": []})

    assert answer == {"after": 41, "asked": ["one", "two", "three"], "cannot": {}}
    assert all(line._meters_wanted for line in floor.lines.values())


def test_a_device_nobody_knows_is_named(floor: Floor) -> None:
    answer = floor.errands.answer({"verb": "meters", "subjects": ["one", "nine"]})

    assert answer["asked"] == ["one"]
    assert answer["cannot"] == {"nine": "no line of this gateway has this device"}


def test_a_station_without_counters_is_said_to_have_none(floor: Floor) -> None:
    floor.lines["one"].station = cast("Station", object())

    answer = floor.errands.answer({"verb": "meters", "subjects": ["one"]})

    assert answer["cannot"] == {"one": "this kind of device has no counters that can be asked for"}


@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"verb": "bundle"}, "'bundle' is not allowed"),
        ({"verb": "reboot"}, "'reboot' is not allowed"),
        ({"verb": "meters"}, "takes a verb and its arguments"),
        ("meters", "takes a verb and its arguments"),
        ({**QUESTION, "subject": "nine"}, "no line of this gateway has the device 'nine'"),
        ({**QUESTION, "seconds": 61}, "lasts 1 to 60 seconds"),
        ({**QUESTION, "seconds": 0}, "lasts 1 to 60 seconds"),
    ],
)
def test_what_makes_no_sense_is_refused(floor: Floor, request_: object, complaint: str) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        floor.errands.answer(request_)


def test_a_reading_is_told_once_it_is_journalled(floor: Floor) -> None:
    append = floor.readings.through(lambda payloads: range(42, 42 + len(payloads)))
    question = {"verb": "reading", "subject": "one", "after": 41}
    assert floor.errands.answer(question) == {}

    append([sealed(LineUp(line="one", silent_seconds=1.0)), sealed(COUNTERS)])

    answer = floor.errands.answer(question)
    assert answer["sequence"] == 43
    assert answer["data"]["cycles"] == 5
    assert floor.errands.answer({**question, "after": 43}) == {}
    assert floor.errands.answer({**question, "subject": "two"}) == {}


def test_meters_of_a_machine_are_a_reading(floor: Floor) -> None:
    append = floor.readings.through(lambda payloads: range(1, 1 + len(payloads)))

    append([sealed(MetersRead(reason="command", denomination=None, epoch=0, settled=True, meters=()))])

    assert floor.errands.answer({"verb": "reading", "subject": "one", "after": 0})["sequence"] == 1


def test_a_capture_nobody_knows_is_over(floor: Floor) -> None:
    answer = floor.errands.answer({"verb": "captured", "id": "c-9"})

    assert answer == {"over": True, "trouble": "the capture is not known"}


def test_a_capture_is_journalled_in_pieces_and_ends(floor: Floor) -> None:
    line = floor.lines["one"]
    assert floor.errands.answer(QUESTION) == {}
    recorder = line._recorder
    assert recorder is not None

    for _ in range(PIECE_FRAMES + 1):
        recorder.sent(b"\x24", time.monotonic(), confidential=False)
    recorder.heard(b"secret", time.monotonic(), confidential=True)
    wait_until(floor.over, PATIENCE_SECONDS)

    pieces = [body for _device, body in floor.told]
    assert {device for device, _body in floor.told} == {"one"}
    assert [body.piece for body in pieces] == list(range(len(pieces)))
    assert [body.last for body in pieces] == [False] * (len(pieces) - 1) + [True]
    assert not any(body.cut for body in pieces)
    frames = [frame for body in pieces for frame in body.frames]
    assert [(frame.data, frame.size) for frame in frames[-2:]] == [("24", 1), (None, 6)]
    assert max(len(body.frames) for body in pieces) <= PIECE_FRAMES
    assert line._recorder is None
    assert floor.errands.answer({"verb": "captured", "id": "c-1"}) == {
        "over": True,
        "first": 101,
        "pieces": len(pieces),
        "frames": PIECE_FRAMES + 2,
        "cut": False,
        "trouble": "",
    }


def test_a_capture_that_has_all_it_may_have_ends_at_once(
    floor: Floor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.recorder.Recorder.__init__.__defaults__", (1000,))
    floor.errands.answer({**QUESTION, "seconds": 60})
    recorder = floor.lines["one"]._recorder
    assert recorder is not None

    recorder.heard(bytes(2000), time.monotonic(), confidential=False)
    wait_until(floor.over, PATIENCE_SECONDS)

    assert floor.told[-1][1].last
    assert floor.told[-1][1].cut


def test_a_full_journal_ends_the_capture_and_not_the_line(floor: Floor) -> None:
    floor.full.set()
    with capture_logs() as logs:
        floor.errands.answer(QUESTION)
        wait_until(floor.over, PATIENCE_SECONDS)

    assert floor.lines["one"]._recorder is None
    assert [entry["event"] for entry in logs] == ["capture ended: the journal refuses"]
    assert floor.errands.answer({"verb": "captured", "id": "c-1"})["trouble"] == "the disk is full"


def test_captures_are_few_and_one_a_line(floor: Floor) -> None:
    for device in ("one", "two")[:MOST_CAPTURES]:
        floor.errands.answer({**QUESTION, "subject": device, "seconds": 60})

    with pytest.raises(InUseError, match="line one is being captured"):
        floor.errands.answer(QUESTION)
    with pytest.raises(InUseError, match="2 captures run already"):
        floor.errands.answer({**QUESTION, "subject": "three"})


def test_a_collector_that_ends_ends_its_captures(floor: Floor) -> None:
    floor.errands.answer({**QUESTION, "seconds": 60})

    floor.captures.__exit__(None, None, None)

    assert floor.over()
    assert floor.told[-1][1].last
    assert floor.told[-1][1].cut
