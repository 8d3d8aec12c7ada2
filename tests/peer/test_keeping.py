"""A machine's memory in a file: written before it is spoken of, private, and only ever one machine's."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError, InUseError
from edge_agent.peer.keeping import KEEP_SECONDS, Keeper, MemoryFile
from edge_agent.sas.wakeup import marked


class Counting:
    """A device that remembers how often it was asked, and says what it is told to."""

    def __init__(self) -> None:
        self.asked = 0
        self.says = b""
        self.due: float | None = None

    def receive_data(self, _stream: bytes, _now: float) -> None:
        self.asked += 1

    def handle_timer(self, _now: float) -> None:
        pass

    def next_timer(self) -> float | None:
        return self.due

    def data_to_send(self, _now: float) -> bytes:
        said, self.says = self.says, b""
        return said

    def remember(self) -> Mapping[str, Any]:
        return {"asked": self.asked}


@pytest.fixture
def file(tmp_path: Path) -> Iterator[MemoryFile]:
    file = MemoryFile(tmp_path / "state" / "machine-001.json", "plain")
    yield file
    file.close()


def test_what_was_kept_is_read(file: MemoryFile) -> None:
    assert file.read() is None

    file.write({"meters": [1, 2]})
    file.write({"meters": [3]})

    assert file.read() == {"meters": [3]}


def test_nobody_else_can_read_it(file: MemoryFile, tmp_path: Path) -> None:
    before = os.umask(0o000)
    try:
        file.write({})
    finally:
        os.umask(before)

    state = tmp_path / "state"
    assert state.stat().st_mode & 0o077 == 0
    assert [path.stat().st_mode & 0o777 for path in state.iterdir()] == [0o600, 0o600]


def test_one_machine_holds_it(file: MemoryFile, tmp_path: Path) -> None:
    assert file.read() is None
    with pytest.raises(InUseError, match=r"machine-001.json is held by another machine — stop it"):
        MemoryFile(tmp_path / "state" / "machine-001.json", "plain")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"memory": 1}', "\x00"])
def test_what_is_no_memory_is_refused_and_left_alone(text: str, file: MemoryFile, tmp_path: Path) -> None:
    path = tmp_path / "state" / "machine-001.json"
    path.write_text(text)

    with pytest.raises(ConfigurationError, match=r"is no memory of a machine — remove it"):
        file.read()

    assert path.read_text() == text


def test_another_personalitys_memory_is_refused(tmp_path: Path) -> None:
    with closing(MemoryFile(tmp_path / "memory", "plain")) as file:
        file.write({})

    with (
        closing(MemoryFile(tmp_path / "memory", "legacy-3x")) as other,
        pytest.raises(ConfigurationError, match=r"is of the personality 'plain' — run that one"),
    ):
        other.read()


def test_a_folder_that_cannot_be_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")

    with pytest.raises(ConfigurationError, match=r"cannot be kept: .* — choose a folder of your own"):
        MemoryFile(tmp_path / "state" / "machine-001.json", "plain")


def test_a_memory_that_cannot_be_read_or_written_is_said_plainly(file: MemoryFile, tmp_path: Path) -> None:
    (tmp_path / "state" / "machine-001.json").mkdir()

    with pytest.raises(ConfigurationError, match="cannot be read"):
        file.read()
    with pytest.raises(ConfigurationError, match="cannot be kept"):
        file.write({})


def kept(tmp_path: Path) -> int | None:
    path = tmp_path / "state" / "machine-001.json"
    return int(json.loads(path.read_text())["memory"]["asked"]) if path.exists() else None


def test_what_is_said_was_written_down_before(file: MemoryFile, tmp_path: Path) -> None:
    device = Counting()
    keeper = Keeper(device, file)
    keeper.receive_data(b"", 10.0)
    device.says = b"\x01"

    assert keeper.data_to_send(10.0) == b"\x01"
    assert kept(tmp_path) == 1


@pytest.mark.parametrize("said", [b"", b"\x00", marked(1)])
def test_where_nothing_is_told_nothing_is_written(said: bytes, file: MemoryFile, tmp_path: Path) -> None:
    device = Counting()
    keeper = Keeper(device, file)
    device.says = said

    assert keeper.data_to_send(10.0) == said
    assert kept(tmp_path) is None


def test_what_happens_unasked_is_written_down_once_a_second(file: MemoryFile, tmp_path: Path) -> None:
    device = Counting()
    keeper = Keeper(device, file)
    keeper.handle_timer(10.0)
    assert kept(tmp_path) == 0
    assert keeper.next_timer() == 10.0 + KEEP_SECONDS

    device.asked, device.due = 5, 10.5
    keeper.handle_timer(10.0 + KEEP_SECONDS - 0.01)
    assert kept(tmp_path) == 0
    assert keeper.next_timer() == 10.5

    keeper.handle_timer(10.0 + KEEP_SECONDS)
    assert kept(tmp_path) == 5
