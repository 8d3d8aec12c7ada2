"""What a coverage-guided fuzzer throws at both SAS decoders, and what must hold whatever it finds.

    scripts/fuzz                                            both, for a while
    .venv/bin/python tests/fuzz/decoders.py host FILE       one input again, or a corpus for longer

    it never raises but where it says so, and gives back no more bytes than it was given
    what it makes of characters does not depend on how they were cut into chunks
    what it understood, written down and read again, is understood the same

The inputs begin with the frames of tests/vectors.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["edge_agent.sas"]):
    from edge_agent.errors import LocalProtocolError, RemoteProtocolError
    from edge_agent.sas.long_polls import LONG_POLLS
    from edge_agent.sas.messages import (
        DataReply,
        EventReply,
        GeneralPoll,
        LongPollRequest,
        Poll,
        UnknownPoll,
        decode_poll,
        decode_reply,
        encode_poll,
        encode_reply,
    )
    from edge_agent.sas.poll_reader import PollReader
    from edge_agent.sas.reply_reader import Garbage, Heard, ReplyReader
    from edge_agent.sas.wakeup import WakeupDecoder
    from edge_agent.testing.layouts import smallest

ADDRESS = 1
VECTORS = Path(__file__).parents[1] / "vectors"
COMMANDS = sorted(LONG_POLLS)
# The first byte of an input says which poll is being answered: an index into these.
POLLS: list[Poll] = [
    GeneralPoll(ADDRESS),
    *(LongPollRequest(ADDRESS, command, smallest(LONG_POLLS[command].request)) for command in COMMANDS),
]


def host(data: bytes) -> None:
    """Characters that come back after a poll."""
    if len(data) < 2:
        return
    poll, how, characters = POLLS[data[0] % len(POLLS)], data[1], WakeupDecoder().feed(data[2:])
    whole = _heard(poll, [characters], real_time=bool(how & 1))
    size = 1 + (how >> 1)
    pieces = [characters[at : at + size] for at in range(0, len(characters), size)]
    assert _heard(poll, pieces, real_time=bool(how & 1)) == whole, "chunks make a difference"
    assert sum(len(heard.data) for heard in whole if isinstance(heard, Garbage)) <= len(characters)
    for reply in whole:
        if isinstance(reply, DataReply | EventReply):
            assert decode_reply(encode_reply(reply), poll) == reply, f"{reply} is read back otherwise"


def machine(data: bytes) -> None:
    """Characters that a host sends."""
    characters = WakeupDecoder().feed(data)
    reader = PollReader()
    polls = [*reader.feed(characters, 0.0), *reader.handle_gap()]
    one_by_one = PollReader()
    again = [poll for character in characters for poll in one_by_one.feed([character], 0.0)]
    assert [*again, *one_by_one.handle_gap()] == polls, "chunks make a difference"
    for poll in polls:
        if isinstance(poll, GeneralPoll | LongPollRequest):
            _same_again(poll)
    try:
        decoded = decode_poll(data)
    except RemoteProtocolError:
        return
    if not isinstance(decoded, UnknownPoll):
        _same_again(decoded)


def _same_again(poll: Poll) -> None:
    try:
        frame = encode_poll(poll)
    except LocalProtocolError:  # a base poll of the preamble that we would not send
        return
    assert decode_poll(frame) == poll, f"{poll} is read back otherwise"


def _heard(poll: Poll, chunks: list[list[int]], *, real_time: bool) -> list[Heard]:
    reader = ReplyReader(ADDRESS)
    reader.expect(poll, real_time)
    heard = [heard for chunk in chunks for heard in reader.feed(chunk)] + reader.finish()
    assert not reader.pending
    return heard


def _seeds(side: str) -> Iterator[bytes]:
    """The frames of the vector files, as inputs."""
    for file in sorted(VECTORS.glob("*.jsonl")):
        for row in map(json.loads, file.read_text(encoding="utf-8").splitlines()):
            frame = bytes.fromhex(row["hex"])
            if side == "machine" and row["direction"] == "host":
                yield b"\xff\x00" + frame.replace(b"\xff", b"\xff\xff")
                yield frame
            elif side == "host" and row["direction"] == "egm":
                command = frame[1] if len(frame) > 2 else 0
                index = COMMANDS.index(command) + 1 if command in COMMANDS else 0
                yield bytes((index, 2)) + frame.replace(b"\xff", b"\xff\xff")


SIDES: dict[str, Callable[[bytes], None]] = {"host": host, "machine": machine}


def main() -> None:
    side = sys.argv.pop(1)
    folders = [Path(argument) for argument in sys.argv[1:] if not argument.startswith("-")]
    if folders and folders[0].is_dir() and not any(folders[0].iterdir()):
        for number, seed in enumerate(_seeds(side)):
            (folders[0] / f"vector-{number:04}").write_bytes(seed)
    atheris.Setup(sys.argv, SIDES[side])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
