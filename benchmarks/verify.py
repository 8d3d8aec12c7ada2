"""What it takes to prove that a million events are complete: processor and memory, beside `json.loads`.

    .venv/bin/python benchmarks/verify.py [events]

The events lie in files as a stream leaves them, 10,000 in each with nothing between. They arrive in order;
as a backlog drains, money before faults before telemetry; in no order at all; and all of them twice. Each
is measured in a process of its own, in seconds of the processor, and held against parsing the same files
with `json.loads` in the same process.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.chain import genesis, link, written
from edge_agent.verify import Verifier
from edge_agent.verify.inputs import files_in, read_files

EVENTS = 1_000_000
EVENTS_A_FILE = 10_000
JOURNAL = "fe11db6b6260453aa5c303bc1ff6f015"
# As a busy floor has them: money, faults and meters, games.
CLASSES = "A" * 5 + "B" * 15 + "C" * 80
MEASURE = "--measure"


def events(count: int) -> Iterator[str]:
    before = genesis(JOURNAL)
    for sequence in range(1, count + 1):
        sealed = (
            '{"specversion":"1.0","type":"floor.slot.game_ended","source":"/sites/s/gateways/g",'
            f'"subject":"slot-{sequence % 64}","time":"2026-11-26T07:08:09.{sequence % 1000:03}Z",'
            f'"monotonictime":"{sequence / 1000:.6f}","data":{{"game":{sequence},"won":{sequence % 7}}}}}'
        )
        before = link(before, sequence, sealed.encode())
        yield (
            f'{{"id":"{JOURNAL}/{sequence}","sequence":"{sequence:020}","chain":"{written(before)}",'
            + sealed[1:]
        )


def store(folder: Path, arrived: Sequence[str]) -> Path:
    folder.mkdir()
    for number, start in enumerate(range(0, len(arrived), EVENTS_A_FILE)):
        (folder / f"{number:05}").write_text("".join(arrived[start : start + EVENTS_A_FILE]))
    return folder


def by_class(arrived: Sequence[str]) -> list[str]:
    chosen = random.Random(1).choices(CLASSES, k=len(arrived))  # noqa: S311  the same ones in every run
    order = sorted(range(len(arrived)), key=lambda place: chosen[place])
    return [arrived[place] for place in order]


def measure(folder: Path) -> None:
    """In a process of its own: verify, then parse the same files."""
    before = peak_mb()
    verifier = Verifier()
    began = time.process_time()
    read_files(verifier, [folder], sys.stdin.buffer)
    report = verifier.report()
    took = time.process_time() - began
    peak = peak_mb()
    parsing = parse(folder)
    print(
        f"{folder.name:10} {report.events / took:9,.0f} events/s   {took / parsing:4.1f} x json.loads   "
        f"peak {peak:4.0f} MB, {peak - before:4.0f} MB above start   complete: {report.complete}"
    )


def peak_mb() -> float:
    """What the kernel saw this program take at most; `getrusage` would also count whoever started it."""
    (line,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1024


def parse(folder: Path) -> float:
    took = 0.0
    for file in files_in([folder]):
        texts = file.read_text().replace('}{"id"', '}\n{"id"').split("\n")
        began = time.process_time()
        for text in texts:
            json.loads(text)
        took += time.process_time() - began
    return took


def main() -> None:
    if sys.argv[1:2] == [MEASURE]:
        measure(Path(sys.argv[2]))
        return
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    in_order = [*events(count)]
    print(f"{count:,} events of {len(in_order[-1])} bytes")
    with tempfile.TemporaryDirectory() as temporary:
        shuffled = random.Random(2).sample(in_order, k=len(in_order))  # noqa: S311  as above
        for name, arrived in (
            ("in order", in_order),
            ("by class", by_class(in_order)),
            ("shuffled", shuffled),
            ("twice", [*in_order, *in_order]),
        ):
            folder = store(Path(temporary, name), arrived)
            subprocess.run([sys.executable, __file__, MEASURE, str(folder)], check=True)


if __name__ == "__main__":
    main()
