"""Explaining frames: what a host or a machine says with some bytes, and who it is that says it.

The direction is guessed where it is not given: the explanation with the fewest doubts holds, and where
both ends could have said the same, the host's is given and a note says so. A frame that is not quite
right is explained as far as it goes, with what is wrong among its doubts.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from edge_agent.cabinet.explain_fields import Walk
from edge_agent.cabinet.explanation import UNKNOWN, Crc, Explanation, Piece, Side
from edge_agent.cabinet.saying import NOT_ASSIGNED
from edge_agent.errors import RemoteProtocolError
from edge_agent.sas import GeneralPoll, LongPollRequest, Poll, UnknownPoll, decode_poll
from edge_agent.sas.crc import CRC_BYTES, crc_is_good
from edge_agent.sas.effects import effect_of
from edge_agent.sas.exception_codes import EVENT_MARK, EXCEPTIONS, NO_ACTIVITY, event_fields, exception_name
from edge_agent.sas.fields import fixed_size
from edge_agent.sas.long_polls import LONG_POLLS, Effect, LongPoll, PollType, poll_name
from edge_agent.sas.messages import BUSY, GENERAL_POLL_BIT, LAST_ADDRESS, ROM_SIGNATURE, SHORT_REPLY_BYTES
from edge_agent.sas.poll_lengths import READ_POLL_BYTES, host_poll_length

_EFFECTS = {
    Effect.READS: "reads",
    Effect.CONSUMES: "reads, and the machine forgets what it told once that is acknowledged",
    Effect.CHANGES: "changes the machine",
}
# An event has its mark and its code behind the address.
_EVENT_HEAD_BYTES = 3


def explain(frame: bytes, side: Side | None = None, poll: Poll | None = None) -> Explanation:
    """What `frame` says.

    Args:
        frame: at least one byte, without wakeup marks.
        side: who said it; guessed if left out.
        poll: what it answers, if that is known; then it is the machine that says it.
    """
    if side == "machine" or poll is not None:
        return explain_machine(frame, poll)
    by_host = explain_host(frame)
    if side == "host":
        return by_host
    by_machine = explain_machine(frame)
    if _likeness(by_machine) > _likeness(by_host):
        return by_machine
    if by_host.fits and by_machine.fits:
        return _noted(by_host, f"a machine could say the same: {by_machine.title}", *by_machine.notes)
    return by_host


def explain_host(frame: bytes) -> Explanation:
    """What a host says with `frame`."""
    address = frame[0] & LAST_ADDRESS
    if frame[0] & GENERAL_POLL_BIT:
        return _general_poll(frame, address)
    if len(frame) < READ_POLL_BYTES:
        doubt = "an address and no command: a long poll that was cut short"
        return Explanation(
            "host", UNKNOWN, doubt, frame, address, (_address(frame, "host"),), doubts=(doubt,)
        )
    command = frame[1]
    row = LONG_POLLS.get(command)
    has_crc = len(frame) > READ_POLL_BYTES + 1 and (host_poll_length(frame) or 0) > READ_POLL_BYTES
    # One public host sends type R polls with a CRC, and its machines take them.
    has_crc = has_crc or (len(frame) == READ_POLL_BYTES + CRC_BYTES and crc_is_good(frame))
    body, crc = (frame[2:-CRC_BYTES], Crc.of(frame)) if has_crc else (frame[2:], None)
    walk = Walk(body, READ_POLL_BYTES, command)
    if row is not None and row.request_counted:
        walk.length_byte()
    walk.walk(row.request if row else (), slack=row.request_slack if row else 0)
    return Explanation(
        side="host",
        kind="long_poll",
        title=f"{_to(address)}: long poll {command:02X} {poll_name(command)}",
        data=frame,
        address=address,
        pieces=(_address(frame, "host"), _command(frame), *walk.pieces),
        crc=crc,
        doubts=_doubts(_length_doubt(frame, row), walk.trouble if row else _unknown(command)),
        notes=_poll_notes(frame, row),
    )


def explain_machine(frame: bytes, poll: Poll | None = None) -> Explanation:
    """What a machine says with `frame`, in answer to `poll` where that is known."""
    if len(frame) == 1:
        return _one_byte(frame, poll)
    address = frame[0]
    if len(frame) <= SHORT_REPLY_BYTES and frame[1] == BUSY:
        title = f"{_of(address)}: busy, it cannot serve the poll now"
        pieces = (_address(frame, "machine"), Piece(1, frame[1:], "busy", 0))
        return Explanation("machine", "busy", title, frame, address, pieces)
    crc = Crc.of(frame) if len(frame) > READ_POLL_BYTES + 1 else None
    if frame[1] == EVENT_MARK and len(frame) >= _EVENT_HEAD_BYTES:
        return _event(frame, poll)
    return _answer(frame, crc, poll)


def poll_of(frame: bytes) -> Poll | None:
    """The poll a frame is, as context for its answer; None where it is none that can be understood."""
    try:
        poll = decode_poll(frame)
    except RemoteProtocolError:
        return None
    return LongPollRequest(poll.address, poll.command) if isinstance(poll, UnknownPoll) else poll


def _general_poll(frame: bytes, address: int) -> Explanation:
    title = f"{_to(address)}: general poll, has anything happened?"
    if address == 0:
        title = "host to nobody: poll to address 0, which synchronises, and acknowledges what was said"
    extra = (Piece(1, frame[1:], UNKNOWN, frame[1:], known=False),) if len(frame) > 1 else ()
    doubts = ("a general poll is one byte",) if extra else ()
    return Explanation(
        "host", "general_poll", title, frame, address, (_address(frame, "host"), *extra), doubts=doubts
    )


def _one_byte(frame: bytes, poll: Poll | None) -> Explanation:
    """One byte means one thing after a general poll, and another after a long one."""
    byte = frame[0]
    address = byte & LAST_ADDRESS
    exception = _exception(byte, poll)
    if isinstance(poll, GeneralPoll):
        return exception
    short = ("nack", f"{_of(address)}: refused (NACK)") if byte & GENERAL_POLL_BIT else (
        "ack", f"{_of(address)}: accepted (ACK), or a chirp"
    )  # fmt: skip
    elementary = Explanation("machine", *short, frame, address, (_address(frame, "machine"),))
    if poll is not None:
        fits = poll.address == address
        doubt = f"it answers for address {address:02}, the poll went to {poll.address:02}"
        return elementary if fits else _doubted(elementary, doubt)
    if address == 0:
        return exception
    return _noted(elementary, f"in answer to a general poll: {exception.title}")


def _exception(code: int, poll: Poll | None) -> Explanation:
    row = EXCEPTIONS.get(code)
    what = f"exception {code:02X} {exception_name(code)}" + (f" ({row.category})" if row else "")
    piece = Piece(0, bytes((code,)), "exception", code, meaning=exception_name(code), known=row is not None)
    return Explanation(
        "machine",
        "exception",
        f"{_of(poll.address if poll else None)}: {what}",
        bytes((code,)),
        poll.address if poll else None,
        (piece,),
        notes=() if code == NO_ACTIVITY else ("told to a general poll; it stays until another poll",),
    )


def _event(frame: bytes, poll: Poll | None) -> Explanation:
    address, code = frame[0], frame[2]
    row = EXCEPTIONS.get(code)
    crc = Crc.of(frame) if len(frame) >= _EVENT_HEAD_BYTES + CRC_BYTES else None
    data = frame[_EVENT_HEAD_BYTES:-CRC_BYTES] if crc else frame[_EVENT_HEAD_BYTES:]
    walk = Walk(data, _EVENT_HEAD_BYTES, EVENT_MARK)
    fields = event_fields(code)
    missing = bool(fixed_size(fields)) and len(frame) == _EVENT_HEAD_BYTES + CRC_BYTES
    if not missing:
        walk.walk(fields)
    notes = ["a long poll so answered is not done: ask it again"] if isinstance(poll, LongPollRequest) else []
    if missing:
        notes.append("the data this event carries are missing; one maker's machines leave them out")
    return Explanation(
        side="machine",
        kind="event",
        title=f"{_of(address)}: event {code:02X} {exception_name(code)}"
        + (f" ({row.category})" if row else ""),
        data=frame,
        address=address,
        pieces=(
            _address(frame, "machine"),
            Piece(1, frame[1:2], "event_mark", EVENT_MARK, meaning="a real-time event"),
            Piece(2, frame[2:3], "exception", code, meaning=exception_name(code), known=row is not None),
            *walk.pieces,
        ),
        crc=crc,
        doubts=_doubts(walk.trouble, "" if crc else "it is cut short", _stranger(address, poll)),
        notes=tuple(notes),
    )


def _answer(frame: bytes, crc: Crc | None, poll: Poll | None) -> Explanation:
    address, command = frame[0], frame[1]
    row = LONG_POLLS.get(command)
    body = frame[2:-CRC_BYTES] if crc else frame[2:]
    walk = Walk(body, READ_POLL_BYTES, command)
    if row is not None and row.reply_counted:
        walk.length_byte()
    walk.walk(row.reply if row else (), slack=row.reply_slack if row else 0)
    return Explanation(
        side="machine",
        kind="answer",
        title=f"{_of(address)}: answer to {command:02X} {poll_name(command)}",
        data=frame,
        address=address,
        pieces=(_address(frame, "machine"), _command(frame), *walk.pieces),
        crc=crc,
        doubts=_doubts(
            "" if crc else "it is cut short, or carries no CRC",
            walk.trouble if row else _unknown(command),
            _no_answer(row),
            _stranger(address, poll),
            _other_command(command, poll),
        ),
        notes=() if row is None or row.layout_known else ("nobody has laid out what it carries",),
    )


def _address(frame: bytes, side: Side) -> Piece:
    address = frame[0] & LAST_ADDRESS
    meaning = ""
    if side == "host":
        meaning = "to every machine" if address == 0 and not frame[0] & GENERAL_POLL_BIT else ""
    elif address == 0:
        meaning = "no machine has it"
    return Piece(0, frame[:1], "address", address, meaning=meaning)


def _command(frame: bytes) -> Piece:
    command = frame[1]
    return Piece(1, frame[1:2], "command", command, meaning=poll_name(command), known=command in LONG_POLLS)


def _to(address: int) -> str:
    return f"host to machine {address:02}" if address else "host to every machine"


def _of(address: int | None) -> str:
    return "machine" if address is None else f"machine {address:02}"


def _unknown(command: int) -> str:
    return f"no table lays out long poll {command:02X}"


def _no_answer(row: LongPoll | None) -> str:
    return f"long poll {row.command:02X} is answered with ACK alone" if row and not row.reply else ""


def _stranger(address: int, poll: Poll | None) -> str:
    if poll is None or poll.address == address:
        return ""
    return f"it comes from address {address:02}, the poll went to {poll.address:02}"


def _other_command(command: int, poll: Poll | None) -> str:
    # A signature that was asked for earlier may answer any later poll.
    if poll is None or command == ROM_SIGNATURE:
        return ""
    asked = poll.command if isinstance(poll, LongPollRequest) else None
    return "" if asked == command else f"long poll {command:02X} was not what was asked"


def _length_doubt(frame: bytes, row: LongPoll | None) -> str:
    due = host_poll_length(frame)
    if due is None:
        return "it ends before its length byte"
    checked_read = due == READ_POLL_BYTES and len(frame) == READ_POLL_BYTES + CRC_BYTES
    extra = len(frame) - due
    if checked_read or 0 <= extra <= (row.request_slack if row else 0):
        return ""
    return f"{len(frame)} bytes, and {due} are due"


def _poll_notes(frame: bytes, row: LongPoll | None) -> tuple[str, ...]:
    notes = []
    poll = poll_of(frame)
    if row is not None and isinstance(poll, LongPollRequest):
        notes.append(_EFFECTS[effect_of(poll)])
    if row is not None and not row.layout_known:
        notes.append("nobody has laid out what it carries")
    if row is not None and row.type is PollType.R and len(frame) == READ_POLL_BYTES + CRC_BYTES:
        notes.append("a type R poll has no CRC; some hosts send one, and machines take it")
    return tuple(notes)


def _doubts(*doubts: str) -> tuple[str, ...]:
    return tuple(filter(None, doubts))


def _likeness(explanation: Explanation) -> tuple[bool, int, int]:
    """How likely it is that a frame was meant so: the CRC first, then how little is strange in it."""
    crc_good = explanation.fits and explanation.crc is not None
    asked_for = Counter(piece.data for piece in explanation.pieces if piece.name == "meter_code")
    strange = sum(not piece.known or piece.meaning == NOT_ASSIGNED for piece in explanation.pieces)
    return crc_good, -len(explanation.doubts), -strange - (asked_for.total() - len(asked_for))


def _noted(explanation: Explanation, *notes: str) -> Explanation:
    return replace(explanation, notes=(*explanation.notes, *notes))


def _doubted(explanation: Explanation, doubt: str) -> Explanation:
    return replace(explanation, doubts=(*explanation.doubts, doubt))
