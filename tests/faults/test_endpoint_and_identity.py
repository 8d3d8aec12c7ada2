"""An endpoint that is not there yet, a name that no server knows, and an identity that is replaced."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.credentials.dev_pki import make_pki
from edge_agent.credentials.identity import IdentityStore
from tests.faults.bench import Bench
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration


def test_an_endpoint_that_is_absent_at_first_loses_nothing(bench: Bench, report: Report) -> None:
    source = bench.source("--rate", "500")
    source.start()
    bench.forwarder.start()
    bench.wait_until(lambda: bench.status().get("last_reason"))

    bench.start_cloud()
    bench.wait_until(lambda: any(bench.payloads()))
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("endpoint absent", "nobody listens when the forwarder starts, then somebody does", judgement)
    assert judgement.holds, judgement


@pytest.mark.skipif(os.geteuid() != 0, reason="a process with its own /etc/hosts needs root")
def test_a_name_that_does_not_resolve_at_first_loses_nothing(bench: Bench, report: Report) -> None:
    hosts = bench.folder / "hosts"
    hosts.write_text("127.0.0.1 other\n")
    bench.forwarder_in_another_world("--hosts", str(hosts))
    source = bench.source("--rate", "500")
    bench.start_cloud()
    source.start()
    bench.forwarder.start()
    bench.wait_until(lambda: bench.status().get("last_reason"))
    assert not any(bench.payloads())
    reason = bench.status()["last_reason"]

    hosts.write_text("127.0.0.1 localhost\n")
    bench.wait_until(lambda: any(bench.payloads()))
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("DNS absent", "the endpoint's name does not resolve, then it does", judgement)
    assert judgement.holds, judgement
    assert "localhost" in reason


@pytest.fixture
def enrolled(tmp_path: Path) -> Iterator[Bench]:
    """A gateway that enrolled, and whose cloud renews identities."""
    bench = Bench(tmp_path, make_pki(tmp_path / "pki", thing="gw-07"))
    bench.cloud = bench.process(
        "cloud", *bench.cloud_arguments, "--template", "edge-agent-enrol", "--template", "edge-agent-rotate"
    )
    for name in ("certificate", "key"):
        del bench.uplink[name]
    bench.uplink["identity"] = str(tmp_path / "identity")
    bench.uplink["enrolment"] = {
        "template": "edge-agent-enrol",
        "claim_certificate": str(tmp_path / "pki" / "claim.pem"),
        "claim_key": str(tmp_path / "pki" / "claim.key"),
        "serial_number": "gw-07",
    }
    bench.configure()
    yield bench
    bench.close()


def test_an_identity_replaced_while_running_loses_nothing(
    enrolled: Bench, counts: Counts, report: Report
) -> None:
    bench, times = enrolled, counts(1, 10)
    source = bench.running_source("--rate", "500")
    store = IdentityStore(Path(bench.uplink["identity"]))

    for _ in range(times):
        before = store.version()
        rotate = [sys.executable, "-m", "edge_agent", "certs", "rotate", "--config", str(bench.settings_file)]
        rotated = subprocess.run(rotate, capture_output=True, text=True, check=False, timeout=120)
        assert rotated.returncode == 0, rotated.stderr
        assert store.version() != before
        bench.wait_until(lambda: [one.name for one in store.generations()] == [store.version()])
    bench.wait_until(
        lambda: any(b"floor.agent.journal_checkpoint" in payload for payload in bench.payloads())
    )
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("certificate replaced while running", f"{times} times at 500 events/s", judgement)
    assert judgement.holds, judgement
