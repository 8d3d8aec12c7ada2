"""The notebook keeps a line's note over `kill -9`, and never gives a damaged one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import JournalError
from edge_agent.notebook import Notebook
from edge_agent.station import NOTE_LIMIT_BYTES, PAGE_LIMIT_BYTES, pack_pages, unpack_pages


def test_a_new_notebook_is_empty(tmp_path: Path) -> None:
    with Notebook(tmp_path / "line") as notebook:
        assert notebook.note == b""


@given(notes=st.lists(st.binary(max_size=NOTE_LIMIT_BYTES), min_size=1))
def test_the_last_note_is_what_is_found_again(
    tmp_path_factory: pytest.TempPathFactory, notes: list[bytes]
) -> None:
    path = tmp_path_factory.mktemp("note") / "line"
    with Notebook(path) as notebook:
        for note in notes:
            notebook.keep(note)

    with Notebook(path) as again:
        assert again.note == notes[-1]


def test_a_note_survives_kill_minus_nine(tmp_path: Path) -> None:
    writer = (
        "import os, signal, sys; from pathlib import Path; from edge_agent.notebook import Notebook;"
        "Notebook(Path(sys.argv[1])).keep(b'last poll'); os.kill(os.getpid(), signal.SIGKILL)"
    )

    died = subprocess.run([sys.executable, "-c", writer, str(tmp_path / "line")], check=False)

    assert died.returncode == -signal.SIGKILL
    with Notebook(tmp_path / "line") as notebook:
        assert notebook.note == b"last poll"


@pytest.mark.parametrize("damaged_at", [0, 1, 2, 5, 10, 12])
def test_a_damaged_note_is_no_note(tmp_path: Path, damaged_at: int) -> None:
    path = tmp_path / "line"
    with Notebook(path) as notebook:
        notebook.keep(b"last poll")
    raw = bytearray(path.read_bytes())
    raw[damaged_at] ^= 0x10
    path.write_bytes(raw)

    with Notebook(path) as notebook:
        assert notebook.note == b""


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="cannot be opened: No such file"):
        Notebook(tmp_path / "nowhere" / "line")


def test_a_write_that_fails_is_named(tmp_path: Path) -> None:
    notebook = Notebook(tmp_path / "line")
    notebook.close()

    with pytest.raises(JournalError, match="cannot be written"):
        notebook.keep(b"x")


def test_only_the_agent_may_read_a_note(tmp_path: Path) -> None:
    with Notebook(tmp_path / "line"):
        assert os.stat(tmp_path / "line").st_mode & 0o777 == 0o600  # noqa: PTH116  the mode as the kernel has it


def page(address: int, text: bytes) -> bytes:
    return bytes((address,)) + text


def test_pages_are_kept_each_for_itself(tmp_path: Path) -> None:
    with Notebook(tmp_path / "line", paged=True) as notebook:
        notebook.keep(pack_pages([page(1, b"one"), page(127, b"last")]))
        notebook.keep(pack_pages([page(1, b"one again")]))

    with Notebook(tmp_path / "line", paged=True) as again:
        assert unpack_pages(again.note) == [page(1, b"one again"), page(127, b"last")]


def test_a_page_as_long_as_may_be_is_found_again(tmp_path: Path) -> None:
    longest = page(3, b"x" * (PAGE_LIMIT_BYTES - 1))
    with Notebook(tmp_path / "line", paged=True) as notebook:
        notebook.keep(pack_pages([longest]))

    with Notebook(tmp_path / "line", paged=True) as again:
        assert unpack_pages(again.note) == [longest]


def test_a_damaged_page_is_no_page_and_the_others_are(tmp_path: Path) -> None:
    path = tmp_path / "line"
    with Notebook(path, paged=True) as notebook:
        notebook.keep(pack_pages([page(1, b"one"), page(2, b"two")]))
    raw = bytearray(path.read_bytes())
    raw[512 + 3] ^= 0x10
    path.write_bytes(raw)

    with Notebook(path, paged=True) as notebook:
        assert unpack_pages(notebook.note) == [page(2, b"two")]


def test_no_pages_are_no_note(tmp_path: Path) -> None:
    with Notebook(tmp_path / "line", paged=True) as notebook:
        notebook.keep(b"")

        assert notebook.note == b""


@given(pages=st.lists(st.binary(min_size=1, max_size=PAGE_LIMIT_BYTES)))
def test_pages_are_unpacked_as_they_were_packed(pages: list[bytes]) -> None:
    assert unpack_pages(pack_pages(pages)) == pages


@pytest.mark.parametrize("note", [b"\x05\x00abc", b"\x01", b"\x01\x00a\x02\x00b"])
def test_pages_that_were_cut_short_are_none(note: bytes) -> None:
    assert unpack_pages(note) == []
