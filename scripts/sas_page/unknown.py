"""What nobody knows, in one list: layouts, bytes, codes, and questions that no public source answers."""

from __future__ import annotations

from collections.abc import Iterator

from edge_agent.sas.exception_codes import EXCEPTIONS
from edge_agent.sas.fields import Field, Raw, RestRaw, parts
from edge_agent.sas.long_polls import LONG_POLLS
from edge_agent.sas.meter_codes import METERS
from edge_agent.sas.polls.row import LongPoll
from sas_page.polls import title

_LAST_CODE = 0xFF
# Bytes that are explained, though they are kept as they are.
_EXPLAINED = frozenset(("cards", "stops", "registration_key"))

# What the tables cannot show.
_QUESTIONS = (
    "How a machine with standard validation makes its eight digits: no public source has the steps.",
    "The order of multiplier, tax status and wager type in 8B.",
    "How 8C says that a tournament ends.",
    "The layout of 76: the codes of its texts are known, what stands in front of them is not.",
    "Whether an entry of 5D has 19 bytes, as its one source lays it out, or 22, as its length allows.",
    "What event 89 carries, and whether the cards of 8B are counted from 0 or from 1.",
    "What 7C and 7D mean by their one status bit beyond that valid data are held.",
    "Whether a machine may tell of nothing (`FF 00`) under real-time events, as some in the field do.",
    "Whether the third request to repeat is answered: the text and one platform differ.",
    "Whether 09, 52 and 53 with a game that does not exist are refused or ignored.",
    "What the countries from 40 and the denominations from 20 to 3F are; 6.03 may have assigned some.",
    "The letters by which 1F names the makers of machines: only three are known.",
)


def unknown_section() -> Iterator[str]:
    """The list, with how much of it there is."""
    unknown = [row for row in LONG_POLLS.values() if not row.layout_known]
    guessed = [row for row in LONG_POLLS.values() if row.layout_known and row.confidence == "L"]
    one_source = [row for row in LONG_POLLS.values() if row.confidence == "M"]
    unread = [*_unread()]
    yield "## What nobody knows\n"
    yield (
        f"Of {len(LONG_POLLS)} long polls, the layout of {len(unknown)} is known to nobody, {len(guessed)} "
        f"rests on a guess and {len(one_source)} on one source. What is not known is read all the same, kept "
        "as bytes under a name, and never guessed.\n"
    )
    yield "Layouts nobody knows:\n"
    yield from (f"- {_unknown(row)}" for row in unknown)
    yield "\nLayouts that rest on a guess:\n"
    yield from (f"- {title(row)}" for row in guessed)
    yield "\nBytes nobody has explained, inside layouts that are known:\n"
    yield from (f"- {line}" for line in unread)
    yield "\nCodes nobody has assigned, as far as is known:\n"
    yield f"- exceptions {_gaps(frozenset(EXCEPTIONS))}"
    yield f"- meters {_gaps(frozenset(METERS))}"
    yield f"- commands {_gaps(frozenset(LONG_POLLS))}; each is taken for a read, but 62 and 65:"
    yield "  legacy transfers, to the machine and to the host, of which the length is known; none is answered"
    yield "\nQuestions:\n"
    yield from (f"- {question}" for question in _QUESTIONS)


def _unknown(row: LongPoll) -> str:
    known = (
        f"the poll has {sum(field.size or 0 for field in row.request)} bytes of data"
        if row.request
        else "a read"
    )
    if row.request_counted:
        known = "the poll says its length"
    return f"{title(row)}: {known}; source {row.source}"


def _unread() -> Iterator[str]:
    for row in LONG_POLLS.values():
        for direction, fields in (("poll", row.request), ("answer", row.reply)):
            if row.layout_known:
                names = [name for name in _raw(fields) if name not in _EXPLAINED]
                if names:
                    yield f"{title(row)}, {direction}: {', '.join(f'`{name}`' for name in names)}"
    for code in EXCEPTIONS.values():
        if [*_raw(code.real_time_fields)]:
            yield f"event {code.code:02X}: `data`"


def _raw(fields: tuple[Field, ...]) -> Iterator[str]:
    for field in fields:
        if isinstance(field, Raw | RestRaw):
            yield field.name
        yield from _raw(parts(field))


def _gaps(listed: frozenset[int]) -> str:
    """Runs of codes that a table leaves out, but for 00 and FF, which are none."""
    missing = [code for code in range(1, _LAST_CODE) if code not in listed]
    runs: list[list[int]] = []
    for code in missing:
        if runs and runs[-1][-1] == code - 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    return ", ".join(f"{run[0]:02X}" if len(run) == 1 else f"{run[0]:02X} to {run[-1]:02X}" for run in runs)
