"""`decode`, as it is typed."""

from __future__ import annotations

import io
import json

import pytest

from tests.cabinet.conftest import Run

BILL = "01 FF 4F 37 06 00 00 01 23 FE 8B"


def test_a_frame_is_explained_field_by_field(run: Run) -> None:
    status, out, _ = run("decode", *BILL.split())

    assert status == 0
    assert out == (
        "machine 01: event 4F bill_accepted (bill)\n"
        "    0  01           address            1\n"
        "    1  FF           event_mark         FF  a real-time event\n"
        "    2  4F           exception          4F  bill_accepted\n"
        "    3  37           country            37  USA\n"
        "    4  06           denomination_code  6  a bill of 50\n"
        "    5  00 00 01 23  count              123 bills\n"
        "    9  FE 8B        CRC                good\n"
    )


def test_a_wrong_crc_says_which_is_right_and_ends_otherwise(run: Run) -> None:
    status, out, _ = run("decode", "01ff4f3706000001230000")

    assert status == 1
    assert out.endswith("WRONG: FE 8B would be right\n")


def test_several_frames_are_explained_one_after_the_other(run: Run) -> None:
    status, out, _ = run("decode", "81", "01ff128f96")

    assert status == 0
    assert [block.splitlines()[0] for block in out.split("\n\n")] == [
        "host to machine 01: general poll, has anything happened?",
        "machine 01: event 12 slot_door_closed (door)",
    ]


def test_json_is_one_object_a_frame(run: Run) -> None:
    status, out, _ = run("decode", "--json", "01ff128f96", "01ff128f00")

    good, bad = map(json.loads, out.splitlines())
    assert status == 1
    assert (good["from"], good["kind"], good["address"], good["hex"]) == ("machine", "event", 1, "01ff128f96")
    assert good["crc"] == {"found": "8f96", "right": "8f96", "good": True}
    assert bad["crc"] == {"found": "8f00", "right": "8f96", "good": False}
    assert good["fields"][2] == {
        "offset": 2,
        "size": 1,
        "hex": "12",
        "name": "exception",
        "value": 0x12,
        "unit": "",
        "meaning": "slot_door_closed",
        "known": True,
        "withheld": False,
    }


def test_frames_may_come_a_line_each(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("# a visit\n81\n\n01ff128f96\n"))

    status, out, _ = run("decode")

    assert status == 0
    assert out.count("\n\n") == 1


def test_the_poll_that_was_asked_explains_one_byte(run: Run) -> None:
    _, after_general, _ = run("decode", "81", "--poll", "81")
    _, after_long, _ = run("decode", "81", "--poll", "01015108")

    assert after_general.startswith("machine 01: exception 81 hopper_level_low (hopper)")
    assert after_long.startswith("machine 01: refused (NACK)")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["01f"], "'01f' has an odd number of hex digits, 3 — write bytes as two hex digits each"),
        (["hello"], "'hello' is no hex: 'h' is no hex digit — write bytes"),
        ([""], "there is nothing to decode — write bytes"),
        (["81", "--poll", "01"], "--poll '01' is no poll that can be understood"),
        (["81", "--poll", "81", "--from", "host"], "--poll says what a machine answered"),
    ],
)
def test_what_cannot_be_decoded_is_one_line(run: Run, arguments: list[str], complaint: str) -> None:
    status, out, err = run("decode", *arguments)

    assert status == 2
    assert out == ""
    assert err.startswith(f"edge-agent: {complaint}")
    assert err.count("\n") == 1


def test_nothing_at_all_is_said_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))

    status, _, err = run("decode")

    assert status == 2
    assert err == "edge-agent: there is nothing to decode on standard input — give one frame a line\n"
