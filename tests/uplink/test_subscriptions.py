"""Filters that stand, and who hears what matches them."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from edge_agent.errors import LocalProtocolError
from edge_agent.testing.memory_uplink import MemoryUplink
from edge_agent.uplink.base import Received
from edge_agent.uplink.file import FileUplink
from edge_agent.uplink.subscriptions import MOST_FILTERS, Subscriptions, check_filter, matches


@pytest.mark.parametrize(
    ("topic_filter", "topic", "wanted"),
    [
        ("cmd/lab/gw/+", "cmd/lab/gw/meters", True),
        ("cmd/lab/gw/+", "cmd/lab/gw", False),
        ("cmd/lab/gw/+", "cmd/lab/gw/meters/now", False),
        ("cmd/lab/gw/+", "cmd/lab/other/meters", False),
        ("cmd/+/gw/meters", "cmd/lab/gw/meters", True),
        ("cmd/lab/#", "cmd/lab/gw/meters", True),
        ("cmd/lab/#", "cmd/lab", False),
        ("#", "cmd", True),
        (
            "$aws/things/gw/shadow/name/a/update/accepted",
            "$aws/things/gw/shadow/name/a/update/accepted",
            True,
        ),
    ],
)
def test_a_filter_asks_for_what_mqtt_says(topic_filter: str, topic: str, *, wanted: bool) -> None:
    assert matches(topic_filter, topic) is wanted


@pytest.mark.parametrize(
    "topic_filter", ["", "cmd/#/x", "cmd/a#", "cmd/a+/b", "a\0", "x" * 257, "a/b/c/d/e/f/g/h/i"]
)
def test_what_iot_core_would_refuse_is_not_asked_for(topic_filter: str) -> None:
    with pytest.raises(LocalProtocolError):
        check_filter(topic_filter)


def test_filters_are_bounded() -> None:
    subscriptions = Subscriptions()
    for number in range(MOST_FILTERS):
        subscriptions.add(f"a/{number}", lambda _received: None)

    with pytest.raises(LocalProtocolError, match="would be filter 9"):
        subscriptions.add("a/more", lambda _received: None)


def test_the_first_filter_that_matches_hears_it_alone() -> None:
    heard: list[str] = []
    subscriptions = Subscriptions()
    subscriptions.add("a/+", lambda _received: heard.append("first"))
    subscriptions.add("a/#", lambda _received: heard.append("second"))

    assert subscriptions.hand_on(Received("a/b", b""))
    assert subscriptions.hand_on(Received("a/b/c", b""))
    assert not subscriptions.hand_on(Received("b", b""))

    assert heard == ["first", "second"]


def test_a_filter_that_names_the_topic_hears_it_before_one_with_wildcards() -> None:
    """Confirmations come on a topic among those of the commands."""
    heard: list[str] = []
    subscriptions = Subscriptions()
    subscriptions.add("cmd/lab/gw/+", lambda _received: heard.append("command"))
    subscriptions.add("cmd/lab/gw/received", lambda _received: heard.append("confirmation"))

    assert subscriptions.hand_on(Received("cmd/lab/gw/received", b""))
    assert subscriptions.hand_on(Received("cmd/lab/gw/meters", b""))

    assert heard == ["confirmation", "command"]


def test_a_refused_filter_is_named_until_it_is_granted() -> None:
    subscriptions = Subscriptions()

    subscriptions.answered("a/+", granted=False)
    subscriptions.answered("a/+", granted=False)
    assert subscriptions.refused == ("a/+",)

    subscriptions.answered("a/+", granted=True)
    assert not subscriptions.refused


def test_a_filter_that_is_the_very_topic_comes_before_one_that_matches_it() -> None:
    subscriptions = Subscriptions()
    heard: list[str] = []
    subscriptions.add("cmd/+", lambda _received: heard.append("any"))
    subscriptions.add("cmd/received", lambda _received: heard.append("very"))

    subscriptions.hand_on(Received("cmd/received", b""))
    subscriptions.hand_on(Received("cmd/meters", b""))

    assert heard == ["very", "any"]


def test_a_memory_uplink_brings_what_was_subscribed_to() -> None:
    async def story() -> None:
        uplink = MemoryUplink()
        heard: list[Received] = []
        await uplink.subscribe("cmd/#", heard.append)

        assert uplink.arrive("cmd/a", b"1", response_topic="answer", correlation_data=b"\x01")
        assert not uplink.arrive("other", b"2")

        assert (heard[0].payload, heard[0].response_topic) == (b"1", "answer")
        assert uplink.acknowledged == []
        heard[0].acknowledge()
        assert uplink.acknowledged == heard

    asyncio.run(story())


def test_nothing_comes_from_a_file(tmp_path: Path) -> None:
    async def story() -> None:
        uplink = FileUplink(tmp_path / "out")
        await uplink.start()
        await uplink.subscribe("cmd/#", lambda _received: None)
        await uplink.stop()

    asyncio.run(story())
