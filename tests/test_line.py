"""The collecting loop: append, then send. Everything else about a line follows from that order."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from edge_agent.errors import JournalFull, LinkError
from edge_agent.events import EventBody, Observation
from edge_agent.events.agent import LineDown, LineUp, ProtocolErrors
from edge_agent.line import LONGEST_READ_SECONDS, Line
from edge_agent.links.memory import MemoryLink
from edge_agent.logs import set_up_logs
from edge_agent.notebook import Notebook
from edge_agent.recorder import Recorder
from edge_agent.settings import LogSettings
from edge_agent.station import CommandOutcome, CommandResult, LineCounters, MachineCommand
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

POISON, WELL_AGAIN, UNREADABLE = b"!", b"^", b"?"


class EchoStation:
    """Learns one thing from every byte, and sends `ack` for each once it was taken."""

    def __init__(self, story: list[str], note: bytes = b"") -> None:
        self.made_from = note
        self.counters = LineCounters()
        self.wake_at: float | None = None
        self.secretive = False
        self.timers = 0  # how often it was called to act on one
        self._story = story
        self._learnt: list[Observation] = []
        self._owed = 0

    def link_opened(self, _now: float) -> None:
        self._story.append("opened")

    def link_lost(self, now: float, reason: str) -> None:
        self._story.append("lost")
        self._learnt.append(Observation("echo", now, LineDown(line="echo", reason=reason)))

    def receive_data(self, data: bytes, now: float) -> None:
        if POISON in data:
            raise ZeroDivisionError("a bug of ours")
        if data == WELL_AGAIN:
            self._learnt.append(Observation("echo", now, LineUp(line="echo", silent_seconds=0.0)))
            return
        if data == UNREADABLE:
            body = ProtocolErrors(line="echo", count=1, total=1, last="no message in it")
            self._learnt.append(Observation("echo", now, body))
            return
        self._learnt += [Observation("echo", now, LineDown(line="echo", reason=chr(byte))) for byte in data]

    def handle_timer(self, _now: float) -> None:
        self.timers += 1

    def next_timer(self) -> float | None:
        return self.wake_at

    def take_observations(self) -> Sequence[Observation]:
        taken, self._learnt = self._learnt, []
        self._owed += len(taken)
        return taken

    def data_to_send(self, _now: float) -> bytes:
        owed, self._owed = self._owed, 0
        return b"ack" * owed

    def note(self) -> bytes:
        self._story.append("note")
        return b"note"

    @property
    def confidential(self) -> bool:
        return self.secretive


class Bench:
    """A line on a memory link, with a journal that can refuse."""

    def __init__(self, folder: Path) -> None:
        self.story: list[str] = []
        self.journal: list[bytes] = []
        self.refusing = threading.Event()
        self.last_station = 0  # the number of the station that cannot be made
        self.device, self.host = MemoryLink.pair()
        self.device.open()
        self.notebook = Notebook(folder / "note")
        self.line = Line(
            name="echo",
            link=self.host,
            station=self.make_station,
            seal=lambda observation: observation.body.model_dump_json().encode(),
            append=self.append,
            notebook=self.notebook,
            monotonic=time.monotonic,
            local_time=lambda: datetime(2026, 7, 4, 5, 59),  # noqa: DTZ001  what the clock on the wall shows
        )

    @property
    def station(self) -> EchoStation:
        assert isinstance(self.line.station, EchoStation)
        return self.line.station

    def make_station(self, note: bytes) -> EchoStation:
        self.story.append("made")
        if self.story.count("made") == self.last_station:
            raise ZeroDivisionError("a bug of ours in what makes it")
        return EchoStation(self.story, note)

    def append(self, payloads: Sequence[bytes]) -> None:
        if self.refusing.is_set():
            self.story.append("refused")
            raise JournalFull("disk is full", "free some space")
        self.journal += payloads
        self.story.append("appended")

    def wait_until(self, true: Callable[[], object]) -> None:
        wait_until(true, PATIENCE_SECONDS, lambda: f"it, after {self.story}")


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("edge_agent.line.JOURNAL_RETRY_SECONDS", 0.01)
    monkeypatch.setattr("edge_agent.line.FIRST_REOPEN_SECONDS", 0.01)
    monkeypatch.setattr("edge_agent.line.FAULT_PAUSE_SECONDS", 0.05)
    bench = Bench(tmp_path)
    bench.line.start()
    yield bench
    bench.line.stop()
    assert bench.line.join(PATIENCE_SECONDS)
    bench.notebook.close()


def test_what_would_make_a_port_better_is_said_once_and_shown_while_it_is_so(
    bench: Bench, tmp_path: Path
) -> None:
    class Numbered(MemoryLink):
        advice = ("port ttyUSB0 hears answers up to 16 ms late — let a udev rule set its timer",)

    device, host = Numbered.pair()
    notebook = Notebook(tmp_path / "slow")
    line = Line(
        name="slow",
        link=host,
        station=bench.make_station,
        seal=lambda _: b"",
        append=bench.append,
        notebook=notebook,
        monotonic=time.monotonic,
    )

    with capture_logs() as log:
        line.start()
        bench.wait_until(lambda: line.advice)
        host.cut()
        bench.wait_until(lambda: bench.story.count("opened") == 3)
        line.stop()
        assert line.join(PATIENCE_SECONDS)
    notebook.close()

    assert line.advice == device.advice
    assert [entry["advice"] for entry in log if "advice" in entry] == [*device.advice]
    assert bench.line.advice == ()


def test_the_device_is_told_only_after_the_append(bench: Bench) -> None:
    bench.device.write(b"A")

    assert bench.device.read(PATIENCE_SECONDS) == b"ack"
    assert bench.journal == [b'{"line":"echo","reason":"A"}']


def test_the_note_is_kept_before_anything_is_sent(bench: Bench) -> None:
    bench.device.write(b"A")

    bench.device.read(PATIENCE_SECONDS)
    assert bench.notebook.note == b"note"
    assert bench.story.index("appended") < len(bench.story) - bench.story[::-1].index("note")


def test_a_journal_that_refuses_leaves_the_device_unacknowledged(bench: Bench) -> None:
    bench.refusing.set()
    bench.device.write(b"A")

    bench.wait_until(lambda: bench.story.count("refused") > 2)

    assert bench.device.read(0.05) == b""
    assert bench.journal == []


def test_what_a_full_journal_refused_is_appended_once_there_is_room(bench: Bench) -> None:
    bench.refusing.set()
    bench.device.write(b"A")
    bench.wait_until(lambda: "refused" in bench.story)

    bench.refusing.clear()

    assert bench.device.read(PATIENCE_SECONDS) == b"ack"
    assert len(bench.journal) == 1


def test_a_lost_link_is_journalled_and_opened_again(bench: Bench) -> None:
    bench.host.cut()

    bench.wait_until(lambda: bench.story.count("opened") == 2)

    assert b"was cut" in bench.journal[0]


def test_a_line_says_why_it_is_down_for_as_long_as_it_is(bench: Bench) -> None:
    bench.host.cut()
    bench.wait_until(lambda: "was cut" in bench.line.trouble)
    bench.wait_until(lambda: bench.story.count("opened") == 2)
    bench.device.write(UNREADABLE)
    bench.wait_until(lambda: any(b"no message in it" in record for record in bench.journal))
    assert "was cut" in bench.line.trouble

    bench.device.write(WELL_AGAIN)

    bench.wait_until(lambda: not bench.line.trouble)


def test_a_lost_link_while_the_journal_refuses_loses_nothing(bench: Bench) -> None:
    bench.refusing.set()
    bench.host.cut()
    bench.wait_until(lambda: bench.story.count("opened") == 2)

    bench.refusing.clear()

    bench.wait_until(lambda: bench.journal)
    assert b"was cut" in bench.journal[0]


def test_a_link_that_cannot_be_opened_is_tried_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    tries: list[None] = []

    def refuse() -> None:
        tries.append(None)
        raise LinkError("port x does not exist", "plug it in")

    monkeypatch.setattr(bench.host, "open", refuse)
    bench.host.cut()

    bench.wait_until(lambda: len(tries) >= 3)
    assert bench.station.counters.state == "link lost"
    monkeypatch.undo()
    bench.wait_until(lambda: bench.story.count("opened") == 2)


def test_a_station_is_served_when_its_timer_is_due(bench: Bench) -> None:
    bench.station.wake_at = 0.0

    bench.wait_until(lambda: bench.station.timers > 20)
    bench.station.wake_at = None


def test_a_fault_of_ours_is_said_counted_and_journalled(bench: Bench) -> None:
    with capture_logs() as said:
        bench.device.write(POISON)
        bench.wait_until(lambda: bench.story.count("opened") == 2)

    assert bench.line.faults == 1
    assert b"fault of the agent: ZeroDivisionError: a bug of ours" in bench.journal[0]
    (fault,) = [entry for entry in said if entry["log_level"] == "error"]
    assert isinstance(fault["exc_info"], ZeroDivisionError)


def test_a_line_with_a_fault_does_not_look_well(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.line.FAULT_PAUSE_SECONDS", PATIENCE_SECONDS)

    bench.device.write(POISON)

    bench.wait_until(lambda: bench.station.counters.state == "fault of the agent")


def test_after_a_fault_the_line_begins_again_from_its_note(bench: Bench) -> None:
    """As after a kill: what the old station had heard and not made durable was never acknowledged."""
    bench.device.write(b"A")
    bench.device.read(PATIENCE_SECONDS)
    old = bench.station

    bench.device.write(b"B" + POISON)

    bench.wait_until(lambda: bench.story.count("opened") == 2)
    assert bench.station is not old
    assert bench.station.made_from == b"note"
    bench.device.write(b"C")
    bench.wait_until(lambda: b'{"line":"echo","reason":"C"}' in bench.journal)


def test_a_fault_that_comes_again_with_every_byte_ends_no_line(bench: Bench) -> None:
    for time_round in range(1, 4):
        bench.device.write(POISON)
        bench.wait_until(lambda: bench.line.faults >= time_round and bench.host.is_open)  # noqa: B023  waits here
    bench.device.write(b"A")
    bench.wait_until(lambda: b'{"line":"echo","reason":"A"}' in bench.journal)


def test_a_fault_of_what_makes_stations_leaves_the_old_one(bench: Bench) -> None:
    bench.last_station = 2

    bench.device.write(POISON)

    bench.wait_until(lambda: bench.story.count("opened") == 2)
    bench.device.write(b"A")
    assert bench.device.read(PATIENCE_SECONDS) == b"ack"


def test_a_line_that_was_never_started_has_ended(tmp_path: Path) -> None:
    bench = Bench(tmp_path)

    assert bench.line.join(0.0)
    bench.notebook.close()


def test_a_line_that_is_started_again_goes_on(bench: Bench) -> None:
    bench.device.write(b"A")
    assert bench.device.read(PATIENCE_SECONDS) == b"ack"

    bench.line.start()

    bench.device.write(b"B")
    assert bench.device.read(PATIENCE_SECONDS) == b"ack"
    assert bench.story.count("made") == 1


def test_the_wire_is_shown_at_debug_but_for_what_is_confidential(
    bench: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logs(LogSettings(level="debug", form="json"))
    bench.line._log = structlog.get_logger().bind(line="echo")

    bench.device.write(b"AB")
    bench.device.read(PATIENCE_SECONDS)
    bench.station.secretive = True
    bench.device.write(b"CARD")
    bench.device.read(PATIENCE_SECONDS)

    bench.station.secretive = False
    bench.device.write(b"LATE")
    bench.device.read(PATIENCE_SECONDS)

    bench.wait_until(lambda: bench.story.count("note") > 2)
    shown = capsys.readouterr().err
    assert '"data": "41 42", "event": "heard"' in shown
    assert '"data": "61 63 6b 61 63 6b", "event": "sent"' in shown
    assert shown.count("4 bytes, confidential") == 2
    assert "43 41 52 44" not in shown
    assert "4c 41 54 45" not in shown
    structlog.reset_defaults()


def test_a_wire_that_nobody_watches_is_not_shown(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logs(LogSettings(level="info", form="json"))
    bench.line._log = structlog.get_logger().bind(line="echo")

    bench.device.write(b"A")

    assert bench.device.read(PATIENCE_SECONDS) == b"ack"
    assert capsys.readouterr().err == ""
    structlog.reset_defaults()


def test_a_line_whose_journal_refuses_is_not_stuck(bench: Bench) -> None:
    """A full disk is back-pressure; ending the process would mend nothing."""
    bench.refusing.set()
    bench.device.write(b"A")

    bench.wait_until(lambda: bench.story.count("refused") > 2)

    assert not bench.line.stuck(time.monotonic(), patience=1.0)
    assert bench.line.held_back
    bench.refusing.clear()
    bench.wait_until(lambda: not bench.line.held_back)


def test_a_line_that_rests_after_a_fault_is_not_stuck(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.line.FAULT_PAUSE_SECONDS", 3600.0)
    bench.device.write(POISON)
    bench.wait_until(lambda: bench.station.counters.state == "fault of the agent")

    assert not bench.line.stuck(time.monotonic() + 600, patience=1.0)
    assert bench.line.stuck(time.monotonic() + 3700, patience=1.0)


def test_a_line_that_does_not_come_round_is_stuck_until_it_does(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung, let_go = threading.Event(), threading.Event()

    def hang(_timeout: float) -> bytes:
        hung.set()
        let_go.wait(PATIENCE_SECONDS)
        return b""

    monkeypatch.setattr(bench.host, "read", hang)
    assert hung.wait(PATIENCE_SECONDS)

    bench.wait_until(lambda: bench.line.stuck(time.monotonic(), patience=0.05))
    monkeypatch.undo()
    let_go.set()
    bench.wait_until(lambda: not bench.line.stuck(time.monotonic(), patience=0.5))


def test_a_line_whose_thread_ended_unasked_is_stuck(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing should end it; whatever does is no exception that can be mended within the process."""
    monkeypatch.setattr("edge_agent.line.Line._serve", _leave)
    monkeypatch.setattr("threading.excepthook", lambda _died: None)
    bench.host.cut()

    bench.wait_until(lambda: bench.line.stuck(time.monotonic(), patience=PATIENCE_SECONDS))


def _leave(_line: Line) -> None:
    raise SystemExit


def test_a_line_that_was_stopped_or_never_began_is_not_stuck(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    other = Bench(tmp_path / "other")
    bench.line.stop()
    assert bench.line.join(PATIENCE_SECONDS)

    assert not bench.line.stuck(time.monotonic() + 3600, patience=1.0)
    assert not other.line.stuck(time.monotonic() + 3600, patience=1.0)
    other.notebook.close()


def test_a_line_says_what_it_is(bench: Bench) -> None:
    assert repr(bench.line) == "<Line echo starting>"


def test_what_arrives_before_a_timer_is_due_calls_none(bench: Bench) -> None:
    bench.wait_until(lambda: bench.station.timers)
    began, before = time.monotonic(), bench.station.timers

    for _ in range(20):
        bench.device.write(b"A")
        assert bench.device.read(PATIENCE_SECONDS)

    longest_turns = (time.monotonic() - began) / LONGEST_READ_SECONDS
    assert bench.station.timers - before <= longest_turns + 1


def test_timers_are_acted_on_however_much_arrives(bench: Bench) -> None:
    """A line full of noise has to be told of, too."""
    bench.wait_until(lambda: bench.station.timers)
    began, before = time.monotonic(), bench.station.timers

    while time.monotonic() - began < 2 * LONGEST_READ_SECONDS:
        bench.device.write(b"A")
        bench.device.read(PATIENCE_SECONDS)

    assert bench.station.timers > before


class SilentStation(EchoStation):
    """Learns, and has nothing to say."""

    def data_to_send(self, _now: float) -> bytes:
        return b""


def test_a_note_is_kept_for_what_was_journalled_although_nothing_is_sent(bench: Bench) -> None:
    bench.line.station = SilentStation(bench.story)

    bench.device.write(b"A")

    bench.wait_until(lambda: bench.notebook.note == b"note")
    assert bench.story[-2:] == ["appended", "note"]


class MeteredStation(EchoStation):
    """A station whose counters can be asked for."""

    def read_meters(self, _now: float) -> None:
        self._story.append("meters")


def test_meters_are_asked_for_by_the_lines_own_thread(bench: Bench) -> None:
    assert not bench.line.read_meters()
    bench.line.station = MeteredStation(bench.story)

    assert bench.line.read_meters()

    bench.wait_until(lambda: "meters" in bench.story)
    assert bench.story.count("meters") == 1


class TimedStation(EchoStation):
    """Is told what o'clock it is."""

    def tell_time(self, local: datetime, _now: float) -> None:
        self._story.append(f"told {local:%H:%M}")


def test_a_station_is_told_the_time_of_day_at_once_and_now_and_then(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.line.TELL_TIME_SECONDS", 0.05)

    bench.line.station = TimedStation(bench.story)

    bench.wait_until(lambda: bench.story.count("told 05:59") >= 3)


def test_what_goes_over_the_wire_can_be_recorded(bench: Bench) -> None:
    recorder = Recorder(time.monotonic())
    bench.line.record(recorder)

    bench.device.write(b"A")
    assert bench.device.read(PATIENCE_SECONDS) == b"ack"
    bench.line.record(None)
    bench.device.write(b"B")
    assert bench.device.read(PATIENCE_SECONDS) == b"ack"

    assert [(frame.direction, frame.data) for frame in recorder.take()] == [("heard", b"A"), ("sent", b"ack")]


def test_what_no_log_may_show_is_not_recorded_either(bench: Bench) -> None:
    recorder = Recorder(time.monotonic())
    bench.line.record(recorder)
    bench.station.secretive = True

    bench.device.write(b"A")
    assert bench.device.read(PATIENCE_SECONDS) == b"ack"

    assert [(frame.direction, frame.data, frame.size) for frame in recorder.take()] == [
        ("heard", None, 1),
        ("sent", b"ack", 3),
    ]


COMMAND = MachineCommand("c-1", "redeem_ticket", {}, "floor console", "a guest asked", until=float("inf"))


class CommandedStation(EchoStation):
    """Is given commands, and says of each at once that it was accepted."""

    takes_commands = True
    discloses = True
    unheard: tuple[MachineCommand, ...] = ()

    def accept_command(self, _device: str, _command: MachineCommand) -> EventBody:
        return LineDown(line="echo", reason="accepted")

    def command(self, device: str, command: MachineCommand) -> None:
        self._story.append(f"command for {device}")
        self.unheard += (command,)
        self._learnt.append(Observation("echo", 0.0, LineDown(line="echo", reason="commanded")))

    def take_outcomes(self) -> Sequence[CommandResult]:
        results = [(command, CommandOutcome.ACKNOWLEDGED, {"code": 0}) for command in self.unheard]
        self.unheard = ()
        return results


def test_a_command_is_given_by_the_lines_own_thread_and_its_outcome_is_told_once_it_is_durable(
    bench: Bench,
) -> None:
    told: list[CommandResult] = []
    durable_when_told: list[bool] = []

    def on_outcome(result: CommandResult) -> None:
        durable_when_told.append(any(b"commanded" in payload for payload in bench.journal))
        told.append(result)

    bench.line.station = CommandedStation(bench.story)
    bench.line.command("slot-1", COMMAND, on_outcome)

    bench.wait_until(lambda: told)
    assert told == [(COMMAND, CommandOutcome.ACKNOWLEDGED, {"code": 0})]
    assert durable_when_told == [True]
    assert bench.story.count("command for slot-1") == 1


def test_an_outcome_is_not_told_while_the_journal_refuses(bench: Bench) -> None:
    told: list[CommandResult] = []
    bench.refusing.set()
    bench.line.station = CommandedStation(bench.story)

    bench.line.command("slot-1", COMMAND, told.append)

    bench.wait_until(lambda: bench.story.count("refused") > 2)
    assert told == []
    bench.refusing.clear()
    bench.wait_until(lambda: told)


def test_what_a_command_holds_in_confidence_is_recorded_by_its_size(bench: Bench) -> None:
    told: list[CommandResult] = []
    recorder = Recorder(time.monotonic())
    bench.line.station = CommandedStation(bench.story)
    bench.line.record(recorder)
    assert bench.line.recorder is recorder

    bench.line.command("slot-1", COMMAND, told.append)

    assert bench.device.read(PATIENCE_SECONDS) == b"ack"
    bench.wait_until(lambda: told)
    bench.line.record(None)
    assert [(frame.direction, frame.size, frame.data) for frame in recorder.take()] == [("sent", 3, None)]


def test_a_command_for_a_device_that_takes_none_changes_nothing(bench: Bench) -> None:
    told: list[CommandResult] = []

    bench.line.command("echo", COMMAND, told.append)

    bench.device.write(b"A")
    assert bench.device.read(PATIENCE_SECONDS) == b"ack"
    assert told == []


class ManyStation(EchoStation):
    """Of two devices on one line."""

    troubles: Mapping[str, str] = {}

    @property
    def devices(self) -> Mapping[str, LineCounters]:
        return {"slot-1": self.counters, "slot-2": self.counters}


def test_the_trouble_of_one_of_several_devices_is_not_the_lines(bench: Bench) -> None:
    bench.line.station = ManyStation(bench.story)

    bench.device.write(b"A")

    assert bench.device.read(PATIENCE_SECONDS) == b"ack"
    assert bench.line.trouble == ""


def test_advice_that_was_said_is_not_said_again_beside_another(bench: Bench) -> None:
    with capture_logs() as log:
        bench.line._pass_on(("a — b",))
        bench.line._pass_on(("a — b", "c — d"))

    assert [entry["advice"] for entry in log] == ["a — b", "c — d"]
    assert bench.line.advice == ("a — b", "c — d")
