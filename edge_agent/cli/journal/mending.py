"""What `journal` has done: damage mended, records sent again."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.base import gateway_settings
from edge_agent.cli.journal.records import opened, selection_of
from edge_agent.errors import ConfigurationError, InUseError, JournalError

if TYPE_CHECKING:
    from edge_agent.agent.journal_watch import JournalWatch
    from edge_agent.clock import Clock
    from edge_agent.journal import Journal
    from edge_agent.settings import Settings


def repair(options: argparse.Namespace) -> int:
    """`journal repair`."""
    from edge_agent.agent.collecting_journal import watch_of
    from edge_agent.clock import Clock

    settings = gateway_settings(options)
    if not settings.journal_path.exists():  # opening would make one, and call it sound
        raise JournalError(
            f"there is no journal {settings.journal_path}", "check --state or the setting `journal.path`"
        )
    _check_owner(settings.journal_path)
    clock = Clock()
    watch = watch_of(settings, clock)
    before = _set_aside(settings)
    with _open_to_mend(settings, watch, clock) as journal:
        journal.mend_all()
    _tell(settings, aside=len(_set_aside(settings) - before), gaps=watch.gaps)
    return 0


def _open_to_mend(settings: Settings, watch: JournalWatch, clock: Clock) -> Journal:
    from edge_agent.agent.collecting_journal import open_to_collect

    try:
        return open_to_collect(settings, watch, clock, housekeeping=False)
    except InUseError as running:
        raise InUseError(
            f"{running.what}, which mends damage by itself",
            "see what it finds with `edge-agent journal verify`, or stop it first",
        ) from running


def _tell(settings: Settings, *, aside: int, gaps: int) -> None:
    """Say how many files were set aside and how many gaps journalled."""
    from edge_agent.words import counted

    if aside:
        print(
            f"{counted(aside, 'damaged file')} mended, and set aside as found: "
            f"{settings.journal_path / 'damaged'}"
        )
    if gaps:
        print(f"{counted(gaps, 'gap')} journalled: edge-agent journal inspect --type floor.agent.journal_gap")
    if not aside and not gaps:
        print("no file is damaged; whether a record was changed, `edge-agent journal verify` says")


def _set_aside(settings: Settings) -> set[str]:
    from edge_agent.journal.mending import DAMAGED

    return {path.name for path in (settings.journal_path / DAMAGED).glob("*")}


def resend(options: argparse.Namespace) -> int:
    """`journal resend`."""
    from edge_agent.journal.resend import ResendRequest, write_request
    from edge_agent.toolbox.selection import ranges_of
    from edge_agent.words import counted

    with opened(options) as journal:
        if options.dead_letters:
            letters = [letter.sequence for letter in journal.dead_letters()]
            request, count = ResendRequest(dead_letters=letters), len(letters)
        else:
            ranges = [*ranges_of(record.sequence for record in selection_of(options).of(journal))]
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
