"""What somebody wants sent again is left in a folder, whole or not at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge_agent.errors import JournalError
from edge_agent.journal.resend import (
    MOST_RANGES,
    ResendRequest,
    done,
    read_request,
    requests,
    write_request,
)


@pytest.mark.parametrize(
    "request_",
    [ResendRequest(((1, 5), (9, 9))), ResendRequest(dead_letters=(4, 7)), ResendRequest((), "all")],
)
def test_a_request_is_read_as_it_was_written_and_is_gone_once_done(
    tmp_path: Path, request_: ResendRequest
) -> None:
    path = write_request(tmp_path, request_)

    assert requests(tmp_path) == [path]
    assert read_request(path) == request_
    assert stat.S_IMODE(path.stat().st_mode) == 0o600

    done(path)
    assert requests(tmp_path) == []


def test_too_many_ranges_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="too many to be sent again at once"):
        write_request(tmp_path, ResendRequest([(1, 1)] * (MOST_RANGES + 1)))


@pytest.mark.parametrize("content", [b"", b"[]", b'{"ranges": [[1]], "dead_letters": []}', b'{"ranges": 1}'])
def test_a_request_that_makes_no_sense_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = write_request(tmp_path, ResendRequest())
    path.write_bytes(content)

    with pytest.raises(JournalError, match="makes no sense"):
        read_request(path)


def test_where_nobody_asked_there_are_no_requests(tmp_path: Path) -> None:
    assert requests(tmp_path) == []
