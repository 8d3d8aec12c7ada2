"""What a durable append costs, beside raw SQLite and three queues, on the same disk in the same run.

    scripts/benchmark journal_append --folder /var/lib/edge-agent

Every store appends for a moment in turn, one event a commit and then 100. The ratio to raw SQLite is taken in
each round. Then 64 threads append one event at a time, as lines do: the journal shares commits among them,
raw SQLite stands behind a lock. --sync-ms makes every fsync of the process slower, the peers' and their
checkpoints' alike (slow_sync.py), and counts them; each of its values is a process of its own, since that
cannot be undone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path

from benchmarks.figures import (
    heading,
    interleaved,
    median_ratio,
    percentile,
    row,
    scratch,
    small_events,
)
from benchmarks.slow_sync import SlowSync
from benchmarks.stores import Ours, RawSqlite, Store, open_peers

# Of raw SQLite's rate: alone, 100 together, and either where the disk takes its time.
BARS = {1: 0.8, 100: 0.5}
SLOW_BAR, SLOW_SECONDS = 0.9, 0.001
# Where fdatasync takes 0.15 ms; on a slower disk the bar says nothing.
P99_MS = {1: 0.5, 100: 1.5}
FAST_DISK_MS = 0.25

DISK_BYTES = 4 << 20


@dataclass(slots=True)
class Turn:
    """What one store did in one round."""

    events: int = 0
    seconds: float = 0.0
    took: list[float] = field(default_factory=list)  # of each commit, in seconds
    syncs: int = 0
    cpu_seconds: float = 0.0  # of the thread that appends

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds


class Disk(Store):
    """What the disk takes by itself: the same bytes written over in place, and fdatasync."""

    name = "disk alone"

    def __init__(self, folder: Path) -> None:
        self._file = (folder / "bytes").open("wb+", buffering=0)
        self._file.write(bytes(DISK_BYTES))
        os.fsync(self._file.fileno())
        self._at = 0

    def append(self, payloads: Sequence[bytes]) -> None:
        data = b"".join(payloads)
        if self._at + len(data) > DISK_BYTES:
            self._at = 0
        os.pwrite(self._file.fileno(), data, self._at)
        os.fdatasync(self._file.fileno())
        self._at += len(data)

    def take(self, count: int) -> int:
        return count

    def close(self) -> None:
        self._file.close()


def main() -> None:
    arguments = parse()
    if len(arguments.sync_ms) > 1:
        for milliseconds in arguments.sync_ms:
            subprocess.run([*again(), "--sync-ms", f"{milliseconds:g}"], check=True)
        return
    slow = SlowSync(arguments.sync_ms[0] / 1000) if arguments.sync_ms[0] else None
    for together in arguments.together:
        with scratch(arguments.folder) as folder:
            compare(arguments, folder, together, slow)
    if arguments.threads:
        with scratch(arguments.folder) as folder:
            share(arguments, folder, slow)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary folder")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.4, help="of one store's turn in a round")
    parser.add_argument("--together", type=int, nargs="+", default=[1, 100], help="events in a commit")
    parser.add_argument("--threads", type=int, default=64, help="of the last part; 0 leaves it out")
    parser.add_argument("--sync-ms", type=float, nargs="+", default=[0.0, 5.0], help="added to each fsync")
    return parser.parse_args()


def again() -> list[str]:
    """This command once more, without its --sync-ms."""
    given = iter(sys.argv[1:])
    kept: list[str] = []
    dropping = False
    for argument in given:
        dropping = argument == "--sync-ms" or (dropping and not argument.startswith("--"))
        if not dropping:
            kept.append(argument)
    return [sys.executable, "-m", "benchmarks.journal_append", *kept]


def compare(arguments: argparse.Namespace, folder: Path, together: int, slow: SlowSync | None) -> None:
    """One number of events a commit: everybody in turn."""
    stores = [
        store for store in (Ours(folder), *open_peers(folder), Disk(folder)) if store.batches or together == 1
    ]
    events = small_events(4096)
    turns = {store.name: appending(store, events, together, arguments.seconds, slow) for store in stores}
    for turn in turns.values():
        turn()  # files grow to their size, caches fill
    came_to = interleaved(turns, arguments.rounds)
    for store in stores:
        store.close()
    heading(
        f"{together} x {len(events[0])} bytes a commit, {arguments.rounds} rounds of {arguments.seconds:g} s"
        + added(slow)
    )
    table(stores, came_to)
    slowly = slow is not None and slow.seconds >= SLOW_SECONDS
    verdict(came_to, together, SLOW_BAR if slowly else BARS.get(together))


def appending(
    store: Store, events: Sequence[bytes], together: int, seconds: float, slow: SlowSync | None
) -> Callable[[], Turn]:
    """A store's turn."""
    supply = cycle(events)

    def turn() -> Turn:
        done = Turn()
        syncs = slow.calls if slow else 0
        cpu = time.thread_time()
        began = now = time.perf_counter()
        while now < began + seconds:
            payloads = list(islice(supply, together))
            at = time.perf_counter()
            store.append(payloads)
            now = time.perf_counter()
            done.took.append(now - at)
            done.events += together
        done.seconds, done.cpu_seconds = sum(done.took), time.thread_time() - cpu
        done.syncs = (slow.calls if slow else 0) - syncs
        return done

    return turn


def share(arguments: argparse.Namespace, folder: Path, slow: SlowSync | None) -> None:
    """Many threads at once."""
    ours, raw = Ours(folder), RawSqlite(folder)
    events = small_events(4096)
    one_at_a_time = threading.Lock()

    def locked(payloads: Sequence[bytes]) -> None:
        with one_at_a_time:
            raw.append(payloads)

    turns = {
        store.name: crowding(append, events, arguments.threads, arguments.seconds, slow)
        for store, append in ((ours, ours.append), (raw, locked))
    }
    came_to = interleaved(turns, arguments.rounds)
    heading(f"{arguments.threads} threads, one event at a time each" + added(slow))
    table([ours, raw], came_to)
    ours.close()
    raw.close()


def crowding(
    append: Callable[[Sequence[bytes]], None],
    events: Sequence[bytes],
    threads: int,
    seconds: float,
    slow: SlowSync | None,
) -> Callable[[], Turn]:
    """A store's turn with many threads; `seconds` and `took` are as the threads saw them."""

    def turn() -> Turn:
        done = Turn(seconds=seconds)
        syncs, cpu, until = slow.calls if slow else 0, time.process_time(), time.perf_counter() + seconds

        def line(number: int) -> None:
            while (at := time.perf_counter()) < until:
                append([events[number]])
                done.took.append(time.perf_counter() - at)

        lines = [threading.Thread(target=line, args=(number,)) for number in range(threads)]
        for each in lines:
            each.start()
        for each in lines:
            each.join()
        done.events, done.cpu_seconds = len(done.took), time.process_time() - cpu
        done.syncs = (slow.calls if slow else 0) - syncs
        return done

    return turn


def added(slow: SlowSync | None) -> str:
    """What was added to the disk's own time."""
    return f", each fsync {1000 * slow.seconds:g} ms longer" if slow else ""


def table(stores: Sequence[Store], came_to: dict[str, list[Turn]]) -> None:
    """A row a store, and how much faster ours is."""
    ours = [turn.rate for turn in came_to["journal"]]
    names = ("p50 ms", "p99 ms", "worst", "CPU us", "syncs")
    print(f"{'':<16}{'events/s':>10}{''.join(f'{name:>9}' for name in names)}   journal to it")
    for store in stores:
        turns = came_to[store.name]
        rates = [turn.rate for turn in turns]
        took = milliseconds(turns)
        syncs = sum(turn.syncs for turn in turns) / len(took)
        cpu = 1e6 * sum(turn.cpu_seconds for turn in turns) / len(took)
        print(
            f"{store.name:<16}{statistics.median(rates):>10,.0f}"
            f"{percentile(took, 0.5):>9.2f}{percentile(took, 0.99):>9.2f}{max(took):>9.2f}{cpu:>9.0f}"
            f"{f'{syncs:.2f}' if syncs else '':>9}{median_ratio(ours, rates):>13.2f} x"
        )


def verdict(came_to: dict[str, list[Turn]], together: int, bar: float | None) -> None:
    """The bars."""
    ours, raw = came_to["journal"], came_to["raw sqlite3"]
    ratio = median_ratio([turn.rate for turn in ours], [turn.rate for turn in raw])
    row("rate, to raw sqlite3 in the same round", ratio, "x", least=bar)
    fast = percentile(milliseconds(came_to["disk alone"]), 0.5) <= FAST_DISK_MS
    row(
        "p99 of a commit",
        percentile(milliseconds(ours), 0.99),
        "ms",
        most=P99_MS.get(together) if fast else None,
    )


def milliseconds(turns: Sequence[Turn]) -> list[float]:
    """What each commit took."""
    return [1000 * one for turn in turns for one in turn.took]


if __name__ == "__main__":
    main()
