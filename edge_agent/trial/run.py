"""The director of a trial: starts the processes, troubles them, lets them settle, and proves.

    start     the stand-in, the floor, the collector, the forwarder
    play      for the time asked; partway the cloud goes away, and whatever was to be killed is
    settle    guests leave, machines empty their queues, the journal drains
    prove     what was raised against what was received, meters against meters

Ctrl-C ends the play early; what follows is the same.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Self

from edge_agent.credentials.dev_pki import make_pki
from edge_agent.health import read_status
from edge_agent.standin.control import StandinControl
from edge_agent.testing.reserved_port import ReservedPort
from edge_agent.trial.arrangement import agent_settings, floor_plan, standin_arguments, write_settings
from edge_agent.trial.evidence import Arrived, read_received
from edge_agent.trial.meters import last_snapshot_is_in
from edge_agent.trial.plan import GATEWAY, TrialFolder, TrialPlan, trial_folder
from edge_agent.trial.polls import Polls
from edge_agent.trial.processes import TrialProcess, wait_for
from edge_agent.trial.proof import Proof, prove
from edge_agent.trial.view import View, open_view
from edge_agent.words import counted

# Where in the play the troubles begin: machines have raised something before, and something follows.
OUTAGE_AT, KILL_AT = 0.35, 0.70
RECONFIGURE_AT = (0.2, 0.45, 0.8)
# Kept from trial to trial, and not so short that each of them journals that it will expire.
PKI_DAYS = 365.0

# A machine that was not polled before takes up to 6 s to be found: see sas/host.py, rule 6. On a bad wire it
# is asked what it has to be asked for two minutes.
LINES_UP_SECONDS = 200.0
NOT_YET = frozenset({"starting", "silent", "interrogating", "link lost"})

# A killed process stays away this long: long enough that the others notice.
AWAY_SECONDS = 1.0

TICK_SECONDS = 0.25

# After the guests have gone: queues empty at the poll rate, and a last snapshot is due within its cadence. On
# a bad wire what a machine has to be asked may take two minutes first.
LONGEST_SETTLE_SECONDS = 200.0
# What the collector journals at its very end leaves within milliseconds, or once a busy machine has time.
LONGEST_DRAIN_SECONDS = 30.0


@dataclass(slots=True)
class Progress:
    """What the view shows."""

    plan: TrialPlan
    phase: str = "starting"
    elapsed: float = 0.0
    cloud_away: bool = False
    collector: Mapping[str, Any] = field(default_factory=dict)
    forwarder: Mapping[str, Any] = field(default_factory=dict)
    floor: Mapping[str, Any] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def simulate(plan: TrialPlan, *, as_json: bool) -> int:
    """Run a trial and print its proof; 0 if nothing was lost and all meters agree, 1 if not."""
    with (
        trial_folder(plan.state) as folder,
        open_view(quiet=as_json) as view,
        Trial(plan, folder, view) as trial,
    ):
        trial.play()
        trial.settle()
        proof = trial.prove()
    sys.stdout.write(json.dumps(proof.as_dict()) if as_json else proof.as_text())
    sys.stdout.write("\n")
    return 0 if proof.holds else 1


class Trial:
    """One run: its processes and its clock."""

    def __init__(self, plan: TrialPlan, folder: TrialFolder, view: View) -> None:
        self._plan = plan
        self._folder = folder
        self._view = view
        self._held = ExitStack()
        self._interrupted = False
        self.progress = Progress(plan)
        self._processes: dict[str, TrialProcess] = {}
        self._began = self._played = 0.0
        self._cpu_at_start: dict[str, float] = {}
        self._cpu_played: dict[str, float] = {}
        self._polls_played: dict[str, int] = {}
        self._polls = Polls()
        self._reconfigured = 0
        self._settings_before = ""  # their digest, while the collector has yet to take others
        self._quiet_since: float | None = None  # what the floor said then, nothing is raised after

    def __enter__(self) -> Self:
        with self._held:
            self._held.enter_context(_interrupts_noticed(self))
            self._start()
            self._held = self._held.pop_all()
        return self

    def __exit__(self, *_error: object) -> None:
        self._held.close()

    def interrupt(self) -> None:
        """End the play early."""
        if self._interrupted:
            raise KeyboardInterrupt
        self._interrupted = True

    def _start(self) -> None:
        self._note("making a development PKI")
        self._pki = make_pki(self._folder.pki, thing=GATEWAY, days=PKI_DAYS)
        port = self._held.enter_context(ReservedPort()).number  # the same over the broker's lives
        self._port = port
        settings = agent_settings(self._plan, self._folder, self._pki, port)
        write_settings(self._folder / "agent.yaml", settings)
        (self._folder / "floor.json").write_text(json.dumps(floor_plan(self._plan)))
        run, logs = str(self._folder.run), self._folder / "logs"
        config = ["--config", str(self._folder / "agent.yaml")]
        for name, arguments in {
            "broker": ["edge_agent.standin", *standin_arguments(self._folder, port)],
            "floor": ["edge_agent.trial.floor", run],
            "collector": ["edge_agent", "collect", *config],
            "forwarder": ["edge_agent", "forward", *config],
        }.items():
            self._processes[name] = TrialProcess(name, arguments, logs / f"{name}.log")
        for process in reversed(self._processes.values()):
            self._held.callback(process.stop)
        processes = list(self._processes.values())
        self._processes["broker"].start()
        self._processes["floor"].start()
        wait_for("the floor", lambda: read_status(self._folder / "floor-status.json"), processes)
        wait_for("the stand-in", StandinControl.socket_in(self._folder / "stand-in").exists, processes)
        machines, tables = counted(self._plan.machines, "machine"), counted(self._plan.tables, "table")
        self._note(f"{machines} and {tables} on pseudo-terminals")
        self._processes["collector"].start()
        wait_for("the collector", lambda: read_status(self._status("collector")), processes)
        self._processes["forwarder"].start()
        wait_for("the forwarder", lambda: read_status(self._status("forwarder")).get("connected"), processes)
        self._note(
            "the forwarder is connected over mutual TLS; the collector asks the machines what they are"
        )
        wait_for("the first answer on every line", self._lines_are_up, processes, LINES_UP_SECONDS)
        self._note("every machine and table has answered")

    def _lines_are_up(self) -> bool:
        lines = read_status(self._status("collector")).get("lines", {})
        expected = self._plan.machines + self._plan.tables  # before all are made, it tells of fewer
        return len(lines) == expected and all(line["state"] not in NOT_YET for line in lines.values())

    def play(self) -> None:
        """Let the guests play, and trouble the processes as planned."""
        self._began = time.monotonic()
        self._polls.begin(read_status(self._status("collector")))
        self._measure()
        self._cpu_at_start = self._cpu_since_start()
        troubles = self._troubles()
        self.progress.phase = "playing"
        while (elapsed := time.monotonic() - self._began) < self._last_moment(troubles):
            self.progress.elapsed = elapsed
            while troubles and troubles[0][0] <= elapsed and self._change_is_taken():
                troubles.popleft()[1]()
            self._tick()
        for _, act in troubles:
            if act == self._restart and any(process.kills for process in self._processes.values()):
                self._restart()  # it was killed, and the play ended before it was to come back
        self._played = time.monotonic() - self._began
        self._polls_played = self._polls.totals()
        self._measure()
        self._cpu_played = self._cpu_since_start()

    def _last_moment(self, troubles: Collection[object]) -> float:
        """How many seconds are played: as planned, or until the last of the settings were told."""
        if self._interrupted:
            return 0.0
        settings_wait = self._plan.reconfigure and troubles
        return self._plan.seconds + (LONGEST_SETTLE_SECONDS if settings_wait else 0.0)

    def _troubles(self) -> deque[tuple[float, Callable[[], None]]]:
        """What is done to the processes, and how many seconds into the play."""
        plan, acts = self._plan, list[tuple[float, Callable[[], None]]]()
        if plan.outage:
            away = plan.seconds * OUTAGE_AT
            acts += [(away, self._cloud_goes), (away + plan.outage, self._cloud_comes_back)]
        if plan.killed:
            killed = plan.seconds * KILL_AT
            acts += [(killed, self._kill), (killed + AWAY_SECONDS, self._restart)]
        if plan.reconfigure:
            acts += [(plan.seconds * part, self._reconfigure) for part in RECONFIGURE_AT]
        return deque(sorted(acts, key=lambda act: act[0]))

    def settle(self) -> None:
        """Let the guests go, and wait until everything they did has arrived."""
        self.progress.phase = "settling"
        self._note("guests leave; waiting for the queues, the last meters and the journal to drain")
        self._processes["floor"].send(signal.SIGUSR1)
        cloud_back = self._began + self._plan.seconds * OUTAGE_AT + self._plan.outage
        deadline = max(time.monotonic(), cloud_back) + LONGEST_SETTLE_SECONDS
        while time.monotonic() < deadline and not self._settled():
            self._tick()

    def prove(self) -> Proof:
        """Stop everything in order, and compare."""
        self.progress.phase = "proving"
        self._processes["collector"].stop()
        self._drain(time.monotonic())
        for name in ("forwarder", "floor", "broker"):
            self._processes[name].stop()
        return prove(
            self._plan,
            self._folder,
            played=self._played,
            cpu_percent={name: 100 * seconds / self._played for name, seconds in self._cpu_played.items()},
            rss_bytes={name: process.usage.peak_rss_bytes for name, process in self._processes.items()},
            began=self._began,
            polls=self._polls_played,
            kills={name: process.kills for name, process in self._processes.items() if process.kills},
        )

    def _settled(self) -> bool:
        """Whether all is over: first on the floor, and since then in the journal."""
        floor = self.progress.floor
        quiet = bool(floor.get("guests_gone")) and not any(floor["pending"].values())
        if not quiet:
            self._quiet_since = None
        elif self._quiet_since is None:
            self._quiet_since = floor["monotonic"]
        return (
            self._quiet_since is not None
            and self._drained_since(self._quiet_since)
            and self._change_is_taken()
            and self._last_snapshots_are_in()
        )

    def _drained_since(self, moment: float) -> bool:
        """Whether the forwarder has said since `moment` that nothing waits: before, it may not have known."""
        forwarder = self.progress.forwarder
        return forwarder.get("depth") == 0 and forwarder["monotonic"] > moment

    def _drain(self, ended: float) -> None:
        """Let what the collector journalled at its very end leave, too."""
        deadline = time.monotonic() + LONGEST_DRAIN_SECONDS
        while time.monotonic() < deadline and not self._drained_since(ended):
            self._tick()

    def _last_snapshots_are_in(self) -> bool:
        arrived, _ = read_received(self._folder / "received.jsonl")
        of_machine: dict[str, list[Arrived]] = {name: [] for name in self._plan.machine_names}
        for one in arrived:
            of_machine.get(one.subject, []).append(one)
        return all(last_snapshot_is_in(events) for events in of_machine.values())

    def _tick(self) -> None:
        time.sleep(TICK_SECONDS)
        for process in self._processes.values():
            process.check()
        self.progress.collector = read_status(self._status("collector"))
        self.progress.forwarder = read_status(self._status("forwarder"))
        self.progress.floor = read_status(self._folder / "floor-status.json")
        self._polls.see(self.progress.collector)
        self._view.show(self.progress)

    def _measure(self) -> None:
        for process in self._processes.values():
            process.measure()

    def _cpu_since_start(self) -> dict[str, float]:
        at_start = self._cpu_at_start
        return {
            name: process.cpu_seconds - at_start.get(name, 0.0) for name, process in self._processes.items()
        }

    def _cloud_goes(self) -> None:
        self.progress.cloud_away = True
        with StandinControl(self._folder / "stand-in") as control:
            control.down(self._plan.outage)
        self._note(f"the cloud is away for {self._plan.outage:g} s; the journal fills")

    def _cloud_comes_back(self) -> None:
        self.progress.cloud_away = False
        self._note("the cloud is back")

    def _reconfigure(self) -> None:
        """Every other machine gets another poll interval; the rest of the floor should not notice."""
        self._reconfigured += 1
        self._settings_before = read_status(self._status("collector"))["settings"]
        settings = agent_settings(self._plan, self._folder, self._pki, self._port)
        changed = [line for line in settings["lines"] if line["driver"] == "sas"][::2]
        for line in changed:
            line["options"]["poll_ms"] += self._reconfigured
        write_settings(self._folder / "agent.yaml", settings)
        self._processes["collector"].send(signal.SIGHUP)
        self._note(
            f"other settings for {len(changed)} of {self._plan.machines} machines: their lines begin again"
        )

    def _change_is_taken(self) -> bool:
        """Whether the collector is at work with the settings it was last told to read."""
        if self.progress.collector.get("settings") != self._settings_before and self._lines_are_up():
            self._settings_before = ""
        return not self._settings_before

    def _kill(self) -> None:
        for name in self._plan.killed:
            self._processes[name].kill()
            self._note(f"kill -9: the {name}")

    def _restart(self) -> None:
        for name in self._plan.killed:
            self._processes[name].start()
            self._note(f"started again: the {name}")

    def _status(self, name: str) -> Path:
        return self._folder / "agent" / "status" / f"{name}.json"

    def _note(self, text: str) -> None:
        self.progress.notes.append(text)
        self._view.note(text)


@contextmanager
def _interrupts_noticed(trial: Trial) -> Iterator[None]:
    """Ctrl-C and SIGTERM end the play; a second one ends the run."""

    def notice(_number: int, _frame: FrameType | None) -> None:
        trial.interrupt()

    before = {number: signal.signal(number, notice) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
