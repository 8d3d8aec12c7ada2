"""The pages on security and on the network speak of tests, sentences and settings that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from edge_agent.credentials.diagnosis import SERVER_REFUSED
from edge_agent.credentials.tunnel import NO_PROXY, REFUSED, UNREACHABLE
from edge_agent.settings import UplinkSettings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / "security.md", ROOT / "docs" / "network.md"]
NETWORK = PAGES[1].read_text(encoding="utf-8")


def names_of_tests() -> set[str]:
    files = (ROOT / "tests").rglob("test_*.py")
    return {
        name
        for file in files
        for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
    }


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", page.read_text(encoding="utf-8")))

    assert len(named) >= 5
    assert sorted(named - names_of_tests()) == []


def test_every_row_of_the_threat_model_names_its_test() -> None:
    rows = [line for line in PAGES[0].read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    attempts = [row for row in rows if row.count("|") == 4 and not row.startswith(("| tries", "| ---"))]

    assert len(attempts) > 30
    assert [row for row in attempts if "`test_" not in row.rsplit("|", 2)[1]] == []


def test_the_sentences_about_a_proxy_are_those_it_says() -> None:
    told = set(re.findall(r"`((?:the proxy|what is there|its certificate)[^`]*)`", NETWORK))
    said = [*UNREACHABLE.values(), *REFUSED.values(), *SERVER_REFUSED.values(), NO_PROXY]

    assert len(told) >= 8
    assert told <= {sentence for sentence, _mend in said}


def test_the_settings_shown_are_settings() -> None:
    blocks = re.findall(r"\n\n((?:    .+\n)+)", NETWORK)
    shown = [yaml.safe_load(block) for block in blocks]

    assert len(shown) == 2
    for document in shown:
        given = {"endpoint": "e", "ca": "ca", "certificate": "c", "key": "k", **document["uplink"]}
        assert UplinkSettings.model_validate(given).port == 443


def test_nothing_has_to_be_let_in() -> None:
    assert "## Inbound" not in NETWORK
    assert "**Nothing has to be let in**" in NETWORK
