"""Which settings differ, and what a role does about each."""

from __future__ import annotations

from typing import Any

import pytest

from edge_agent.agent.changes import COLLECTOR_HOLDS, FORWARDER_HOLDS, changed, concerns, digest
from edge_agent.settings import Settings, read_settings

BEFORE: dict[str, Any] = {
    "site": "harbour",
    "gateway": "gw-07",
    "state": "/var/lib/edge-agent",
    "lines": {"a": {"port": "/dev/a", "options": {"address": 1}}, "b": {"port": "/dev/b"}},
    "uplink": {"kind": "file", "path": "/out"},
}


def settings(**other: Any) -> Settings:
    return read_settings({**BEFORE, **other}, "test", environment={})


@pytest.mark.parametrize(
    ("other", "names"),
    [
        ({}, ()),
        ({"site": "pier"}, ("site",)),
        ({"log": {"level": "debug"}}, ("log.level",)),
        ({"lines": {"b": BEFORE["lines"]["b"]}}, ("lines.a",)),
        ({"lines": {**BEFORE["lines"], "c": {"port": "/dev/c"}}}, ("lines.c",)),
        (
            {"lines": {**BEFORE["lines"], "a": {"port": "/dev/a", "options": {"address": 2}}}},
            ("lines.a.options.address",),
        ),
        ({"uplink": None, "journal": {"minimum_free_mb": 1}}, ("journal.minimum_free_mb", "uplink")),
    ],
)
def test_what_differs_is_told_by_name(other: dict[str, Any], names: tuple[str, ...]) -> None:
    assert changed(settings(), settings(**other)) == names


def test_the_order_of_lines_is_no_difference() -> None:
    turned = dict(reversed(BEFORE["lines"].items()))

    assert changed(settings(), settings(lines=turned)) == ()


def test_equal_settings_have_one_digest_and_others_another() -> None:
    assert digest(settings()) == digest(settings())
    assert digest(settings()) != digest(settings(site="pier"))


def test_a_role_minds_what_it_holds() -> None:
    assert not concerns(("lines.a.port", "log.level", "uplink.endpoint"), COLLECTOR_HOLDS)
    assert concerns(("journal.path",), COLLECTOR_HOLDS)
    assert concerns(("uplink.endpoint",), FORWARDER_HOLDS)
    assert not concerns(("lines.a.port", "log.level", "currency"), FORWARDER_HOLDS)


def test_every_group_of_settings_is_held_or_taken_as_it_comes() -> None:
    """A new group must be thought of: unnoticed, its changes would come to nothing."""
    taken_as_they_come = {"lines", "log"}

    assert COLLECTOR_HOLDS | FORWARDER_HOLDS | taken_as_they_come == set(Settings.model_fields)
