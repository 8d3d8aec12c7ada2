"""Figures: how the benchmarks take turns, what they make of it, and how they print it.

Machines are noisy, so whoever is compared takes turns in one run: A B C, C A B, B C A. A ratio is taken in
each round, and the median of the ratios is what counts. A row names what its figure is held against.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of them lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def interleaved(turns: Mapping[str, Callable[[], T]], rounds: int) -> dict[str, list[T]]:
    """Everyone's turn in every round, each time with another one first; what each turn came to, in rounds."""
    came_to: dict[str, list[T]] = {name: [] for name in turns}
    names = list(turns)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            came_to[name].append(turns[name]())
    return came_to


def median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(one / other for one, other in zip(ours, theirs, strict=True))


def row(what: str, value: float, unit: str, *, least: float | None = None, most: float | None = None) -> None:
    """One figure beside its limit: at least so much, or at most."""
    limit = least if most is None else most
    beside = ""
    if limit is not None:
        kept = value >= limit if most is None else value <= limit
        sign, verdict = (">=" if most is None else "<="), ("met" if kept else "MISSED")
        ratio = f"ratio {value / limit:6.2f}" if limit else f"{'':12}"
        beside = f"   bar {sign} {limit:<10,g} {ratio}   {verdict}"
    print(f"{what:<52} {value:>12,.2f} {unit:<10}{beside}", flush=True)


def heading(text: str) -> None:
    """What the rows below it are about."""
    print(f"\n{text}", flush=True)


def disk_bytes(path: Path) -> int:
    """What a file or all of a folder takes on the disk, in blocks given to it."""
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(file.stat().st_blocks * 512 for file in files if file.is_file())


def rss_bytes(pid: int) -> int:
    """What a process holds in memory."""
    return int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) * _PAGE_BYTES


def cpu_seconds(pid: int) -> float:
    """What a process has used of the processors, in user and kernel, since it began."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _CLOCK_TICKS


def small_events(count: int, size: int = 272, seed: int = 1) -> list[bytes]:
    """Distinct sealed events of one size that do not repeat themselves."""
    rest = random.Random(seed)  # noqa: S311  makes events differ, guards nothing
    events = []
    for number in range(count):
        head = '{"specversion":"1.0","type":"floor.slot.game_ended","source":"/floor/hall/gateway","subject":'
        event = (
            f'{head}"slot-{number % 64:04}","data":{{"category":"game","rest":"{rest.getrandbits(1024):0256x}'
        )
        events.append(event.encode()[: size - 3] + b'"}}')
    return events


@contextmanager
def scratch(folder: Path | None) -> Iterator[Path]:
    """A folder on the disk to measure, gone afterwards."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="edge-agent-benchmark-") as name:
        yield Path(name)
