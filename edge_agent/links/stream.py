"""The marked stream on its way: runs of characters with one wakeup bit, and marks a wire put too many.

The form itself is `edge_agent.sas.wakeup`'s, whose reader takes whatever comes. A link is stricter: what it
is asked to write is ours, and goes out as asked or not at all.
"""

from __future__ import annotations

import re

from edge_agent.errors import LocalProtocolError
from edge_agent.sas.wakeup import MARK, stuff

# Marked characters in a row, or characters that are not.
_RUN = re.compile(rb"(?:\xff\x00.)+|(?:[^\xff]|\xff\xff)+", re.DOTALL)
# What begins with FF, in whole: a literal FF, or marked characters in a row.
_ESCAPED = re.compile(rb"\xff\xff|(?:\xff\x00.)+", re.DOTALL)


def runs(stream: bytes) -> list[tuple[bool, bytes]]:
    r"""The stream cut where the wakeup bit changes: (wakeup, plain bytes).

    >>> runs(bytes.fromhex("ff0001 1a ffff"))
    [(True, b'\x01'), (False, b'\x1a\xff')]
    """
    cut: list[tuple[bool, bytes]] = []
    at = 0
    while at < len(stream):
        run = _RUN.match(stream, at)
        if run is None:
            raise LocalProtocolError(f"stream {stream.hex(' ')} has a lone FF at {at}", "mark or double it")
        characters, at = run[0], run.end()
        wakeup = characters.startswith(MARK)
        cut.append((wakeup, characters[2::3] if wakeup else characters.replace(b"\xff\xff", b"\xff")))
    return cut


def unmark_transfers(stream: bytes) -> bytes:
    """What an adapter heard that marks all characters of a USB transfer for an error in one of them.

    A chirp is one character and the next comes 200 ms later, so two or more in a row did not all have the
    wakeup bit: they are characters of an answer that a chirp or noise ran into, and pass unmarked. One alone
    stays marked. What is cut at an end of the stream passes as it is.

    >>> unmark_transfers(bytes.fromhex("ff0001 1a ff0001 ff00ff ff0002")).hex(" ")
    'ff 00 01 1a 01 ff ff 02'
    """
    return _ESCAPED.sub(_unmarked, stream) if MARK in stream else stream


def _unmarked(escaped: re.Match[bytes]) -> bytes:
    together = escaped[0]
    return stuff(together[2::3]) if len(together) > len(MARK) + 1 else together
