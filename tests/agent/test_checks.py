"""What can be known to be wrong with the lines before a port is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from edge_agent.agent.checks import check_lines, shares
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import ConfigurationError
from edge_agent.settings import Settings

CHAIN = {"machines": [{"address": 1, "subject": "slot-1"}, {"address": 2, "subject": "slot-2"}]}


def settings(*lines: dict[str, Any]) -> Settings:
    return Settings.model_validate(
        {"site": "lab", "gateway": "gw-07", "state": Path("/var/lib/x"), "lines": lines}
    )


def line(name: str, **more: object) -> dict[str, Any]:
    return {"name": name, "port": f"/dev/{name}", **more}


def test_machines_of_one_line_and_machines_of_their_own_go_together() -> None:
    check_lines(settings(line("chain", options=CHAIN), line("slot-3")))


def test_a_machine_may_not_be_on_two_lines() -> None:
    twice = settings(line("chain", options=CHAIN), line("slot-2"))

    with pytest.raises(ConfigurationError, match="line slot-2: device slot-2 is on line chain already"):
        check_lines(twice)


def test_what_is_wrong_with_one_of_many_machines_names_line_and_machine() -> None:
    wrong = settings(line("chain", options={"machines": [{"address": 0, "subject": "slot-1"}]}))

    with pytest.raises(ConfigurationError, match="line chain: option machines: slot-1: option address"):
        check_lines(wrong)


def test_a_line_is_shared_where_its_driver_says_so() -> None:
    chain, alone, table = settings(
        line("chain", options=CHAIN), line("slot-3"), line("shuffler", driver="tdl1")
    ).lines

    assert [shares(find_driver(one.driver), one) for one in (chain, alone, table)] == [True, False, False]
