"""Masking: a capture without ticket and card numbers, that replays as if they were there.

What travels one way without anything the other way is a burst, however it was cut into pieces. In a burst
the frames are found by the tables; of those that hold something confidential, the bytes of that are
replaced and the CRC is made anew, wrong where it was wrong. While such an answer may still come, whatever
is in no whole frame may be a part of it, and is replaced too, so that a reader finds just as little sense
in it. A comment above the burst names what was masked. Times and lengths stay.

A line goes out when its burst is over: before anything travels the other way, and by `flush`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edge_agent.cabinet.explain import explain_host, explain_machine, poll_of
from edge_agent.cabinet.explanation import Explanation, Piece
from edge_agent.links.capture import TO_DEVICE, Travelled
from edge_agent.recorder import LATE_SECONDS
from edge_agent.sas import LONG_POLLS, WAKEUP, GeneralPoll, Poll, ReplyReader, WakeupDecoder
from edge_agent.sas.crc import CRC_BYTES, crc16, crc_is_good
from edge_agent.sas.exception_codes import EVENT_MARK, event_fields
from edge_agent.sas.fields import fixed_size
from edge_agent.sas.long_polls import CONFIDENTIAL_ANSWERS, CONFIDENTIAL_REQUESTS
from edge_agent.sas.messages import GENERAL_POLL_BIT, LAST_ADDRESS
from edge_agent.sas.poll_lengths import READ_POLL_BYTES, UNCOUNTED_BYTES, host_poll_length
from edge_agent.sas.reply_reader import LONGEST_EVENT_BYTES
from edge_agent.sas.wakeup import encode_characters

MASKED = "# masked: "
GARBLED = "bytes in no frame"

# A burst is over after this, even if nothing travels the other way: adapters deliver in 16 ms pieces.
BURST_SECONDS = 0.050

# In place of what makes no sense: no address, command or exception; the first that reads the same is taken.
_SENSELESS = (0xEE, 0xD7, 0xC9, 0xE3, 0xDB)

_FRAME_BYTES = 2 + CRC_BYTES
_EVENT_BYTES = 1 + _FRAME_BYTES

_CONFIDENTIAL_BYTES = frozenset(bytes((command,)) for command in CONFIDENTIAL_ANSWERS | CONFIDENTIAL_REQUESTS)


class Masker:
    """Turns what travelled into the lines of a capture, numbers masked."""

    def __init__(self) -> None:
        self._burst: list[Travelled] = []
        self._poll: Poll = GeneralPoll(0)
        self._secret_until = float("-inf")

    def lines(self, entry: Travelled) -> Iterator[str]:
        """The lines that are complete with this entry."""
        if self._burst and self._is_another(entry):
            yield from self.flush()
        self._burst.append(entry)
        if entry.direction == TO_DEVICE:
            # Whatever is heard belongs behind it.
            yield from self.flush()

    def flush(self) -> Iterator[str]:
        """The lines that were held back."""
        burst, self._burst = self._burst, []
        if not burst:
            return
        characters = _characters(burst)
        if burst[0].direction == TO_DEVICE:
            masked, names = self._of_host(characters, burst[-1].at)
        else:
            masked, names = self._of_machine(characters, burst[0].at)
        if not names:
            yield from map(str, burst)
            return
        yield MASKED + ", ".join(dict.fromkeys(names))
        at = 0
        for entry, piece in zip(burst, characters, strict=True):
            if piece:
                yield str(
                    Travelled(entry.at, entry.direction, encode_characters(masked[at : at + len(piece)]))
                )
            at += len(piece)

    def _is_another(self, entry: Travelled) -> bool:
        last = self._burst[-1]
        return entry.direction != last.direction or entry.at - last.at > BURST_SECONDS

    def _of_host(self, pieces: Sequence[Sequence[int]], now: float) -> tuple[list[int], list[str]]:
        """Messages, each from its wakeup bit on."""
        characters = [character for piece in pieces for character in piece]
        starts = [at for at, character in enumerate(characters) if character & WAKEUP] or [0]
        names: list[str] = []
        for start, end in zip(starts, [*starts[1:], len(characters)], strict=True):
            frame = bytes(character & 0xFF for character in characters[start:end])
            if not frame:
                continue
            self._poll = poll_of(frame) or self._poll
            command = frame[1] if len(frame) > 1 and not frame[0] & GENERAL_POLL_BIT else None
            if command in CONFIDENTIAL_ANSWERS:
                self._secret_until = now + LATE_SECONDS
            if command in CONFIDENTIAL_REQUESTS:
                self._mask(characters, start, explain_host(frame), names)
        return characters, names

    def _of_machine(self, pieces: Sequence[Sequence[int]], now: float) -> tuple[list[int], list[str]]:
        characters = [character for piece in pieces for character in piece]
        data = bytes(character & 0xFF for character in characters)
        names: list[str] = []
        rest = set(range(len(data)))
        for start, end in _good_frames(data):
            rest -= set(range(start, end))
            found = explain_machine(data[start:end])
            by_host = explain_host(data[start:end])
            self._mask(characters, start, by_host if by_host.fits and not found.fits else found, names)
        if rest and data[min(rest) : min(rest) + 2][1:2] in _CONFIDENTIAL_BYTES:
            self._secret_until = now + LATE_SECONDS  # nobody was heard to ask for it, and half of it is here
        if rest and now <= self._secret_until:
            self._make_senseless(characters, data, rest, names)
        return characters, names

    def _mask(self, characters: list[int], start: int, found: Explanation, names: list[str]) -> None:
        """Replace what is confidential in one frame, in place; its CRC is good, or wrong, as before."""
        secret = [piece for piece in found.pieces if piece.confidential]
        strange = found.doubts and found.kind != "event"
        if secret or (
            strange and found.piece("command").value in CONFIDENTIAL_REQUESTS | CONFIDENTIAL_ANSWERS
        ):
            secret += [piece for piece in found.pieces if not piece.known]
        for piece in secret:
            for number in range(len(piece.data)):
                at = start + piece.offset + number
                characters[at] = characters[at] & WAKEUP | _filler(piece)
            names.append(piece.name)
        if secret and found.crc is not None:
            end = start + len(found.data)
            low = bytes(character & 0xFF for character in characters[start : end - CRC_BYTES])
            right = crc16(low).to_bytes(CRC_BYTES, "little")
            wrong_by = zip(found.crc.found, found.crc.right, strict=True)
            for number, (was, should) in enumerate(wrong_by):
                at = end - CRC_BYTES + number
                characters[at] = characters[at] & WAKEUP | (right[number] ^ was ^ should)

    def _make_senseless(self, characters: list[int], data: bytes, rest: set[int], names: list[str]) -> None:
        """Replace what is in no frame, unless it is an answer too short to hold anything."""
        hidden = rest - _harmless(data, rest, self._poll)
        if not hidden:
            return
        names.append(GARBLED)
        for filler in _SENSELESS:
            for at in hidden:
                characters[at] = characters[at] & WAKEUP | filler
            if _heard(self._poll, characters) == _heard(self._poll, list(data)):
                return


def _filler(piece: Piece) -> int:
    """Text is masked with a digit, as text; everything else with zeros."""
    return ord("0") if isinstance(piece.value, str) and len(piece.value) == len(piece.data) else 0


def _harmless(data: bytes, rest: set[int], poll: Poll) -> set[int]:
    """What of the rest can be no part of an answer: chirps, ACK and NACK, and the head of a frame."""
    address = poll.address
    if len(rest) == 1 and isinstance(poll, GeneralPoll):
        return rest
    plain = {0x00, address, GENERAL_POLL_BIT | address}
    if all(data[at] in plain for at in rest):
        return rest
    first = min(rest)
    if data[first] != address:
        return set()
    # A command that was lost leaves a digit in its place.
    return {first, first + 1} & rest if data[first + 1 : first + 2] in _CONFIDENTIAL_BYTES else {first}


def _good_frames(data: bytes) -> Iterator[tuple[int, int]]:
    """Where frames with a good CRC stand."""
    at = 0
    while at < len(data):
        sizes = _sizes(data[at:]) if 0 < data[at] <= LAST_ADDRESS else ()
        size = next(
            (size for size in sizes if size <= len(data) - at and crc_is_good(data[at : at + size])), 0
        )
        if size:
            yield at, at + size
        at += size or 1


def _sizes(data: bytes) -> Iterator[int]:
    """How long a frame that begins here may be: an event, an answer, or the echo of a poll."""
    if len(data) < _FRAME_BYTES:
        return
    if data[1] == EVENT_MARK:
        yield _EVENT_BYTES + (fixed_size(event_fields(data[2])) or 0)
        yield _EVENT_BYTES
        if _EVENT_BYTES < len(data) <= LONGEST_EVENT_BYTES:
            yield len(data)
        return
    row = LONG_POLLS.get(data[1])
    if row is not None:
        size = None if row.reply_counted else fixed_size(row.reply)
        shortest = UNCOUNTED_BYTES + data[2] if size is None else _FRAME_BYTES + size
        yield from range(shortest, shortest + row.reply_slack + 1)
    if (poll := host_poll_length(data)) is not None and poll > READ_POLL_BYTES:
        yield poll


def _heard(poll: Poll, characters: Sequence[int]) -> list[str]:
    """What a host would make of it, whichever way the machine reports."""
    said = []
    for real_time in (False, True):
        reader = ReplyReader(poll.address)
        reader.expect(poll, real_time)
        heard = [*reader.feed(characters), *reader.finish()]
        said += [
            f"{type(one).__name__} {getattr(one, 'code', '')} {getattr(one, 'reason', '')}" for one in heard
        ]
    return said


def _characters(burst: Sequence[Travelled]) -> list[list[int]]:
    """The characters that each entry completes."""
    decoder = WakeupDecoder()
    return [decoder.feed(entry.data) for entry in burst]
