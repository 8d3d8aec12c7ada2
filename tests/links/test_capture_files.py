"""A capture file is read whole, and one that is none is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.links.capture import HEADER, Travelled, read_capture, read_capture_file

HEAD = f"{HEADER}\n# began: 2026-03-01T09:30:00.250Z\n# numbers: masked\n# a visit\n"
WHOLE = f"{HEAD}0.000000 > ff0081\n0.02 < 00\n"


def test_a_file_is_its_entries_and_what_its_head_says(tmp_path: Path) -> None:
    (tmp_path / "a.capture").write_text(WHOLE + "# masked: validation_number\n")

    capture = read_capture_file(tmp_path / "a.capture")

    assert capture.entries == (Travelled(0.0, ">", b"\xff\x00\x81"), Travelled(0.02, "<", b"\x00"))
    assert capture.about == {"began": "2026-03-01T09:30:00.250Z", "numbers": "masked"}


def test_one_without_a_head_is_read_too(tmp_path: Path) -> None:
    (tmp_path / "a.capture").write_text("0 > ff0081\n")

    assert read_capture_file(tmp_path / "a.capture").about == {}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty — capture again"),
        (b" \n\n", "is empty — capture again"),
        (b"\x7fELF\x02\x80", "is no capture: it is no text — name a file that `capture` made"),
        (b"machines:\n  - name: a\n", "is no capture: it does not begin with '# edge-agent capture 1'"),
        (f"{HEADER}\n".encode(), "has no entries — capture again"),
        (f"{HEADER}\n0.1 > ff0081\n0.2 < 0".encode(), "was cut in line 3 — delete that line"),
        (f"{HEADER}\n0.1 > ff0081\n0.2 < 00".encode(), "was cut in line 3 — delete that line"),
        (f"{HEADER}\n0.1 > ff0081\n0.2 < 0\n".encode(), "line 3: '0.2 < 0' is no capture entry"),
        (
            b"# edge-agent capture 2\n0.1 > ff0081\n",
            "is a capture of version 2 — use the edge-agent that made it",
        ),
    ],
)
def test_what_is_no_whole_capture_is_said_in_one_line(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "a.capture"
    path.write_bytes(content)

    with pytest.raises(ConfigurationError) as refused:
        read_capture_file(path)

    assert says in str(refused.value)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigurationError, match="cannot be read: No such file or directory — check the path"
    ):
        read_capture_file(tmp_path / "nowhere")


def test_another_version_is_refused_wherever_it_is_read() -> None:
    with pytest.raises(ConfigurationError, match="visit is a capture of version 7"):
        list(read_capture(["# edge-agent capture 7"], "visit"))
