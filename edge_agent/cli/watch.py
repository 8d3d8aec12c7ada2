"""`watch`: a decoded trace of a line, live or from a capture."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.cli.base import add_gateway, gateway_settings
from edge_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from edge_agent.cabinet.choosing import Choice, Folded
    from edge_agent.cabinet.screen import Screen
    from edge_agent.cabinet.trace import Seen, Withheld
    from edge_agent.cli.base import Commands
    from edge_agent.links.capture import Travelled

WATCH = """
Shows what travels on a line, frame by frame: wall time, seconds since the line above, direction, the bytes
(in brackets those that bore the wakeup bit), what they say, and whether the CRC is right. A PORT is listened
to with --tap, where another host polls, or polled by us with --keep FILE, which keeps what the machine then
forgets; agent:DEVICE is a line of the agent that runs on this gateway. Ticket and card numbers are withheld.
"""

OF_AN_AGENT = "agent:"


def add(commands: Commands) -> None:
    """Add `watch`."""
    watch = commands.add_parser("watch", help="show what travels on a line, explained", description=WATCH)
    watch.add_argument("source", metavar="PORT|CAPTURE|agent:DEVICE", help="a device path, a file, or a line")
    way = watch.add_mutually_exclusive_group()
    way.add_argument("--tap", action="store_true", help="only listen to the port: nothing is sent")
    way.add_argument(
        "--keep", type=Path, metavar="FILE", help="poll the port as its host, and capture it there"
    )
    watch.add_argument(
        "--address", type=int, action="append", default=[], metavar="N", help="only this machine"
    )
    watch.add_argument(
        "--only",
        action="append",
        default=[],
        choices=("events", "polls", "answers", "errors", "chirps"),
        help="only these; may be repeated",
    )
    watch.add_argument(
        "--poll", action="append", default=[], metavar="POLL", help="only this poll and its answers"
    )
    watch.add_argument("--exception", action="append", default=[], metavar="CODE", help="only this exception")
    watch.add_argument("--no-idle", action="store_true", help="count idle polls instead of showing them")
    watch.add_argument("--long", action="store_true", help="each field on a line of its own")
    watch.add_argument("--plain", action="store_true", help="no colours, as on anything that is no terminal")
    watch.add_argument("--json", action="store_true", help="print one JSON object a frame")
    watch.add_argument("--with-numbers", action="store_true", help="show ticket and card numbers")
    watch.add_argument(
        "--speed", type=float, metavar="X", help="a capture at X times its pace (default: at once)"
    )
    watch.add_argument("--follow", action="store_true", help="a capture that is still being made")
    watch.add_argument("--for", dest="seconds", type=float, metavar="SECONDS", help="end after this long")
    add_gateway(watch)
    watch.set_defaults(command=_watch)


def _watch(options: argparse.Namespace) -> int:
    from edge_agent.cabinet.enough import Enough

    choice = _choice(options)
    if options.speed is not None and not options.speed > 0:
        raise ConfigurationError(f"--speed {options.speed:g} is no pace", "give a number above 0")
    if options.source.startswith(OF_AN_AGENT):
        _refuse(
            options, "--tap", "--keep", "--speed", "--follow", "--with-numbers", of="the line of an agent"
        )
        _show_agent(options, choice)
        return 0
    if Path(options.source).is_file():
        _refuse(options, "--tap", "--keep", of="a capture")
        with Enough(options.seconds) as enough:
            _show_capture(options, choice, enough)
        return 0
    _refuse(options, "--speed", "--follow", of="a port")
    if not options.tap and options.keep is None and _leads_nowhere(options.source):
        raise ConfigurationError(
            f"{options.source} is neither a capture nor a port that is there",
            "check the path; ls /dev/serial/by-id lists adapters",
        )
    if not options.tap and options.keep is None:
        raise ConfigurationError(
            f"to watch {options.source} is to poll it, and nobody would keep what the machine then forgets",
            "listen to another host with --tap, or keep it with --keep FILE",
        )
    _show_port(options, choice)
    return 0


def _leads_nowhere(source: str) -> bool:
    """Whether it is a path, and nothing is there; `kind:…` is no path."""
    is_path = source.startswith(("/", ".")) or ":" not in source
    return is_path and not Path(source).exists()


def _refuse(options: argparse.Namespace, *names: str, of: str) -> None:
    for name in names:
        if getattr(options, name.removeprefix("--").replace("-", "_")):
            raise ConfigurationError(f"{name} is nothing for {of}", "leave it out")


def _choice(options: argparse.Namespace) -> Choice:
    from edge_agent.cabinet.choosing import Choice
    from edge_agent.cabinet.question import check_address, find_exception, find_poll

    for address in options.address:
        check_address(address)
    return Choice(
        only=frozenset(options.only),
        polls=frozenset(find_poll(text).command for text in options.poll),
        exceptions=frozenset(find_exception(text) for text in options.exception),
        addresses=frozenset(options.address),
    )


def _show_capture(options: argparse.Namespace, choice: Choice, enough: Callable[[], bool]) -> None:
    from edge_agent.cabinet.playing import at_pace, followed
    from edge_agent.cabinet.retelling import began_at
    from edge_agent.links.capture import read_about, read_capture_file

    path = Path(options.source)
    if options.follow:
        with path.open(encoding="ascii") as lines:
            head = dict(read_about(lines))
        show = _Show(options, choice, began_at(head))
        _show_all(show, followed(path, enough))
        return
    capture = read_capture_file(path)
    show = _Show(options, choice, began_at(capture.about))
    _show_all(show, at_pace(capture.entries, options.speed, enough))


def _show_all(show: _Show, entries: Iterator[Travelled]) -> None:
    for entry in entries:
        show(entry)
    show.end()


def _show_port(options: argparse.Namespace, choice: Choice) -> None:
    import time

    from edge_agent.cabinet.enough import Enough
    from edge_agent.cabinet.recording import recording
    from edge_agent.cabinet.visiting import find_address, visit_as_host, visit_as_tap
    from edge_agent.drivers.sas.driver import SERIAL_FORMAT
    from edge_agent.links import open_link
    from edge_agent.links.capture import Travelled

    link = open_link(options.source, SERIAL_FORMAT)
    link.open()
    show = _Show(options, choice, time.time())
    began = time.monotonic()
    try:
        if options.tap:
            with Enough(options.seconds) as enough:
                visit_as_tap(
                    link, lambda one: show(Travelled(one.at - began, one.direction, one.data)), enough
                )
        else:
            address = options.address[0] if options.address else find_address(link)
            with (
                Enough(options.seconds) as enough,
                recording(options.keep, with_numbers=options.with_numbers) as made,
            ):
                visit_as_host(made.link(link, also=show), address, enough)
    finally:
        link.close()
    show.end()


def _show_agent(options: argparse.Namespace, choice: Choice) -> None:
    import time

    from edge_agent.agent.onlooker import watched
    from edge_agent.cabinet.enough import Enough
    from edge_agent.desk import desk_path

    desk = desk_path(gateway_settings(options).state)
    device = options.source.removeprefix(OF_AN_AGENT)
    show = _Show(options, choice, time.time())
    with Enough(options.seconds) as enough:
        for entry in watched(desk, device, enough):
            show(entry)
    show.end()


class _Show:
    """Prints what travels, as it was asked for."""

    def __init__(self, options: argparse.Namespace, choice: Choice, began: float | None) -> None:
        from edge_agent.cabinet.choosing import Folding
        from edge_agent.cabinet.screen import Screen
        from edge_agent.cabinet.trace import Trace

        self._trace = Trace()
        self._folding = Folding() if options.no_idle else None
        self._choice = choice
        self._as_json = options.json
        self._last_at = 0.0
        self._screen: Screen = Screen(
            began,
            colours=sys.stdout.isatty() and not options.plain and not os.environ.get("NO_COLOR"),
            whole=options.long,
            with_numbers=options.with_numbers,
        )

    def __call__(self, entry: Travelled | Withheld) -> None:
        """One read or write."""
        self._last_at = entry.at
        for seen in self._trace.take(entry):
            self._show(seen)

    def end(self) -> None:
        """Nothing more travels."""
        for seen in self._trace.pass_time(self._last_at + 1.0):
            self._show(seen)
        self._print(() if self._folding is None else self._folding.end())

    def _show(self, seen: Seen) -> None:
        if self._choice.wants(seen):
            self._print((seen,) if self._folding is None else self._folding.take(seen))

    def _print(self, shown: Iterable[Seen | Folded]) -> None:
        for one in shown:
            for line in (self._screen.json(one),) if self._as_json else self._screen.lines(one):
                print(line, flush=True)
