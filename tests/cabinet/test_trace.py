"""A trace shows every byte that travelled, in its frame, with the poll it answers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.cabinet.choosing import Choice, Folded, Folding
from edge_agent.cabinet.screen import Screen
from edge_agent.cabinet.trace import Seen, Trace
from edge_agent.links.capture import FROM_DEVICE, TO_DEVICE, Travelled, read_capture_file
from edge_agent.sas import LongPollRequest, WakeupDecoder, stuff
from edge_agent.sas.crc import append_crc

VISIT = Path(__file__).parents[1] / "captures" / "visit.capture"
DOOR = append_crc(bytes.fromhex("01ff11"))
CREDITS = append_crc(bytes.fromhex("011a00000250"))


def trace(*travelled: tuple[float, str, str]) -> list[Seen]:
    tracing = Trace()
    entries = [Travelled(at, direction, bytes.fromhex(data)) for at, direction, data in travelled]
    seen = [one for entry in entries for one in tracing.take(entry)]
    return [*seen, *tracing.pass_time(entries[-1].at + 1.0)]


def titles(seen: Sequence[Seen]) -> list[str]:
    return [one.explanation.title for one in seen]


def heard(frame: bytes) -> str:
    return stuff(frame).hex()


def test_each_answer_is_shown_with_the_poll_it_answers() -> None:
    seen = trace(
        (0.0, ">", "ff0080ff00011a"), (0.02, "<", heard(CREDITS)), (0.2, ">", "ff0081"), (0.22, "<", "11")
    )

    assert titles(seen) == [
        "host to nobody: poll to address 0, which synchronises, and acknowledges what was said",
        "host to machine 01: long poll 1A current_credits",
        "machine 01: answer to 1A current_credits",
        "host to machine 01: general poll, has anything happened?",
        "machine 01: exception 11 slot_door_opened (door)",
    ]
    assert [one.command for one in seen] == [None, 0x1A, 0x1A, None, None]
    assert [one.exception for one in seen] == [None, None, None, None, 0x11]
    assert [one.marked for one in seen] == [True, True, False, True, False]
    assert seen[2].poll == LongPollRequest(1, 0x1A)


def test_frames_that_came_in_one_read_or_in_two_are_told_apart() -> None:
    seen = trace(
        (0.0, ">", "ff00011a"),
        (0.02, "<", heard(DOOR + append_crc(bytes.fromhex("01ff12")))),
        (0.2, ">", "ff000115"),
        (0.21, "<", heard(DOOR)[:6]),
        (0.22, "<", heard(DOOR)[6:]),
    )

    assert [one.exception for one in seen if not one.to_machine] == [0x11, 0x12, 0x11]


def test_a_damaged_answer_says_which_crc_would_be_right() -> None:
    seen = trace((0.0, ">", "ff00011a"), (0.02, "<", heard(DOOR[:-1] + b"\x00")))

    found = seen[1].explanation
    assert found.crc is not None
    assert found.crc.right == DOOR[-2:]
    assert not found.fits


def test_noise_chirps_and_strays_are_shown_as_what_they_are() -> None:
    noise = trace((0.0, ">", "ff00011a"), (0.02, "<", "5aa53c"))
    chirps = trace((0.0, ">", "ff00011a"), (0.5, "<", "ff0001"))
    strays = trace((0.0, ">", "ff00011a"), (0.02, "<", "0101" + heard(CREDITS) + "00"))

    assert titles(noise)[1:] == ["bytes that make no sense"]
    assert titles(chirps)[1:] == ["machine 01: chirps, it hears no host"]
    assert titles(strays)[1:] == [
        "machine 01: answer to 1A current_credits",
        "chirps, idle bytes, or an echo of the poll",
    ]
    assert strays[2].explanation.data == b"\x01\x01\x00"


def test_what_answers_a_poll_no_table_knows_is_shown_as_it_is() -> None:
    seen = trace(
        (0.0, ">", "ff000122"), (0.02, "<", heard(append_crc(bytes.fromhex("012207")))), (0.2, ">", "ff0081")
    )

    assert titles(seen)[1] == "machine 01: answer to 22 unknown_0x22"


def test_real_time_events_change_what_one_byte_may_be() -> None:
    on = append_crc(bytes.fromhex("010e01")).hex()
    seen = trace((0.0, ">", f"ff00{on}"), (0.02, "<", "01"), (0.1, ">", "ff0081"), (0.12, "<", heard(DOOR)))

    assert titles(seen)[1] == "machine 01: accepted (ACK), or a chirp"
    assert seen[-1].exception == 0x11


def test_every_byte_of_the_golden_capture_is_shown() -> None:
    entries = read_capture_file(VISIT).entries
    tracing = Trace()

    seen = [one for entry in entries for one in tracing.take(entry)]
    seen += tracing.pass_time(entries[-1].at + 1.0)

    for direction, to_machine in ((TO_DEVICE, True), (FROM_DEVICE, False)):
        travelled = b"".join(entry.data for entry in entries if entry.direction == direction)
        plain = bytes(character & 0xFF for character in WakeupDecoder().feed(travelled))
        shown = b"".join(one.explanation.data for one in seen if one.to_machine is to_machine)
        assert sorted(shown) == sorted(plain)


@given(
    st.lists(
        st.tuples(st.sampled_from("<>"), st.integers(0, 60), st.binary(min_size=1, max_size=12)), max_size=20
    )
)
def test_whatever_travels_is_shown(pieces: list[tuple[str, int, bytes]]) -> None:
    tracing, now = Trace(), 0.0
    seen: list[Seen] = []
    for direction, pause, data in pieces:
        now += pause / 1000
        stream = b"\xff\x00" + data[:1] + stuff(data[1:]) if direction == ">" else stuff(data)
        seen += tracing.take(Travelled(now, direction, stream))
    seen += tracing.pass_time(now + 1.0)

    host = b"".join(one.explanation.data for one in seen if one.to_machine)
    assert host == b"".join(data for direction, _, data in pieces if direction == ">")


def folded(seen: Sequence[Seen]) -> list[str]:
    folding = Folding()
    shown = [one for each in seen for one in folding.take(each)]
    shown += folding.end()
    return [f"{one.count} idle" if isinstance(one, Folded) else one.explanation.title for one in shown]


def test_idle_polls_are_folded_into_a_count() -> None:
    idle = [(at / 5, way, data) for at in range(3) for way, data in ((">", "ff0080ff0081"), ("<", "00"))]
    seen = trace(
        *idle, (1.0, ">", "ff0081"), (1.02, "<", "11"), (1.2, ">", "ff0080ff0081"), (1.22, "<", "00")
    )

    assert folded(seen) == [
        "3 idle",
        "host to machine 01: general poll, has anything happened?",
        "machine 01: exception 11 slot_door_opened (door)",
        "1 idle",
    ]


def test_a_general_poll_nobody_answers_is_no_idle_poll() -> None:
    seen = trace((0.0, ">", "ff0081"), (0.2, ">", "ff0081"), (0.22, "<", "00"))

    assert folded(seen) == ["host to machine 01: general poll, has anything happened?", "1 idle"]


@pytest.mark.parametrize(
    ("choice", "shown"),
    [
        (Choice(), 6),
        (Choice(only=frozenset(("events",))), 1),
        (Choice(only=frozenset(("polls",))), 3),
        (Choice(only=frozenset(("answers",))), 1),
        (Choice(only=frozenset(("errors",))), 1),
        (Choice(only=frozenset(("errors", "events"))), 2),
        (Choice(polls=frozenset((0x1A,))), 2),
        (Choice(exceptions=frozenset((0x11,))), 1),
        (Choice(exceptions=frozenset((0x12,))), 0),
        (Choice(addresses=frozenset((2,))), 0),
        (Choice(only=frozenset(("chirps",))), 0),
    ],
)
def test_only_what_was_chosen_is_shown(choice: Choice, shown: int) -> None:
    seen = trace(
        (0.0, ">", "ff00011a"), (0.02, "<", heard(CREDITS)), (0.2, ">", "ff0081"), (0.22, "<", "11"),
        (0.4, ">", "ff000115"), (0.42, "<", "5aa53c"),
    )  # fmt: skip

    assert sum(choice.wants(one) for one in seen) == shown


def test_a_line_has_time_delta_direction_bytes_and_words() -> None:
    screen = Screen(0.0)
    seen = trace((0.0, ">", "ff0081"), (0.025, "<", "11"))

    lines = [line for one in seen for line in screen.lines(one)]

    assert lines == [
        "00:00:00.000 +0.000 > [81]                host to machine 01: general poll, has anything happened?",
        "00:00:00.025 +0.025 < 11                  machine 01: exception 11 slot_door_opened (door)",
    ]


def test_a_trace_without_a_beginning_shows_seconds() -> None:
    (seen,) = trace((1.5, ">", "ff0081"))

    assert next(Screen(None).lines(seen)).startswith("    1.500000 +0.000 > [81]")


def test_fields_may_stand_on_lines_of_their_own() -> None:
    seen = trace((0.0, ">", "ff00011a"), (0.02, "<", heard(CREDITS)))[1]

    title, *fields = Screen(0.0, whole=True).lines(seen)

    assert title.endswith("machine 01: answer to 1A current_credits")
    assert "    2  00 00 02 50  current_credits  250 credits" in fields


def test_colours_tell_who_speaks_and_what_is_wrong() -> None:
    screen = Screen(0.0, colours=True)
    seen = trace(
        (0.0, ">", "ff0081"), (0.02, "<", "00"), (0.2, ">", "ff0081"), (0.22, "<", "11"),
        (0.4, ">", "ff00011a"), (0.42, "<", heard(CREDITS)), (0.6, ">", "ff00011a"), (0.62, "<", "5aa53c"),
    )  # fmt: skip

    colours = [next(screen.lines(one)).partition("m")[0] for one in seen]

    assert colours == [f"\x1b[{code}" for code in ("36", "2", "36", "1;33", "36", "32", "36", "1;31")]


def test_numbers_are_withheld_unless_they_are_asked_for() -> None:
    ticket = append_crc(bytes.fromhex("013d987654320000012500"))
    seen = trace((0.0, ">", "ff00013d"), (0.02, "<", heard(ticket)))[1]

    for whole in (False, True):
        hidden = "\n".join(Screen(0.0, whole=whole).lines(seen))
        shown = "\n".join(Screen(0.0, whole=whole, with_numbers=True).lines(seen))
        assert "98765432" not in hidden.replace(" ", "")
        assert ticket[-2:].hex(" ").upper() not in hidden
        assert "98765432" in shown.replace(" ", "")
    assert "98765432" not in Screen(0.0).json(seen)
    assert "98765432" in Screen(0.0, with_numbers=True).json(seen)


def test_json_is_one_object_a_frame() -> None:
    screen = Screen(0.0)
    (seen,) = trace((0.25, ">", "ff0081"))

    idle = json.loads(screen.json(Folded(1.0, 7)))
    assert idle == {"at": 1.0, "time": "1970-01-01T00:00:01.000Z", "idle_polls": 7}
    told = json.loads(screen.json(seen))
    assert (told["at"], told["wakeup"], told["from"], told["hex"]) == (0.25, True, "host", "81")
