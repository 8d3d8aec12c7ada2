"""MQTT 5 reason codes as data."""

from __future__ import annotations

import pytest

from edge_agent.uplink.reason_codes import NAMES, PUBACK_REACTIONS, Reaction, describe, reaction_to


def test_only_success_and_no_matching_subscribers_let_a_record_go() -> None:
    delivered = {code for code in range(256) if reaction_to(code) is Reaction.DELIVERED}

    assert delivered == {0x00, 0x10}


@pytest.mark.parametrize("code", sorted(set(range(256)) - set(PUBACK_REACTIONS)))
def test_a_code_no_table_knows_keeps_the_record(code: int) -> None:
    assert reaction_to(code) is Reaction.RETRY


def test_every_reaction_is_to_a_code_with_a_name_and_names_are_unique() -> None:
    assert set(PUBACK_REACTIONS) <= set(NAMES)
    assert len(set(NAMES.values())) == len(NAMES)


def test_a_code_is_described_with_the_words_of_the_server() -> None:
    assert describe(0x87) == "0x87 not authorised"
    assert describe(0x97, "too fast") == "0x97 quota exceeded (too fast)"
    assert describe(0x7B) == "0x7B unknown_0x7b"
