"""One device that sends ten bad frames a second for an hour of virtual time."""

from __future__ import annotations

import gc
import random
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

from edge_agent.clock import Clock
from edge_agent.drivers.registry import find_driver
from edge_agent.events import seal
from edge_agent.journal import open_journal
from edge_agent.station import DeviceIdentity
from tests.faults.conftest import Report

HOUR, STEP = 3_600, 0.1
BAD_FRAMES_A_SECOND = 10
# An hour of them is 36,000 frames, some 700 KB: what is kept of each would show.
GROWTH_BYTES = 100_000


def bad_sas(fate: random.Random) -> bytes:
    """An answer of meters whose CRC is wrong, as marked characters."""
    return bytes([1, 0x19, *(fate.randrange(0xFF) for _ in range(22))])


def bad_tdl1(fate: random.Random) -> bytes:
    """A telegram whose CRC is wrong."""
    return b"$TDL1|01|%04d|E|SHF.START|ts=20250611T081501.000Z|batch=4411*0000\r\n" % fate.randrange(10_000)


def bytes_held_by(station: object) -> int:
    """The size of all data that can be reached from an object."""
    seen, reached = set[int](), [station]
    size = 0
    while reached:
        one = reached.pop()
        if id(one) not in seen and not isinstance(one, type | ModuleType | FunctionType):
            seen.add(id(one))
            size += sys.getsizeof(one)
            reached += gc.get_referents(one)
    return size


@pytest.mark.parametrize(("driver", "bad"), [("sas", bad_sas), ("tdl1", bad_tdl1)])
def test_a_storm_of_bad_frames_is_told_once_a_minute(
    tmp_path: Path, report: Report, driver: str, bad: Callable[[random.Random], bytes]
) -> None:
    fate, clock, now = random.Random(7), Clock(), 1_000.0  # noqa: S311  a story, not a secret
    station = find_driver(driver).station(DeviceIdentity(subject="slot-1001", currency="USD"), {}, b"")
    station.link_opened(now)
    types: Counter[str] = Counter()
    sent_at = now
    with open_journal(tmp_path / "journal", role="collect") as journal:
        early = 0
        for step in range(int(HOUR / STEP)):
            now = 1_000.0 + step * STEP
            station.handle_timer(now)
            if observations := station.take_observations():
                types.update(observation.body.event_type for observation in observations)
                journal.append(
                    [seal(observation, clock.reading(), "/floor/lab/gw-07") for observation in observations]
                )
            station.data_to_send(now)
            if now - sent_at >= 1 / BAD_FRAMES_A_SECOND:
                sent_at += 1 / BAD_FRAMES_A_SECOND
                station.receive_data(bad(fate), now)
            if step == int(0.1 * HOUR / STEP):
                early = bytes_held_by(station)
        growth = bytes_held_by(station) - early
        journalled = journal.head

    report.write(
        "storm of one device",
        f"{driver}: {BAD_FRAMES_A_SECOND} bad frames/s for an hour of virtual time: {journalled} events, "
        f"its memory {growth / 1000:+.0f} kB over the last nine tenths",
    )
    assert station.counters.protocol_errors > HOUR
    assert types["floor.line.protocol_errors"] in range(50, HOUR // 60 + 2)
    assert max(types.values()) <= HOUR // 60 + 2
    assert growth < GROWTH_BYTES
