from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from edge_agent.delivery import DeliveryClass
from edge_agent.journal import Budget, Journal, open_journal
from edge_agent.journal.examination import examine
from edge_agent.journal.frames import RECORD_LIMIT_BYTES
from edge_agent.journal.glance import PAUSE_SECONDS, SLICE_BYTES, is_as_written
from edge_agent.journal.segment import segment_path, segments

A, B, C = DeliveryClass
PAYLOADS = [b"%c%05d " % (b"ABC"[number % 3], number) + b"x" * (number % 90) for number in range(120)]


@pytest.fixture(scope="module")
def journal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its segments hold commits of several lengths, what a consumer derived, and what was let go."""
    folder = tmp_path_factory.mktemp("glance") / "journal"
    with open_to_collect(folder, Budget(minimum_free_bytes=0)) as opened:
        opened.register("rules")
        opened.derive("rules", opened.append(PAYLOADS[:3])[-1], [b"A derived"])
        for number, payload in enumerate(PAYLOADS):
            opened.append([payload, *PAYLOADS[: number % 4]])
    with open_to_collect(folder, Budget(size_bytes=12 << 10, minimum_free_bytes=0)) as opened:
        assert opened.shed() > 0
    return folder


def open_to_collect(folder: Path, budget: Budget, segment_bytes: int = 4 << 10) -> Journal:
    return open_journal(
        folder,
        role="collect",
        budget=budget,
        classify=lambda payload: {b"B": B, b"C": C}.get(payload[:1], A),
        housekeeping=False,
        segment_bytes=segment_bytes,
    )


def journal_id(folder: Path) -> str:
    with open_journal(folder, role="read") as opened:
        return opened.id


def glance(folder: Path, first: int, last: int) -> bool:
    identity = journal_id(folder)
    return is_as_written(segment_path(folder, first), first, last, journal=identity, pause=lambda _: None)


def test_what_is_as_it_was_written_needs_no_second_look(journal: Path) -> None:
    sealed = [(first, following - 1) for first, following in pairwise(segments(journal))]

    assert len(sealed) > 3
    assert all(glance(journal, first, last) for first, last in sealed)


def test_whatever_byte_is_changed_it_never_says_yes_to_damage(journal: Path, tmp_path: Path) -> None:
    identity = journal_id(journal)
    first, following = segments(journal)[:2]
    data = segment_path(journal, first).read_bytes()
    copy = tmp_path / "copy.seg"
    yes = 0
    for offset in range(0, len(data), 7):  # frames begin anywhere, so every field is hit
        damaged = bytearray(data)
        damaged[offset] ^= 0x40
        copy.write_bytes(damaged)
        said = is_as_written(copy, first, following - 1, journal=identity, pause=lambda _: None)
        yes += said
        assert not said or examine(bytes(damaged), first, journal=identity, last=following - 1).intact

    assert yes == 0


@pytest.mark.parametrize("end", [0, 1, 100, -1])
def test_what_was_cut_off_is_not_as_it_was_written(journal: Path, tmp_path: Path, end: int) -> None:
    first, following = segments(journal)[:2]
    copy = tmp_path / "copy.seg"
    copy.write_bytes(segment_path(journal, first).read_bytes()[:end])

    assert not is_as_written(copy, first, following - 1, journal=journal_id(journal))


def test_zeros_behind_the_last_frame_are_nothing_and_anything_else_is_something(
    journal: Path, tmp_path: Path
) -> None:
    first, following = segments(journal)[:2]
    identity, copy = journal_id(journal), tmp_path / "copy.seg"
    data = segment_path(journal, first).read_bytes()

    copy.write_bytes(data + bytes(SLICE_BYTES + 1))
    zeros = is_as_written(copy, first, following - 1, journal=identity)
    copy.write_bytes(data + bytes(SLICE_BYTES) + b"\1")
    something = is_as_written(copy, first, following - 1, journal=identity)

    assert (zeros, something) == (True, False)


def test_it_does_not_look_for_a_frame_longer_than_any_record(journal: Path, tmp_path: Path) -> None:
    first, following = segments(journal)[:2]
    copy = tmp_path / "copy.seg"
    copy.write_bytes(segment_path(journal, first).read_bytes() + bytes(2 * RECORD_LIMIT_BYTES))

    assert not is_as_written(copy, first, following - 1, journal=journal_id(journal), pause=lambda _: None)


def test_a_frame_that_is_whole_and_not_the_one_expected_is_damage(journal: Path, tmp_path: Path) -> None:
    first, following = segments(journal)[:2]
    data = segment_path(journal, first).read_bytes()
    copy = tmp_path / "copy.seg"
    copy.write_bytes(data + data)

    assert not is_as_written(copy, first, following - 1, journal=journal_id(journal), pause=lambda _: None)


def test_another_journals_segment_and_one_of_another_length_are_not_what_was_written(journal: Path) -> None:
    first, following = segments(journal)[:2]
    path = segment_path(journal, first)

    assert not is_as_written(path, first, following - 1, journal="0" * 32)
    assert not is_as_written(path, first, following, journal=journal_id(journal))
    assert not is_as_written(path, first, following - 2, journal=journal_id(journal))


def test_a_segment_that_is_not_there_is_not_as_it_was_written(journal: Path) -> None:
    assert not glance(journal, 999_999, 1_000_000)


def test_others_have_their_turn_between_two_slices(tmp_path: Path) -> None:
    folder = tmp_path / "journal"
    with open_to_collect(folder, Budget(minimum_free_bytes=0), 1 << 20) as opened:
        for _commit in range(60):
            opened.append([b"A" * 500] * 40)
    first, following = segments(folder)[:2]
    pauses: list[float] = []

    assert is_as_written(
        segment_path(folder, first), first, following - 1, journal=journal_id(folder), pause=pauses.append
    )
    assert pauses == [PAUSE_SECONDS] * -(-segment_path(folder, first).stat().st_size // SLICE_BYTES)
