"""The whole path: somebody in the cloud asks, the gateway reads, answers and leaves a record of it."""

from __future__ import annotations

import base64
import gzip
import io
import json
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.credentials.dev_pki import PkiPaths, make_pki
from edge_agent.standin import StandinConfig, StandinThread, read_ledger
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until
from edge_agent.trial.gateway_floor import FloorSettings, serve_floor

pytestmark = pytest.mark.integration

MACHINE, SHUFFLER = "slot-001", "shuffler-01"
ANSWERS = "floor/lab/gw-07/answer"


class Gateway:
    """A collector and a forwarder as processes, a simulated floor, and the cloud's stand-in."""

    def __init__(self, folder: Path, pki: PkiPaths, standin: StandinThread) -> None:
        self.folder = folder
        self.standin = standin
        self.config = folder / "agent.yaml"
        self.config.write_text(yaml.safe_dump(self.settings(pki)))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._asked = 0

    def settings(self, pki: PkiPaths) -> dict[str, Any]:
        ports = self.folder / "floor" / "ports"
        return {
            "site": "lab",
            "gateway": "gw-07",
            "state": str(self.folder / "state"),
            "lines": [
                {"name": f"uart-{name}", "subject": name, "port": str(ports / name), "driver": driver}
                for name, driver in ((MACHINE, "sas"), (SHUFFLER, "tdl1"))
            ],
            "uplink": {
                "endpoint": "localhost",
                "port": self.standin.port,
                "ca": str(pki.ca),
                "certificate": str(pki.device_certificate),
                "key": str(pki.device_key),
                "min_reconnect_ms": 100,
                "max_reconnect_ms": 500,
            },
            "status": {"every_seconds": 10},
            "commands": {
                "allow": ["meters", "capture", "bundle"],
                "longest_capture_seconds": 5,
                "unsynchronised_clock": "accept",
            },
        }

    def start(self, role: str) -> None:
        command = [sys.executable, "-m", "edge_agent", role, "--config", str(self.config)]
        log = (self.folder / f"{role}.log").open("ab")
        self.processes[role] = subprocess.Popen(command, stderr=log)
        log.close()

    def kill(self, role: str) -> None:
        self.processes[role].kill()
        self.processes[role].wait()

    def close(self) -> None:
        for process in self.processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            process.wait(timeout=PATIENCE_SECONDS)

    def ask(self, verb: str, *, good_for: float = 60, topic: str = f"{ANSWERS}/ops", **said: Any) -> str:
        """Publish a command as the cloud would; its id."""
        self._asked += 1
        expires = datetime.now(UTC) + timedelta(seconds=good_for)
        body = {"id": f"c-{self._asked}", "expires": expires.isoformat(), **said}
        wait_until(lambda: "cmd/lab/gw-07/+" in self.subscriptions())
        with self.standin.control() as control:
            control.publish(
                f"cmd/lab/gw-07/{verb}",
                json.dumps(body).encode(),
                expiry=60,
                response_topic=topic,
                correlation_data=body["id"].encode(),
                user_properties={"requested-by": "ada"},
            )
        return str(body["id"])

    def subscriptions(self) -> list[str]:
        with self.standin.control() as control:
            found: list[str] = control.status()["subscriptions"].get("gw-07-events", [])
            return found

    def entries(self) -> Iterator[tuple[str, Any]]:
        """What the cloud has: topic and document."""
        for entry in read_ledger(self.standin.config.ledger_file):
            payload = gzip.decompress(entry.payload) if entry.encoding == "gzip" else entry.payload
            yield entry.topic, json.loads(payload)

    def answer(self, command_id: str) -> dict[str, Any]:
        """The answer to a command, once it is there."""
        found = wait_until(
            lambda: [
                document
                for topic, document in self.entries()
                if topic == f"{ANSWERS}/ops" and document["id"] == command_id
            ]
        )
        answer: dict[str, Any] = found[-1]
        return answer

    def events(self, kind: str) -> list[dict[str, Any]]:
        """The events of a type, as a receiver has them: a kill may have one sent twice, with one id."""
        by_id = {
            event["id"]: event
            for topic, document in self.entries()
            if "/ev/" in topic
            for event in (document if isinstance(document, list) else [document])
            if event["type"] == kind
        }
        return list(by_id.values())

    def audit(self, command_id: str, count: int) -> list[str]:
        """What became of a command, in order, once there are so many records."""

        def records() -> list[dict[str, Any]]:
            found = [
                event for event in self.events("floor.agent.command") if event["data"]["id"] == command_id
            ]
            return found if len(found) >= count else []

        return [event["data"]["outcome"] for event in wait_until(records)]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    pki = make_pki(folder / "pki", thing="gw-07", days=90)
    config = StandinConfig(
        state=folder / "standin",
        ca=pki.ca,
        certificate=pki.server_certificate,
        key=pki.server_key,
        things={"gw-07": {"site": "lab"}},
    )
    stops: list[Callable[[], object]] = []
    floor = FloorSettings(machines=1, tables=1, seed=7)
    serving = threading.Thread(target=serve_floor, args=(floor, folder / "floor", stops.append))
    serving.start()
    wait_until(lambda: stops)
    with StandinThread(config) as standin:
        gateway = Gateway(folder, pki, standin)
        gateway.start("collect")
        gateway.start("forward")
        try:
            wait_until(gateway.subscriptions)
            yield gateway
        finally:
            gateway.close()
            stops[0]()
            serving.join()


def test_meters_are_read_when_the_cloud_asks(gateway: Gateway) -> None:
    command = gateway.ask("meters")

    answer = gateway.answer(command)

    assert (answer["outcome"], answer["command"]) == ("done", "meters")
    assert set(answer["result"]["subjects"]) == {MACHINE, SHUFFLER}
    read = answer["result"]["subjects"][MACHINE]
    assert "coin_in" in {meter["name"] for meter in read["data"]["meters"]}
    assert gateway.audit(command, 2) == ["accepted", "done"]
    assert read["event"] in {event["id"] for event in gateway.events("floor.slot.meters_read")}
    records = [one["data"] for one in gateway.events("floor.agent.command") if one["data"]["id"] == command]
    assert {one["requested_by_unverified"] for one in records} == {"ada"}


def test_a_command_played_back_is_refused_though_everything_was_killed_meanwhile(gateway: Gateway) -> None:
    command = gateway.ask("meters", subject=SHUFFLER)
    assert gateway.answer(command)["outcome"] == "done"
    for role in ("forward", "collect"):
        gateway.kill(role)
    for role in ("collect", "forward"):
        gateway.start(role)

    gateway.ask("meters", id=command, subject=SHUFFLER)

    assert gateway.audit(command, 3) == ["accepted", "done", "refused"]
    assert wait_until(lambda: gateway.answer(command)["outcome"] == "refused")
    assert gateway.answer(command)["reason"] == "its id was used before"


def test_an_expired_and_an_unknown_command_are_refused_and_recorded(gateway: Gateway) -> None:
    expired, unknown = gateway.ask("meters", good_for=-5), gateway.ask("reboot")

    assert gateway.answer(expired)["outcome"] == "refused"
    assert gateway.audit(expired, 1) == ["refused"]
    wait_until(lambda: [e for e in gateway.events("floor.agent.command") if e["data"]["command"] == "reboot"])
    del unknown


def test_an_answer_wanted_elsewhere_is_refused_and_the_session_stays(gateway: Gateway) -> None:
    command = gateway.ask("meters", topic="floor/lab/gw-08/answer/ops")

    assert gateway.audit(command, 1) == ["refused"]
    assert not [topic for topic, _ in gateway.entries() if topic == "floor/lab/gw-08/answer/ops"]


def test_a_capture_shows_the_wire_without_what_is_confidential(gateway: Gateway) -> None:
    machine = gateway.ask("capture", subject=MACHINE, seconds=1)
    shuffler = gateway.ask("capture", subject=SHUFFLER, seconds=2)
    meters = gateway.ask("meters", subject=SHUFFLER)

    for command in (machine, shuffler, meters):
        assert gateway.answer(command)["outcome"] == "done"
        assert gateway.audit(command, 2) == ["accepted", "done"]

    def frames(command: str) -> list[dict[str, Any]]:
        pieces = [e["data"] for e in gateway.events("floor.line.captured") if e["data"]["id"] == command]
        return (
            [frame for piece in pieces for frame in piece["frames"]] if pieces and pieces[-1]["last"] else []
        )

    seen = wait_until(lambda: frames(machine))
    assert {frame["direction"] for frame in seen} == {"sent", "heard"}
    assert len([frame for frame in seen if frame["data"]]) > len(seen) / 2
    withheld = [frame for frame in wait_until(lambda: frames(shuffler)) if frame["direction"] == "heard"]
    assert withheld
    assert {frame["data"] for frame in withheld} == {None}


def test_the_cloud_gets_a_bundle(gateway: Gateway) -> None:
    command = gateway.ask("bundle")

    answer = gateway.answer(command)

    bundle = zipfile.ZipFile(io.BytesIO(base64.b64decode(answer["result"]["zip_base64"])))
    assert bundle.testzip() is None
    manifest = json.loads(bundle.read("manifest.json"))
    assert manifest["left_out"] == {}
    assert json.loads(bundle.read("journal.json"))["head"] > 0
    assert "command" in bundle.read("log/this-process.jsonl").decode()
    assert "line opened" in bundle.read("log/collector.jsonl").decode()


def test_the_gateway_reports_how_it_is_retained_and_as_a_shadow(gateway: Gateway) -> None:
    with gateway.standin.control() as control:
        wait_until(lambda: "floor/lab/gw-07/status" in control.status()["retained"])
        reported = wait_until(
            lambda: [one["state"]["reported"] for one in control.shadows() if one["state"].get("reported")]
        )[0]
    statuses = [document for topic, document in gateway.entries() if topic == "floor/lab/gw-07/status"]
    assert reported["lines"].keys() <= {MACHINE, SHUFFLER}
    assert {status["state"] for status in statuses} <= {"online", "offline"}
    online = [status for status in statuses if status["state"] == "online"]
    assert online[-1]["uplink"]["kind"] == "iot_core"
    assert online[-1]["certificate"]["days_left"] > 0


def test_a_technician_is_told_that_all_is_well(gateway: Gateway) -> None:
    command = [sys.executable, "-m", "edge_agent", "status", "--config", str(gateway.config)]
    told = wait_until(lambda: _well(command, f"line         {MACHINE}: polling"))

    assert "connected, delivered means that the cloud has it" in told
    assert told.endswith("all is well\n")


def test_a_technician_makes_a_bundle_while_the_agent_runs(gateway: Gateway, tmp_path: Path) -> None:
    output = tmp_path / "bundle.zip"
    command = [sys.executable, "-m", "edge_agent", "diagnose", "--config", str(gateway.config)]

    made = subprocess.run([*command, "--output", str(output)], capture_output=True, text=True, check=True)
    again = subprocess.run([*command, "--output", str(output)], capture_output=True, text=True, check=False)

    assert made.stdout.startswith(f"{output}: ")
    assert output.stat().st_mode & 0o777 == 0o600
    assert zipfile.ZipFile(output).testzip() is None
    assert (again.returncode, "exists" in again.stderr) == (2, True)


def _well(command: list[str], words: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 and words in done.stdout else ""
