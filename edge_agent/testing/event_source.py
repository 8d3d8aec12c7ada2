"""EventSource: appends real events as lines would, and writes down what `append` returned for.

    python -m edge_agent.testing.event_source JOURNAL PROOF --rate 500 --lines 8 --batch 4

Each line is a thread that seals a batch, appends it, and only then adds one line to a file in the folder
PROOF, which is of this process alone: the journal's id, the first sequence, and the CRC-32 of each sealed
event. The line is one write to a file opened for appending, so a kill can only leave out what was
appended; it never claims what was not.

What the journal refuses is appended again until it takes it, as a line does whose machine repeats
itself. With `--desk` it also journals what the forwarder says, as the collector does. Ends on SIGTERM, or
once `--count` events are appended, with one JSON line that says how it went.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import signal
import sys
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from edge_agent.clock import Clock
from edge_agent.desk import Desk, answer_say
from edge_agent.errors import AgentError, JournalError
from edge_agent.events import EventBody, Observation, seal
from edge_agent.events.catalogue import EXAMPLES
from edge_agent.events.delivery_class import class_of_sealed
from edge_agent.events.of_journal import JournalGap
from edge_agent.events.slot import BillAccepted, GameStarted, SlotException
from edge_agent.journal import Budget, Gap, Journal, open_journal

SOURCE = "/floor/lab/gw-07"
# As a line: edge_agent.line.
RETRY_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is appended, by how many, how fast."""

    rate: float  # events a second by all lines together; 0: as fast as they can
    lines: int
    batch: int  # events an append
    count: int  # events in all; 0: until stopped


class EventSource:
    """Appends to one journal from several threads.

    Args:
        journal: open to collect.
        proof: the folder of the file that is told what `append` returned for.
        pace: how much, by how many, how fast.
        say: told when the journal first refuses, and when it takes something again.
    """

    def __init__(self, journal: Journal, proof: Path, pace: Pace, say: Callable[[str], object]) -> None:
        self.appended = self.refused = 0
        self._journal = journal
        self._pace = pace
        self._say = say
        self._clock = Clock()
        self._bodies = _bodies()
        proof.mkdir(exist_ok=True)
        self._proof = os.open(
            proof / f"{os.getpid()}", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600
        )
        self._lock = threading.Lock()
        self._begun = 0  # events that a line has taken on
        self._refusing = False
        self._stopping = threading.Event()

    def run(self) -> None:
        """Append until stopped, or until there were as many as asked for."""
        lines = [
            threading.Thread(target=self._line, args=(n,), name=f"line[{n}]") for n in range(self._pace.lines)
        ]
        for line in lines:
            line.start()
        for line in lines:
            line.join()
        os.close(self._proof)

    def stop(self) -> None:
        """Append nothing more; what is being appended is."""
        self._stopping.set()

    def say(self, body: EventBody) -> None:
        """Journal something of the gateway itself. Raises JournalError."""
        now = self._clock.monotonic()
        self._journal.append([seal(Observation("gw-07", now, body), self._clock.reading(), SOURCE)])

    def _line(self, number: int) -> None:
        pace = self._pace
        interval = pace.lines * pace.batch / pace.rate if pace.rate else 0.0
        due = time.monotonic() + interval * number / pace.lines
        while (taken := self._take()) and not self._stopping.wait(max(0.0, due - time.monotonic())):
            due += interval
            self._append(f"slot-{1001 + number}", taken)

    def _take(self) -> range:
        """The numbers of the next events; none once there were enough."""
        with self._lock:
            end = self._begun + self._pace.batch
            taken = range(self._begun, min(end, self._pace.count) if self._pace.count else end)
            self._begun = taken.stop
        return taken

    def _append(self, subject: str, numbers: range) -> None:
        payloads = [self._sealed(subject, number) for number in numbers]
        while True:
            try:
                sequences = self._journal.append(payloads)
            except JournalError as error:
                self._refuse(error)
                if self._stopping.wait(RETRY_SECONDS):
                    return
            else:
                self._prove(sequences, payloads)
                return

    def _sealed(self, subject: str, number: int) -> bytes:
        body = self._bodies[number % len(self._bodies)]
        if isinstance(body, GameStarted):
            body = body.model_copy(update={"coin_in_credits": number})
        return seal(Observation(subject, self._clock.monotonic(), body), self._clock.reading(), SOURCE)

    def _refuse(self, error: JournalError) -> None:
        with self._lock:
            self.refused += 1
            told, self._refusing = self._refusing, True
        if not told:
            self._say(json.dumps({"refused": str(error)}))

    def _prove(self, sequences: range, payloads: Sequence[bytes]) -> None:
        sums = " ".join(f"{zlib.crc32(payload):08x}" for payload in payloads)
        os.write(self._proof, f"{self._journal.id} {sequences.start} {sums}\n".encode("ascii"))
        with self._lock:
            self.appended += len(payloads)
            again, self._refusing = self._refusing, False
        if again:
            self._say(json.dumps({"taken": sequences.start}))


def _bodies() -> tuple[EventBody, ...]:
    """A busy floor in twenty events: games, and a few of what matters more."""
    examples = {type(body): body for body in reversed(EXAMPLES)}
    game, bill = examples[GameStarted], examples[BillAccepted]
    door, printer = (
        SlotException(code=code, name=name, category=category, real_time=False, possibly_repeated=False)
        for code, name, category in (
            ("0x11", "slot_door_opened", "door"),
            ("0x60", "printer_communication_error", "printer"),
        )
    )
    return (bill, *[game] * 8, door, *[game] * 9, printer)


def _describe(gap: Gap) -> bytes:
    body = JournalGap(
        reason=gap.reason,
        delivery_class=gap.delivery_class,
        count=gap.count,
        first=gap.first,
        last=gap.last,
        removed=base64.b64encode(zlib.compress(gap.removed)).decode() if gap.removed else "",
        why=gap.why,
        gap=gap.name,
    )
    clock = Clock()
    return seal(Observation("gw-07", clock.monotonic(), body), clock.reading(), SOURCE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Append until SIGTERM or done; its exit status."""
    given = _parser().parse_args(arguments)
    try:
        with ExitStack() as held:
            journal = held.enter_context(
                open_journal(
                    given.journal,
                    role="collect",
                    budget=Budget(
                        size_bytes=int(given.budget_mb * 2**20) or None,
                        minimum_free_bytes=int(given.minimum_free_mb * 2**20),
                    ),
                    segment_bytes=given.segment_kb * 2**10,
                    classify=class_of_sealed,
                    describe_gap=_describe,
                )
            )
            pace = Pace(rate=given.rate, lines=given.lines, batch=given.batch, count=given.count)
            source = EventSource(journal, given.proof, pace, _say)
            signal.signal(signal.SIGTERM, lambda _number, _frame: source.stop())
            if given.desk is not None:
                held.enter_context(Desk(given.desk, {"say": answer_say(source.say)}))
            _say(json.dumps({"ready": True}))
            source.run()
            _say(json.dumps({"appended": source.appended, "refused": source.refused}))
    except AgentError as error:
        _say(str(error))
        return error.exit_status
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="event_source")
    parser.add_argument("journal", type=Path)
    parser.add_argument("proof", type=Path)
    parser.add_argument("--rate", type=float, default=500.0, help="events a second; 0: as fast as it goes")
    parser.add_argument("--lines", type=int, default=8, help="threads that append")
    parser.add_argument("--batch", type=int, default=4, help="events an append")
    parser.add_argument("--count", type=int, default=0, help="events in all; 0: until SIGTERM")
    parser.add_argument("--minimum-free-mb", type=float, default=64.0)
    parser.add_argument("--budget-mb", type=float, default=0.0, help="0: what the disk has")
    parser.add_argument("--segment-kb", type=int, default=4096)
    parser.add_argument("--desk", type=Path, help="the socket where the forwarder says things")
    return parser


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
