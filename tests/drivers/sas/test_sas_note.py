"""What a restarted station must know."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.drivers.sas.duties import READS
from edge_agent.drivers.sas.note import (
    CONDITION_BYTES,
    LONGEST_FRAME_BYTES,
    MOST_DOUBTFUL_NOTED,
    MOST_NOTED,
    VERSION,
    Note,
    read_note,
    write_body,
    write_note,
)
from edge_agent.drivers.sas.reconcile import Accounts
from edge_agent.drivers.sas.roles import PRIMARY
from edge_agent.drivers.sas.sequences import SEQUENCES
from edge_agent.station import NOTE_LIMIT_BYTES


def as_bytes(note: Note) -> bytes:
    return write_note(write_body(note), note.last_poll, note.last_event)


def busiest_note() -> Note:
    accounts = Accounts(handpay_pending=True)
    for account in accounts.every():
        account.begin(9_999_999_999)
        account.certain = MOST_NOTED
        account.doubtful = [2**32 - 1] * MOST_DOUBTFUL_NOTED
    return Note(
        serial_check=2**32 - 1,
        role=PRIMARY,
        features=(0xFF, 0xFF, 0xFF, 0xFF),
        wanted=READS,
        playing=True,
        in_session=True,
        rough=True,
        memory_doubtful=True,
        conditions=frozenset(sequence.name for sequence in SEQUENCES),
        epoch=7,
        denomination=50_000_000,
        unsupported=frozenset(range(256)),
        accounts=accounts,
        last_poll=b"\xff" * LONGEST_FRAME_BYTES,
        last_event=b"\xff" * LONGEST_FRAME_BYTES,
    )


@pytest.mark.parametrize("note", [Note(), busiest_note()])
def test_a_note_reads_back_as_it_was_written(note: Note) -> None:
    assert read_note(as_bytes(note)) == note


def test_what_duties_read_has_its_bits_by_version() -> None:
    """Another order would make another read of what an older version wanted: the version has to rise."""
    commands = "6E 3D 4D 48 1B 84 85 87 57 5D 70 71 72 74 73 74 55 90 6E B6 B6"

    assert VERSION == 4
    assert [read.command for read in READS] == [int(command, 16) for command in commands.split()]


def test_features_of_zeros_are_features() -> None:
    assert read_note(as_bytes(Note(features=(0, 0, 0, 0)))).features == (0, 0, 0, 0)


def test_the_busiest_note_fits() -> None:
    assert len(as_bytes(busiest_note())) <= NOTE_LIMIT_BYTES


def test_more_doubtful_events_than_fit_make_the_account_blind() -> None:
    accounts = Accounts()
    accounts.coin_in.doubtful = [1] * (MOST_DOUBTFUL_NOTED + 1)

    kept = read_note(as_bytes(Note(accounts=accounts))).accounts.coin_in

    assert kept.blind
    assert kept.doubtful == []


def test_a_sum_that_does_not_fit_makes_the_account_blind() -> None:
    accounts = Accounts()
    accounts.won.certain = MOST_NOTED + 1

    assert read_note(as_bytes(Note(accounts=accounts))).accounts.won.blind


def test_a_frame_that_does_not_fit_is_left_out() -> None:
    note = Note(last_poll=bytes(LONGEST_FRAME_BYTES + 1))

    assert read_note(as_bytes(note)).last_poll == b""


def test_a_note_of_another_version_is_no_note() -> None:
    raw = as_bytes(Note(last_poll=b"\x81", serial_check=5))

    assert read_note(bytes((raw[0] + 1,)) + raw[1:]) == Note()


def test_every_condition_has_a_bit_in_the_note() -> None:
    assert len(SEQUENCES) <= 8 * CONDITION_BYTES


@pytest.mark.parametrize("name", [sequence.name for sequence in SEQUENCES])
def test_a_condition_is_noted_as_itself(name: str) -> None:
    note = Note(conditions=frozenset({name}))

    assert read_note(as_bytes(note)).conditions == {name}


def test_a_meter_wider_than_the_accounts_compare_is_noted_in_the_digits_they_do() -> None:
    accounts = Accounts()
    accounts.tickets.begin(10**17 + 42)

    assert read_note(as_bytes(Note(accounts=accounts))).accounts.tickets.before == 42


@given(st.binary(max_size=NOTE_LIMIT_BYTES))
def test_any_bytes_are_a_note_or_none(raw: bytes) -> None:
    assert isinstance(read_note(raw), Note)


@given(st.integers(0, len(as_bytes(busiest_note())) - 1))
def test_a_note_cut_short_is_no_note(length: int) -> None:
    assert read_note(as_bytes(busiest_note())[:length]) == Note()


def test_a_note_with_something_behind_it_is_no_note() -> None:
    assert read_note(as_bytes(busiest_note()) + b"\x00") == Note()
