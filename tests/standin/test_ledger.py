"""The ledger, on a real file."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.errors import ConfigurationError
from edge_agent.standin.ledger import Entry, Ledger, read_ledger

ENTRY = Entry(
    at=1.5,
    acked_at=1.75,
    client="gw-07-events",
    topic="floor/lab/gw-07/ev/batch",
    content_type="application/cloudevents-batch+json",
    encoding="gzip",
    payload=b"\x1f\x8b\x00",
    puback=0x10,
)

ENTRIES = st.builds(
    Entry,
    at=st.floats(0, 1e9),
    acked_at=st.none() | st.floats(0, 1e9),
    client=st.text(max_size=10),
    topic=st.text(max_size=10),
    content_type=st.none() | st.text(max_size=10),
    encoding=st.none() | st.text(max_size=10),
    payload=st.binary(max_size=50),
    puback=st.sampled_from([0, 16, "lost", None]),
)


def test_a_line_has_the_fields_other_tools_rely_on(tmp_path: Path) -> None:
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        ledger.append(ENTRY)

    (line,) = (tmp_path / "ledger.jsonl").read_bytes().splitlines()

    assert json.loads(line) == {
        "at": 1.5,
        "acked_at": 1.75,
        "client": "gw-07-events",
        "topic": "floor/lab/gw-07/ev/batch",
        "content_type": "application/cloudevents-batch+json",
        "encoding": "gzip",
        "payload_b64": "H4sA",
        "puback": 16,
    }


@given(ENTRIES)
def test_what_is_written_reads_back(tmp_path_factory: pytest.TempPathFactory, entry: Entry) -> None:
    file = tmp_path_factory.mktemp("ledger") / "ledger.jsonl"
    with Ledger(file) as ledger:
        ledger.append(entry)

        assert list(read_ledger(file)) == [entry]


def test_a_ledger_goes_on_where_it_ended(tmp_path: Path) -> None:
    file = tmp_path / "new" / "ledger.jsonl"
    for _ in range(2):
        with Ledger(file) as ledger:
            ledger.append(ENTRY)

    assert list(read_ledger(file)) == [ENTRY, ENTRY]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


@pytest.mark.parametrize("kept", [0, 1], ids=["first line", "after another"])
def test_a_torn_line_is_not_read_and_cut_off_when_the_ledger_goes_on(tmp_path: Path, kept: int) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(ENTRY.line() * kept + ENTRY.line()[:40])
    before = list(read_ledger(file))

    with Ledger(file) as ledger:
        ledger.append(ENTRY)

    assert before == [ENTRY] * kept
    assert list(read_ledger(file)) == [ENTRY] * (kept + 1)


def test_a_disk_that_fills_leaves_no_half_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "ledger.jsonl"
    real = os.pwrite

    def fills_up(descriptor: int, data: Any, at: int) -> int:
        if at > len(ENTRY.line()):
            raise OSError(28, "No space left on device")
        return real(descriptor, data[:10], at) if at == len(ENTRY.line()) else real(descriptor, data, at)

    with Ledger(file) as ledger:
        ledger.append(ENTRY)
        monkeypatch.setattr(os, "pwrite", fills_up)
        with pytest.raises(OSError, match="No space left"):
            ledger.append(ENTRY)
        monkeypatch.undo()
        ledger.append(ENTRY)

    assert list(read_ledger(file)) == [ENTRY, ENTRY]


def test_a_short_write_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda descriptor, data, at: real(descriptor, data[:7], at))

    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        ledger.append(ENTRY)

    assert list(read_ledger(tmp_path / "ledger.jsonl")) == [ENTRY]


def test_a_ledger_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match=r"cannot be written: Is a directory — name another with --ledger"
    ):
        Ledger(tmp_path)


@pytest.mark.parametrize(
    "line", [b"rubbish\n", b"{}\n", b"[]\n", b'{"payload_b64": "!"}\n', b'{"payload_b64": ""}\n']
)
def test_lines_that_are_no_entries_are_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "ledger.jsonl"
    file.write_bytes(ENTRY.line() + line)

    with pytest.raises(ConfigurationError, match=r"ledger\.jsonl, line 2 is no ledger entry"):
        list(read_ledger(file))
