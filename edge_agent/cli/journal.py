"""`journal`: what a person at the gateway can find out of the journal and have done with it."""

from __future__ import annotations

import argparse
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from edge_agent.cli.base import add_gateway, gateway_settings, signatures_checked_with, whole_number
from edge_agent.errors import AgentError, ConfigurationError, InUseError, JournalError

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands
    from edge_agent.journal import Journal, Record
    from edge_agent.settings import Settings
    from edge_agent.toolbox.selection import Selection
    from edge_agent.verify import CheckSignature

UNSOUND = 33
LINES = 50

JOURNAL = """
All of it may be done while the agent runs. Records are chosen by sequence, time, class, machine and type;
what is not said fits any.
"""


def add(commands: Commands) -> None:
    """Add `journal` and what is below it."""
    parser = commands.add_parser("journal", help="look into the journal", description=JOURNAL)
    below = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    status = _command(below, "status", _status, "say what the journal holds, and for how long it lasts")
    status.add_argument("--json", action="store_true", help="print it as one JSON object")
    inspect = _command(below, "inspect", _inspect, "list records")
    _add_selection(inspect)
    inspect.add_argument("--json", action="store_true", help="print the events themselves, one a line")
    inspect.add_argument("--dead-letters", action="store_true", help="those that the cloud would not take")
    inspect.add_argument(
        "--limit",
        type=_count,
        default=LINES,
        metavar="N",
        help="at most so many (default: %(default)s); 0: all",
    )
    verify = _command(below, "verify", _verify, "check every record, the chain and the signatures")
    verify.add_argument(
        "--certificate",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="check checkpoints with this certificate, PEM (default: the gateway's own); may be repeated",
    )
    _command(below, "repair", _repair, "mend a journal whose collector does not run")
    export = _command(below, "export", _export, "write events as the cloud gets them, one a line")
    _add_selection(export)
    export.add_argument("--output", type=Path, metavar="FILE", help="a new file; .gz: compressed")
    replay = _command(below, "replay", _replay, "write events at the pace they were journalled")
    _add_selection(replay)
    replay.add_argument("--speed", type=float, default=1.0, metavar="N", help="so many times as fast")
    resend = _command(below, "resend", _resend, "have the forwarder send records again")
    _add_selection(resend)
    resend.add_argument("--dead-letters", action="store_true", help="those that the cloud would not take")


def _command(below: Commands, name: str, command: object, what: str) -> argparse.ArgumentParser:
    parser = below.add_parser(name, help=what, description=f"{what[0].upper()}{what[1:]}. {_EXPLAINED[name]}")
    add_gateway(parser)
    parser.set_defaults(command=command)
    return parser


_EXPLAINED = {
    "status": "What waits for the cloud, by class; how full it is; what was refused or damaged.",
    "inspect": "Sequence, time, class, machine and type of each.",
    "verify": "Names every record that was damaged, changed, taken out or moved. Exit status: 0 sound; "
    "33 it is not.",
    "repair": "A running collector does so by itself. What is damaged is set aside, what is intact is kept, "
    "and what is missing is journalled.",
    "export": "With identity, sequence and chain, so that `edge-agent verify` can prove it.",
    "replay": "For a program that is tried out with what a floor really said.",
    "resend": "Below all other traffic; a receiver drops the repeats by their ids.",
}


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--from", dest="first", type=int, default=1, metavar="N", help="from this sequence")
    parser.add_argument("--to", dest="last", type=int, metavar="N", help="to this sequence")
    parser.add_argument("--since", metavar="WHEN", help="2h (ago), or 2026-11-26T08:00 (UTC)")
    parser.add_argument("--until", metavar="WHEN", help="likewise")
    parser.add_argument("--class", dest="classes", action="append", choices=["A", "B", "C"], default=[])
    parser.add_argument("--machine", dest="machines", action="append", metavar="NAME", default=[])
    parser.add_argument("--type", dest="types", action="append", metavar="TYPE", default=[])


def _selection(options: argparse.Namespace) -> Selection:
    from datetime import UTC, datetime

    from edge_agent.delivery import DeliveryClass
    from edge_agent.toolbox.selection import Selection, moment_of

    def moment(text: str | None) -> float | None:
        return None if text is None else moment_of(text, lambda: datetime.now(UTC))

    if options.last is not None and options.first > options.last:
        raise ConfigurationError("--from is behind --to", "give the lower one to --from")
    return Selection(
        first=max(1, options.first),
        last=options.last,
        since=moment(options.since),
        until=moment(options.until),
        classes=frozenset(DeliveryClass(one) for one in options.classes) or frozenset(DeliveryClass),
        machines=frozenset(options.machines),
        types=frozenset(options.types),
    )


def _open(options: argparse.Namespace) -> Journal:
    from edge_agent.journal import open_journal

    return open_journal(gateway_settings(options).journal_path, role="read")


def _status(options: argparse.Namespace) -> int:
    import json
    import time

    from edge_agent.health import read_status
    from edge_agent.reporting import is_running
    from edge_agent.toolbox.state import in_plain_words, state_of

    settings = gateway_settings(options)
    collector = read_status(settings.status_file("collector"))
    measured = collector.get("journal", {}) if is_running(collector, time.monotonic()) else {}
    with _open(options) as journal:
        state = state_of(journal, measured, time.time())
    print(json.dumps(state, indent=2) if options.json else "\n".join(in_plain_words(state)))
    return 0


def _inspect(options: argparse.Namespace) -> int:
    from itertools import islice

    with _open(options) as journal:
        if options.dead_letters:
            return _list_letters(journal)
        chosen, record = _selection(options).of(journal), None
        for record in islice(chosen, options.limit or None):
            print(_event(journal, record).decode() if options.json else _line(record))
        if record is None:
            print("no record fits", file=sys.stderr)
        elif next(chosen, None) is not None:
            print(f"… and more: --limit 0 gives all, --from {record.sequence + 1} the next", file=sys.stderr)
    return 0


def _list_letters(journal: Journal) -> int:
    letters = journal.dead_letters()
    for letter in letters:
        print(f"{letter.sequence:>12}  {letter.reason}")
    if not letters:
        print("the cloud has refused nothing", file=sys.stderr)
    return 0


def _verify(options: argparse.Namespace) -> int:
    from edge_agent.events.delivery_class import class_of_sealed
    from edge_agent.toolbox.soundness import Examiner
    from edge_agent.toolbox.wording import in_sentences

    with _open(options) as journal:
        examiner = Examiner(journal.id, class_of_sealed, _checker(options))
        soundness = examiner.look(journal.walk())
    print("\n".join(in_sentences(soundness)))
    return 0 if soundness.sound else UNSOUND


def _repair(options: argparse.Namespace) -> int:
    from edge_agent.agent.collecting_journal import open_to_collect, watch_of
    from edge_agent.clock import Clock
    from edge_agent.words import counted

    settings = gateway_settings(options)
    if not settings.journal_path.exists():  # opening would make one, and call it sound
        raise JournalError(
            f"there is no journal {settings.journal_path}", "check --state or the setting `journal.path`"
        )
    _check_owner(settings.journal_path)
    clock = Clock()
    watch = watch_of(settings, clock)
    before = _set_aside(settings)
    try:
        journal = open_to_collect(settings, watch, clock, housekeeping=False)
    except InUseError as running:
        raise InUseError(
            f"{running.what}, which mends damage by itself",
            "see what it finds with `edge-agent journal verify`, or stop it first",
        ) from running
    with journal:
        journal.mend_all()
    aside = len(_set_aside(settings) - before)
    if aside:
        print(
            f"{counted(aside, 'damaged file')} mended, and set aside as found: "
            f"{settings.journal_path / 'damaged'}"
        )
    if watch.gaps:
        print(
            f"{counted(watch.gaps, 'gap')} journalled: "
            "edge-agent journal inspect --type floor.agent.journal_gap"
        )
    if not aside and not watch.gaps:
        print("no file is damaged; whether a record was changed, `edge-agent journal verify` says")
    return 0


def _set_aside(settings: Settings) -> set[str]:
    from edge_agent.journal.mending import DAMAGED

    return {path.name for path in (settings.journal_path / DAMAGED).glob("*")}


def _export(options: argparse.Namespace) -> int:
    import gzip

    from edge_agent.words import counted

    with _open(options) as journal:
        events = (_event(journal, record) for record in _selection(options).of(journal))
        if options.output is None:
            return _write(events)
        try:
            with _private(options.output) as file:
                opened = gzip.GzipFile(fileobj=file, mode="wb") if options.output.suffix == ".gz" else file
                with opened:
                    count = sum(1 for event in events if opened.write(event + b"\n"))
        except FileExistsError as error:
            raise ConfigurationError(f"{options.output} exists", "name another file") from error
    print(f"{options.output}: {counted(count, 'event')}")
    return 0


def _replay(options: argparse.Namespace) -> int:
    import time

    if not 0 < options.speed < math.inf:  # nor is NaN
        raise ConfigurationError("--speed is no number of times", "give a number above 0")

    def paced(journal: Journal) -> Iterator[bytes]:
        before: float | None = None
        for record in _selection(options).of(journal):
            if before is not None:
                time.sleep(max(0.0, record.appended_at - before) / options.speed)
            before = record.appended_at
            yield _event(journal, record)

    with _open(options) as journal:
        return _write(paced(journal))


def _resend(options: argparse.Namespace) -> int:
    from edge_agent.journal.resend import ResendRequest, write_request
    from edge_agent.toolbox.selection import ranges_of
    from edge_agent.words import counted

    with _open(options) as journal:
        if options.dead_letters:
            letters = [letter.sequence for letter in journal.dead_letters()]
            request, count = ResendRequest(dead_letters=letters), len(letters)
        else:
            ranges = [*ranges_of(record.sequence for record in _selection(options).of(journal))]
            request, count = ResendRequest(ranges), sum(last - first + 1 for first, last in ranges)
        if not count:
            letters_or_not = " --dead-letters" if options.dead_letters else ""
            raise ConfigurationError(
                "no record is chosen", f"see which there are: edge-agent journal inspect{letters_or_not}"
            )
        _check_owner(journal.path)
        write_request(journal.path, request)
    print(
        f"{counted(count, 'record')} to be sent again, below all other traffic; "
        "see `edge-agent journal status`"
    )
    return 0


def _count(text: str) -> int:
    return whole_number(text, 0, "less than 0")


def _private(path: Path) -> BinaryIO:
    """A new file that its owner alone can read. Raises FileExistsError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb")


def _check_owner(journal: Path) -> None:
    """Raise ConfigurationError for whoever would leave files there that its owner cannot read."""
    if journal.exists() and (owner := journal.stat().st_uid) != os.geteuid():
        raise ConfigurationError(
            f"journal {journal} belongs to {_name_of(owner)}, who could not read what you leave there",
            f"run this as that user: sudo -u {_name_of(owner)} …",
        )


def _name_of(user: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:
        return f"#{user}"  # sudo takes that, too


def _write(events: Iterator[bytes]) -> int:
    for event in events:
        sys.stdout.buffer.write(event + b"\n")
        sys.stdout.buffer.flush()
    return 0


def _event(journal: Journal, record: Record) -> bytes:
    from edge_agent.events import identify

    return identify(record.payload, journal.id, record.sequence, record.chain, record.before)


def _line(record: Record) -> str:
    from datetime import UTC, datetime

    from edge_agent.toolbox.selection import machine_of, type_of

    when = datetime.fromtimestamp(record.appended_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f"{record.sequence:>12}  {when}  {record.delivery_class}  {machine_of(record):<20} "
        f"{type_of(record)}  {len(record.payload)} bytes"
    )


def _checker(options: argparse.Namespace) -> CheckSignature | None:
    """With the certificates named, or else the gateway's own; None where nothing here can check."""
    from importlib.util import find_spec

    if not options.certificate and find_spec("cryptography") is None:
        return None
    return signatures_checked_with(options.certificate or _own_certificate(options), "journal verify")


def _own_certificate(options: argparse.Namespace) -> Sequence[Path]:
    from edge_agent.credentials.in_use import identity_in_use

    uplink = gateway_settings(options).uplink
    if uplink is None or uplink.kind != "iot_core":
        return ()
    try:
        certificate = identity_in_use(uplink).certificate
    except AgentError:
        return ()
    return (certificate,) if certificate.exists() else ()
