"""Line: a thread, a link, a station and the journal. Its loop is the guarantee.

The order below is the whole point, so it stands on one screen: act on timers, take what was
learnt, make it durable, and only then send, because whatever is sent may tell the machine that
it was heard. If the journal refuses, nothing is sent; the machine, never acknowledged, keeps
its exceptions and is asked again. A full disk becomes back-pressure on the floor, not a hole
in the record.

A link that is lost is opened again for ever, with a growing pause; the other lines do not
notice. Nor do they when the fault is ours: an exception nobody expected is logged with its
traceback and counted, and the line begins again as after a kill, with a new station made from
the note. What the old one had heard and we had not made durable was never acknowledged.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

import structlog

from edge_agent.clock import local_time
from edge_agent.errors import InUseError, JournalError, LinkError
from edge_agent.events import Observation
from edge_agent.links import Advising, Link
from edge_agent.notebook import Notebook
from edge_agent.recorder import Recorder, Secrecy
from edge_agent.station import (
    Commandable,
    CommandResult,
    MachineCommand,
    Metered,
    Shared,
    Station,
    Timed,
    trouble_after,
)

# A line notices that it should stop within this time, whatever its station waits for.
LONGEST_READ_SECONDS = 0.25

# How often a station is told what the clock on the wall shows: a clock that was set is noticed within this.
TELL_TIME_SECONDS = 60.0

# A disk that was full is asked again this often: a machine keeps at least 20 exceptions meanwhile.
JOURNAL_RETRY_SECONDS = 0.5

# An adapter takes about a second to reappear; a port that is not there is not asked for in a tight loop.
FIRST_REOPEN_SECONDS, LONGEST_REOPEN_SECONDS = 0.5, 10.0

# A fault of ours may come again with the same bytes: one traceback in ten seconds says enough, and a
# machine keeps its exceptions meanwhile.
FAULT_PAUSE_SECONDS = 10.0
LOST_STATE, FAULT_STATE = "link lost", "fault of the agent"
LONGEST_FAULT_REASON = 200  # characters; an exception may quote bytes


class Line:
    """A running link with its station.

    Args:
        name: what the site calls the line; names the thread.
        link: the way bytes travel. Opened, and opened again, by the line.
        station: makes what is at this end, pure state, from the note kept last.
        seal: makes an observation the bytes the journal keeps.
        append: makes those bytes durable on return, or raises JournalError.
        notebook: keeps the station's note before anything is sent.
        monotonic: seconds; orders everything on this line.
        local_time: the time of day where the device stands, for stations to which that matters.
    """

    def __init__(
        self,
        *,
        name: str,
        link: Link,
        station: Callable[[bytes], Station],
        seal: Callable[[Observation], bytes],
        append: Callable[[Sequence[bytes]], object],
        notebook: Notebook,
        monotonic: Callable[[], float],
        local_time: Callable[[], datetime] = local_time,
    ) -> None:
        self.name = name
        self.faults = 0
        self.held_back = False  # whether the journal refuses, so that the machine is not polled
        self.trouble = ""  # why the line is down, for as long as it is
        self.advice: tuple[str, ...] = ()  # what would make its port better, each with its mend
        self.station = station(notebook.note)
        self._make_station = station
        self._link = link
        self._advising = link if isinstance(link, Advising) else None
        self._seal = seal
        self._append = append
        self._notebook = notebook
        self._monotonic = monotonic
        self._local_time = local_time
        self._time_due = float("-inf")
        self._not_yet_durable: list[bytes] = []
        self._recorder: Recorder | None = None
        self._secrecy = Secrecy()
        self._meters_wanted = False
        self._commands: deque[tuple[str, MachineCommand]] = deque()
        self._on_outcome: Callable[[CommandResult], None] | None = None
        self._trouble = ""
        self._pause = FIRST_REOPEN_SECONDS
        self._stopping = threading.Event()
        self._back_by = 0.0  # when the thread means to come round again, unless what it calls holds it
        # A driver that hangs must not keep the process from ending: what it holds was not acknowledged.
        self.thread = threading.Thread(target=self._run, name=f"line[{name}]", daemon=True)
        self._log = structlog.get_logger().bind(line=name)

    def __repr__(self) -> str:
        return f"<Line {self.name} {self.station.counters.state}>"

    @property
    def station(self) -> Station:
        """What is at this end: another one after a fault of ours."""
        return self._station

    @station.setter
    def station(self, station: Station) -> None:
        self._station = station
        # Found out once: to ask it at every turn costs as much as a poll.
        self._timed = station if isinstance(station, Timed) else None
        self._metered = station if isinstance(station, Metered) else None
        self._commandable = station if isinstance(station, Commandable) else None
        self.shared = station if isinstance(station, Shared) else None

    def start(self) -> None:
        """Start the line's thread. Repeating it changes nothing."""
        if self.thread.ident is None:
            self._back_by = self._monotonic()
            self.thread.start()

    def stop(self) -> None:
        """Ask the line to stop after what it is doing."""
        self._stopping.set()

    def join(self, timeout: float) -> bool:
        """Wait for the thread; whether it ended, or never began."""
        if self.thread.ident is not None:
            self.thread.join(timeout)
        return not self.thread.is_alive()

    def stuck(self, now: float, patience: float) -> bool:
        """Whether the thread is later by `patience` seconds than it meant to be, or ended unasked.

        A machine that says nothing, a port that is gone and a journal that is full hold no line up.
        """
        if self.thread.ident is None:
            return False
        if not self.thread.is_alive():
            return not self._stopping.is_set()
        return now - self._back_by > patience

    def read_meters(self) -> bool:
        """Have the counters read at the next safe moment; whether this device has any to ask for."""
        self._meters_wanted = self._metered is not None
        return self._meters_wanted

    def command(
        self, device: str, command: MachineCommand, on_outcome: Callable[[CommandResult], None]
    ) -> None:
        """Give a device a command that it has accepted; what became of it is told once it is durable."""
        self._on_outcome = on_outcome
        self._commands.append((device, command))

    @property
    def recorder(self) -> Recorder | None:
        """What everything that goes over the wire is recorded by."""
        return self._recorder

    def record(self, recorder: Recorder | None) -> None:
        """Have everything that goes over the wire recorded from now on, or no longer."""
        self._recorder = recorder

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._serve()
            except Exception as fault:  # noqa: BLE001  ours, whatever it is: it is said, and no line dies of it
                self._begin_again(fault)

    def _serve(self) -> None:
        """Open the link and collect; when it is lost, say so and pause."""
        try:
            self._open_and_collect()
        except (LinkError, InUseError) as lost:
            self._complain(lost)
            self.station.link_lost(self._monotonic(), lost.what)
            self.station.counters.state = LOST_STATE  # a station is not asked anything until the link is back
            with suppress(JournalError):
                self._make_durable()
            self._rest(self._pause)
            self._pause = min(2 * self._pause, LONGEST_REOPEN_SECONDS)

    def _open_and_collect(self) -> None:
        try:
            self._link.open()
            self._pause, self._trouble = FIRST_REOPEN_SECONDS, ""
            self.station.link_opened(self._monotonic())
            self._log.info("line opened", port=self._link.name)
            self._collect()
        finally:
            # Before any pause: an adapter that comes back gets another name while we hold this one.
            self._link.close()

    def _collect(self) -> None:
        """Collect until asked to stop: timers, take, append, write, read."""
        due = latest = self._monotonic()
        while not self._stopping.is_set():
            now = self._monotonic()
            self._back_by = now + LONGEST_READ_SECONDS
            if now >= due:
                self._heed(now)
                self._station.handle_timer(now)
                latest = now + LONGEST_READ_SECONDS
            try:
                learnt = self._make_durable()
                self._tell_outcomes()
                data = self._station.data_to_send(self._monotonic())
                if learnt or data:
                    self._notebook.keep(self._station.note())
                self.held_back = False
            except JournalError as refused:
                self._hold_back(refused)
                continue
            if data:
                self._show_sent(data)
                self._link.write(data)
            due = self._due(latest)
            arrived = self._link.read(max(0.0, due - self._monotonic()))
            if arrived:
                self._show_heard(arrived)
                self._station.receive_data(arrived, self._monotonic())

    def _heed(self, now: float) -> None:
        """Pass on what was wanted of this line meanwhile. It changes what is asked, never when."""
        if self._advising is not None and self._advising.advice != self.advice:
            self._pass_on(self._advising.advice)
        if now >= self._time_due and self._timed is not None:
            self._time_due = now + TELL_TIME_SECONDS
            self._timed.tell_time(self._local_time(), now)
        if self._meters_wanted and self._metered is not None:
            self._meters_wanted = False
            self._metered.read_meters(now)
        while self._commands and self._commandable is not None:
            self._commandable.command(*self._commands.popleft())

    def _tell_outcomes(self) -> None:
        if self._on_outcome is not None and self._commandable is not None:
            for result in self._commandable.take_outcomes():
                self._on_outcome(result)

    def _pass_on(self, advice: tuple[str, ...]) -> None:
        """Say what would make the port better: once, however often it is opened."""
        for new in advice:
            if new not in self.advice:
                self._log.warning("the port could be better", advice=new)
        self.advice = advice

    @property
    def _is_watched(self) -> bool:
        """Whether anybody looks at the wire. As a rule nobody does, and showing it is not free."""
        return self._recorder is not None or self._log.is_enabled_for(logging.DEBUG)

    def _show_sent(self, data: bytes) -> None:
        if not self._is_watched:
            return
        now, confidential = self._monotonic(), self._station.confidential
        self._secrecy.covers(now, confidential=confidential)
        # Only who commands a device can know a number before the device has said it.
        commanded = self._commandable if self._on_outcome is not None else None
        discloses = commanded is not None and commanded.discloses
        self._log.debug("sent", data=_shown(data, withheld=discloses))
        if (recorder := self._recorder) is not None:
            recorder.sent(data, now, confidential=confidential, discloses=discloses)

    def _show_heard(self, data: bytes) -> None:
        if not self._is_watched:
            return
        now, confidential = self._monotonic(), self._station.confidential
        self._log.debug(
            "heard", data=_shown(data, withheld=self._secrecy.covers(now, confidential=confidential))
        )
        if (recorder := self._recorder) is not None:
            recorder.heard(data, now, confidential=confidential)

    def _make_durable(self) -> bool:
        """Append all that was learnt, if anything. It is forgotten here only when `append` has returned."""
        observations = self._station.take_observations()
        if observations:
            if self.shared is None:  # one device's trouble is not the line's
                self.trouble = trouble_after(observations, self.trouble)
            self._not_yet_durable += [self._seal(observation) for observation in observations]
        if not self._not_yet_durable:
            return False
        self._append(self._not_yet_durable)
        self._not_yet_durable = []
        return True

    def _complain(self, lost: LinkError | InUseError) -> None:
        """Say once what is wrong with the port, however often it is tried."""
        if lost.what != self._trouble:
            self._trouble = self.trouble = lost.what
            self._log.warning("line lost", reason=lost.what, mend=lost.mend)

    def _hold_back(self, refused: JournalError) -> None:
        """Tell the machine nothing until the journal takes what it said."""
        self.held_back = True
        self._log.error(
            "journal refuses; the machine is not acknowledged", reason=refused.what, mend=refused.mend
        )
        self._rest(JOURNAL_RETRY_SECONDS)

    def _begin_again(self, fault: Exception) -> None:
        """The fault is ours: say so, and begin as after a kill, from what the notebook kept."""
        self.faults += 1
        what = " ".join(f"{type(fault).__name__}: {fault}".split())[:LONGEST_FAULT_REASON]
        self._log.error(
            "fault of the agent; the line begins again",
            reason=what,
            mend="report it with this entry",
            exc_info=fault,
        )
        try:
            self.station = self._make_station(self._notebook.note)
            self._time_due = float("-inf")
            self.station.link_lost(self._monotonic(), f"{FAULT_STATE}: {what}")
            self._make_durable()
        except Exception as again:  # noqa: BLE001  the fault is still there; so is what was heard, at the machine
            self._log.warning("the line could not say that it is down", reason=repr(again))
        self.station.counters.state = FAULT_STATE
        self._rest(FAULT_PAUSE_SECONDS)

    def _rest(self, seconds: float) -> None:
        self._back_by = self._monotonic() + seconds
        self._stopping.wait(seconds)

    def _due(self, latest: float) -> float:
        """When the station's timers are acted on next: at `latest` whatever arrives meanwhile."""
        due = self._station.next_timer()
        return latest if due is None else min(due, latest)


def _shown(data: bytes, *, withheld: bool) -> bytes | str:
    """What a log may show of bytes."""
    return f"{len(data)} bytes, confidential" if withheld else data
