"""Quirks of the line: late answers, silence, strays, loops, adapters and addresses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from edge_agent.events.agent import LineDown, LineUp, ProtocolErrors
from edge_agent.events.slot import MachineIdentified, MetersRead, MeterVariance
from edge_agent.sas.crc import append_crc
from edge_agent.sas.poll_reader import PollReader
from edge_agent.sas.wakeup import WakeupDecoder, encode_characters, marked, stuff
from edge_agent.testing.conversation import wires_of
from edge_agent.testing.wires import PERFECT, HostileWire, WireProfile

SetScene = Callable[..., Any]
SitDown = Callable[..., Any]

ONE_BYTE = {"real_time_events": "off"}
PACED = WireProfile("paced", paced=True)


@pytest.mark.parametrize("mode", ["auto", "off"])
@pytest.mark.parametrize(("delay", "jitter"), [(0.021, 0.0), (0.1, 0.1), (0.3, 0.15)])
def test_quirk_01_answers_later_than_20_ms(scene: SetScene, delay: float, jitter: float, mode: str) -> None:
    line = scene(answer_delay=delay, answer_jitter=jitter, options={"real_time_events": mode}).meet()

    raised = line.doors(10, every=1.0)
    line.run_for(20)

    assert line.heard == raised == line.machine.raised
    assert line.of(LineDown) == []
    assert line.of(MetersRead)[-1].settled


def test_quirk_01_an_answer_that_comes_after_the_poll_was_repeated_passes_for_no_other(
    scene: SetScene,
) -> None:
    line = scene(answer_delay=0.25, answer_jitter=0.6, options=ONE_BYTE).meet()

    raised = line.doors(10, every=4.0)
    line.run_for(60)

    assert line.certain == raised == line.machine.raised
    assert line.of(MeterVariance) == []


def test_quirk_02_first_poll_after_start_up_unanswered(scene: SetScene, hand: SitDown) -> None:
    machine = hand()
    machine.machine.port.power_off(machine.now)
    machine.machine.port.power_on(machine.now)
    assert machine.ask("81") == b""
    machine.synchronise()
    assert machine.ask("81") == b"\x00"

    line = scene(deaf_polls=3)
    raised = line.doors(1)
    line.run_for(40)

    assert line.of(LineUp)
    assert line.of(MachineIdentified)[0].serial_number == "SIM000001"
    assert line.heard == raised


def test_quirk_02_a_machine_that_lost_its_power_is_synchronised_again(scene: SetScene) -> None:
    line = scene(deaf_polls=2).meet()

    line.cabinet.lose_power()
    line.run_for(12)
    line.cabinet.regain_power()
    line.run_for(30)

    assert line.heard == [0x18, 0x17]
    assert line.port.real_time


@pytest.mark.parametrize("mode", ["auto", "off"])
@pytest.mark.parametrize(
    "strays",
    [
        {"stray_before": (0x00,)},
        {"stray_before": (0x01, 0x01, 0x01, 0x01)},
        {"stray_after": (0x00,)},
        {"stray_after": (0x01,)},
        {"stray_before": (0x00, 0x01), "stray_after": (0x01, 0x00)},
        {"doubled_chance": 0.3},
        {"doubled_chance": 0.3, "doubled_after": 0.03},
    ],
    ids=str,
)
def test_quirk_08_stray_bytes_around_frames(scene: SetScene, strays: dict[str, Any], mode: str) -> None:
    """Every third answer has them; around all answers of a byte they would be the answer."""
    line = scene(**strays, stray_chance=0.3, options={"real_time_events": mode}).meet()

    raised = line.doors(10)
    line.play()
    line.run_for(20)

    assert [code for code in line.certain if code in (0x11, 0x12)] == raised
    assert {0x7E, 0x7F} <= set(line.heard)
    assert line.of(LineDown) == line.of(MeterVariance) == []


def test_quirk_08_our_machine_takes_a_hosts_strays_for_nothing(hand: SitDown) -> None:
    machine = hand()

    assert machine.write(stuff(b"\x00\x00") + marked(0x01) + b"\x1a" + stuff(b"\x00\x01"))[:2] == b"\x01\x1a"
    assert machine.write(marked(0x81) + b"\x00") == b"\x00"
    assert machine.write(b"\x81\x01\x1a") == b""


def test_quirk_24_the_chirp_of_a_machine_at_another_address_tells_which(scene: SetScene) -> None:
    line = scene(spec={"address": 5})

    line.run_for(60)

    assert "address 05 chirps, this line is set to 01" in line.of(LineDown)[0].reason
    assert line.of(LineUp) == []


def test_quirk_25_a_host_that_pauses_inside_its_polls_is_served_where_the_gap_is_kind(hand: SitDown) -> None:
    """It reopens its port between the address and the command, which takes 20 ms of the 5 it has."""

    def paused(gap: float) -> bytes:
        machine = hand(gap=gap)
        heard: bytes = machine.write(marked(0x01), wait=0.020)
        return heard + bytes(machine.write(b"\x1a"))

    assert paused(gap=0.050)[:2] == b"\x01\x1a"
    assert paused(gap=0.005) == b""


def test_quirk_25_our_host_writes_each_poll_in_one_piece(scene: SetScene) -> None:
    line = scene()

    line.run_for(40)

    reader = PollReader()
    assert len(line.written) > 100
    for at, data in enumerate(line.written):
        assert reader.feed(WakeupDecoder().feed(data), float(at))
        assert reader.deadline is None, "what was written ends where a poll does"
    assert reader.strays == reader.dropped == 0


def test_quirk_26_a_dead_line_is_told_as_silence(scene: SetScene) -> None:
    """The adapter's level is too low for either end to read the other."""
    line = scene(wires=wires_of(PERFECT))
    for wire in line.wires:
        wire.cut(0.0, 1e9)

    line.run_for(60)

    assert line.of(LineDown)[0].reason.startswith("silent for")
    assert line.machine.delivered == 0


def test_quirk_26_a_machine_that_cannot_hear_us_is_told_by_its_chirps(scene: SetScene) -> None:
    """Only our own level is too low: the machine chirps, and answers nothing."""
    line = scene(wires=wires_of(PERFECT))
    line.wires[0].cut(0.0, 1e9)

    line.run_for(60)

    assert "chirps and answers nothing: it hears no poll" in line.of(LineDown)[0].reason


def test_quirk_27_our_own_bytes_come_back_over_a_loop(scene: SetScene) -> None:
    line = scene(echoes=True).meet()

    raised = line.doors(10)
    line.run_for(20)

    assert line.heard == raised == line.machine.raised
    assert line.of(LineDown) == []


class Inverting(HostileWire):
    """An opto loop that was put in the wrong way round."""

    def carry(self, stream: bytes, now: float) -> list[tuple[float, bytes]]:
        arriving = super().carry(stream, now)
        inverted = [
            (at, [character ^ 0xFF for character in WakeupDecoder().feed(part)]) for at, part in arriving
        ]
        return [(at, encode_characters(part)) for at, part in inverted]


def test_quirk_27_a_loop_that_inverts_bits_is_told_as_a_line_nobody_can_read(scene: SetScene) -> None:
    line = scene(wires=(HostileWire(PERFECT), Inverting(PERFECT)))

    line.run_for(120)

    assert line.of(LineUp) == []
    assert line.of(LineDown)
    assert line.of(ProtocolErrors)
    assert line.machine.delivered == 0


class UsbPackets(HostileWire):
    """A USB adapter: 16 ms pieces, and one parity error marks each byte of its piece."""

    def carry(self, stream: bytes, now: float) -> list[tuple[float, bytes]]:
        packets: dict[float, list[int]] = {}
        for at, part in super().carry(stream, now):
            packets.setdefault((at // 0.016 + 1) * 0.016, []).extend(WakeupDecoder().feed(part))
        return [(at, _packet(characters)) for at, characters in packets.items()]


def _packet(characters: list[int]) -> bytes:
    if any(character & 0x100 for character in characters):
        return b"".join(marked(character & 0xFF) for character in characters)
    return stuff(bytes(characters))


def test_quirk_28_adapters_deliver_in_pieces_and_mark_all_of_one(scene: SetScene) -> None:
    line = scene(wires=(HostileWire(PERFECT), UsbPackets(PACED))).meet()

    raised = line.doors(10)
    assert line.station_counters.protocol_errors == 0
    line.cabinet.lose_power()
    line.run_for(12)
    line.cabinet.regain_power()
    line.run_for(30)

    assert line.heard == [*raised, 0x18, 0x17]
    assert line.machine.raised == line.heard


def test_quirk_28_a_chirp_that_marks_the_answer_behind_it_costs_a_repeat_and_no_exception(
    scene: SetScene,
) -> None:
    line = scene(wires=(HostileWire(PERFECT), UsbPackets(PACED))).meet()
    line.cabinet.open_door()
    answer = append_crc(bytes.fromhex("01ff11"))
    spoilt = _packet([0x101, *answer])

    line.host.receive_data(spoilt, line.clock.now)
    line.run_for(10)

    assert line.certain == [0x11]
    assert line.of(LineDown) == []


def test_quirk_31_a_broadcast_while_an_answer_is_awaited_acknowledges_it(hand: SitDown) -> None:
    for broadcast in ("007f", "0080", "0086"):
        machine = hand()
        machine.cabinet.open_door()
        assert machine.ask("81") == b"\x11"

        message = (
            bytes.fromhex(broadcast)
            + {
                "007f": bytes.fromhex("07042026123000"),
                "0080": bytes.fromhex("01010000010000"),
                "0086": bytes.fromhex("0701010000010000"),
            }[broadcast]
        )
        assert machine.ask(append_crc(message)) == b""

        assert machine.machine.delivered == 1
        assert machine.ask("81") == b"\x00"


def test_quirk_31_our_host_broadcasts_nothing(scene: SetScene) -> None:
    line = scene()
    line.run_for(40)
    line.doors(5)
    line.run_for(20)

    written = [character for data in line.written for character in WakeupDecoder().feed(data)]
    assert {character & 0xFF for character in written if character & 0x100} == {0x80, 0x81, 0x01}
