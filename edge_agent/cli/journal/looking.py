"""What `journal` tells: how it is, what is in it, and whether that is as it was appended."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.base import gateway_settings, signatures_checked_with
from edge_agent.cli.journal.records import event_of, opened, selection_of
from edge_agent.errors import AgentError

if TYPE_CHECKING:
    from edge_agent.journal import Journal, Record
    from edge_agent.verify import CheckSignature

UNSOUND = 33


def status(options: argparse.Namespace) -> int:
    """`journal status`."""
    import json
    import time

    from edge_agent.health import read_status
    from edge_agent.reporting import is_running
    from edge_agent.toolbox.state import in_plain_words, state_of

    settings = gateway_settings(options)
    collector = read_status(settings.status_file("collector"))
    measured = collector.get("journal", {}) if is_running(collector, time.monotonic()) else {}
    with opened(options) as journal:
        state = state_of(journal, measured, time.time())
    print(json.dumps(state, indent=2) if options.json else "\n".join(in_plain_words(state)))
    return 0


def inspect(options: argparse.Namespace) -> int:
    """`journal inspect`."""
    from itertools import islice

    with opened(options) as journal:
        if options.dead_letters:
            return _list_letters(journal)
        chosen, record = selection_of(options).of(journal), None
        for record in islice(chosen, options.limit or None):
            print(event_of(journal, record).decode() if options.json else _line(record))
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


def _line(record: Record) -> str:
    from datetime import UTC, datetime

    from edge_agent.toolbox.selection import machine_of, type_of

    when = datetime.fromtimestamp(record.appended_at, UTC).strftime("%Y-%m-%d %H:%M:%S")
    return (
        f"{record.sequence:>12}  {when}  {record.delivery_class}  {machine_of(record):<20} "
        f"{type_of(record)}  {len(record.payload)} bytes"
    )


def verify(options: argparse.Namespace) -> int:
    """`journal verify`."""
    from edge_agent.events.delivery_class import class_of_sealed
    from edge_agent.toolbox.soundness import Examiner
    from edge_agent.toolbox.wording import in_sentences

    with opened(options) as journal:
        examiner = Examiner(journal.id, class_of_sealed, _checker(options))
        soundness = examiner.look(journal.walk())
    print("\n".join(in_sentences(soundness)))
    return 0 if soundness.sound else UNSOUND


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
