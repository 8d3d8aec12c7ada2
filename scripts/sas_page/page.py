"""The whole page: how to read it, the polls, exceptions, meters and codes, and what nobody knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.sas.exception_codes import EXCEPTIONS, ExceptionCode, Priority, Reported
from edge_agent.sas.exception_queue import DUTIES
from edge_agent.sas.long_polls import FAMILIES
from edge_agent.sas.meter_codes import METERS
from edge_agent.sas.polls.row import PollType
from edge_agent.sas.sources import SOURCES
from sas_page.codes import anchor, code_sections, in_words, row_of
from sas_page.layout import Layout
from sas_page.polls import poll_sections
from sas_page.unknown import unknown_section

# Behind address, FF and the code.
EVENT_DATA_AT = 3

_HEAD = """# SAS, poll by poll

Everything the agent knows of SAS 6.02 and 6.03, written from the tables the code runs on by
`scripts/sas_tables`; a check keeps this page to them. It is for whoever connects a machine or a host, and
for whoever stands at the cabinet with a trace.

## How to read it

A frame is an address, a command, what the command carries, and a CRC. **at** counts bytes from the address,
which is 0; *then* stands behind something whose length varies. BCD is two digits a byte, the most
significant first. Binary numbers are written low byte first. A length byte counts what follows it, without
the CRC. The CRC is CRC-16/KERMIT over everything before it, low byte first; a ROM signature is the same
with the host's seed as initial value.

{types}

ACK is the address alone, NACK the address with bit 7, busy the address and 00; none of them has a CRC.
Silence: the machine does not know the poll, the meter or the game, or it is not for this port. A machine
that hears the same poll again says the same again; any other poll, or one to another address, acknowledges
what it said. *The same* is judged by the command, behind a B0 by its first five bytes.

What a machine says beyond the layout of an answer that counts its own bytes is kept as `extra`; an answer
whose length the layout alone gives is refused when it is longer, for its amounts would be read at the wrong
place. An event whose data are not laid out as here is reported without them, once it was heard twice.

What a poll does **to the machine**:

- *reads*: it can be sent as often as one likes.
- *reads once*: what the machine told is forgotten once it is acknowledged. The agent sends such polls only
  where it is the one host of the port.
- *changes*: it locks, pays, sets or moves something, or nobody knows what it does. The agent never sends
  one by itself.

**conf.** is how far a row can be trusted: H two independent sources agree, or source text and a checked
capture; M one careful source; L a guess. The official text is not public; the sources are
"""
_TYPES = {
    PollType.R: ("address and command, no CRC", "data, busy, silence"),
    PollType.S: ("with a CRC", "ACK or data, NACK, busy, silence"),
    PollType.M: ("as S, with a game number", "as S"),
    PollType.G: ("as S; also to address 00", "as S; nobody answers a broadcast"),
}
_EXCEPTIONS = """## Exceptions and real-time events

What a machine answers to a general poll: one byte, or, once real-time events are on (0E), an event frame of
address, FF, code, data and CRC, which also answers any long poll to the machine. A long poll so answered is
not done.

- **kept**: *queued*, first in, first out, at least twenty of them, and 70 when the oldest was lost. *flag*:
  told before anything queued until its duty is done. *validation*: a flag under enhanced or system
  validation, else queued. *handpay*: a flag under secure handpay reporting, else queued.
- **again after**: when a flag that was heard and not dealt with is told again.
- **polls**: those by which the host that runs the machine deals with it.
"""
_METERS = """## Meters

The codes of 2F (one byte) and of 6F and AF (two bytes, low byte first). **bytes** is the size in a 2F
answer, and what machines usually say in the others, which allow up to nine: eighteen digits. A meter rolls
over at the end of its digits. A code no table lists is a count, and is read as four bytes in a 2F answer, or
as five where only that leads to its end; an answer with a meter that was not asked was read at the wrong
place, and is refused. A meter the machine does not keep is left out of the answer, or has size 0; a host must
take both.
"""
_CODES = """## Codes

Codes are written in hex, the digits of BCD codes as they stand, bits by their number, the lowest 0.
"""


def page(vectors: Path) -> str:
    """The page; examples are taken from a file of vectors."""
    return "\n".join([*_head(), *_body(vectors)]).rstrip() + "\n"


def _head() -> Iterator[str]:
    yield _HEAD.replace("{types}", "\n".join(_types())).rstrip("\n") + "\n"
    for tag, source in SOURCES.items():
        yield f"- `{tag}` {source}"
    yield ""
    yield "## Contents\n"
    for family, rows in FAMILIES.items():
        commands = ", ".join(f"{row.command:02X}" for row in rows)
        yield f"- [{family}](#{anchor(family)}): {commands}"
    for heading in ("Exceptions and real-time events", "Meters", "Codes", "What nobody knows"):
        yield f"- [{heading}](#{anchor(heading)})"
    yield ""


def _types() -> Iterator[str]:
    yield "| type | | how the poll is framed | what may answer it |"
    yield "| --- | --- | --- | --- |"
    for kind, (framed, answered) in _TYPES.items():
        yield row_of(kind.name, kind.value, framed, answered)


def _body(vectors: Path) -> Iterator[str]:
    yield from poll_sections(vectors)
    yield from _exceptions()
    yield from _meters()
    yield _CODES
    yield from code_sections()
    yield from unknown_section()


def _exceptions() -> Iterator[str]:
    yield _EXCEPTIONS
    yield "| code | name | about | kept | again after | polls | data of the event | conf. | source | since |"
    yield "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    for row in EXCEPTIONS.values():
        yield _exception(row)
    yield ""


def _exception(row: ExceptionCode) -> str:
    duty = DUTIES.get(row.code)
    return row_of(
        f"`{row.code:02X}`",
        in_words(row.name),
        in_words(row.category),
        "flag" if row.priority is Priority.PRIORITY else row.priority.value,
        f"{duty.period:g} s" if duty else "",
        " ".join(f"{command:02X}" for command in row.duty),
        _event_data(row),
        row.confidence,
        row.source,
        row.since,
    )


def _event_data(row: ExceptionCode) -> str:
    if row.reported is Reported.ONE_BYTE_ONLY:
        return "not an event: there it is 4F"
    lines = Layout(EVENT_DATA_AT).lines(row.real_time_fields)
    data = ", ".join(f"{line.name} {line.size} ({line.says})" for line in lines)
    only = "only as an event" if row.reported is Reported.REAL_TIME_ONLY else ""
    return ": ".join(part for part in (only, data) if part)


def _meters() -> Iterator[str]:
    yield _METERS
    yield "| code | name | unit | bytes | conf. | source |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for row in METERS.values():
        unit = in_words(row.unit).replace("percent hundredths", "hundredths of a percent")
        yield row_of(f"`{row.code:02X}`", in_words(row.name), unit, str(row.size), row.confidence, row.source)
    yield ""
