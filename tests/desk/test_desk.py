"""The desk takes what others have to journal, from nobody else and nothing else."""

from __future__ import annotations

import json
import os
import socket
import stat
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.desk import AGENT_BODIES, Desk, answer_say, ask, desk_path, say_through
from edge_agent.desk.address import LONGEST_LINE_BYTES, MOST_CLIENTS, may_ask
from edge_agent.errors import (
    ConfigurationError,
    InUseError,
    JournalError,
    JournalFull,
    LocalProtocolError,
)
from edge_agent.events import EventBody
from edge_agent.events.agent import AgentStarted, LineDown

DOWN = LineDown(line="slot-1001", reason="silent for 2.6 s")


class Journalled(list[EventBody]):
    """What was said, and how saying goes."""

    full = False

    def say(self, body: EventBody) -> None:
        """Keep it, or be full."""
        if self.full:
            raise JournalFull("the disk of the journal is full", "free some space")
        self.append(body)


@pytest.fixture
def journal() -> Journalled:
    return Journalled()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return desk_path(tmp_path)


@pytest.fixture
def desk(path: Path, journal: Journalled) -> Iterator[Desk]:
    with Desk(path, {"say": answer_say(journal.say), "echo": _echo, "fault": _fault}) as desk:
        yield desk


def _echo(what: Any) -> Mapping[str, Any]:
    return {"said": what}


def _fault(_what: Any) -> Mapping[str, Any]:
    raise ZeroDivisionError


@pytest.mark.usefixtures("desk")
def test_what_is_said_is_journalled_before_it_is_answered(path: Path, journal: Journalled) -> None:
    say_through(path)(DOWN)

    assert journal == [DOWN]


@pytest.mark.usefixtures("desk")
def test_a_full_journal_is_the_answer(path: Path, journal: Journalled) -> None:
    journal.full = True

    with pytest.raises(JournalFull, match="disk of the journal is full — free some space"):
        say_through(path)(DOWN)


def test_a_collector_that_is_down_is_told_as_such(path: Path) -> None:
    with pytest.raises(JournalError, match=r"the collector does not answer at .* start the collector"):
        say_through(path)(DOWN)


def test_a_collector_that_does_not_answer_in_time_is_told_as_such(path: Path) -> None:
    may_end = threading.Event()

    def wait(_what: Any) -> Mapping[str, Any]:
        may_end.wait(30)
        return {}

    with Desk(path, {"wait": wait}):
        try:
            with pytest.raises(JournalError, match="does not answer"):
                ask(path, {"wait": 1}, timeout=0.1)
        finally:
            may_end.set()


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize(
    ("request_", "complaint"),
    [
        ({"say": {"schema": "slot-meters", "data": {}}}, "nothing the agent says of itself"),
        ({"say": {"schema": "line-down", "data": {"line": "slot-1001"}}}, "reason: Field required"),
        ({"say": {"schema": "line-down", "data": {"line": 1, "reason": ""}}}, "line: .*string"),
        ({"say": {"schema": "line-down"}}, "takes a schema and its data"),
        ({"say": "hello"}, "takes a schema and its data"),
        ({"shout": {}}, "nobody here knows 'shout'"),
        ({}, "of one name"),
        ({"fault": 0}, "fault of the agent: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_answered_is_the_askers_fault(
    path: Path, request_: Mapping[str, Any], complaint: str
) -> None:
    with pytest.raises(LocalProtocolError, match=complaint):
        ask(path, request_)

    assert ask(path, {"echo": "still here"}) == {"said": "still here"}


def test_only_what_the_agent_says_of_itself_can_be_said() -> None:
    assert {"agent-started", "line-down", "agent-journal-checkpoint"} <= set(AGENT_BODIES)
    assert not [name for name in AGENT_BODIES if name.startswith(("slot-", "table-"))]


@pytest.mark.usefixtures("desk")
def test_every_body_of_the_agent_survives_the_desk(path: Path, journal: Journalled) -> None:
    from edge_agent.events.catalogue import EXAMPLES  # noqa: PLC0415  beside its only use

    said = [example for example in EXAMPLES if example.schema_name in AGENT_BODIES]

    for body in said:
        say_through(path)(body)

    assert journal == said


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("rubbish", [b"\xff\xfe\n", b"[" * 60_000 + b"\n", b"null\n", b"\n"])
def test_rubbish_is_answered_as_rubbish(path: Path, rubbish: bytes) -> None:
    with _connection(path) as client:
        client.sendall(rubbish)

        assert json.loads(client.recv(4096))["error"]["kind"] == "LocalProtocolError"


@pytest.mark.usefixtures("desk")
def test_several_lines_in_one_piece_are_answered_in_turn(path: Path) -> None:
    with _connection(path) as client:
        client.sendall(b'{"echo": 1}\n{"ec')
        assert json.loads(client.recv(4096)) == {"ok": {"said": 1}}

        client.sendall(b'ho": 2}\n')

        assert json.loads(client.recv(4096)) == {"ok": {"said": 2}}


@pytest.mark.usefixtures("desk")
def test_a_line_without_end_ends_the_connection(path: Path) -> None:
    with _connection(path) as client, pytest.raises(OSError, match=r"pipe|reset"):
        client.sendall(b"x" * 1000 * LONGEST_LINE_BYTES)

    assert ask(path, {"echo": 1}) == {"said": 1}


def test_nobody_sends_a_request_that_is_too_long(path: Path) -> None:
    with pytest.raises(LocalProtocolError, match="is over 65536 bytes"):
        ask(path, {"echo": "x" * LONGEST_LINE_BYTES})


@pytest.mark.usefixtures("desk")
def test_clients_are_bounded_and_make_room_when_they_go(path: Path) -> None:
    crowd = [_connection(path) for _ in range(MOST_CLIENTS)]
    for client in crowd:
        client.sendall(b'{"echo": 1}\n')
        client.recv(4096)

    with pytest.raises(JournalError, match="does not answer"):
        ask(path, {"echo": 1})
    for client in crowd:
        client.close()

    assert _soon(path) == {"said": 1}


@pytest.mark.usefixtures("desk")
def test_who_comes_without_a_request_is_sent_away(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.desk.desk.PATIENCE_SECONDS", 0.05)

    with _connection(path) as client:
        client.sendall(b'{"echo": ')

        assert client.recv(4096) == b""


@pytest.mark.usefixtures("desk")
def test_the_socket_is_for_our_user_alone(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert may_ask(os.geteuid())
    assert may_ask(0)
    assert not may_ask(os.geteuid() + 1)


@pytest.mark.usefixtures("desk")
def test_another_user_is_not_heard(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.desk.desk.peer_user", lambda _connection: os.geteuid() + 1)

    with pytest.raises(JournalError, match="does not answer"):
        ask(path, {"echo": 1})


@pytest.mark.usefixtures("desk")
def test_two_collectors_cannot_serve_one_folder(path: Path) -> None:
    with pytest.raises(InUseError, match=r"a collector serves .* stop it first"):
        Desk(path, {})

    assert ask(path, {"echo": 1}) == {"said": 1}


def test_what_a_killed_collector_left_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as killed:
        killed.bind(str(path))

    with Desk(path, {"echo": _echo}):
        assert ask(path, {"echo": 1}) == {"said": 1}


def test_what_is_no_socket_is_not_taken_away(path: Path) -> None:
    path.write_text("mine")

    with pytest.raises(ConfigurationError, match="is no socket — move it away"):
        Desk(path, {})

    assert path.read_text() == "mine"


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be opened: No such file or directory"):
        Desk(desk_path(tmp_path / "nowhere"), {})


def test_the_socket_goes_with_the_desk(path: Path) -> None:
    with Desk(path, {}):
        pass

    assert not path.exists()


def test_a_path_that_is_too_long_for_a_socket_works_all_the_same(tmp_path: Path, journal: Journalled) -> None:
    folder = tmp_path / ("deep" * 20) / ("deeper" * 20)
    folder.mkdir(parents=True)
    path = desk_path(folder)

    with Desk(path, {"say": answer_say(journal.say)}):
        say_through(path)(AgentStarted(version="0.1.0", lines=3))
        with pytest.raises(InUseError):
            Desk(path, {})

    assert journal == [AgentStarted(version="0.1.0", lines=3)]


def test_something_else_at_the_desk_is_told_as_such(path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as stranger:
        stranger.bind(str(path))
        stranger.listen()
        answering = threading.Thread(target=_answer_nonsense, args=(stranger,))
        answering.start()
        with pytest.raises(JournalError, match="answers with something else"):
            ask(path, {"echo": 1})
        answering.join()


def _answer_nonsense(stranger: socket.socket) -> None:
    connection, _ = stranger.accept()
    with connection:
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 400 Bad Request\n")


def _connection(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.settimeout(30)
    client.connect(str(path))
    return client


def _soon(path: Path) -> Mapping[str, Any]:
    for _ in range(100):
        try:
            return ask(path, {"echo": 1})
        except JournalError:
            continue
    raise AssertionError("there is no room at the desk")
