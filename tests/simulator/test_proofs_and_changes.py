"""What a machine proves (21, 6E), and what it announces before its meters change (A0)."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import replace
from typing import Any

import pytest

from edge_agent.sas.crc import crc16
from edge_agent.testing.machine_bench import ABLE, MachineBench
from tests.simulator.conftest import bench_of

COMPONENTS = ("bios", "platform", "game-000001", "game-000002")


# -- 21 --------------------------------------------------------------------------------------


def test_a_signature_comes_when_it_is_ready_and_before_events() -> None:
    bench = bench_of()
    bench.read(0x21, seed=0x1234)
    bench.cabinet.open_door()
    assert bench.general_poll() == 0x11
    bench.wait(0.6)
    bench.cabinet.close_door()

    bench.general_poll()
    assert bench.general_poll() == 0x12

    images = b"".join(component.image for component in bench.cabinet.components.installed)
    assert [reply.values for reply in bench.volunteered] == [{"signature": crc16(images, 0x1234)}]


def test_another_seed_makes_another_signature_and_another_machine_too() -> None:
    signatures = {
        MachineBench(replace(ABLE, serial=serial)).cabinet.components.signature(seed)
        for serial in ("A", "B")
        for seed in (1, 2)
    }

    assert len(signatures) == 4


# -- 6E --------------------------------------------------------------------------------------


def component(bench: MachineBench, action: int, which: int | str = 1, **more: Any) -> Any:
    by_name = isinstance(which, str)
    return bench.read(
        0x6E,
        action=action,
        addressing_mode=int(by_name),
        component=which.encode() if isinstance(which, str) else bytes((which,)),
        **more,
    )


def test_components_are_counted_and_named() -> None:
    bench = bench_of()

    counted = bench.read(0x6E, action=0)
    told = [component(bench, 1, index)["component_name"] for index in (1, 2, 3, 4)]

    assert (counted["status"], counted["component_size"]) == (0x01, b"\x04")
    assert tuple(told) == COMPONENTS
    assert component(bench, 1, "platform")["component_size"] == (4_096).to_bytes(4, "little")
    assert component(bench, 1, "platform")["available_methods"] == 0x67
    assert component(bench, 1, 5)["status"] == component(bench, 1, "nothing")["status"] == 0x80


METHODS = [
    (0x01, b"\x34\x12", lambda image: crc16(image, 0x1234).to_bytes(2, "little")),
    (0x02, b"\x01", lambda image: zlib.crc32(image, 1).to_bytes(4, "little")),
    (0x04, b"salt", lambda image: hashlib.md5(b"salt" + image, usedforsecurity=False).digest()),
    (0x20, b"", lambda image: hashlib.sha1(image, usedforsecurity=False).digest()),
    (0x40, b"salt", lambda image: hashlib.sha256(b"salt" + image).digest()),
]


@pytest.mark.parametrize(
    ("method", "seed", "expected"), METHODS, ids=["crc16", "crc32", "md5", "sha1", "sha256"]
)
def test_a_component_is_authenticated_in_a_moment(method: int, seed: bytes, expected: Any) -> None:
    bench = bench_of()
    assert bench.read(0x6E, action=3)["status"] == 0xFF

    begun = component(bench, 2, "bios", method=method, seed=seed, offset=b"\x10")
    assert (begun["status"], begun["method"], begun["authentication"]) == (0x40, method, b"")
    bench.wait(2.5)

    assert bench.hear() == [0x8F]
    done = bench.read(0x6E, action=3)
    image = bench.cabinet.components.installed[0].image[0x10:]
    assert (done["status"], done["authentication"]) == (0x41, expected(image))
    assert (done["component_name"], done["method"]) == ("bios", method)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"method": 0x08, "seed": b"", "offset": b""}, 0xC3),
        ({"method": 0x01, "seed": b"123", "offset": b""}, 0xC4),
        ({"method": 0x04, "seed": b"", "offset": b"\x00\x10"}, 0xC4),
    ],
)
def test_what_cannot_be_done_with_a_component_is_said(more: dict[str, Any], status: int) -> None:
    assert component(bench_of(), 2, "bios", **more)["status"] == status


def test_an_action_nobody_knows_is_no_command() -> None:
    assert bench_of().read(0x6E, action=9)["status"] == 0x82


def test_other_programs_end_what_was_being_proved_and_change_the_list() -> None:
    bench = bench_of()
    before = component(bench, 2, "bios", method=0x40, seed=b"", offset=b"")

    bench.cabinet.components.change()
    bench.wait(3.0)

    assert bench.hear() == [0x8E]
    after = bench.read(0x6E, action=3)
    assert after["status"] == 0xC1
    assert after["component_list_crc"] != before["component_list_crc"]


# -- meter change notification ---------------------------------------------------------------


def test_a_change_waits_until_the_host_has_collected_the_meters() -> None:
    bench = bench_of()
    bench.cabinet.change_options()
    assert bench.hear() == [0xA0]
    assert bench.ask(0x56) == {"games": (1, 2)}
    bench.wait(5.0)
    assert bench.hear() == [0xA0]

    assert bench.read(0xB6, host_status=0x00) == {"machine_status": 0x01}
    bench.wait(5.0)
    assert bench.hear() == [0xA0]
    assert bench.read(0xB6, host_status=0x01) == {"machine_status": 0x01}

    assert bench.hear() == [0xA2]
    assert bench.ask(0x56) == {"games": (1,)}
    assert bench.read(0xB6, host_status=0x01) == {"machine_status": 0x80}
    bench.wait(10.0)
    assert bench.hear() == []


def test_without_the_hosts_word_the_change_is_given_up() -> None:
    bench = bench_of()
    bench.cabinet.change_options()
    assert bench.hear() == [0xA0]
    bench.wait(31.0)

    assert bench.hear() == [0xA1]
    assert bench.ask(0x56) == {"games": (1, 2)}


def test_a_host_that_needs_longer_gets_the_time_again_five_times() -> None:
    bench = bench_of()
    bench.cabinet.change_options()

    for _ in range(6):
        bench.wait(25.0)
        bench.read(0xB6, host_status=0x00)
        assert 0xA1 not in bench.hear()
    bench.wait(10.0)

    assert 0xA1 in bench.hear()


def test_a_host_that_cannot_collect_does_not_stop_the_clock() -> None:
    bench = bench_of()
    bench.cabinet.change_options()
    bench.wait(25.0)

    bench.read(0xB6, host_status=0x80)
    bench.wait(6.0)

    assert 0xA1 in bench.hear()


def test_a_machine_that_does_not_ask_changes_at_once() -> None:
    bench = bench_of(meter_change_notification=False)

    bench.cabinet.change_options()

    assert bench.hear() == [0x3C]
    assert bench.ask(0x56) == {"games": (1,)}


def test_an_announced_change_outlives_the_power() -> None:
    bench = bench_of()
    bench.cabinet.change_options()

    bench.die_and_return()

    assert bench.read(0xB6, host_status=0x01) == {"machine_status": 0x01}
    assert bench.ask(0x56) == {"games": (1,)}
