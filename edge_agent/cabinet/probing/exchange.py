"""An exchange: one poll of ours, and what came back on the line until the next.

Our own characters come first where a line echoes, chirps may stand anywhere, and then the answer, or what is
left of it. What answers, and what is only noise, is the protocol's reader's to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from edge_agent.links import PortKind
from edge_agent.sas import (
    WAKEUP,
    Busy,
    Chirp,
    EventReply,
    ExceptionReply,
    Garbage,
    LongPollRequest,
    Nack,
    Poll,
    Reply,
    ReplyReader,
    encode_host_message,
    encode_poll,
    marked,
)
from edge_agent.sas.crc import crc_is_good
from edge_agent.sas.exception_codes import NO_ACTIVITY
from edge_agent.sas.host_bounds import GAP_SECONDS
from edge_agent.sas.messages import GENERAL_POLL_BIT, LAST_ADDRESS

SYNCHRONISE = bytes((GENERAL_POLL_BIT,))
_SHORTEST_FRAME_BYTES = 5

# When something arrived, and its characters.
Arrival = tuple[float, Sequence[int]]


class Came(Enum):
    """What came of a poll."""

    ANSWER = "answer"
    BUSY = "busy"
    EVENT = "event"  # told in place of an answer
    EXCEPTION = "exception"
    REFUSED = "refused"  # the poll was damaged on its way
    UNREAD = "unread"  # it checks out, and is not what the tables know
    DAMAGED = "damaged"
    SILENCE = "silence"


_KINDS: Mapping[type[Reply], Came] = MappingProxyType(
    {EventReply: Came.EVENT, ExceptionReply: Came.EXCEPTION, Busy: Came.BUSY, Nack: Came.REFUSED}
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A poll as it left."""

    poll: Poll
    synchronised: bool = True  # behind a poll to nobody

    @property
    def plain(self) -> bytes:
        """Its bytes."""
        return (SYNCHRONISE if self.synchronised else b"") + encode_poll(self.poll)

    @property
    def stream(self) -> bytes:
        """What is written."""
        return (marked(SYNCHRONISE[0]) if self.synchronised else b"") + encode_host_message(
            encode_poll(self.poll)
        )


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came of one poll."""

    sent: Sent
    came: Came
    reply: Reply | None = None
    seconds: float | None = None  # until the answer began
    echoed: bool = False
    chirps: int = 0
    contradicted: bool = False  # something else was answered as well
    strangers: frozenset[int] = frozenset()  # addresses that answered an earlier poll
    junk: bool = False  # something came, and answers nothing
    foreign: bool = False  # another host's poll, or an answer to it


def read_exchange(sent: Sent, sent_at: float, arrivals: Sequence[Arrival], kind: PortKind) -> Exchange:
    """What came back."""
    characters = [(at, character) for at, together in arrivals for character in together]
    echoed = _is_echo([character for _, character in characters], sent)
    if echoed:
        characters = characters[len(sent.plain) :]
    chirps = sum(_is_chirp(character) for _, character in characters)
    characters = [(at, character) for at, character in characters if not _is_chirp(character)]
    if not kind.hears_wakeup and _are_chirps(characters, sent):
        chirps, characters = chirps + len(characters), []
    reader = ReplyReader(sent.poll.address)
    reader.expect(sent.poll, False)  # noqa: FBT003  as the reader has it
    heard = [*reader.feed([character for _, character in characters]), *reader.finish()]
    replies = [one for one in heard if not isinstance(one, Chirp | Garbage)]
    rubbish = [one.data for one in heard if isinstance(one, Garbage)]
    came = _came(replies, rubbish, sent.poll.address)
    return Exchange(
        sent,
        came,
        replies[0] if replies else None,
        characters[0][0] - sent_at if replies else None,
        echoed,
        chirps,
        any(reply != replies[0] for reply in replies[1:]),
        frozenset(filter(None, (_stranger(data, sent.poll.address) for data in rubbish))),
        bool(characters) and not replies,
        any(_signs_of_another_host(characters, rubbish, sent.poll)),
    )


def holds_answer(sent: Sent, arrivals: Sequence[Arrival], kind: PortKind) -> bool:
    """Whether there is more in it than an echo and chirps."""
    exchange = read_exchange(sent, 0.0, arrivals, kind)
    return exchange.reply is not None or exchange.junk


def _came(replies: Sequence[Reply], rubbish: Sequence[bytes], address: int) -> Came:
    if replies:
        return _KINDS.get(type(replies[0]), Came.ANSWER)
    own = [data for data in rubbish if not _stranger(data, address)]
    if any(_checks_out(data, address) for data in own):
        return Came.UNREAD
    return Came.DAMAGED if any(map(_is_damaged, own)) else Came.SILENCE


def _is_echo(characters: Sequence[int], sent: Sent) -> bool:
    """Whether our own characters came first: an answer may begin as its poll, but has no wakeup bit."""
    plain = sent.plain
    begins = bytes(character & 0xFF for character in characters[: len(plain)]) == plain
    return begins and (sent.synchronised or bool(characters[0] & WAKEUP))


def _is_chirp(character: int) -> bool:
    return bool(character & WAKEUP) and 1 <= character & 0xFF <= LAST_ADDRESS


def _is_poll(character: int) -> bool:
    return bool(character & WAKEUP and character & GENERAL_POLL_BIT)


def _signs_of_another_host(
    characters: Sequence[tuple[float, int]], rubbish: Sequence[bytes], poll: Poll
) -> Iterator[bool]:
    """Its polls, an answer of our machine to some other question, and "nothing to tell" all by itself."""
    yield from (_is_poll(character) for _, character in characters)
    if isinstance(poll, LongPollRequest):
        for data in rubbish:
            yield data[1:2] != bytes((poll.command,)) and _checks_out(data, poll.address)
        times = (float("-inf"), *(at for at, _ in characters), float("inf"))
        for place, (at, character) in enumerate(characters):
            alone = min(at - times[place], times[place + 2] - at) >= GAP_SECONDS
            yield alone and character == NO_ACTIVITY


def _are_chirps(characters: Sequence[tuple[float, int]], sent: Sent) -> bool:
    """On a port that hears no wakeup bits: nothing but an address, which answers no long poll here."""
    values = {character for _, character in characters}
    return (
        isinstance(sent.poll, LongPollRequest)
        and len(values) == 1
        and all(1 <= value <= LAST_ADDRESS for value in values)
    )


def _checks_out(data: bytes, address: int) -> bool:
    return any(
        data[at] == address and crc_is_good(data[at:])
        for at in range(max(0, len(data) - _SHORTEST_FRAME_BYTES + 1))
    )


def _stranger(data: bytes, address: int) -> int | None:
    """The address of another machine, whose answer this is."""
    first = data[0] if len(data) >= _SHORTEST_FRAME_BYTES else address
    return first if first != address and 1 <= first <= LAST_ADDRESS and crc_is_good(data) else None


def _is_damaged(data: bytes) -> bool:
    return bool(data.strip(b"\x00"))
