"""Meters of a 2F answer, which does not say how long they are, where a machine's table is not ours."""

from __future__ import annotations

import pytest

from edge_agent.errors import RemoteProtocolError
from edge_agent.sas.crc import append_crc
from edge_agent.sas.fields import decode_fields, encode_fields
from edge_agent.sas.messages import DataReply, LongPollRequest, decode_reply
from edge_agent.sas.meter_fields import MeterValue, TableSizedMeters

METERS = (TableSizedMeters("meters"),)


@pytest.mark.parametrize(
    ("wire", "meters"),
    [
        # As the table has it, however it could be read otherwise.
        ("A0 0000000001 02 00000002", ((0xA0, 1, 5), (0x02, 2, 4))),
        ("C0 00000098", ((0xC0, 98, 4),)),
        # A code that no table lists, with five bytes: alone, last, first and among others.
        ("C0 0000001234", ((0xC0, 1234, 5),)),
        ("00 00001234 C0 0000009876", ((0x00, 1234, 4), (0xC0, 9876, 5))),
        ("C0 0000009876 00 00001234", ((0xC0, 9876, 5), (0x00, 1234, 4))),
        ("A0 0000000001 C0 0000000002 3A 00000003", ((0xA0, 1, 5), (0xC0, 2, 5), (0x3A, 3, 4))),
    ],
)
def test_meters_are_as_long_as_makes_sense(wire: str, meters: tuple[tuple[int, int, int], ...]) -> None:
    data = bytes.fromhex(wire)
    values = {"meters": tuple(MeterValue(*meter) for meter in meters)}

    assert decode_fields(METERS, data) == values
    assert encode_fields(METERS, values) == data


@pytest.mark.parametrize(
    ("wire", "why"),
    [
        ("00 000012", "ends inside meter 00"),
        ("00 000000123456", "ends inside meter"),  # six bytes: nobody's
        ("00 0000123F", "not BCD"),
        ("00 00001234 05", "ends inside meter 05"),
        # Either of the two may be the longer one, and nothing tells which.
        ("94 00 00 00 94 94 94 96 94 00 00", "ends inside meter 00"),
    ],
)
def test_what_makes_no_sense_or_could_mean_two_things_is_refused(wire: str, why: str) -> None:
    with pytest.raises(RemoteProtocolError, match=why):
        decode_fields(METERS, bytes.fromhex(wire))


def test_no_answer_takes_long_to_be_refused() -> None:
    """Each byte might begin a meter, so that the readings are more than could be counted."""
    with pytest.raises(RemoteProtocolError):
        decode_fields(METERS, bytes(252))


def test_meters_that_nobody_asked_for_are_meters_read_at_the_wrong_place() -> None:
    """An answer whose meters are longer than the tables have them may yet seem to make sense."""
    misread = decode_fields(METERS, bytes.fromhex("00 00001234 56 01000000 01 02000000"))
    assert [meter.code for meter in misread["meters"]] == [0x00, 0x56, 0x01]
    body = bytes.fromhex("00 00 00 00001234 56 01000000 01 02000000")
    frame = append_crc(bytes((1, 0x2F, len(body))) + body)

    with pytest.raises(RemoteProtocolError, match="meter 56, which was not asked"):
        decode_reply(frame, LongPollRequest(1, 0x2F, {"game": 0, "meter_codes": (0x00, 0x01)}))

    asked = LongPollRequest(1, 0x2F, {"game": 0, "meter_codes": (0x00, 0x01, 0x56)})
    assert isinstance(decode_reply(frame, asked), DataReply)


def test_the_same_behind_a_preamble() -> None:
    base = bytes.fromhex("0C 00 00 00 00001234 56 01000000")
    body = bytes((1, 0x2F)) + base
    frame = append_crc(bytes((1, 0xB0, len(body))) + body)
    asked = {"denomination": 1, "base_command": 0x2F, "base": {"game": 0, "meter_codes": (0x00,)}}

    with pytest.raises(RemoteProtocolError, match="meter 56, which was not asked"):
        decode_reply(frame, LongPollRequest(1, 0xB0, asked))
