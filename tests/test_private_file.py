"""A secret in a file is read only if nobody but its owner can."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import CredentialError
from edge_agent.private_file import read_secret


def secret(tmp_path: Path, content: bytes, mode: int = 0o600) -> Path:
    path = tmp_path / "pin"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n"])
def test_the_line_is_read_without_its_ending(tmp_path: Path, ending: bytes) -> None:
    assert read_secret("PIN file", secret(tmp_path, b"24 68" + ending)) == "24 68"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o660, 0o601])
def test_what_others_can_touch_is_refused_and_not_told(tmp_path: Path, mode: int) -> None:
    with pytest.raises(CredentialError, match=f"mode {mode:04o}") as refused:
        read_secret("PIN file", secret(tmp_path, b"2468\n", mode))

    assert "chmod 600" in refused.value.mend
    assert "2468" not in str(refused.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"one\ntwo\n"])
def test_what_is_not_one_line_is_refused_and_not_told(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(CredentialError, match="does not hold one line") as refused:
        read_secret("PIN file", secret(tmp_path, content))

    assert "two" not in str(refused.value)


def test_what_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="it is no text"):
        read_secret("PIN file", secret(tmp_path, b"\xff\xfe"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="No such file"):
        read_secret("PIN file", tmp_path / "pin")
