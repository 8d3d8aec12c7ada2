"""`edge-agent verify`: files in, a verdict and its exit status out."""

from __future__ import annotations

import gzip
import json
import os
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from edge_agent.cli.main import main
from edge_agent.verify import Limits
from tests.verify.journals import JOURNAL, Telling, telling

Capture = pytest.CaptureFixture[str]


def stored(folder: Path, told: Telling, *gone: int) -> Path:
    """Objects of a bucket: folders by hour, gzip and plain, the later ones first."""
    events = told.events(gone)
    half = len(events) // 2
    (folder / "2026" / "11").mkdir(parents=True)
    (folder / "2026" / "11" / "a.gz").write_bytes(gzip.compress(b"\n".join(events[half:])))
    (folder / "2026" / "11" / "b.json").write_bytes(b"".join(events[:half]))
    return folder


def test_a_folder_that_holds_everything_is_complete(tmp_path: Path, capsys: Capture) -> None:
    status = main(["verify", str(stored(tmp_path, telling(20)))])

    assert status == 0
    assert capsys.readouterr().out == f"{JOURNAL}: complete from 1 to 20, 20 records\n"


def test_what_is_missing_ends_with_a_status_of_its_own(tmp_path: Path, capsys: Capture) -> None:
    status = main(["verify", str(stored(tmp_path, telling(20), 7, 8))])

    assert status == 31
    assert "7\N{EN DASH}8: missing" in capsys.readouterr().out


def test_what_is_declared_shed_ends_with_another(tmp_path: Path) -> None:
    told = telling(20)
    told.add_gap({7, 8})

    assert main(["verify", str(stored(tmp_path, told, 7, 8))]) == 30


def test_other_content_is_told_of_and_ends_with_another(tmp_path: Path, capsys: Capture) -> None:
    stored(tmp_path, telling(20))
    (tmp_path / "notes.txt").write_text("the shift begins\n")

    status = main(["verify", str(tmp_path)])

    assert status == 32
    said = capsys.readouterr().out
    assert f"{tmp_path}/notes.txt: 1 piece of other content, the first at character 0" in said
    assert "complete from 1 to 20" in said


def test_nothing_at_all_is_no_proof(tmp_path: Path, capsys: Capture) -> None:
    assert main(["verify", str(tmp_path)]) == 32
    assert capsys.readouterr().out == "no event of a journal was found\n"


def test_bounds_are_kept(tmp_path: Path) -> None:
    folder = str(stored(tmp_path, telling(20), 3))

    assert main(["verify", "--from", "4", "--to", "20", folder]) == 0
    assert main(["verify", "--from", "4", "--expect-head", "21", folder]) == 31


def test_a_program_can_read_the_verdict(tmp_path: Path, capsys: Capture) -> None:
    main(["verify", "--json", str(stored(tmp_path, telling(20), 7))])

    told = json.loads(capsys.readouterr().out)
    assert told["journals"][0]["missing"] == [[7, 7]]
    assert told["journals"][0]["repeated"] == []


def test_events_may_be_piped_in(monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    piped = TextIOWrapper(BytesIO(b"\n".join(telling(5).events())))
    monkeypatch.setattr(sys, "stdin", piped)

    assert main(["verify"]) == 0
    assert "complete from 1 to 5" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--from", "9", "--to", "3"], "--from is behind --to — give the lower one to --from"),
        (["--from", "0"], "0 is no sequence: they begin with 1"),
        (["--to", "x"], "--to: 'x' is not a whole number"),
    ],
)
def test_bounds_that_make_no_sense_are_refused(arguments: list[str], said: str, capsys: Capture) -> None:
    assert main(["verify", *arguments, "."]) == 2
    assert said in capsys.readouterr().err


def test_a_file_that_is_not_there_is_named(tmp_path: Path, capsys: Capture) -> None:
    assert main(["verify", str(tmp_path / "none.json")]) == 1
    assert "none.json: No such file or directory — check the path" in capsys.readouterr().err


def test_files_are_read_twice_where_memory_is_short(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = telling(60)
    events = told.events()
    (tmp_path / "a.json").write_bytes(b"".join(events[1::2]))
    (tmp_path / "b.json").write_bytes(b"".join(events[::2]))
    short = Limits(open_records=5)
    monkeypatch.setattr("edge_agent.verify.verifier.Limits", lambda: short)

    assert main(["verify", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{JOURNAL}: complete from 1 to 60, 60 records\n"


def test_a_folder_that_is_linked_from_within_is_read_once(tmp_path: Path, capsys: Capture) -> None:
    folder = stored(tmp_path, telling(20))
    (folder / "2026" / "up").symlink_to(folder)
    (folder / "again").symlink_to(folder / "2026" / "11")

    assert main(["verify", str(folder)]) == 0
    assert capsys.readouterr().out == f"{JOURNAL}: complete from 1 to 20, 20 records\n"


def test_a_pipe_in_a_folder_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(stored(tmp_path, telling(20)) / "pipe")

    assert main(["verify", str(tmp_path)]) == 0


def test_a_link_to_nowhere_in_a_folder_is_told(tmp_path: Path, capsys: Capture) -> None:
    (stored(tmp_path, telling(20)) / "object").symlink_to("nowhere")

    assert main(["verify", str(tmp_path)]) == 1
    assert f"{tmp_path}/object: No such file or directory" in capsys.readouterr().err


def test_standard_input_is_one_of_several(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    events = telling(20).events()
    (tmp_path / "half").write_bytes(b"".join(events[:10]))
    monkeypatch.setattr(sys, "stdin", TextIOWrapper(BytesIO(b"".join(events[10:]))))

    assert main(["verify", str(tmp_path / "half"), "-"]) == 0
