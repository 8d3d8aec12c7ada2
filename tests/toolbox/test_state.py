"""What a journal holds, for people."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.delivery import DeliveryClass
from edge_agent.journal import open_journal
from edge_agent.journal.resend import ResendRequest, write_request
from edge_agent.toolbox.state import in_plain_words, state_of

NOON = 1_700_000_000.0


def test_a_journal_that_waits_says_what_waits_and_for_how_long(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    with open_journal(
        path,
        role="collect",
        classify=lambda payload: DeliveryClass(payload.decode()),
        housekeeping=False,
        wall=lambda: NOON,
    ) as journal:
        journal.append([b"A", b"B", b"C", b"C"])
        journal.acknowledge("forwarder", 1, 4, delivery_class=DeliveryClass.B)
        journal.set_aside("forwarder", 1, "0x90 topic name invalid")
        write_request(path, ResendRequest([(1, 2)]))

        status = {"used_percent": 71.5, "budget_bytes": 2 << 30, "hours_left": 18.5}
        state = state_of(journal, status, NOON + 600)

    assert state["consumers"]["forwarder"] == {
        "position": 0,
        "oldest_seconds": 600.0,
        "waiting": {"A": 1, "B": 0, "C": 2},
    }
    words = "\n".join(in_plain_words(state))
    assert "71.5 % of 2.0 GiB are used; should nothing leave, it lasts 18 hours" in words
    assert "forwarder has 3 records to deliver, the oldest waits for 10 minutes" in words
    assert "C          2  telemetry" in words
    assert "1 record the cloud would not take" in words
    assert "1 request not done yet" in words


def test_a_journal_at_rest_is_a_few_lines(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal", role="collect", housekeeping=False) as journal:
        words = in_plain_words(state_of(journal, {}, NOON))

    assert words[3:] == [
        "room      the collector does not run, which measures it",
        "forwarder has delivered everything",
    ]


def test_dead_letters_that_cannot_be_read_hide_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    open_journal(path, role="collect", housekeeping=False).close()
    (path / "forwarder.dead-letters").write_bytes(b"no database at all" * 300)

    with open_journal(path, role="read") as journal:
        words = "\n".join(in_plain_words(state_of(journal, {}, NOON)))

    assert "forwarder has delivered everything" in words
    assert "refused   cannot be read:" in words
    assert "is damaged" in words


@pytest.mark.parametrize(("hours", "said"), [(None, "it does not fill"), (1000.0, "it lasts 42 days")])
def test_the_time_that_is_left_is_told_in_fit_units(tmp_path: Path, hours: float | None, said: str) -> None:
    with open_journal(tmp_path / "journal", role="collect", housekeeping=False) as journal:
        status = {"used_percent": 1.0, "budget_bytes": 100, "bytes_a_second": 0.0, "hours_left": hours}
        words = in_plain_words(state_of(journal, status, NOON))

    assert said in words[3]


def test_a_rate_that_is_not_known_yet_is_not_called_none(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal", role="collect", housekeeping=False) as journal:
        words = in_plain_words(state_of(journal, {"used_percent": 1.0, "budget_bytes": 100}, NOON))

    assert words[3] == "room      1.0 % of 100 bytes are used; how fast it fills is not known yet"


def test_a_disk_with_less_than_must_be_left_free_has_no_room(tmp_path: Path) -> None:
    with open_journal(tmp_path / "journal", role="collect", housekeeping=False) as journal:
        words = in_plain_words(state_of(journal, {"used_percent": 100.0, "budget_bytes": -5_000_000}, NOON))

    assert words[3].startswith("room      none: the disk has less than is to be left free")
