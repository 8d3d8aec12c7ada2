"""The options of a SAS line."""

from __future__ import annotations

import pytest

from edge_agent.drivers.sas import DRIVER
from edge_agent.drivers.sas.options import SasOptions, read_options
from edge_agent.errors import ConfigurationError


def test_a_line_without_options_has_sensible_ones() -> None:
    assert read_options({}) == SasOptions(address=1, poll_ms=40)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"address": 0}, "address"),
        ({"address": 128}, "address"),
        ({"address": "one"}, "address"),
        ({"address": 1.5}, "address"),
        ({"poll_ms": 39}, "poll_ms"),
        ({"poll_ms": 5001}, "poll_ms"),
        ({"real_time_events": "on"}, "real_time_events"),
        ({"meters_seconds": 0}, "meters_seconds"),
    ],
)
def test_an_option_that_makes_no_sense_is_named_with_what_it_is(
    options: dict[str, object], named: str
) -> None:
    with pytest.raises(ConfigurationError, match=f"option {named}") as refused:
        DRIVER.check(options)

    assert refused.value.mend.startswith(named)


def test_an_option_nobody_knows_is_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigurationError, match="option poll_mss") as refused:
        DRIVER.check({"poll_mss": 1})

    assert "address" in refused.value.mend


@pytest.mark.parametrize("address", ["7", 7.0])
def test_a_number_may_come_as_text_or_as_a_whole_float(address: object) -> None:
    """The Greengrass nucleus hands numbers over as floats, nucleus lite as text."""
    assert read_options({"address": address}).address == 7
