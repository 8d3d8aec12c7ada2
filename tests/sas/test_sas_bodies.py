"""Bodies with and without a length byte."""

from __future__ import annotations

import pytest

from edge_agent.errors import LocalProtocolError, RemoteProtocolError
from edge_agent.sas.bodies import decode_body, encode_body, with_length
from edge_agent.sas.fields import Binary, RestRaw

LEVEL = (Binary("level", 1),)


@pytest.mark.parametrize(("has_length", "wire"), [(False, "07"), (True, "01 07")])
def test_both_ways(has_length: bool, wire: str) -> None:  # noqa: FBT001  a parameter of the test
    assert encode_body(LEVEL, {"level": 7}, has_length=has_length) == bytes.fromhex(wire)
    assert decode_body(LEVEL, bytes.fromhex(wire), has_length=has_length) == {"level": 7}


@pytest.mark.parametrize("wire", ["", "00 07", "02 07"])
def test_a_length_byte_that_does_not_fit_is_theirs(wire: str) -> None:
    with pytest.raises(RemoteProtocolError, match="the length byte does not fit"):
        decode_body(LEVEL, bytes.fromhex(wire), has_length=True)


@pytest.mark.parametrize(("has_length", "wire"), [(False, "07 AB CD"), (True, "03 07 AB CD")])
def test_what_stands_behind_the_layout_is_kept_where_it_may_stand(
    has_length: bool,  # noqa: FBT001  a parameter of the test
    wire: str,
) -> None:
    body = bytes.fromhex(wire)

    assert decode_body(LEVEL, body, has_length=has_length, extra=2) == {"level": 7, "extra": b"\xab\xcd"}
    for extra in (0, 1):
        with pytest.raises(RemoteProtocolError, match="2 bytes more than the layout"):
            decode_body(LEVEL, body, has_length=has_length, extra=extra)


def test_nothing_behind_the_layout_is_not_named() -> None:
    assert decode_body(LEVEL, b"\x07", has_length=False, extra=2) == {"level": 7}


def test_an_empty_body_may_have_a_length_byte() -> None:
    assert with_length(b"", has_length=True) == b"\x00"
    assert decode_body((RestRaw("data"),), b"\x00", has_length=True) == {}


def test_a_body_is_as_long_as_its_length_byte_can_say() -> None:
    assert with_length(bytes(255), has_length=True) == b"\xff" + bytes(255)
    with pytest.raises(LocalProtocolError, match="256 bytes does not fit its length byte"):
        with_length(bytes(256), has_length=True)
