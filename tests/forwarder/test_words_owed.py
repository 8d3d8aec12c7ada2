"""Words that are owed: what says that a record was set aside, and was refused as well."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.errors import JournalError
from edge_agent.forwarder import Quota, resending
from edge_agent.journal import Record
from edge_agent.journal.resend import ResendRequest, requests, write_request
from edge_agent.uplink.base import Message, Receipt
from tests.forwarder.floor import Floor, Watched, tell

WORD = b"A.word"
# Of the real pauses the longest is an hour, which is 360,000 looks for news.
OWED_SECONDS, LONGEST_OWED_SECONDS = 2.0, 16.0


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (resending.OWED_SECONDS, resending.LONGEST_OWED_SECONDS) == (60.0, 3600.0)
    monkeypatch.setattr(resending, "OWED_SECONDS", OWED_SECONDS)
    monkeypatch.setattr(resending, "LONGEST_OWED_SECONDS", LONGEST_OWED_SECONDS)


def absence(_record: Record, _reason: str) -> bytes:
    return WORD


class Particular(Watched):
    """A cloud that does not take some topics at all, as 0x90, 0x99 or 0x95."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.impossible: dict[str, int] = {}

    async def publish(self, message: Message) -> Receipt:
        code = self.impossible.get(message.topic.rpartition("/")[2])
        if code is not None:
            self.attempts.append(message)
            return Receipt(code)
        return await super().publish(message)

    def offered(self, kind: str) -> int:
        """How often an event of a kind was."""
        return sum(message.topic.endswith(f"/{kind}") for message in self.attempts)


def test_a_word_that_is_refused_too_is_kept_offered_again_and_taken_at_last() -> None:
    uplink = Particular()
    uplink.impossible = {"A.poison": 0x90, "A.word": 0x99}

    async def story(floor: Floor) -> None:
        floor.say("A.poison", "A", "C")
        floor.uplink.reconnect()
        await floor.drained()  # it holds nothing up
        assert set(floor.received()) == {2, 3}
        assert floor.forwarder.counters.untold == 1
        await asyncio.sleep(5 * OWED_SECONDS)
        assert 2 <= uplink.offered("A.word") <= 5
        del uplink.impossible["A.word"]
        await asyncio.sleep(8 * OWED_SECONDS)
        assert floor.forwarder.counters.untold == 0
        assert [letter.sequence for letter in floor.journal.dead_letters()] == [1]

    with capture_logs() as logs:
        left = tell(story, uplink=uplink, absence=absence)

    assert sorted(left.received()) == [1, 2, 3]
    (alarm,) = [entry for entry in logs if entry["event"].startswith("the word of what was set aside")]
    assert alarm["alarm"]
    assert alarm["first"] == alarm["last"] == 1


def test_the_word_outlives_the_process_and_the_pauses_grow() -> None:
    uplink = Particular()
    uplink.impossible = {"A.poison": 0x90, "A.word": 0x90}

    async def story(floor: Floor) -> None:
        floor.say("A.poison")
        floor.uplink.reconnect()
        await floor.drained()
        await floor.kill()
        floor.begin()
        await asyncio.sleep(5)
        assert floor.forwarder.counters.untold == 1
        before = uplink.offered("A.word")
        await asyncio.sleep(6 * LONGEST_OWED_SECONDS)
        assert 6 <= uplink.offered("A.word") - before <= 9
        uplink.impossible.clear()
        await asyncio.sleep(LONGEST_OWED_SECONDS + 2)
        assert floor.forwarder.counters.untold == 0

    left = tell(story, uplink=uplink, absence=absence)

    assert left.received() == [1]
    assert left.uplink.delivered[-1].topic.endswith("/A.word")


def test_words_of_several_records_are_offered_one_by_one() -> None:
    """What a whole batch was refused for may be the fault of one."""
    uplink = Particular()
    uplink.impossible = {"batch": 0x90}

    async def story(floor: Floor) -> None:
        floor.say("B", "B", "C", "A")
        floor.uplink.reconnect()
        await floor.drained()
        assert floor.forwarder.counters.untold == 3
        uplink.impossible.clear()
        await asyncio.sleep(3 * OWED_SECONDS)
        assert floor.forwarder.counters.untold == 0

    assert sorted(tell(story, uplink=uplink, absence=absence).received()) == [1, 2, 3, 4]


def test_a_request_goes_before_what_is_owed() -> None:
    uplink = Particular()
    uplink.impossible = {"A.poison": 0x90, "A.word": 0x90}

    async def story(floor: Floor) -> None:
        floor.say("A.poison", "A.fine")
        floor.uplink.reconnect()
        await floor.drained()
        uplink.impossible = {"A.poison": 0x90}
        uplink.refused_topics.add("floor/lab/gw-07/ev/A.word")
        await asyncio.sleep(4 * OWED_SECONDS)  # it is offered, and waits for its topic
        write_request(floor.journal.path, ResendRequest(((2, 2),)))
        await asyncio.sleep(5)
        assert not requests(floor.journal.path)
        assert floor.received() == [2, 2]
        uplink.refused_topics.clear()
        await asyncio.sleep(8 * OWED_SECONDS)

    assert tell(story, uplink=uplink, absence=absence, probe=2.0).received() == [2, 2, 1]


def test_a_dead_letter_that_is_delivered_needs_no_word() -> None:
    uplink = Particular()
    uplink.impossible = {"A.poison": 0x90, "A.word": 0x90}

    async def story(floor: Floor) -> None:
        floor.say("A.poison")
        floor.uplink.reconnect()
        await floor.drained()
        del uplink.impossible["A.poison"]
        write_request(floor.journal.path, ResendRequest((), "all"))
        await asyncio.sleep(5)
        assert floor.journal.dead_letters() == []
        await asyncio.sleep(4 * OWED_SECONDS)
        assert floor.forwarder.counters.untold == 0

    assert tell(story, uplink=uplink, absence=absence).received() == [1]


def test_a_word_that_cannot_be_kept_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    uplink = Particular()
    uplink.impossible = {"A.poison": 0x90, "A.word": 0x90}

    def full(*_arguments: object) -> None:
        raise JournalError("the disk is full")

    async def story(floor: Floor) -> None:
        floor.say("A.poison")
        with monkeypatch.context() as patched:
            for name in ("owe", "owed"):
                patched.setattr(floor.journal, name, full)
            floor.uplink.reconnect()
            await asyncio.sleep(30)
            assert floor.journal.position("forwarder") == 0
            assert uplink.offered("A.word") > 1
        await floor.drained()
        assert [word.payload for word in floor.journal.owed("forwarder")] == [WORD]

    with capture_logs() as logs:
        tell(story, uplink=uplink, absence=absence)

    assert "what is owed cannot be read" in {entry["event"] for entry in logs}


def test_words_that_are_too_large_for_one_publish_are_still_words() -> None:
    """Sent in two, they must not be set aside as if they were what they stand for."""
    uplink = Particular()
    uplink.impossible = {"batch": 0x90}

    def lengthy(_record: Record, _reason: str) -> bytes:
        return b"B.word " + os.urandom(2000).hex().encode()  # compresses to a half

    async def story(floor: Floor) -> None:
        floor.say("B", "B", "B", "B")
        floor.uplink.reconnect()
        await floor.drained()
        assert floor.forwarder.counters.untold == 4
        assert floor.forwarder.counters.dead_letters == 4

    tell(story, uplink=uplink, absence=lengthy, quota=Quota(size=64_000))
