"""A silent link, and a broker that is killed, hangs, refuses, or loses its receipts."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator

import pytest

from edge_agent.standin import StandinControl
from edge_agent.testing.silent_link import SilentLink
from tests.faults.bench import Bench
from tests.faults.conftest import Counts, Report

pytestmark = pytest.mark.integration

RATE = 500
SOURCE = ("--rate", f"{RATE}")


@pytest.fixture
def link(bench: Bench) -> Iterator[SilentLink]:
    """What the gateway's connections to the cloud go through."""
    with SilentLink(bench.port) as link:
        bench.uplink["port"] = link.port
        bench.configure()
        yield link


@pytest.mark.parametrize("kind", ["swallowed", "held"])
def test_a_silent_link_loses_nothing(
    bench: Bench, link: SilentLink, counts: Counts, report: Report, kind: str
) -> None:
    seconds = counts(6, 25)
    source = bench.running_source(*SOURCE)

    link.cut() if kind == "swallowed" else link.hold()
    time.sleep(seconds)
    bench.wait_until(lambda: link.swallowed_bytes > 0 or kind == "held")
    link.mend()
    time.sleep(1)
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("silent link cut", f"bytes {kind} for {seconds} s at {RATE} events/s, no FIN", judgement)
    assert judgement.holds, judgement
    assert link.swallowed_bytes > 0 or kind == "held"


def test_a_broker_killed_with_publishes_in_flight_loses_nothing(
    bench: Bench, counts: Counts, report: Report
) -> None:
    kills = counts(3, 20)
    source = bench.running_source(*SOURCE)

    for _ in range(kills):
        with bench.control() as control:
            control.delay(2_000)
            bench.wait_until(lambda: bench.status().get("in_flight", 0) > 1)
        bench.cloud.kill()
        bench.start_cloud()
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("broker killed", f"SIGKILL with publishes in flight, {kills} times", judgement)
    assert judgement.holds, judgement


FAULTS: dict[str, Callable[[StandinControl], None]] = {
    "20 in 100 lost": lambda control: control.lose(percent=20),
    "delayed by 1 s": lambda control: control.delay(1_000),
    "refused: 0x97 quota exceeded": lambda control: control.refuse(0x97),
    "refused: 0x80 unspecified error": lambda control: control.refuse(0x80),
    "refused: 0x91 packet id in use": lambda control: control.refuse(0x91),
}


def test_pubacks_lost_delayed_or_refused_lose_nothing(bench: Bench, counts: Counts, report: Report) -> None:
    """One after the other, each before the forwarder has quite got over the last."""
    seconds = counts(1, 20)
    source = bench.running_source(*SOURCE)

    for befall in FAULTS.values():
        with bench.control() as control:
            befall(control)
            time.sleep(seconds)
            control.clear()
    with bench.control() as control:
        control.refuse(0x97)
        bench.wait_until(lambda: bench.status().get("retries", 0) > 0)  # at once, where there was time before
        control.clear()
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("PUBACKs", f"{'; '.join(FAULTS)}: each for {seconds} s at {RATE} events/s", judgement)
    assert judgement.holds, judgement


def test_what_the_broker_finds_invalid_is_set_aside_and_told(bench: Bench, report: Report) -> None:
    source = bench.running_source(*SOURCE)

    with bench.control() as control:
        control.refuse(0x90, following=1)
        bench.wait_until(lambda: bench.status().get("dead_letters", 0) > 0)
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("PUBACKs", "refused as invalid, 0x90, once: kept as dead letters, and told", judgement)
    assert judgement.holds, judgement
    assert judgement.recorded == bench.status()["dead_letters"]


def test_a_topic_we_may_not_publish_to_loses_nothing(bench: Bench, report: Report, *, full: bool) -> None:
    if not full:
        pytest.skip("attempts at a topic that is not allowed are half a minute apart; see scripts/faults")
    source = bench.running_source(*SOURCE)

    with bench.control() as control:
        control.refuse(0x87, following=1)
        bench.wait_until(lambda: "0x87" in bench.status().get("refused", {}))
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("PUBACKs", "refused, 0x87 not authorised, once", judgement)
    assert judgement.holds, judgement


@pytest.mark.parametrize("how", ["takes bytes and answers nothing", "stopped"])
def test_a_hung_broker_loses_nothing(bench: Bench, counts: Counts, report: Report, how: str) -> None:
    seconds = counts(6, 25)
    source = bench.running_source(*SOURCE)

    with bench.control() as control:
        if how == "stopped":
            bench.cloud.send(signal.SIGSTOP)
        else:
            control.stall()
        time.sleep(seconds)
        bench.cloud.send(signal.SIGCONT)
        control.clear()
    source.stop()
    bench.drain()

    judgement = bench.judge()
    report.add("hung broker", f"{how}, for {seconds} s at {RATE} events/s", judgement)
    assert judgement.holds, judgement
