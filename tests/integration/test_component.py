"""Roles as Greengrass components: real processes, the SDK's real IPC client, a double of the nucleus."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import tty
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from edge_agent.clock import BOOT_ID
from edge_agent.health import read_status, write_status
from edge_agent.journal import journal_is_there, open_journal
from edge_agent.testing.nucleus import JAVA, LITE, Flavour, NucleusDouble
from edge_agent.testing.patience import seconds_until_end

pytestmark = pytest.mark.integration

BOOT = b"$TDL1|01|0000|H|DEV.BOOT|dev=SHF|mfr=ACME|model=S1|sn=A1234|fw=2.4.1|boot=17*66B7\r\n"
# Greengrass kills five seconds after it asks.
STOP_SECONDS = 5.0


class Component:
    """A component in its work folder, and the nucleus that runs it."""

    def __init__(self, folder: Path, nucleus: NucleusDouble) -> None:
        self.nucleus = nucleus
        self.state = folder / "state"
        self.log = folder / "component.log"
        self._folder = folder
        self._ends: list[int] = []
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self, role: str) -> subprocess.Popen[bytes]:
        return self.start_program(
            f"import sys; from edge_agent.component import main; sys.exit(main({role!r}))"
        )

    def start_program(self, program: str) -> subprocess.Popen[bytes]:
        own = {"EDGE_AGENT_STATE": str(self.state)}
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", program],
                env=os.environ | self.nucleus.environment | own,
                stdout=log,
                cwd=self._folder,
            )
        self._processes.append(process)
        return process

    def port(self) -> tuple[int, str]:
        """A pseudo-terminal: the device's end, and the port."""
        device, slave = os.openpty()
        tty.setraw(slave)
        self._ends += [device, slave]
        return device, os.ttyname(slave)

    def says(self, event: str) -> list[dict[str, Any]]:
        """The entries of the log with this event; every line of it is one JSON object."""
        entries = [json.loads(line) for line in self.log.read_text().splitlines()]
        return [entry for entry in entries if entry["event"] == event]

    def lines(self) -> dict[str, Any]:
        lines: dict[str, Any] = read_status(self.state / "status" / "collector.json").get("lines", {})
        return lines

    def journalled(self, kind: str) -> list[dict[str, Any]]:
        if not journal_is_there(self.state / "journal"):
            return []
        with open_journal(self.state / "journal", role="read") as journal:
            events = [json.loads(record.payload) for record in journal.records()]
        return [event["data"] for event in events if event["type"] == kind]

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        for end in self._ends:
            os.close(end)


@pytest.fixture(params=[JAVA, LITE], ids=["java", "lite"])
def component(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Component]:
    flavour: Flavour = request.param
    with NucleusDouble({"site": "harbour"}, flavour=flavour) as nucleus:
        component = Component(tmp_path, nucleus)
        yield component
        component.close()


def stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGTERM)
    assert seconds_until_end(process) < STOP_SECONDS
    return process.returncode


def test_a_deployment_gives_a_collector_its_lines_and_stopping_it_is_orderly(component: Component) -> None:
    nucleus = component.nucleus
    collector = component.start("collector")
    nucleus.wait_until(lambda: nucleus.states == ["RUNNING"])
    nucleus.wait_until(lambda: component.journalled("floor.agent.started"))

    device, port = component.port()
    nucleus.merge({"lines": {"shuffler": {"port": port, "driver": "tdl1", "options": {"address": 1}}}})

    def heard() -> bool:
        os.write(device, BOOT)
        return bool(component.lines()) and bool(component.journalled("floor.table.device_booted"))

    nucleus.wait_until(heard)
    assert stop(collector) == 0
    assert component.journalled("floor.agent.reconfigured")[0]["changed"] == ["lines.shuffler"]
    assert component.journalled("floor.agent.stopped")


def test_a_merge_for_one_line_leaves_the_others_running(component: Component) -> None:
    nucleus = component.nucleus
    _, first = component.port()
    _, second = component.port()
    nucleus.merge({"lines": {"a": f"{first}?driver=tdl1", "b": f"{second}?driver=tdl1"}})
    component.start("collector")
    nucleus.wait_until(lambda: len(component.says("line opened")) == 2)

    nucleus.merge({"lines": {"b": f"{second}?driver=tdl1&subject=shuffler-9"}})
    nucleus.wait_until(lambda: len(component.says("line opened")) == 3)

    assert sorted(entry["line"] for entry in component.says("line opened")) == ["a", "b", "b"]
    assert component.journalled("floor.agent.reconfigured") == [
        {
            "changed": ["lines.b.subject"],
            "began_again": False,
            "digest": component.journalled("floor.agent.reconfigured")[0]["digest"],
        }
    ]


def test_a_deployment_that_makes_no_sense_is_refused_with_the_reason(component: Component) -> None:
    nucleus = component.nucleus
    _, port = component.port()
    nucleus.merge({"lines": {"a": f"{port}?driver=tdl1"}})
    component.start("collector")
    nucleus.wait_until(lambda: component.says("line opened"))

    nucleus.merge({"lines": {"b": "/dev/x?driver=telepathy"}})
    nucleus.wait_until(lambda: component.journalled("floor.agent.configuration_refused"))

    (refused,) = component.journalled("floor.agent.configuration_refused")
    assert "line b: driver 'telepathy' is not installed" in refused["reason"]
    assert component.lines().keys() == {"a"}


def test_a_collector_started_with_what_makes_no_sense_begins_with_what_last_did(component: Component) -> None:
    """Nucleus lite applies it, and starts the component again: the floor must not fall silent."""
    nucleus = component.nucleus
    _, port = component.port()
    nucleus.merge({"lines": {"a": f"{port}?driver=tdl1"}})
    before = component.start("collector")
    nucleus.wait_until(lambda: component.says("line opened"))
    assert stop(before) == 0
    nucleus.merge({"lines": {"b": "/dev/x?driver=telepathy"}})

    again = component.start("collector")

    nucleus.wait_until(lambda: component.journalled("floor.agent.configuration_refused"))
    (refused,) = component.says("settings refused; the agent begins with those it last accepted")
    assert "driver 'telepathy' is not installed" in refused["reason"]
    assert [entry["line"] for entry in component.says("line opened")] == ["a", "a"]
    nucleus.merge({"lines": {"b": None}})
    nucleus.wait_until(lambda: component.says("settings read again: nothing has changed"))
    assert stop(again) == 0


def test_the_java_nucleus_is_kept_from_applying_what_makes_no_sense(tmp_path: Path) -> None:
    with NucleusDouble({"site": "harbour"}) as nucleus:
        component = Component(tmp_path, nucleus)
        component.start("collector")
        nucleus.wait_until(lambda: nucleus.states)

        bad, good = {"site": "har bour"}, {"site": "pier", "lines": {"a": "/dev/ttyS9"}}
        verdict, reason = nucleus.ask_to_validate(bad)
        assert nucleus.ask_to_validate(good) == ("ACCEPTED", "")
        component.close()

    assert verdict == "REJECTED"
    assert "deployment: site: " in reason


def test_a_forwarder_without_an_uplink_waits_for_the_deployment_that_brings_one(component: Component) -> None:
    """Ending would make the nucleus give it up, and fail the whole deployment."""
    nucleus = component.nucleus
    component.start("collector")
    forwarder = component.start("forwarder")
    nucleus.wait_until(lambda: component.says("waiting"))
    assert component.says("waiting")[0]["reason"] == "uplink is missing"
    nucleus.merge({"uplink": {"kind": "iot_core", "endpoint": ""}})
    nucleus.wait_until(lambda: len(component.says("waiting")) > 1)

    out = component.state / "out.jsonl"
    nucleus.merge({"uplink": {"kind": "file", "path": str(out)}})
    nucleus.wait_until(lambda: out.exists() and out.read_text())

    assert forwarder.poll() is None
    assert stop(forwarder) == 0


def test_a_component_that_waits_stops_when_asked(component: Component) -> None:
    forwarder = component.start("forwarder")
    component.nucleus.wait_until(lambda: component.says("waiting"))

    assert stop(forwarder) == 0


def test_a_lost_socket_ends_the_component_for_a_new_one(component: Component) -> None:
    nucleus = component.nucleus
    collector = component.start("collector")
    nucleus.wait_until(lambda: component.lines() is not None and nucleus.states)

    nucleus.restart()

    assert seconds_until_end(collector) < STOP_SECONDS
    assert collector.returncode == 7
    again = component.start("collector")
    nucleus.wait_until(lambda: nucleus.states == ["RUNNING"] * 2)
    assert stop(again) == 0


def test_a_socket_that_is_lost_again_and_again_does_not_end_the_component_for_good(tmp_path: Path) -> None:
    """Nucleus lite begins a component three times within an hour: the floor must not fall silent."""
    with NucleusDouble({"site": "harbour"}, flavour=LITE) as nucleus:
        component = Component(tmp_path, nucleus)
        device, port = component.port()
        nucleus.merge({"lines": {"a": f"{port}?driver=tdl1"}})
        first = component.start("collector")
        nucleus.wait_until(lambda: component.says("line opened"))
        nucleus.restart()
        assert first.wait(timeout=30) == 7
        second = component.start("collector")
        nucleus.wait_until(lambda: len(component.says("line opened")) == 2)

        nucleus.restart()

        def heard() -> bool:
            os.write(device, BOOT)
            return bool(component.journalled("floor.table.device_booted"))

        without = "going on without the nucleus: ended once more, it would not begin again"
        nucleus.wait_until(lambda: component.says(without))
        nucleus.wait_until(heard)
        assert component.says(without)[0]["seconds"] > 3000
        assert stop(second) == 0
        component.close()


def test_a_component_that_is_not_let_in_waits_rather_than_be_begun_once_too_often(tmp_path: Path) -> None:
    with NucleusDouble({"site": "harbour"}, flavour=LITE) as nucleus:
        component = Component(tmp_path, nucleus)
        boot_id = BOOT_ID.read_text().strip()
        component.state.mkdir()
        began = {"boot_id": boot_id, "began": [time.monotonic() - 30, time.monotonic() - 20]}
        (component.state / "starts-collector.json").write_text(json.dumps(began))

        collector = component.start_program(
            "import os, sys; os.environ['SVCUID'] = 'of before'\n"
            "from edge_agent.component import main; sys.exit(main('collector'))"
        )

        nucleus.wait_until(lambda: component.log.exists() and component.says("waiting"))
        (waiting,) = component.says("waiting")
        assert "does not let us in" in waiting["reason"]
        assert waiting["seconds"] > 3000
        assert stop(collector) == 0


def test_a_simulated_floor_is_served_and_another_one_when_a_deployment_asks(component: Component) -> None:
    nucleus = component.nucleus
    nucleus.merge({"floor": {"machines": "2", "tables": 1, "rate": 2.0}, "log": {"level": "info"}})
    simulator = component.start("simulator")
    ports = component.state / "ports"
    nucleus.wait_until(lambda: ports.exists() and len(list(ports.glob("[!.]*"))) == 3)

    nucleus.merge({"floor": {"machines": "none"}})
    nucleus.wait_until(lambda: component.says("settings refused; the floor stays"))
    assert len(list(ports.glob("[!.]*"))) == 3

    nucleus.merge({"floor": {"machines": 3, "tables": 0}})
    nucleus.wait_until(
        lambda: {port.name for port in ports.glob("[!.]*")} == {"slot-001", "slot-002", "slot-003"}
    )
    assert stop(simulator) == 0
    assert not list(ports.iterdir())


def test_what_no_deployment_mends_is_waited_out_too(component: Component) -> None:
    """A nucleus gives up what ends three times in an hour."""
    nucleus = component.nucleus
    component.state.write_text("a file where the folder belongs")
    nucleus.merge({"floor": {"machines": 1, "tables": 0}, "log": {"level": "loud"}})
    simulator = component.start("simulator")
    nucleus.wait_until(lambda: component.says("waiting"))
    assert component.says("waiting")[0]["reason"].startswith("deployment: log.level: ")

    nucleus.merge({"log": {"level": "info"}})
    nucleus.wait_until(lambda: len(component.says("waiting")) == 2)
    assert component.says("waiting")[1]["reason"] == f"{component.state}/ports: Not a directory"

    component.state.unlink()
    nucleus.merge({"floor": {"machines": 2}})
    nucleus.wait_until((component.state / "ports" / "slot-002").exists)
    assert stop(simulator) == 0


def test_a_fault_of_ours_is_logged_whole_and_waited_out(component: Component) -> None:
    program = (
        "import sys; from edge_agent import component as c;"
        "c.ROLES = {'broken': c.Role(lambda *_: 1 / 0, lambda _: None)}; sys.exit(c.main('broken'))"
    )
    process = component.start_program(program)
    component.nucleus.wait_until(lambda: component.says("waiting"))

    entry = component.says("waiting")[0]
    assert entry["reason"] == "fault of the agent: ZeroDivisionError: division by zero"
    assert "Traceback" in entry["exception"]
    assert stop(process) == 0


def test_a_collector_reads_a_simulated_floor(component: Component) -> None:
    nucleus = component.nucleus
    nucleus.merge({"floor": {"machines": 1, "tables": 0}})
    component.start("simulator")
    port = component.state / "ports" / "slot-001"
    nucleus.wait_until(port.exists)

    nucleus.configuration = {"site": "harbour", "lines": {"slot-001": str(port)}}
    component.start("collector")

    nucleus.wait_until(lambda: component.lines().get("slot-001", {}).get("polls", 0) > 10)


def test_a_deployment_waits_while_money_is_on_its_way(tmp_path: Path) -> None:
    """The forwarder is told by its status to be connected, and nothing takes the money out of the journal."""
    with NucleusDouble({"site": "harbour", "deployments": {"defer_seconds": 60}}) as nucleus:
        component = Component(tmp_path, nucleus)
        component.start("collector")
        nucleus.wait_until(lambda: component.state.exists() and nucleus.states)
        nucleus.wait_until(lambda: read_status(component.state / "status" / "collector.json"))

        offline = nucleus.ask_before_update("d-1")
        write_status(component.state / "status" / "forwarder.json", {"connected": True})
        time.sleep(2.1)  # what is younger is ordinary traffic
        draining = nucleus.ask_before_update("d-2")
        nucleus.merge({"deployments": {"defer_seconds": 0}})
        impatient = nucleus.ask_before_update("d-3")
        component.close()

    assert (offline, draining, impatient) == (0, 5000, 0)


def test_a_component_started_by_hand_says_so_in_one_line(tmp_path: Path) -> None:
    program = "import sys; from edge_agent.component import main; sys.exit(main('collector'))"

    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path
    )

    assert run.returncode == 2
    assert run.stdout.count("\n") == 1
    assert "no Greengrass nucleus has started this process" in run.stdout
    assert run.stderr == ""
