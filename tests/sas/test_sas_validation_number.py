"""Numbers of secure enhanced validation, against answers known from elsewhere."""

from __future__ import annotations

import pytest

from edge_agent.errors import LocalProtocolError
from edge_agent.sas.validation_number import secure_enhanced

MACHINE_ID = 0x654321


@pytest.mark.parametrize(
    ("sequence", "number"),
    [
        (0x000000, "004580945669109504"),
        (0x000001, "006429188185446104"),
        (0xFFFFFF, "007101753535986872"),
    ],
)
def test_known_answers(sequence: int, number: str) -> None:
    assert secure_enhanced(MACHINE_ID, sequence) == number


def test_a_machine_without_an_id_and_without_tickets() -> None:
    """All six bytes are zero, and so are their CRCs."""
    assert secure_enhanced(0, 0) == "00" + "0" * 16


def test_no_two_tickets_of_a_machine_bear_the_same_number() -> None:
    numbers = {secure_enhanced(MACHINE_ID, sequence) for sequence in range(5000)}

    assert len(numbers) == 5000
    assert all(len(number) == 18 and number.isdecimal() and number.startswith("00") for number in numbers)


@pytest.mark.parametrize(
    ("machine_id", "sequence", "named"),
    [(-1, 0, "machine ID -1"), (1 << 24, 0, "machine ID 16777216"), (0, -1, "sequence -1"),
     (0, 1 << 24, "sequence 16777216")],
)  # fmt: skip
def test_what_does_not_fit_three_bytes_is_refused(machine_id: int, sequence: int, named: str) -> None:
    with pytest.raises(LocalProtocolError, match=f"^{named} is not within 0..16777215"):
        secure_enhanced(machine_id, sequence)
