"""Explaining TDL/1: the frames of table devices, which are text already."""

from __future__ import annotations

from edge_agent.cabinet.explanation import UNKNOWN, Crc, Explanation, Piece
from edge_agent.tdl1 import Kind, Message
from edge_agent.tdl1.frame import BadFrame, FrameReader, crc

_START = b"$TDL1"
_CRC_DIGITS = 4

_KINDS = {
    Kind.EVENT: "event",
    Kind.SNAPSHOT: "snapshot",
    Kind.HEARTBEAT: "heartbeat or boot",
    Kind.COMMAND: "command",
    Kind.REPLY: "reply",
    Kind.ACK: "acknowledgement",
    Kind.NAK: "refusal",
}
_OF_HOST = {Kind.COMMAND, Kind.ACK, Kind.NAK}


def is_tdl1(data: bytes) -> bool:
    """Whether it begins as a frame of a table device."""
    return data.startswith(_START)


def explain_tdl1(data: bytes) -> Explanation:
    """What a table device, or its host, says with one frame."""
    whole = data.rstrip(b"\r\n")
    found = FrameReader().receive_data(whole + b"\r\n")[0]
    payload = whole[1 : -_CRC_DIGITS - 1]
    check = Crc(whole[-_CRC_DIGITS:], b"%04X" % crc(payload))
    if isinstance(found, BadFrame):
        doubt = f"it cannot be read: {found.reason}"
        piece = Piece(0, data, UNKNOWN, data.decode("latin-1"), known=False)
        return Explanation("machine", "tdl1", "TDL/1 frame", data, None, (piece,), None, (doubt,))
    return Explanation(
        "host" if found.kind in _OF_HOST else "machine",
        "tdl1",
        f"TDL/1, device {found.address:02X}: {_KINDS[found.kind]} {found.code}",
        data,
        found.address,
        tuple(_pieces(payload, found)),
        check,
    )


def _pieces(payload: bytes, message: Message) -> list[Piece]:
    """The words between the bars, in order."""
    names = ["version", "address", "sequence", "kind", "code", *message.values]
    values = [None, message.address, message.sequence, message.kind.value, message.code]
    pieces, at = [], 1
    for number, word in enumerate(payload.split(b"|")):
        name = names[number]
        value = message.values[name] if number >= len(values) else values[number] or word.decode()
        meaning = _KINDS[message.kind] if name == "kind" else ""
        pieces.append(Piece(at, word, name, value, meaning=meaning))
        at += len(word) + 1
    return pieces
