"""Processes are killed, started again, measured, and never left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.errors import AgentError
from edge_agent.testing.patience import wait_until
from edge_agent.trial.processes import TrialProcess, wait_for

pytestmark = pytest.mark.integration

BUSY = "import time\nwhile time.process_time() < 0.1: pass\ntime.sleep(60)"


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    (tmp_path / "busy.py").write_text(BUSY)
    (tmp_path / "fails.py").write_text("raise SystemExit('no port')")
    (tmp_path / "stubborn.py").write_text(
        "import signal, time\nsignal.signal(15, signal.SIG_IGN)\nprint(1, flush=True)\ntime.sleep(60)"
    )
    return tmp_path


def busy_since(process: TrialProcess, more_than: float) -> bool:
    process.measure()
    return process.cpu_seconds > more_than


def test_cpu_and_memory_count_over_all_lives(modules: Path) -> None:
    process = TrialProcess("busy", ["busy"], modules / "log")
    process.start()
    wait_for("work", lambda: busy_since(process, 0.08), [process])
    process.kill()
    process.start()
    wait_for("more work", lambda: busy_since(process, 0.16), [process])

    process.stop()

    assert process.kills == 1
    assert process.cpu_seconds > 0.16
    assert process.usage.peak_rss_bytes > 1_000_000


def test_a_process_that_ends_by_itself_is_told_with_its_last_words(modules: Path) -> None:
    process = TrialProcess("collector", ["fails"], modules / "log")
    process.start()

    with pytest.raises(AgentError, match=r"the collector ended with status 1: no port"):
        wait_for("nothing", lambda: False, [process])


def test_what_does_not_happen_in_time_is_named(modules: Path) -> None:
    process = TrialProcess("busy", ["busy"], modules / "log")
    process.start()

    with pytest.raises(AgentError, match=r"the sun did not happen within 0\.05 s"):
        wait_for("the sun", lambda: False, [process], seconds=0.05)
    process.stop()


def test_a_process_that_does_not_stop_is_killed(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.trial.processes.STOP_SECONDS", 0.1)
    process = TrialProcess("stubborn", ["stubborn"], modules / "log")
    process.start()
    wait_for("it", (modules / "log").read_text, [process])

    process.stop()
    process.stop()

    process.check()


def test_processes_die_with_the_director(modules: Path) -> None:
    director = (
        "import sys; from pathlib import Path; from edge_agent.trial.processes import TrialProcess;"
        "p = TrialProcess('busy', ['busy'], Path(sys.argv[1])); p.start();"
        "print(p.pid, flush=True); import time; time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", director, str(modules / "log")], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    wait_until(lambda: not _alive(child), seconds=5)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return " Z " not in Path(f"/proc/{pid}/stat").read_text()
