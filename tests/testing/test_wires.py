"""What wires do to characters."""

from __future__ import annotations

import itertools

import pytest

from edge_agent.sas.wakeup import WAKEUP, WakeupDecoder
from edge_agent.testing.wires import (
    CHARACTER_SECONDS,
    CUT,
    ECHOING,
    LOSSY,
    NOISY,
    ONE_BYTE_AT_A_TIME,
    PERFECT,
    SLOW,
    WIRE_PROFILES,
    HostileWire,
    WireProfile,
    lossy,
)

POLL = b"\xff\x00\x01\x1a"
MANY = 20_000


def characters(parts: list[tuple[float, bytes]]) -> list[int]:
    return WakeupDecoder().feed(b"".join(part for _, part in parts))


def test_a_perfect_wire_carries_what_it_is_given_when_it_is_given() -> None:
    assert HostileWire(PERFECT).carry(POLL, 3.0) == [(3.0, POLL)]
    assert HostileWire(ECHOING).carry(POLL, 3.0) == [(3.0, POLL)]
    assert HostileWire(PERFECT).carry(b"", 3.0) == []


def test_a_character_and_its_mark_stay_together() -> None:
    parts = HostileWire(ONE_BYTE_AT_A_TIME).carry(POLL + b"\xff\xff", 3.0)

    assert parts == [(3.0, b"\xff\x00\x01"), (3.0, b"\x1a"), (3.0, b"\xff\xff")]


def test_a_mark_cut_apart_by_the_sender_is_put_together() -> None:
    wire = HostileWire(ONE_BYTE_AT_A_TIME)

    assert wire.carry(b"\xff\x00", 3.0) == []
    assert wire.carry(b"\x01", 3.0) == [(3.0, b"\xff\x00\x01")]


@pytest.mark.parametrize("chance", [0.05, 0.20])
def test_a_lossy_wire_loses_its_share_of_whole_characters(chance: float) -> None:
    wire = HostileWire(lossy(chance), seed=1)

    arrived = characters(wire.carry(bytes(range(0xFF)) * (MANY // 0xFF), 0.0))

    assert wire.lost == pytest.approx(MANY * chance, rel=0.1)
    assert WAKEUP not in {character & WAKEUP for character in arrived}


def test_a_noisy_wire_flips_single_bits_the_ninth_among_them() -> None:
    wire = HostileWire(NOISY, seed=1)

    arrived = characters(wire.carry(bytes(MANY), 0.0))

    flipped = [character for character in arrived if character]
    assert len(arrived) == MANY
    assert len(flipped) == wire.flipped == pytest.approx(MANY / 2_000, rel=0.5)
    assert all(character.bit_count() == 1 for character in flipped)


def test_a_slow_wire_takes_its_time_and_keeps_the_order() -> None:
    wire = HostileWire(SLOW, seed=1)

    first, second = wire.carry(POLL, 10.0), wire.carry(POLL, 10.0)

    times = [at for at, _ in first + second]
    assert times == sorted(times)
    assert times[1] - times[0] == pytest.approx(CHARACTER_SECONDS)
    assert 10.0 + CHARACTER_SECONDS <= times[0] <= 10.0 + SLOW.latest + CHARACTER_SECONDS


def test_a_cut_wire_is_dead_for_stretches() -> None:
    wire = HostileWire(CUT, seed=1)

    alive = [bool(wire.carry(b"\x00", 1_000_000.0 + tick / 10)) for tick in range(6_000)]

    stretches = [sum(1 for _ in run) / 10 for up, run in itertools.groupby(alive) if not up]
    assert 30 < len(stretches) < 60
    assert min(stretches) >= 1.3
    assert max(stretches) <= 8.2


def test_any_wire_can_be_cut_by_hand() -> None:
    wire = HostileWire(PERFECT)
    wire.cut(1.0, 2.0)

    assert [bool(wire.carry(b"\x00", now)) for now in (0.9, 1.0, 2.9, 3.0)] == [True, False, False, True]


@pytest.mark.parametrize("profile", [LOSSY, NOISY, SLOW], ids=lambda profile: profile.name)
def test_one_seed_tells_one_story(profile: WireProfile) -> None:
    stream = bytes(range(0xFF)) * 40
    one, same, other = (HostileWire(profile, seed) for seed in (1, 1, 2))

    assert one.carry(stream, 0.0) == same.carry(stream, 0.0) != other.carry(stream, 0.0)


def test_the_wires_of_a_trial_are_these() -> None:
    assert set(WIRE_PROFILES) == {"perfect", "noisy", "lossy", "slow", "cut"}


def test_a_wire_says_what_it_did() -> None:
    assert repr(HostileWire(LOSSY)) == "<HostileWire lossy lost 0 flipped 0>"
