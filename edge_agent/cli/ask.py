"""`ask`: one reading poll to the machine at a port, and its answer explained."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from edge_agent.cabinet.asking import Asking, Outcome
    from edge_agent.cabinet.question import Question
    from edge_agent.cli.base import Commands
    from edge_agent.links import Link

SILENT, NOT_KNOWN, REFUSED, BUSY, EVENT_WAITS = range(20, 25)

ASK = """
Sends one reading poll and explains the answer. The machine's address is found by its chirps, or by asking
all in turn. Nothing the machine keeps for its host is lost: the question waits until the machine's link has
dropped, and an event told instead of an answer is left on the machine. Exit status: 0 answered, 20 nobody
answers, 21 the machine does not know this poll, 22 it refuses (NACK), 23 it is busy, 24 an event waits to be
told first.
"""


def add(commands: Commands) -> None:
    """Add `ask`."""
    parser = commands.add_parser(
        "ask", help="ask a machine one thing, and explain its answer", description=ASK
    )
    parser.add_argument("port", metavar="PORT", help="a device path such as /dev/ttyUSB0, or kind:…")
    parser.add_argument("poll", metavar="POLL", help="a reading poll: 1F, 0x1f or machine_information")
    parser.add_argument(
        "arguments",
        nargs="*",
        default=[],
        metavar="NAME=VALUE",
        help="its fields: game=1; meter_codes=00,01,coin_in; numbers in decimal, or in hex after 0x",
    )
    parser.add_argument(
        "--address", type=int, metavar="N", help="the machine's, 1 to 127 (default: found out)"
    )
    parser.add_argument(
        "--consume",
        action="store_true",
        help="allow polls whose answer the machine then forgets; it does once this has printed the answer",
    )
    parser.add_argument("--with-numbers", action="store_true", help="show ticket and card numbers")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(command=_ask)


def _ask(options: argparse.Namespace) -> int:
    from edge_agent.cabinet.asking import Asking
    from edge_agent.cabinet.question import check_address, read_question
    from edge_agent.drivers.sas.driver import SERIAL_FORMAT
    from edge_agent.links import open_link

    question = read_question(options.poll, options.arguments, consume=options.consume)
    check_address(options.address)
    link = open_link(options.port, SERIAL_FORMAT)
    link.open()
    try:
        asking = Asking(question, options.address)
        outcome = _have_it_answered(asking, link)
        _tell(question, outcome, options)
        if options.consume:
            _have_it_forgotten(asking, link)
    finally:
        link.close()
    return _status(outcome)


def _have_it_answered(asking: Asking, link: Link) -> Outcome:
    import time

    from edge_agent.cabinet.driving import drive

    asking.link_opened(time.monotonic())
    _say("listening for a chirp, up to 5.5 s; nothing is sent until the machine's link has dropped")
    said = False

    def enough() -> bool:
        nonlocal said
        if not said and asking.trying is not None and asking.trying > 1 and not asking.alone:
            said = True
            _say("no chirp, and no answer at address 1; asking all addresses in turn, up to 70 s")
        return asking.settled

    drive(asking, link, time.monotonic, until=enough)
    assert asking.outcome is not None  # noqa: S101  it is settled
    return asking.outcome


def _have_it_forgotten(asking: Asking, link: Link) -> None:
    """The answer is on the screen: the machine may let it go."""
    import time

    from edge_agent.cabinet.driving import drive

    sys.stdout.flush()
    asking.acknowledge(time.monotonic())
    drive(asking, link, time.monotonic, until=lambda: asking.settled)
    if asking.acknowledged:
        _say("the machine was told that this was heard")


def _tell(question: Question, outcome: Outcome, options: argparse.Namespace) -> None:
    from edge_agent.cabinet.answer import explained, in_a_line
    from edge_agent.cabinet.in_words import as_json, in_lines

    said, summary = explained(question, outcome), in_a_line(question, outcome)
    if options.json:
        answer = None if said is None else as_json(said, with_numbers=options.with_numbers)
        verdict = {"verdict": outcome.verdict.value, "address": outcome.address, "summary": summary}
        print(json.dumps({**verdict, "answer": answer}))
        return
    if said is not None:
        print("\n".join(in_lines(said, with_numbers=options.with_numbers)))
    if said is None or outcome.event is not None:
        print(summary)


def _status(outcome: Outcome) -> int:
    from edge_agent.cabinet.asking import Verdict

    statuses: Mapping[Any, int] = {
        Verdict.SILENT: SILENT,
        Verdict.NOT_KNOWN: NOT_KNOWN,
        Verdict.REFUSED: REFUSED,
        Verdict.BUSY: BUSY,
        Verdict.EVENT_WAITS: EVENT_WAITS,
    }
    return statuses.get(outcome.verdict, 0)


def _say(text: str) -> None:
    """On the way, for whoever waits; it is no result."""
    if sys.stderr.isatty():
        print(text, file=sys.stderr, flush=True)
