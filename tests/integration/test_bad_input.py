"""Bad input to the commands: one clear line with its mend, an exit status of its own, and nothing lost.

Every case starts a production process on a gateway whose journal already holds records, and finds
them there afterwards.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.credentials.dev_pki import PkiPaths, Validity, issue, make_ca, make_pki
from edge_agent.health import read_status
from edge_agent.journal import Budget, open_journal
from edge_agent.testing.patience import PATIENCE_SECONDS, seconds_until_end, wait_until

pytestmark = pytest.mark.integration

STARTED = b"floor.agent.started"
BEFORE = [b'{"type":"floor.test.before","n":%d}' % number for number in range(3)]

# docs/operations.md: whose it is.
CONFIGURATION, CREDENTIAL, JOURNAL, IN_USE, UPLINK, FAULT = 2, 3, 5, 6, 7, 70


class Gateway:
    """Settings that are good, and a journal with something in it. Each case spoils one thing."""

    def __init__(self, folder: Path, pki: PkiPaths) -> None:
        self.folder = folder
        self.state = folder / "state"
        self.config = folder / "agent.yaml"
        self.pki = PkiPaths.within(folder / "pki")
        self.environment: dict[str, str] = {}
        self.settings: dict[str, Any] = {
            "site": "harbour",
            "gateway": "gw-01",
            "state": str(self.state),
            "lines": [{"name": "slot", "port": "/dev/ttyNOPE", "driver": "sas"}],
            "uplink": {
                "endpoint": "localhost",
                "port": 1,
                "ca": str(self.pki.ca),
                "certificate": str(self.pki.device_certificate),
                "key": str(self.pki.device_key),
            },
            "log": {"form": "json"},
        }
        shutil.copytree(pki.ca.parent, self.pki.ca.parent)
        with open_journal(self.journal, role="collect", budget=Budget(minimum_free_bytes=1)) as journal:
            journal.append(BEFORE)
        self._processes: list[subprocess.Popen[str]] = []

    @property
    def journal(self) -> Path:
        return self.state / "journal"

    def records(self) -> list[bytes]:
        with open_journal(self.journal, role="read") as journal:
            return [record.payload for record in journal.records()]

    def start(self, *arguments: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
        if not self.config.exists():
            self.config.write_text(yaml.safe_dump(self.settings))
        process = subprocess.Popen(
            [sys.executable, "-m", "edge_agent", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **self.environment},
        )
        self._processes.append(process)
        return process

    def run(self, verb: str, *arguments: str) -> tuple[int, str]:
        """The exit status of a command, and what it wrote to standard error."""
        process = self.start(verb, "--config", str(self.config), *arguments)
        _, said = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, said

    def status(self, name: str) -> dict[str, Any]:
        return read_status(self.state / "status" / f"{name}.json")

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()


@pytest.fixture(scope="module")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), thing="gw-01")


@pytest.fixture
def gateway(tmp_path: Path, made_once: PkiPaths) -> Iterator[Gateway]:
    gateway = Gateway(tmp_path, made_once)
    yield gateway
    gateway.close()


def one_line(said: str) -> str:
    assert "Traceback" not in said
    (line,) = said.splitlines()
    what, dash, mend = line.removeprefix("edge-agent: ").partition(" — ")
    assert what
    assert dash
    assert mend
    return line


# How each thing is spoilt.


def key_for_all(gateway: Gateway) -> None:
    gateway.pki.device_key.chmod(0o644)


def no_key(gateway: Gateway) -> None:
    gateway.pki.device_key.unlink()


def key_is_none(gateway: Gateway) -> None:
    gateway.pki.device_key.write_text("not a key\n")


def key_of_another(gateway: Gateway) -> None:
    another = issue(make_ca(), "gw-02")
    another.write(gateway.folder / "another.pem", gateway.pki.device_key)


def certificate_of(validity: Validity) -> Callable[[Gateway], None]:
    def spoil(gateway: Gateway) -> None:
        credential = issue(make_ca(), "gw-01", validity=validity)
        credential.write(gateway.pki.device_certificate, gateway.pki.device_key)

    return spoil


def certificate_is_none(gateway: Gateway) -> None:
    gateway.pki.device_certificate.write_bytes(b"\x00\xff" * 100)


def certificate_is_a_folder(gateway: Gateway) -> None:
    gateway.pki.device_certificate.unlink()
    gateway.pki.device_certificate.mkdir()


def ca_is_none(gateway: Gateway) -> None:
    gateway.pki.ca.write_text("")


def ca_expired(gateway: Gateway) -> None:
    gateway.pki.ca.write_bytes(make_ca(validity=Validity.expired()).pem)


def config_is_a_folder(gateway: Gateway) -> None:
    gateway.config.mkdir()


def config_is_not_yaml(gateway: Gateway) -> None:
    gateway.config.write_text("site: [harbour\n")


def config_has_no_such_date(gateway: Gateway) -> None:
    gateway.config.write_text("site: 2020-99-99\n")


def setting(path: str, value: object) -> Callable[[Gateway], None]:
    def spoil(gateway: Gateway) -> None:
        *parents, last = path.split(".")
        document = gateway.settings
        for name in parents:
            document = document[name]
        document[last] = value

    return spoil


def line(**values: object) -> Callable[[Gateway], None]:
    return setting("lines", [{"name": "slot", "port": "/dev/ttyNOPE", "driver": "sas", **values}])


def state_is_a_file(gateway: Gateway) -> None:
    (gateway.folder / "file").touch()
    gateway.settings["state"] = str(gateway.folder / "file")


def journal_is_foreign(gateway: Gateway) -> None:
    path = gateway.folder / "foreign.db"
    path.write_text("minutes of the meeting\n")
    gateway.settings["journal"] = {"path": str(path)}


def note_is_a_folder(gateway: Gateway) -> None:
    (gateway.state / "notes" / "slot").mkdir(parents=True)


def driver_that_faults(gateway: Gateway) -> None:
    install_driver(gateway, "class Driver(Base):\n    def check(self, options):\n        return 1 // 0\n")
    gateway.settings["lines"] = [{"name": "slot", "port": "/dev/ttyNOPE", "driver": "vendor"}]


DRIVER = """
from edge_agent.drivers.tdl1 import DRIVER as TDL1

class Base:
    name, serial_format = "vendor", TDL1.serial_format

    def check(self, options):
        TDL1.check(options)

    def station(self, identity, options, note):
        return TDL1.station(identity, options, note)

"""


def install_driver(gateway: Gateway, source: str) -> None:
    """A vendor's package beside ours, found by its entry point."""
    packages = gateway.folder / "packages"
    metadata = packages / "vendor-1.0.dist-info"
    metadata.mkdir(parents=True)
    (packages / "vendor.py").write_text(DRIVER + source + "\nDRIVER = Driver()\n")
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: vendor\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[edge_agent.drivers]\nvendor = vendor:DRIVER\n")
    gateway.environment["PYTHONPATH"] = str(packages)


@dataclass(frozen=True)
class Bad:
    """What is spoilt, which command meets it, and what it says."""

    verb: str
    spoil: Callable[[Gateway], None]
    status: int
    names: str
    mend: str
    arguments: tuple[str, ...] = field(default=())


FORWARD = {
    "key readable by others": Bad("forward", key_for_all, CREDENTIAL, "device.key", "chmod 600"),
    "key absent": Bad("forward", no_key, CREDENTIAL, "device.key cannot be read", "check the path"),
    "key malformed": Bad("forward", key_is_none, CREDENTIAL, "device.key is not a private key", "put the"),
    "key of another": Bad("forward", key_of_another, CREDENTIAL, "is not the key of", "point both"),
    "certificate expired": Bad(
        "forward", certificate_of(Validity.expired()), CREDENTIAL, "device.pem expired on", "a new one"
    ),
    "certificate early": Bad(
        "forward", certificate_of(Validity.not_yet()), CREDENTIAL, "device.pem is not valid before", "clock"
    ),
    "certificate malformed": Bad("forward", certificate_is_none, CREDENTIAL, "device.pem is not", "put the"),
    "certificate unreadable": Bad(
        "forward", certificate_is_a_folder, CREDENTIAL, "device.pem cannot be read", "check the path"
    ),
    "CA empty": Bad("forward", ca_is_none, CREDENTIAL, "ca.pem", "root certificates"),
    "CA expired": Bad("forward", ca_expired, CREDENTIAL, "ca.pem has expired", "current roots"),
    "file not writable": Bad(
        "forward",
        setting("uplink", {"kind": "file", "path": "/proc/nowhere/out.jsonl"}),
        UPLINK,
        "/proc/nowhere/out.jsonl",
        "uplink.path",
    ),
}
SETTINGS = {
    "configuration is a folder": Bad(
        "collect", config_is_a_folder, CONFIGURATION, "agent.yaml", "check the path"
    ),
    "configuration malformed": Bad(
        "collect", config_is_not_yaml, CONFIGURATION, "is not YAML", "mend the file"
    ),
    "no such date": Bad("collect", config_has_no_such_date, CONFIGURATION, "is not YAML", "mend the file"),
    "unknown setting": Bad("collect", setting("sight", "harbour"), CONFIGURATION, "sight", "config schema"),
    "unknown driver": Bad("collect", line(driver="telepathy"), CONFIGURATION, "line slot", "use one of"),
    "unknown option": Bad(
        "collect", line(options={"adress": 1}), CONFIGURATION, "line slot: option adress", "address"
    ),
    "unknown kind of port": Bad(
        "collect", line(port="ttyUSB0"), CONFIGURATION, "line slot: port 'ttyUSB0'", "write /dev/ttyUSB0"
    ),
    "state is a file": Bad("collect", state_is_a_file, CONFIGURATION, "file cannot be made", "set `state`"),
    "state of the forwarder": Bad("forward", state_is_a_file, CONFIGURATION, "cannot be made", "set `state`"),
    "state is not writable": Bad(
        "collect", setting("state", "/proc/edge-agent"), CONFIGURATION, "/proc/edge-agent", "set `state`"
    ),
    "flag without value": Bad(
        "collect", lambda _: None, CONFIGURATION, "--set 'site'", "name=value", ("--set", "site")
    ),
}
JOURNALS = {
    "journal foreign": Bad(
        "collect", journal_is_foreign, JOURNAL, "foreign.db is not a folder", "left as it is"
    ),
    "note unusable": Bad("collect", note_is_a_folder, JOURNAL, "notes/slot", "write access"),
}
FAULTS = {
    "a fault of a driver": Bad(
        "collect", driver_that_faults, FAULT, "ZeroDivisionError", "EDGE_AGENT_TRACEBACK=1"
    ),
}
COMMANDS: Mapping[str, Bad] = FORWARD | SETTINGS | JOURNALS | FAULTS


@pytest.mark.parametrize("case", COMMANDS.values(), ids=COMMANDS.keys())
def test_bad_input_is_one_line_with_its_mend_and_its_own_status(gateway: Gateway, case: Bad) -> None:
    case.spoil(gateway)

    status, said = gateway.run(case.verb, *case.arguments)

    what, _, mend = one_line(said).partition(" — ")
    assert status == case.status
    assert case.names in what
    assert case.mend in mend
    assert gateway.records() == BEFORE


def test_what_is_wrong_is_known_before_there_is_a_journal(gateway: Gateway) -> None:
    """The forwarder waits half a minute for its collector; a bad key is no news to wait for."""
    key_for_all(gateway)
    gateway.settings["journal"] = {"path": str(gateway.folder / "none-yet.db")}

    process = gateway.start("forward", "--config", str(gateway.config))
    seconds = seconds_until_end(process)
    _, said = process.communicate()

    assert (process.returncode, "chmod 600" in one_line(said)) == (CREDENTIAL, True)
    assert seconds < 10


def test_run_ends_with_the_status_of_whichever_could_not_go_on(gateway: Gateway) -> None:
    certificate_of(Validity.expired())(gateway)

    status, said = gateway.run("run")

    assert status == CREDENTIAL
    assert "expired on" in said
    assert "Traceback" not in said
    assert gateway.records()[:3] == BEFORE


def test_a_traceback_is_there_for_who_asks_for_it(gateway: Gateway) -> None:
    driver_that_faults(gateway)
    gateway.environment["EDGE_AGENT_TRACEBACK"] = "1"

    status, said = gateway.run("collect")

    assert status == 1
    assert "Traceback" in said
    assert "1 // 0" in said


@pytest.mark.parametrize(("holder", "contender"), [("collect", "collect"), ("forward", "forward")])
def test_a_second_run_is_told_who_has_the_state_folder(gateway: Gateway, holder: str, contender: str) -> None:
    gateway.settings["uplink"] = {"kind": "file", "path": str(gateway.folder / "out.jsonl")}
    name = {"collect": "collector", "forward": "forwarder"}[holder]
    first = gateway.start(holder, "--config", str(gateway.config))
    wait_until(lambda: gateway.status(name))

    status, said = gateway.run(contender)

    assert status == IN_USE
    assert f"in use by process {first.pid}" in one_line(said)
    assert gateway.records()[:3] == BEFORE


def test_a_fault_of_a_station_stops_no_other_line_and_shows(gateway: Gateway) -> None:
    install_driver(
        gateway,
        "class Driver(Base):\n"
        "    def station(self, identity, options, note):\n"
        "        station = super().station(identity, options, note)\n"
        "        station.receive_data = lambda data, now: 1 // 0\n"
        "        return station\n",
    )
    masters: list[tuple[int, int]] = [os.openpty(), os.openpty()]
    ports = [os.ttyname(slave) for _, slave in masters]
    gateway.settings["lines"] = [
        {"name": "vendor", "port": ports[0], "driver": "vendor"},
        {"name": "good", "port": ports[1], "driver": "tdl1"},
    ]
    collector = gateway.start("collect", "--config", str(gateway.config))
    wait_until(lambda: gateway.status("collector").get("lines"))

    wait_until(lambda: [os.write(masters[0][0], b"x\n"), lines_of(gateway)["vendor"]["faults"]][1])
    wait_until(lambda: [os.write(masters[1][0], BOOT), lines_of(gateway)["good"]["state"] == "up"][1])

    vendor = lines_of(gateway)["vendor"]
    collector.send_signal(signal.SIGTERM)
    _, said = collector.communicate(timeout=PATIENCE_SECONDS)
    entries = [json.loads(entry) for entry in said.splitlines()]
    (fault,) = [entry for entry in entries if entry["level"] == "error"]
    for pair in masters:
        for descriptor in pair:
            os.close(descriptor)
    assert vendor["state"] == "fault of the agent"
    assert fault["line"] == "vendor"
    assert "1 // 0" in fault["exception"]
    assert any(b"fault of the agent: ZeroDivisionError" in record for record in gateway.records())
    assert collector.returncode == 0


BOOT = b"$TDL1|01|0000|H|DEV.BOOT|dev=SHF|mfr=ACME|model=S1|sn=A1234|fw=2.4.1|boot=17*66B7\r\n"


def lines_of(gateway: Gateway) -> dict[str, Any]:
    lines: dict[str, Any] = gateway.status("collector")["lines"]
    return lines


# Signals, streams and disks.


@pytest.mark.parametrize("verb", ["collect", "forward", "run"])
@pytest.mark.parametrize("seconds", [0.05, 0.3, 0.6])
def test_an_end_asked_for_while_starting_is_no_traceback(gateway: Gateway, verb: str, seconds: float) -> None:
    gateway.settings["uplink"] = {"kind": "file", "path": str(gateway.folder / "out.jsonl")}
    process = gateway.start(verb, "--config", str(gateway.config))
    time.sleep(seconds)

    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert "Traceback" not in said
    assert process.returncode in {0, -signal.SIGTERM}
    assert gateway.records()[:3] == BEFORE


def test_output_that_cannot_be_written_is_one_line(gateway: Gateway) -> None:
    with Path("/dev/full").open("w") as full:
        process = gateway.start("config", "schema", stdout=full.fileno())
        _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == JOURNAL
    assert "free some space" in one_line(said)


@pytest.mark.parametrize("closing", [">&-", "2>&-", ">&- 2>&- <&-", "2>/dev/full"])
def test_closed_streams_and_a_full_log_stop_nothing(gateway: Gateway, closing: str) -> None:
    """A closed stream's number must not become the journal's, nor may a line die of what it had to say."""
    gateway.settings["uplink"] = {"kind": "file", "path": str(gateway.folder / "out.jsonl")}
    gateway.config.write_text(yaml.safe_dump(gateway.settings))
    command = f"exec {sys.executable} -m edge_agent collect --config {gateway.config} {closing}"
    with subprocess.Popen(["sh", "-c", command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as one:
        wait_until(lambda: gateway.status("collector").get("lines"))
        wait_until(lambda: lines_of(gateway)["slot"]["state"] == "link lost")
        one.send_signal(signal.SIGTERM)
        assert one.wait(PATIENCE_SECONDS) == 0

    kinds = [json.loads(record)["type"] for record in gateway.records()]
    assert kinds[3:] == ["floor.agent.started", "floor.line.down", "floor.agent.stopped"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("a small disk is a mount, which takes root")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("no file system may be mounted here")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> None:
    with (disk / "fill").open("wb", buffering=0) as file:
        while True:
            try:
                file.write(bytes(4096))
            except OSError:
                return


@pytest.mark.parametrize("verb", ["collect", "run"])
def test_a_disk_that_is_full_from_the_start_and_has_no_journal_is_one_line(
    gateway: Gateway, small_disk: Path, verb: str
) -> None:
    gateway.settings |= {"state": str(small_disk / "state")}
    fill(small_disk)

    status, said = gateway.run(verb)

    assert status == JOURNAL
    assert "Traceback" not in said
    assert str(small_disk) in said
    assert " — free some space" in said


def test_a_full_disk_with_a_journal_is_waited_out_while_the_forwarder_drains_it(
    gateway: Gateway, small_disk: Path
) -> None:
    """A collector that ended would take the forwarder with it, which alone can empty the disk."""
    state = small_disk / "state"
    shutil.copytree(gateway.state, state)
    gateway.state = state
    gateway.settings |= {
        "state": str(state),
        "uplink": {"kind": "file", "path": str(gateway.folder / "out.jsonl")},
        "journal": {"minimum_free_mb": 2},
    }
    (small_disk / "fill").write_bytes(bytes(6_500_000))
    both = gateway.start("run", "--config", str(gateway.config))
    wait_until(lambda: gateway.status("forwarder").get("depth") == 0 and gateway.status("collector"))
    assert not any(STARTED in record for record in gateway.records())
    wait_until(lambda: any(line["held_back"] for line in gateway.status("collector")["lines"].values()))

    (small_disk / "fill").unlink()

    wait_until(lambda: any(STARTED in record for record in gateway.records()))
    both.send_signal(signal.SIGTERM)
    _, said = both.communicate(timeout=PATIENCE_SECONDS)
    assert both.returncode == 0
    assert "Traceback" not in said
    refusals = [entry for entry in said.splitlines() if "no line is polled" in entry]
    assert len(refusals) == 1
    assert "free some space" in refusals[0]


# The trial floor and the stand-in.


def test_a_trial_without_its_extra_says_what_to_install(gateway: Gateway) -> None:
    package = gateway.folder / "packages" / "rich"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(
        "raise ModuleNotFoundError(\"No module named 'rich'\", name='rich')\n"
    )
    gateway.environment["PYTHONPATH"] = str(package.parent)

    process = gateway.start("simulate", "--state", str(gateway.folder / "trial"))
    _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == CONFIGURATION
    assert "casino-edge-agent[simulator]" in one_line(said)


def test_a_trial_in_a_file_is_one_line(gateway: Gateway) -> None:
    (gateway.folder / "file").touch()

    process = gateway.start("simulate", "--state", str(gateway.folder / "file"))
    _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == CONFIGURATION
    assert "--state" in one_line(said)


def test_a_trial_that_would_fill_the_disk_does_not_begin(gateway: Gateway, small_disk: Path) -> None:
    process = gateway.start("simulate", "--state", str(small_disk))
    _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == JOURNAL
    assert str(small_disk) in one_line(said)


def stand_in(gateway: Gateway, *arguments: str) -> subprocess.Popen[str]:
    given = ("--state", str(gateway.folder / "cloud"), "--thing", "gw-01", "--site", "harbour", *arguments)
    return gateway.start("stand-in", *given)


@pytest.mark.parametrize(
    ("arguments", "status", "named"),
    [
        (("--port", "65536"), CONFIGURATION, "--port 65536"),
        (("--policy", "/proc/nowhere/policy.json"), CONFIGURATION, "/proc/nowhere/policy.json"),
        (("--ledger", "/proc/nowhere/ledger.jsonl"), CONFIGURATION, "ledger /proc/nowhere"),
    ],
)
def test_a_wrong_option_of_the_stand_in_is_one_line(
    gateway: Gateway, arguments: tuple[str, ...], status: int, named: str
) -> None:
    process = stand_in(gateway, *arguments)
    _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == status
    assert named in one_line(said)


def test_a_port_that_the_stand_in_cannot_have_is_one_line(gateway: Gateway) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = stand_in(gateway, "--port", str(taken.getsockname()[1]))
        _, said = process.communicate(timeout=PATIENCE_SECONDS)

    assert process.returncode == IN_USE
    assert "choose another" in one_line(said)


def test_a_stand_in_starts_from_the_agents_command(gateway: Gateway) -> None:
    process = stand_in(gateway)
    assert process.stdout is not None

    ready = json.loads(process.stdout.readline())

    assert ready["ready"]
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_SECONDS) == 0
