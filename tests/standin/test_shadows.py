"""Named shadows: what is asked, what is answered to whom, and what a document may be."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.standin.shadow_document import depth, difference, merged, restamped, selected, stamped
from edge_agent.standin.shadows import Shadows

ASKED = {"thing": "gw-07", "name": "edge-agent"}


class Cloud:
    """The shadows of one thing, and a clock."""

    def __init__(self) -> None:
        self.shadows = Shadows({"gw-07": {}}, epoch=1_700_000_000.0)
        self.now = 0.0

    def ask(self, operation: str, document: Any = None, thing: str = "gw-07") -> dict[str, dict[str, Any]]:
        payload = document if isinstance(document, bytes) else json.dumps(document or {}).encode()
        asked = {"thing": thing, "name": "edge-agent", "operation": operation}
        answers = self.shadows.answers("T", asked, payload, self.now)
        assert all(one.to_all for one in answers)
        return {one.topic.removeprefix("T/"): json.loads(one.payload) for one in answers}

    def update(self, document: Any = None, **state: Any) -> dict[str, dict[str, Any]]:
        return self.ask("update", document if document is not None else {"state": state})

    def refusal(self, operation: str, document: Any = None, **options: str) -> tuple[int, str]:
        answers = self.ask(operation, document, **options)
        assert answers.keys() == {"rejected"}
        return answers["rejected"]["code"], answers["rejected"]["message"]


def test_an_update_is_accepted_with_what_was_asked_and_the_new_version() -> None:
    answers = Cloud().update({"state": {"reported": {"line": {"up": True}}}, "clientToken": "t-1"})

    assert answers["accepted"] == {
        "state": {"reported": {"line": {"up": True}}},
        "metadata": {"reported": {"line": {"up": {"timestamp": 1_700_000_000}}}},
        "version": 1,
        "timestamp": 1_700_000_000,
        "clientToken": "t-1",
    }
    assert answers.keys() == {"accepted", "documents"}


def test_documents_tell_before_and_after() -> None:
    cloud = Cloud()
    cloud.update(reported={"a": 1})
    cloud.now = 60.7

    documents = cloud.update(reported={"b": 2})["documents"]

    assert documents["previous"]["state"] == {"reported": {"a": 1}}
    assert documents["current"]["state"] == {"reported": {"a": 1, "b": 2}}
    assert documents["current"]["metadata"] == {
        "reported": {"a": {"timestamp": 1_700_000_000}, "b": {"timestamp": 1_700_000_060}}
    }
    assert (documents["previous"]["version"], documents["current"]["version"]) == (1, 2)


def test_a_delta_is_told_while_desired_and_reported_differ() -> None:
    cloud = Cloud()

    wished = cloud.update(desired={"level": "debug", "lines": {"a": 1, "b": 2}})
    half = cloud.update(reported={"level": "debug", "lines": {"a": 1, "b": 3}})
    done = cloud.update(reported={"lines": {"b": 2}})

    assert wished["delta"]["state"] == {"level": "debug", "lines": {"a": 1, "b": 2}}
    assert half["delta"]["state"] == {"lines": {"b": 2}}
    assert half["delta"]["metadata"] == {"lines": {"b": {"timestamp": 1_700_000_000}}}
    assert half["delta"]["version"] == 2
    assert "delta" not in done


def test_get_shows_it_all_and_the_delta() -> None:
    cloud = Cloud()
    cloud.update(desired={"a": 1}, reported={"b": [1, 2]})

    answer = cloud.ask("get", b"")["accepted"]

    assert answer["state"] == {"desired": {"a": 1}, "reported": {"b": [1, 2]}, "delta": {"a": 1}}
    assert answer["metadata"]["reported"] == {"b": [{"timestamp": 1_700_000_000}] * 2}
    assert answer["version"] == 1


def test_null_removes_a_key_and_a_section() -> None:
    cloud = Cloud()
    cloud.update(desired={"a": 1}, reported={"b": {"c": 1, "d": 2}})

    cloud.update(desired=None, reported={"b": {"c": None}})

    assert cloud.ask("get")["accepted"]["state"] == {"reported": {"b": {"d": 2}}}


def test_a_version_rises_over_a_deletion() -> None:
    cloud = Cloud()
    cloud.update(reported={"a": 1})

    deleted = cloud.ask("delete", {"clientToken": "t"})
    gone = cloud.refusal("get")
    again = cloud.update(reported={"a": 1})

    assert deleted == {"accepted": {"version": 1, "timestamp": 1_700_000_000, "clientToken": "t"}}
    assert gone == (404, "No shadow exists with name: 'edge-agent'")
    assert again["accepted"]["version"] == 2
    assert [(one["name"], one["version"]) for one in cloud.shadows.documents()] == [("edge-agent", 2)]


def test_a_version_that_is_not_the_latest_is_a_conflict() -> None:
    cloud = Cloud()
    cloud.update(reported={"a": 1})

    conflict = cloud.refusal("update", {"state": {"reported": {"a": 2}}, "version": 7})
    fits = cloud.update({"state": {"reported": {"a": 2}}, "version": 1})

    assert conflict == (409, "Version conflict")
    assert fits["accepted"]["version"] == 2


@pytest.mark.parametrize(
    ("operation", "document", "code", "message"),
    [
        ("update", b"", 400, "Invalid JSON"),
        ("update", b"[]", 400, "Invalid JSON"),
        ("update", b'{"state": {"reported": {"a": NaN}}}', 400, "Invalid JSON"),
        ("update", b"[" * 8000, 400, "Invalid JSON"),
        ("update", b'{"state": "\xff"}', 415, "Unsupported documented encoding; supported encoding is UTF-8"),
        ("update", {"clientToken": "t"}, 400, "Missing required node: state"),
        ("update", {"state": 7}, 400, "State node must be an object"),
        ("update", {"state": {"desired": 7}}, 400, "Desired node must be an object"),
        ("update", {"state": {"reported": []}}, 400, "Reported node must be an object"),
        ("update", {"state": {"wished": {}}}, 400, "State contains an invalid node"),
        ("update", {"state": {}, "version": "1"}, 400, "Invalid version"),
        ("update", {"state": {}, "version": True}, 400, "Invalid version"),
        ("update", {"state": {}, "clientToken": 7}, 400, "Invalid clientToken"),
        ("update", {"state": {}, "clientToken": "é" * 33}, 400, "Invalid clientToken"),
        (
            "update",
            {"state": {"reported": {"1": {"2": {"3": {"4": {"5": {"6": {"7": 8}}}}}}}}},
            400,
            "JSON contains too many levels of nesting; maximum is 6",
        ),
        ("update", b" " * 8193, 413, "The payload exceeds the maximum size allowed"),
        ("get", b"rubbish", 400, "Invalid JSON"),
        ("get", None, 404, "No shadow exists with name: 'edge-agent'"),
        ("delete", None, 404, "No shadow exists with name: 'edge-agent'"),
    ],
)
def test_what_the_service_refuses_is_refused_in_its_words(
    operation: str, document: Any, code: int, message: str
) -> None:
    cloud = Cloud()

    refusal = cloud.refusal(operation, document)

    assert refusal == (code, message)
    assert cloud.shadows.documents() == []


def test_a_rejection_gives_the_token_back_if_it_could_be_read() -> None:
    answer = Cloud().update({"clientToken": "t-9"})["rejected"]

    assert answer["clientToken"] == "t-9"


def test_a_document_grows_to_8_kb_and_no_further() -> None:
    cloud = Cloud()
    cloud.update(reported={"a": "x" * 6000})

    refusal = cloud.refusal("update", {"state": {"reported": {"b": "x" * 3000}}})

    assert refusal[0] == 413
    assert cloud.ask("get")["accepted"]["state"]["reported"].keys() == {"a"}


def test_a_thing_that_does_not_exist_has_no_shadow() -> None:
    assert Cloud().refusal("update", {"state": {}}, thing="gw-99") == (404, "Thing not found")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text("ab", max_size=2),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abcd"), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.sampled_from("abcd"), JSON, max_size=4)


@given(OBJECTS, OBJECTS)
def test_metadata_mirrors_the_state_whatever_is_merged(first: dict[str, Any], second: dict[str, Any]) -> None:
    before = merged({}, first)
    state = merged(before, second)
    metadata = restamped(before, {}, first, 1)

    after = restamped(state, metadata, second, 2)

    assert shape(after) == shape(stamped(state, 0))
    assert selected(after, state) == after


def shape(metadata: Any) -> Any:
    """Metadata without its times."""
    if isinstance(metadata, dict):
        return (
            None if isinstance(metadata.get("timestamp"), int) else {k: shape(v) for k, v in metadata.items()}
        )
    return [shape(one) for one in metadata] if isinstance(metadata, list) else metadata


@given(OBJECTS, OBJECTS)
def test_reporting_the_difference_ends_it(desired: dict[str, Any], reported: dict[str, Any]) -> None:
    wanted, known = merged({}, desired), merged({}, reported)

    assert difference(wanted, merged(known, difference(wanted, known))) == {}


@given(JSON)
def test_depth_counts_objects_and_lists(value: Any) -> None:
    assert depth({"a": value}) == depth([value]) == 1 + depth(value)
