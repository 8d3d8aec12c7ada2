"""The chain: a record that is changed, taken out, put in or moved is found."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edge_agent.chain import LINK_BYTES, digest, from_written, genesis, link, link_over, written

JOURNAL = "fe11db6b6260453aa5c303bc1ff6f015"
PAYLOADS = st.lists(st.binary(max_size=40), min_size=1, max_size=6)


def chain_of(payloads: list[bytes], first: int = 1) -> list[bytes]:
    links, before = [], genesis(JOURNAL)
    for sequence, payload in enumerate(payloads, first):
        before = link(before, sequence, payload)
        links.append(before)
    return links


def test_a_link_is_what_any_receiver_computes_with_sha_256() -> None:
    """Worked out with `printf 'edge-agent journal J' | sha256sum`, and so on with its first half."""
    assert genesis("J").hex() == "6e35996577d5b0acfb903d48dfc15663"
    assert link(genesis("J"), 1, b'{"specversion":"1.0"}').hex() == "4d98246edd25c517bd8867eb71c2a873"
    assert written(genesis("J")) == "bjWZZXfVsKz7kD1I38FWYw"


def test_every_journal_begins_with_a_link_of_its_own() -> None:
    assert genesis("one") != genesis("other")
    assert len(genesis("one")) == LINK_BYTES


@given(PAYLOADS, st.data())
def test_a_changed_record_changes_its_link_and_every_later_one(
    payloads: list[bytes], data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(payloads) - 1))
    other = data.draw(st.binary(max_size=40))
    assume(other != payloads[at])

    before, after = chain_of(payloads), chain_of([*payloads[:at], other, *payloads[at + 1 :]])

    assert before[:at] == after[:at]
    assert all(one != another for one, another in zip(before[at:], after[at:], strict=True))


@given(PAYLOADS)
def test_equal_records_have_links_of_their_own(payloads: list[bytes]) -> None:
    links = chain_of([*payloads, *payloads])

    assert len(set(links)) == len(links)


def test_the_digest_of_a_record_that_was_let_go_takes_its_place_in_the_chain() -> None:
    assert link_over(genesis(JOURNAL), digest(1, b"{}")) == link(genesis(JOURNAL), 1, b"{}")


def test_a_record_counts_as_the_number_it_has() -> None:
    assert link(genesis(JOURNAL), 1, b"{}") != link(genesis(JOURNAL), 2, b"{}")


@given(st.binary(min_size=LINK_BYTES, max_size=LINK_BYTES))
def test_a_link_reads_back_as_itself(one: bytes) -> None:
    text = written(one)

    assert len(text) == 22
    assert from_written(text) == one


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A" * 21,
        "A" * 23,
        "A" * 22 + "==",
        "A" * 21 + "B",  # the last character has bits that no link has
        "A" * 21 + "!",
        "A" * 21 + "+",
        "A" * 21 + "\n",
        "é" * 22,
    ],
)
def test_what_no_link_is_written_as_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="22 characters"):
        from_written(text)


@given(st.text(max_size=24))
def test_no_text_is_read_as_a_link_that_would_be_written_otherwise(text: str) -> None:
    try:
        read = from_written(text)
    except ValueError:
        return

    assert written(read) == text
