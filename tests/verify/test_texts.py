"""Events are found in whatever they are kept in, with the very bytes that were sealed."""

from __future__ import annotations

import base64
import gzip
import json
import zlib
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.chain import link
from edge_agent.uplink.batch import make_message
from edge_agent.verify import Verifier, verify
from edge_agent.verify.texts import CHUNK_BYTES, events_in
from tests.verify.journals import telling

EVENTS = telling(12).events()
ARRAY = b"[" + b",".join(EVENTS) + b"]"


def b64(content: bytes) -> bytes:
    return base64.b64encode(content)


def pretty(event: bytes) -> bytes:
    return json.dumps(json.loads(event), indent=2).encode()


def with_more(event: bytes, **added: object) -> bytes:
    return json.dumps({**json.loads(event), **added}, separators=(",", ":"), ensure_ascii=False).encode()


def of_a_rule(payload: bytes) -> bytes:
    """A batch as the rule of the deployment page passes it on."""
    return json.dumps({"batch": b64(payload).decode(), "encoding": ["gzip"], "gateway": "gw-07"}).encode()


def of_a_stream(*payloads: bytes) -> bytes:
    """What a function behind a stream is called with."""
    return json.dumps({"Records": [{"kinesis": {"data": b64(one).decode()}} for one in payloads]}).encode()


SHAPES = {
    "an array": ARRAY,
    "an array with blanks": b"[ " + b" ,\n ".join(EVENTS) + b" ]\n",
    "lines": b"\n".join(EVENTS) + b"\n",
    "lines of Windows, after a mark": b"\xef\xbb\xbf" + b"\r\n".join(EVENTS),
    "nothing between": b"".join(EVENTS),
    "arrays with nothing between": ARRAY[:0] + b"".join(b"[" + event + b"]" for event in EVENTS),
    "gzip": gzip.compress(ARRAY),
    "gzip after gzip": gzip.compress(b"".join(EVENTS[:5])) + gzip.compress(b"".join(EVENTS[5:])),
    "a batch of the agent": make_message("t", EVENTS).payload,
    "lines of base64": b"\n".join(map(b64, EVENTS)),
    "a line of base64 of gzip": b64(gzip.compress(ARRAY)) + b"\n",
    "base64 with nothing between": b"".join(b64(event + b" " * (2 - len(event) % 3)) for event in EVENTS),
    "base64 for addresses": base64.urlsafe_b64encode(ARRAY),
    "texts of base64": json.dumps([b64(event).decode() for event in EVENTS]).encode(),
    "a rule's object": of_a_rule(gzip.compress(ARRAY)),
    "a call of a function": of_a_stream(of_a_rule(ARRAY[:0] + ARRAY)),
    "an object that holds them": json.dumps({"detail": [json.loads(event) for event in EVENTS]}).encode(),
    "a text that holds them": json.dumps({"Message": ARRAY.decode()}).encode(),
    "pretty": b"\n".join(map(pretty, EVENTS)),
    "with a rule's attributes": b"\n".join(with_more(one, gateway="gw-07", ingest_ms=1) for one in EVENTS),
    "pretty, with a rule's attributes": b"\n".join(pretty(with_more(one, client="c")) for one in EVENTS),
}


@pytest.mark.parametrize("arrived", SHAPES.values(), ids=SHAPES)
def test_events_are_found_and_fit_their_chain(arrived: bytes) -> None:
    report = verify([arrived])

    assert report.events == len(EVENTS)
    assert report.unreadable == ()
    assert report.complete
    assert report.journals[0].unchecked == ()


class Drip:
    """A stream that gives few bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._stream, self._size = BytesIO(content), size

    def read(self, size: int = -1, /) -> bytes:
        return self._stream.read(self._size if size < 0 else min(size, self._size))


@pytest.mark.parametrize("size", [1, 7, 300])
@pytest.mark.parametrize("shape", ["lines", "nothing between", "gzip", "lines of base64", "a rule's object"])
def test_how_a_stream_is_cut_changes_nothing(shape: str, size: int) -> None:
    verifier = Verifier()

    verifier.feed(Drip(SHAPES[shape], size))

    assert verifier.report() == verify([SHAPES[shape]])


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (b"2026-11-26 the shift begins", "neither JSON nor base64"),
        (b"\x89PNG\r\n\x1a\n\x00\x01", "neither JSON nor base64"),
        (b'{"state":"online"}', "JSON without an event of a journal"),
        (b'{"id":"x","specversion":"1.0","type":"t","source":"s"}', "JSON without an event of a journal"),
        (EVENTS[0][:-9], "a piece of JSON that does not end"),
        (
            b'{"specversion":"1.0","id":"7","sequence":"7"}',
            "an event that makes no sense: its id is not that of a record",
        ),
        (
            EVENTS[0].replace(b'/1","sequence"', b'/2","sequence"'),
            "an event that makes no sense: its id and its sequence are of different records",
        ),
        (b"[" * 40_000, ""),
        (b'{"a":' * 40_000, "a piece of JSON that does not end"),
        (b64(b64(b"{}")), "neither JSON nor base64"),
    ],
)
def test_other_content_is_passed_over_and_told_of(other: bytes, why: str) -> None:
    verifier = Verifier()

    verifier.feed(b"\n".join([*EVENTS[:3], other, *EVENTS[3:]]), "objects/1.json")

    report = verifier.report()
    assert report.complete
    assert {one.why for one in report.unreadable} == ({why} if why else set())
    assert all(one.name == "objects/1.json" for one in report.unreadable)


def test_a_torn_event_does_not_take_the_next_one_with_it() -> None:
    torn = EVENTS[2][:60]

    report = verify([EVENTS[0] + EVENTS[1] + torn + b"".join(EVENTS[2:])])

    assert report.complete
    assert [(one.count, one.at) for one in report.unreadable] == [(1, len((EVENTS[0] + EVENTS[1]).decode()))]


@pytest.mark.parametrize("content", [gzip.compress(ARRAY)[:-12], gzip.compress(ARRAY)[:-8] + bytes(8)])
def test_damaged_compression_is_told_of(content: bytes) -> None:
    (told,) = verify([content]).unreadable

    assert told.why.startswith("its compression is damaged")


@pytest.mark.parametrize("cut", [30, 700, 1_500])
def test_what_was_compressed_before_it_was_cut_off_is_read(cut: int) -> None:
    events = telling(200).events()
    packed = gzip.compress(b"".join(events))[:-cut]

    report = verify([packed])

    (told,) = report.unreadable
    assert told.why == "its compression is damaged: it is cut off"
    there = zlib.decompressobj(31).decompress(packed).count(b'"sequence"')
    assert there - 1 <= report.journals[0].present <= there
    assert report.journals[0].present > 50


def test_what_lies_before_a_damaged_piece_of_compression_is_read() -> None:
    events = telling(2_000).events()
    packed = bytearray(gzip.compress(b"".join(events)))
    middle = len(packed) // 2
    packed[middle : middle + 64] = bytes(64)

    report = verify([bytes(packed)])

    assert report.journals[0].present > 900
    assert report.unreadable


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b""),
        gzip.compress(ARRAY) + bytes(600),
        gzip.compress(EVENTS[0]) + bytes(40_000) + gzip.compress(b"".join(EVENTS[1:])),
    ],
    ids=["nothing", "zeros at the end", "zeros between"],
)
def test_zeros_behind_what_is_compressed_mean_nothing(content: bytes) -> None:
    assert verify([content]).unreadable == ()


def test_a_text_larger_than_what_is_read_at_once_is_read_whole() -> None:
    told = telling(3)
    big = told.add(text="x" * (3 * CHUNK_BYTES))
    told.add()

    report = verify([b"".join(told.events())])

    assert report.complete
    assert (report.journals[0].last, big) == (5, 4)


def test_wrapping_ends_somewhere() -> None:
    content = b"{}"
    for _ in range(9):
        content = gzip.compress(content)

    (told,) = verify([content]).unreadable

    assert told.why == "it is wrapped too often"


def test_a_sealed_byte_that_is_no_character_survives_the_reading() -> None:
    told = telling(1)
    sealed = told.sealed[0].replace(b"place", b"\xff\xfe")
    event = told.event(1, sealed=sealed)

    ((value, text),) = [one for one in events_in(BytesIO(event)) if isinstance(one, tuple)]

    assert text.encode("utf-8", "surrogateescape") == event
    assert value["data"]["game"] == 1
    assert link(told.links[0], 1, sealed) != told.links[1]


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_whatever_are_read_to_their_end(content: bytes) -> None:
    assert all(one for one in events_in(BytesIO(content)))


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from([*EVENTS, b"{", b'"', b"\n", b"AAAA", b"[", b"]", b"]]", b'{"id":"']), max_size=12
    )
)
def test_mixtures_are_read_to_their_end(pieces: list[bytes]) -> None:
    report = verify([b"\n".join(pieces)])

    assert report.events <= len(pieces)


CANARY = b'{"id":"J/canary/5f0c","specversion":"1.0","type":"floor.agent.canary","data":{"number":1}}'


@pytest.mark.parametrize(
    "kept",
    [CANARY, b"[" + CANARY + b"]", b64(CANARY), of_a_rule(CANARY), of_a_stream(CANARY)],
    ids=["alone", "in a batch", "base64", "of a rule", "of a stream"],
)
def test_a_canary_is_no_record_and_no_other_content(kept: bytes) -> None:
    report = verify([ARRAY, kept])

    assert report.unreadable == ()
    assert report.events == len(EVENTS)
    assert report.complete
