"""The event-stream wire of the nucleus' double."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.testing.nucleus.access import allowed
from edge_agent.testing.nucleus.flavours import JAVA, LITE, entries
from edge_agent.testing.nucleus.wire import PRELUDE_BYTES, BadMessage, Message, decode, encode, length

headers = st.dictionaries(
    st.text("abcdefgh-", min_size=1, max_size=20), st.integers(-(2**31), 2**31 - 1) | st.text(max_size=50)
)
messages = st.builds(
    Message, st.integers(0, 7), st.integers(0, 3), st.integers(0, 2**31 - 1), headers, st.binary(max_size=300)
)


@given(messages)
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    assert decode(encode(message)) == message
    assert length(encode(message)[:PRELUDE_BYTES]) == len(encode(message))


@given(messages, st.data())
def test_a_flipped_bit_is_noticed(message: Message, data: st.DataObject) -> None:
    wrong = bytearray(encode(message))
    at = data.draw(st.integers(0, len(wrong) - 1))
    wrong[at] ^= 1 << data.draw(st.integers(0, 7))

    with pytest.raises(BadMessage):
        decode(bytes(wrong))


@given(st.binary(min_size=16, max_size=200))
def test_any_bytes_are_a_message_or_a_bad_one(data: bytes) -> None:
    try:
        decode(data)
    except BadMessage:
        return
    assert encode(decode(data))


@pytest.mark.parametrize(
    ("resource", "topic", "is_allowed"),
    [
        ("floor/+/{iot:thingName}/#", "floor/harbour/gw-07/ev/batch", True),
        ("floor/+/{iot:thingName}/#", "floor/harbour/gw-08/ev/batch", False),
        ("floor/+/{iot:thingName}/#", "floor/harbour/wing/gw-07/ev", False),
        ("cmd/+/{iot:thingName}/#", "cmd/harbour/gw-07/#", True),
        ("cmd/+/{iot:thingName}/#", "cmd/#", False),
        ("*", "anything/at/all", True),
        ("floor/*", "floor/a/b", True),
        ("floor/a.b", "floor/axb", False),
    ],
)
def test_a_resource_covers_what_its_wildcards_say(resource: str, topic: str, is_allowed: bool) -> None:  # noqa: FBT001
    control = {
        "aws.greengrass.ipc.mqttproxy": {
            "p": {"operations": ["aws.greengrass#PublishToIoTCore"], "resources": [resource]}
        }
    }

    assert allowed(control, "PublishToIoTCore", topic, "gw-07") is is_allowed
    assert not allowed(control, "SubscribeToIoTCore", topic, "gw-07")
    assert not allowed({}, "PublishToIoTCore", topic, "gw-07")


def test_each_nucleus_hands_values_over_in_its_own_way() -> None:
    value = {"n": 3, "f": 2.5, "b": True, "x": None, "t": "text", "l": [1]}

    assert JAVA.hand_over(value) == {"n": 3.0, "f": 2.5, "b": True, "x": None, "t": "text", "l": [1.0]}
    assert LITE.hand_over(value) == {"n": "3", "f": "2.5", "b": "true", "x": "null", "t": "text", "l": ["1"]}


def test_a_line_as_a_group_takes_as_much_room_as_measured() -> None:
    assert entries({"port": "", "driver": "", "subject": "", "options": {"address": 1}}) == 10
    assert entries({"slot-1": "/dev/a"}) == 2
