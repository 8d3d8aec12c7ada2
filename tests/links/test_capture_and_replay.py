"""A line is recorded as text, and played back to whoever polls."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from edge_agent.errors import ConfigurationError, LinkError
from edge_agent.links import open_link
from edge_agent.links.capture import CapturingLink, read_capture
from edge_agent.links.memory import MemoryLink
from edge_agent.links.replay import ReplayLink
from edge_agent.station import SerialFormat

SAS = SerialFormat(19200, wakeup_bit=True)


def replay(tmp_path: Path, text: str) -> ReplayLink:
    (tmp_path / "capture").write_text(text)
    link = open_link(f"replay:{tmp_path / 'capture'}", SAS)
    assert isinstance(link, ReplayLink)
    link.open()
    return link


def ask(link: ReplayLink, request: str) -> str:
    link.write(bytes.fromhex(request))
    return link.read(0).hex()


def test_a_captured_link_can_be_read_again() -> None:
    here, there = MemoryLink.pair()
    there.open()
    text = io.StringIO()
    link = CapturingLink(here, text, clock=iter([10.0, 10.5, 11.25]).__next__)
    link.open()

    link.write(b"\xff\x00\x81")
    there.write(b"\x12")
    assert link.read(0) == b"\x12"
    assert link.read(0) == b""
    link.close()

    assert [str(entry) for entry in read_capture(text.getvalue().splitlines())] == [
        "0.500000 > ff0081",
        "1.250000 < 12",
    ]


@pytest.mark.parametrize("line", ["0 > xyz", "x > 00", "0 00", "0 ? 00"])
def test_a_line_that_is_no_entry_is_named(line: str) -> None:
    with pytest.raises(ConfigurationError, match="visit, line 2"):
        list(read_capture(["# comment", line], "visit"))


def test_an_answer_is_played_to_its_own_request(tmp_path: Path) -> None:
    link = replay(tmp_path, "0 > ff000119\n0 < aa\n0 > ff00011a\n0 < bb\n0 > ff00011a\n0 < cc\n")

    assert ask(link, "ff00011a") == "bb"
    assert ask(link, "ff000119") == "aa"
    assert ask(link, "ff00011a") == "cc"
    assert ask(link, "ff00011a") == "cc"


def test_what_was_not_asked_for_comes_in_order_one_for_each_poll(tmp_path: Path) -> None:
    link = replay(tmp_path, "0 < 11\n0 < 12\n")

    assert link.read(0) == b""
    assert ask(link, "ff0081") == "11"
    assert link.read(0) == b""
    assert link.unasked_left == 1
    assert ask(link, "ff0080ff0081") == "12"
    assert ask(link, "ff0081") == ""


def test_what_was_not_asked_for_follows_the_answer_it_stands_behind(tmp_path: Path) -> None:
    link = replay(tmp_path, "0 > ff00011a\n0 < aa\n1 > ff00010e\n1 < 01\n2 < 11\n3 < 12\n")

    assert ask(link, "ff00011a") == "aa"
    assert link.unasked_left == 2
    assert ask(link, "ff00010e") == "01"
    assert [ask(link, "ff00011a") for _ in range(3)] == ["11", "12", "aa"]
    assert ask(link, "ff00010e") == "01"
    assert ask(link, "ff00011a") == "aa"
    assert link.unasked_left == 0


def test_what_was_said_before_any_answer_comes_first(tmp_path: Path) -> None:
    link = replay(tmp_path, "0 < 11\n0 > ff00011a\n0 < aa\n")

    assert ask(link, "ff00011a") == "11"
    assert ask(link, "ff00011a") == "aa"


def test_the_pieces_an_adapter_made_of_an_answer_are_one_answer(tmp_path: Path) -> None:
    link = replay(tmp_path, "0 > ff00011a\n0.100 < 01\n0.116 < 1a\n0.132 < 00\n0.200 < 11\n0.201 < 12\n")

    assert ask(link, "ff00011a") == "011a00"
    assert ask(link, "ff00011a") == "11"
    assert ask(link, "ff00011a") == "12"


def test_a_capture_plays_from_its_beginning_each_time_it_is_opened(tmp_path: Path) -> None:
    link = replay(tmp_path, "0 > ff00011a\n0 < aa\n1 < 11\n")
    assert [ask(link, "ff00011a") for _ in range(3)] == ["aa", "11", "aa"]

    link.open()

    assert [ask(link, "ff00011a") for _ in range(3)] == ["aa", "11", "aa"]


def test_a_synchronisation_poll_asks_nothing(tmp_path: Path) -> None:
    link = replay(tmp_path, "0 > ff0080\n0 < 11\n")

    assert ask(link, "ff0080") == ""
    assert link.written == [bytes.fromhex("ff0080")]
    link.close()


def test_a_capture_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LinkError, match="nowhere cannot be read"):
        ReplayLink(tmp_path / "nowhere").open()


def test_a_cut_link_is_lost_until_it_is_opened_again() -> None:
    here, there = MemoryLink.pair()
    here.open()
    here.cut()

    with pytest.raises(LinkError):
        here.read(0)
    with pytest.raises(LinkError):
        there.write(b"x")
    here.open()
    here.write(b"y")
    there.open()
    assert there.read(0) == b"y"
    there.close()
