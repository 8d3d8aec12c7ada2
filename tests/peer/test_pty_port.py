"""A pseudo-terminal as a machine's port: what is known of the host's parity, and hosts that come and go."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import serial

from edge_agent.errors import ConfigurationError, InUseError, LinkError
from edge_agent.links import open_link
from edge_agent.peer.pty_port import MARKING_SECONDS, PtyPort
from edge_agent.sas.wakeup import marked, stuff
from edge_agent.sas.wakeup_restorer import WakeupRestorer
from edge_agent.simulator.unmarked import PARTIAL_POLL_SECONDS
from edge_agent.station import SerialFormat
from edge_agent.testing.patience import wait_until
from tests.peer.field_hosts import BAUD, set_parity

pytestmark = pytest.mark.integration

MARK, SPACE, NONE = serial.PARITY_MARK, serial.PARITY_SPACE, serial.PARITY_NONE
HALF_A_POLL = bytes.fromhex("01 72 39")


def hear(port: PtyPort) -> bytes:
    """All that is there to be heard."""
    heard = b""
    while (stream := port.read(time.monotonic())) is not None:
        heard += stream
    return heard


def host(port: PtyPort, parity: str = NONE) -> serial.Serial:
    """A host that opens the port, as the machine has noticed it to."""
    opened = serial.Serial(port.name, BAUD, parity=parity, timeout=1.0)
    hear(port)
    return opened


def make(path: Path, *, look_at_parity: bool = True) -> PtyPort:
    port = PtyPort(str(path), path, WakeupRestorer(), look_at_parity=look_at_parity)
    port.open(lambda _: None)
    return port


@pytest.fixture
def port(tmp_path: Path) -> Iterator[PtyPort]:
    port = make(tmp_path / "sas")
    yield port
    port.close()


# -- how bytes were sent -----------------------------------------------------------------------------


def test_what_is_sent_in_mark_parity_begins_a_poll_whatever_went_before(port: PtyPort) -> None:
    with host(port, SPACE) as line:
        set_parity(line, MARK)
        hear(port)
        line.write(HALF_A_POLL[:1])
        assert hear(port) == marked(1)

        line.write(b"\x82\x01")

        assert hear(port) == marked(0x82) + marked(1)


def test_what_a_host_that_marks_sends_in_space_parity_begins_none(port: PtyPort) -> None:
    with host(port, MARK) as line:
        set_parity(line, SPACE)
        hear(port)
        line.write(b"\x80\x01\x1a\xff")

        assert hear(port) == b"\x80\x01\x1a\xff\xff"


def test_of_a_host_that_has_long_not_marked_anything_the_table_tells(port: PtyPort) -> None:
    with host(port, MARK) as line:
        set_parity(line, SPACE)
        hear(port)
        line.write(b"\x01\x1a")

        assert port.read(time.monotonic() + MARKING_SECONDS) == marked(1) + b"\x1a"


def test_a_poll_begun_in_mark_parity_goes_on_in_space_parity_and_ends_there(port: PtyPort) -> None:
    with host(port, MARK) as line:
        line.write(b"\x01")
        heard = hear(port)
        set_parity(line, SPACE)
        heard += hear(port)
        line.write(b"\x54\x00\x80")
        heard += hear(port)

        assert heard == marked(1) + b"\x54\x00\x80"


def test_where_parity_was_set_while_bytes_were_under_way_the_table_tells(port: PtyPort) -> None:
    with host(port, SPACE) as line:
        for _ in range(3):
            for parity, data in ((MARK, b"\x01"), (SPACE, b"\x1a")):
                set_parity(line, parity)
                line.write(data)
        set_parity(line, NONE)

        assert hear(port) == 3 * (marked(1) + b"\x1a")


@pytest.mark.parametrize("parity", [NONE, serial.PARITY_EVEN, SPACE])
def test_of_a_host_that_never_marks_the_table_tells(port: PtyPort, parity: str) -> None:
    with host(port, parity) as line:
        line.write(b"\x80\x01\x1a")

        assert hear(port) == marked(0x80) + marked(1) + b"\x1a"


def test_parity_is_not_looked_at_where_the_table_is_to_tell(tmp_path: Path) -> None:
    port = make(tmp_path / "sas", look_at_parity=False)
    with host(port, MARK) as line:
        line.write(b"\x80\x01\x1a")

        assert hear(port) == marked(0x80) + marked(1) + b"\x1a"
    port.close()


def test_a_host_that_takes_the_news_of_changes_away_is_told_by_the_table(port: PtyPort) -> None:
    import termios  # noqa: PLC0415  for this one test

    with host(port, MARK) as line:
        attributes = termios.tcgetattr(line.fileno())
        attributes[3] = 0
        termios.tcsetattr(line.fileno(), termios.TCSANOW, attributes)
        hear(port)

        line.write(b"\x01\x1a")

        assert hear(port) == marked(1) + b"\x1a"


def test_a_pause_ends_a_partial_poll(port: PtyPort) -> None:
    with host(port) as line:
        line.write(HALF_A_POLL)
        hear(port)
        time.sleep(2 * PARTIAL_POLL_SECONDS)
        line.write(b"\x81")

        assert hear(port) == marked(0x81)


# -- hosts that come and go --------------------------------------------------------------------------


def test_a_poll_may_go_on_after_the_host_has_reopened_the_port(port: PtyPort) -> None:
    with host(port, MARK) as line:
        line.write(b"\x82\x01")
    heard = hear(port)
    with host(port, SPACE) as line:
        line.write(b"\x1f")

        assert heard + hear(port) == marked(0x82) + marked(1) + b"\x1f"


def test_a_host_may_write_and_go_before_it_is_heard(port: PtyPort) -> None:
    with host(port) as line:
        line.write(b"\x80")

    assert hear(port) == marked(0x80)
    assert not port.has_host


def test_nothing_is_written_while_nobody_is_there(port: PtyPort) -> None:
    for _ in range(10):
        port.write(b"\x55")

    assert not port.has_host
    assert waiting(port) == 0


def test_what_the_last_host_left_unread_the_next_one_does_not_read(port: PtyPort) -> None:
    with host(port) as line:
        port.write(b"for the last one")
        wait_until(lambda: line.in_waiting)
    hear(port)

    assert waiting(port) == 0


def test_a_second_chirp_takes_the_place_of_one_that_nobody_has_read(port: PtyPort) -> None:
    with host(port) as line:
        for _ in range(20):
            port.write(marked(5))
            wait_until(lambda: line.in_waiting == 1)  # the kernel passes bytes on in its own time


def test_a_host_that_reads_nothing_finds_the_latest_answers_only(port: PtyPort) -> None:
    with host(port) as line:
        for number in range(250):
            port.write(bytes((number,)) * 100)
            time.sleep(0.001)  # as above

        unread = b""
        while not unread.endswith(b"\xf9" * 100):
            unread += line.read(line.in_waiting or 1)
        assert len(unread) < 20_000  # of 25,000; how much exactly is a matter of the kernel's pace


def test_chirps_lose_their_mark_and_answers_their_doubling(port: PtyPort) -> None:
    with host(port) as line:
        port.write(marked(1))
        assert line.read(1) == b"\x01"
        port.write(stuff(b"\x01\xff\x1f"))
        assert line.read(3) == b"\x01\xff\x1f"


def test_the_next_host_finds_the_port_as_it_was_made(port: PtyPort) -> None:
    """Setting what only parity would change fails on a pseudo-terminal; so it works once for every host."""
    for _ in range(3):
        with host(port, MARK) as line:
            line.write(b"\x80")
        assert hear(port) == marked(0x80)


def test_an_exclusive_host_is_no_trouble(port: PtyPort) -> None:
    with serial.Serial(port.name, BAUD, exclusive=True, timeout=1.0) as line:
        line.write(b"\x80")
        hear(port)
        port.write(b"\x01")
        assert line.read(1) == b"\x01"


def waiting(port: PtyPort) -> int:
    """What waits to be read by whoever opens the port, without having it thrown away."""
    descriptor = os.open(port.name, os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    try:
        with suppress(BlockingIOError):
            return len(os.read(descriptor, 10_000))
    finally:
        os.close(descriptor)
    return 0


# -- names -------------------------------------------------------------------------------------------


def test_a_name_is_taken_by_one_machine(port: PtyPort) -> None:
    with pytest.raises(InUseError, match=r"is held by another machine — stop it"):
        make(Path(port.name))


def test_what_is_not_a_machines_name_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("/dev/null")

    for name in ("file", "link"):
        with pytest.raises(ConfigurationError, match="exists and was not made by a machine — remove it"):
            make(tmp_path / name)

    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link"]


def test_what_a_killed_machine_left_is_taken_over(tmp_path: Path) -> None:
    left = make(tmp_path / "sas")
    device = Path(left.name).readlink()
    assert left._name._lock is not None
    os.close(left._name._lock._fd)  # as the kernel does when it is killed; its terminal goes to another

    port = make(tmp_path / "sas")

    assert Path(port.name).readlink() != device
    port.close()
    os.close(left._master)


def test_a_link_to_a_terminal_that_is_gone_is_taken_over(tmp_path: Path) -> None:
    (tmp_path / "sas").symlink_to("/dev/pts/99999")

    make(tmp_path / "sas").close()

    assert list(tmp_path.iterdir()) == []


def test_a_name_in_no_folder_is_said_plainly(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"cannot be made: No such file.*choose a folder"):
        make(tmp_path / "nowhere" / "sas")


def test_a_name_that_leads_elsewhere_by_now_is_not_removed(port: PtyPort) -> None:
    path = Path(port.name)
    path.unlink()
    path.symlink_to("/dev/null")

    port._name.release()

    assert path.is_symlink()
    path.unlink()


def test_no_more_pseudo_terminals_is_said_plainly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> tuple[int, int]:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("edge_agent.peer.pty_port.os.openpty", refuse)

    with pytest.raises(LinkError, match=r"no pseudo-terminal for .*: Too many open files.*fewer machines"):
        make(tmp_path / "sas")
    assert list(tmp_path.iterdir()) == []


def test_a_host_that_asked_for_marks_reads_every_ff_twice_and_the_next_one_once(port: PtyPort) -> None:
    """The kernel leaves it to this end here; a lone FF would be taken for the beginning of a mark."""
    answer = bytes.fromhex("01 FF 7E 00 F3 FF")
    link = open_link(port.name, SerialFormat(baud=BAUD, wakeup_bit=True))
    link.open()
    hear(port)
    port.write(stuff(answer))
    doubled = link.read(1.0)
    link.close()
    hear(port)

    with host(port) as line:
        port.write(stuff(answer))

        assert line.read(len(answer) + 1) == answer
    assert doubled == stuff(answer)
