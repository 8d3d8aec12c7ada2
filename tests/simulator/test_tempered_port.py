"""The port of a tempered machine: each knob by itself, in bytes and time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from edge_agent.sas.crc import append_crc
from edge_agent.sas.machine import Delivered, Elementary
from edge_agent.sas.messages import LongPollRequest
from edge_agent.sas.meter_fields import MeterValue
from edge_agent.sas.wakeup import encode_host_message, marked
from edge_agent.simulator.temperament import Temperament
from edge_agent.simulator.tempered_port import TemperedPort

SYNCHRONISE, GENERAL = marked(0x80), marked(0x81)
CREDITS = encode_host_message(b"\x01\x1a")
CREDITS_ANSWER = bytes.fromhex("011a0000010380d7")
REAL_TIME_ON = encode_host_message(bytes.fromhex("010e0145d1"))
NO_ACTIVITY = b"\x00"
INFORMATION = {
    "game_id": "AT",
    "additional_id": "000",
    "denomination": 1,
    "max_bet": 5,
    "progressive_group": 0,
    "game_options": 0,
    "paytable_id": "000001",
    "base_percent": "9000",
}


class Answers:
    """A machine with a few meters."""

    def __init__(self) -> None:
        self.coin_out = 100
        self.lock_status = 0x00

    def answer(self, poll: LongPollRequest, now: float) -> Mapping[str, Any] | Elementary | None:
        assert now >= 0
        game = {"game": 1, "coin_in": 54_321, "coin_out": 999, "jackpot": 0, "games_played": 7}
        meters = (MeterValue(0x01, 54_321, 4),)
        known: Mapping[int, Mapping[str, Any]] = {
            0x12: {"coin_out": self.coin_out},
            0x1A: {"current_credits": 103},
            0x1F: INFORMATION,
            0x2F: {"game": poll.values.get("game"), "meters": meters},
            0x3D: {"validation_number": "12345678", "amount_cents": 2_000},
            0x52: game,
            0x72: {"transfer_status": 0x00},
            0x74: {"lock_status": self.lock_status},
        }
        return known.get(poll.command)


def port(**knobs: Any) -> TemperedPort:
    """A port that is powered and synchronised."""
    made = TemperedPort(1, Answers(), Temperament(**knobs), seed=1)
    made.power_on(0.0)
    say(made, SYNCHRONISE)
    return made


def say(machine: TemperedPort, stream: bytes, now: float = 0.0) -> bytes:
    """What the machine answers at once."""
    machine.receive_data(stream, now)
    machine.handle_timer(now)
    return machine.data_to_send(now)


def ask(machine: TemperedPort, command: int, now: float = 0.0, **values: Any) -> Any:
    """What the machine knows: the answer it would give."""
    return machine._tempered.answer(LongPollRequest(1, command, values), now)


def test_a_plain_one_answers_as_the_text_has_it() -> None:
    machine = port()

    assert say(machine, CREDITS) == CREDITS_ANSWER
    assert say(machine, GENERAL) == NO_ACTIVITY


def test_answers_come_after_their_delay() -> None:
    machine = port(answer_delay=0.1, answer_jitter=0.2)

    assert say(machine, CREDITS) == b""
    assert 0.1 <= (machine.next_timer() or 0.0) <= 0.3
    assert machine.data_to_send(0.09) == b""
    assert machine.data_to_send(0.3) == CREDITS_ANSWER
    assert machine.data_to_send(0.3) == b""


def test_a_deaf_one_leaves_its_first_polls_unanswered_and_takes_none_in() -> None:
    machine = port(deaf_polls=2)

    assert [say(machine, poll) for poll in (CREDITS, GENERAL, CREDITS)] == [b"", b"", CREDITS_ANSWER]

    machine.power_off(1.0)
    machine.power_on(2.0)
    say(machine, SYNCHRONISE, 2.0)
    assert [say(machine, GENERAL, 2.0) for _ in range(3)] == [b"", b"", NO_ACTIVITY]


def test_a_refusing_one_says_81_to_general_polls_and_keeps_what_it_has() -> None:
    machine = port(refuses_every=20.0, refuses_for=1.0)
    machine.raise_exception(0x11, 20.0)
    say(machine, SYNCHRONISE, 20.0)

    assert say(machine, GENERAL, 20.5) == b"\x81"
    say(machine, SYNCHRONISE, 20.6)
    assert say(machine, GENERAL, 20.9) == b"\x81"
    say(machine, SYNCHRONISE, 20.95)
    assert say(machine, GENERAL, 21.0) == b"\x11"
    say(machine, SYNCHRONISE, 21.0)
    assert [event for event in machine.history() if isinstance(event, Delivered)]


def test_one_that_does_not_need_the_wakeup_bit_finds_polls_by_their_length() -> None:
    strict, careless = port(), port(needs_wakeup=False)

    assert say(strict, b"\x01\x1a") == b""
    assert say(careless, b"\x01\x1a") == CREDITS_ANSWER
    assert say(careless, b"\x80") == b""
    assert say(careless, b"\x81", 0.2) == NO_ACTIVITY
    unknown = append_crc(bytes.fromhex("01e101"))
    assert say(careless, unknown, 0.3) == b""
    assert say(careless, b"\x80\x81", 0.4) == NO_ACTIVITY


def test_an_idle_code_and_frames_of_its_own() -> None:
    machine = port(idle_code=0x1F, idle_frames=True)
    assert say(machine, GENERAL) == b"\x1f"

    say(machine, REAL_TIME_ON)
    say(machine, SYNCHRONISE)

    assert say(machine, GENERAL) == bytes.fromhex("01ffff1f6a4d")


def test_bare_events_come_without_their_data() -> None:
    machine = port(bare_events=frozenset({0x88}))
    say(machine, REAL_TIME_ON)
    machine.raise_exception(0x88, 0.0, {"reel": 1, "stop": 5})

    assert say(machine, CREDITS) == bytes.fromhex("01ffff885cad")


def test_1f_may_come_with_a_byte_too_many() -> None:
    machine = port(long_information_chance=1.0)

    assert len(say(machine, encode_host_message(b"\x01\x1f"))) == 25


def test_strays_are_glued_to_answers() -> None:
    machine = port(stray_before=(0x00, 0x01), stray_after=(0x00,))

    assert say(machine, CREDITS) == b"\x00\x01" + CREDITS_ANSWER + b"\x00"


@pytest.mark.parametrize(("after", "second"), [(0.0, None), (0.05, 0.05)], ids=["glued", "later"])
def test_an_answer_may_come_twice(after: float, second: float | None) -> None:
    machine = port(doubled_chance=1.0, doubled_after=after)

    heard = say(machine, CREDITS)

    if second is None:
        assert heard == CREDITS_ANSWER * 2
    else:
        assert heard == CREDITS_ANSWER
        assert machine.data_to_send(second) == CREDITS_ANSWER


def test_a_bad_crc_changes_the_crc_alone() -> None:
    heard = say(port(bad_crc_chance=1.0), CREDITS)

    assert heard[:-1] == CREDITS_ANSWER[:-1]
    assert heard[-1] != CREDITS_ANSWER[-1]


def test_a_foreign_address_has_a_crc_of_its_own() -> None:
    heard = say(port(foreign_address=2, foreign_address_chance=1.0), CREDITS)

    assert heard == append_crc(b"\x02" + CREDITS_ANSWER[1:-2])


def test_what_has_no_crc_is_left_alone() -> None:
    machine = port(bad_crc_chance=1.0, foreign_address=2, foreign_address_chance=1.0)

    assert say(machine, GENERAL) == NO_ACTIVITY
    assert say(machine, REAL_TIME_ON) == b"\x01"


def test_chirps_are_as_they_are_on_any_machine() -> None:
    machine = TemperedPort(1, Answers(), Temperament(answer_delay=1.0, stray_before=(0x00,)))
    machine.power_on(0.0)

    assert machine.data_to_send(0.2) == marked(0x01)


def test_a_loop_echoes_what_the_host_said() -> None:
    machine = port(echoes=True)

    assert say(machine, CREDITS) == CREDITS + CREDITS_ANSWER


def test_what_upsets_it_makes_it_deaf_for_a_while() -> None:
    machine = port(upset_by=frozenset({0x2A}), upset_for=2.0)

    assert say(machine, encode_host_message(b"\x01\x2a"), 1.0) == b""
    assert say(machine, CREDITS, 2.9) == b""
    assert say(machine, CREDITS, 3.0) == CREDITS_ANSWER


def test_late_meters_read_for_a_while_as_they_did_before_the_game() -> None:
    machine = port(late_meters=0.8)
    answers = machine._tempered._answers
    assert isinstance(answers, Answers)

    machine.raise_exception(0x7E, 10.0)
    answers.coin_out = 150
    machine.raise_exception(0x7F, 13.0)

    assert ask(machine, 0x12, 13.7) == {"coin_out": 100}
    assert ask(machine, 0x1A, 13.7) == {"current_credits": 103}
    assert ask(machine, 0x12, 13.8) == {"coin_out": 150}


def test_game_meters_step_down_when_the_options_change_and_the_machines_own_do_not() -> None:
    machine = port(steps_down_games=True)
    before = ask(machine, 0x52, game=1)

    machine.raise_exception(0x3C, 0.0)

    assert before["coin_in"] == 54_321
    assert ask(machine, 0x52, game=1) == {**before, "coin_in": 321}
    assert ask(machine, 0x2F, game=1, meter_codes=(1,))["meters"][0].digits == 321
    assert ask(machine, 0x2F, game=0, meter_codes=(1,))["meters"][0].digits == 54_321


def test_a_change_of_options_is_told_as_often_as_it_likes() -> None:
    machine = port(option_exceptions=3)

    machine.raise_exception(0x3C, 0.0)

    assert machine.queue == (0x3C,) * 3


def test_a_port_without_a_role_neither_answers_nor_tells() -> None:
    machine = port(
        ignored_polls=frozenset({0x72}), untold_exceptions=frozenset({0x69}), hides_validation_numbers=True
    )

    assert machine.raise_exception(0x69, 0.0) is None
    assert machine.queue == ()
    assert ask(machine, 0x72) is None
    assert ask(machine, 0x3D) == {"validation_number": "00000000", "amount_cents": 2_000}


def test_a_lock_takes_a_moment_to_settle() -> None:
    machine = port(lock_settles=0.5)
    transfer: dict[str, Any] = {"transfer_code": 0x00}
    status: dict[str, Any] = {"transfer_code": 0xFF}

    assert ask(machine, 0x72, 9.0, **transfer) == {"transfer_status": 0x00}
    for now in (10.0, 10.3):
        assert ask(machine, 0x74, now)["lock_status"] == 0x00
    assert ask(machine, 0x72, 10.49, **transfer) == {"history_position": 0, "transfer_status": 0x87}
    assert ask(machine, 0x72, 10.49, **status) == {"transfer_status": 0x00}
    assert ask(machine, 0x72, 10.5, **transfer) == {"transfer_status": 0x00}

    machine._tempered._answers.lock_status = 0xFF  # type: ignore[attr-defined]  # see Answers
    ask(machine, 0x74, 20.0)
    machine._tempered._answers.lock_status = 0x00  # type: ignore[attr-defined]
    ask(machine, 0x74, 30.0)
    assert ask(machine, 0x72, 30.4, **transfer)["transfer_status"] == 0x87


def test_a_malformed_transfer_is_refused_or_explained() -> None:
    malformed = encode_host_message(append_crc(bytes.fromhex("01720500000000 00")))
    damaged = malformed[:-1] + bytes((malformed[-1] ^ 1,))

    strict, explaining = port(), port(explains_malformed_transfers=True)

    assert say(strict, malformed) == b"\x81"
    assert say(explaining, malformed) == append_crc(bytes.fromhex("017202009f"))
    assert say(explaining, damaged) == b"\x81"
    assert say(explaining, encode_host_message(append_crc(bytes.fromhex("010900aa01")))) == b"\x81"


def test_a_denomination_nobody_configured_is_none() -> None:
    assert ask(port(hides_denomination=True), 0x1F)["denomination"] == 0
    assert ask(port(), 0x1F)["denomination"] == 1


def test_the_same_seed_has_the_same_whims() -> None:
    def heard(seed: int) -> list[bytes]:
        machine = TemperedPort(1, Answers(), Temperament(bad_crc_chance=0.5), seed=seed)
        machine.power_on(0.0)
        return [say(machine, poll) for _ in range(30) for poll in (SYNCHRONISE, CREDITS)]

    assert heard(1) == heard(1)
    assert heard(1) != heard(2)
