"""What it costs to read and acknowledge, from a backlog of a thousand events to one of a million.

    scripts/benchmark journal_read --folder /var/lib/edge-agent

Journals of each size lie side by side and take turns, so what is compared is the backlog and nothing else. In
each round each takes a thousand events more and hands out a thousand; only the handing out is timed. Peers
hand out of a thousand, and of as many as they can be filled with in a moment.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

from benchmarks.figures import (
    disk_bytes,
    heading,
    interleaved,
    median_ratio,
    percentile,
    row,
    scratch,
    small_events,
)
from benchmarks.stores import Ours, Store, open_peers
from edge_agent.journal.segment import SEGMENT_BYTES

BACKLOGS = (1_000, 10_000, 100_000, 1_000_000)
HANDED_OUT = 1_000  # of each journal in each round
PEERS_HAND_OUT = 200  # some commit twice for each
COMMIT = 500  # events, while filling
PEER_BACKLOG = 20_000  # of those who can commit many together

RATE_BAR = 100_000  # events/s
SAME_RATE = 0.8  # of the smallest backlog's rate, by the largest
SAME_START = 2.0  # times that of a tenth of the backlog, once that is more than a segment
BYTES_BAR = 400  # an event that is open,
LEAST_BACKLOG = 1_000  # where there are more than this: zeros are written ahead, 256 KiB at a time
SETTLE_SECONDS = 10.0  # the housekeeping comes by once in a while
STEPS = 10


def main() -> None:
    arguments = parse()
    with scratch(arguments.folder) as folder:
        folders = [filled(folder / str(backlog), backlog) for backlog in arguments.backlogs]
        cold_starts(folders, arguments.backlogs, arguments.rounds)
        rates(folders, arguments.backlogs, arguments.rounds)
        whole(folders[-1])
    with scratch(arguments.folder) as folder:
        peers(folder, arguments.rounds)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary folder")
    parser.add_argument("--backlogs", type=int, nargs="+", default=BACKLOGS, metavar="N")
    parser.add_argument("--rounds", type=int, default=15)
    return parser.parse_args()


def filled(folder: Path, backlog: int) -> Path:
    """A folder with a journal of so many events that nobody has acknowledged."""
    folder.mkdir()
    store = Ours(folder)
    began = time.perf_counter()
    fill(store, backlog)
    seconds = time.perf_counter() - began
    each = disk_bytes(folder) / backlog
    store.close()
    bar = BYTES_BAR if backlog > LEAST_BACKLOG else None
    row(f"{backlog:,} open: disk an event ({seconds:.1f} s to fill)", each, "B", most=bar)
    return folder


def fill(store: Store, count: int) -> None:
    """Append so many events, many together."""
    supply = cycle(small_events(4096))
    while count > 0:
        store.append(list(islice(supply, min(count, COMMIT))))
        count -= COMMIT


def cold_starts(folders: Sequence[Path], backlogs: Sequence[int], rounds: int) -> None:
    """From nothing in the page cache to an open collector, and to the first record in a forwarder's hands."""
    heading(f"Cold start, {rounds} rounds")
    turns = {f"{backlog:,}": starting(folder) for folder, backlog in zip(folders, backlogs, strict=True)}
    came_to = interleaved(turns, rounds)
    for place, what in enumerate(("collector open", "forwarder's first record")):
        took = {name: [1000 * turn[place] for turn in turns] for name, turns in came_to.items()}
        for name, measured in took.items():
            row(f"{what}, {name} open", statistics.median(measured), "ms")
        *_, before, largest = took.values()
        row(f"{what}, the largest to the one before it", median_ratio(largest, before), "x", most=SAME_START)


def starting(folder: Path) -> Callable[[], tuple[float, float]]:
    """A cold start: seconds until the collector has it open, and until the forwarder has a record."""

    def turn() -> tuple[float, float]:
        forget_pages(folder)
        began = time.perf_counter()
        store = Ours(folder, only_collect=True)
        opened = time.perf_counter() - began
        store.close()
        forget_pages(folder)
        store = Ours(folder, only_collect=True)
        began = time.perf_counter()
        store.forward()
        assert store.first()
        first = time.perf_counter() - began
        store.close()
        return opened, first

    return turn


def forget_pages(folder: Path) -> None:
    """Have the kernel drop what it remembers of these files."""
    for file in folder.rglob("*"):
        if file.is_file():
            descriptor = os.open(file, os.O_RDONLY)
            os.fsync(descriptor)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def rates(folders: Sequence[Path], backlogs: Sequence[int], rounds: int) -> None:
    """Read and acknowledge, whatever the backlog."""
    heading(f"Read and acknowledge {HANDED_OUT:,}, {rounds} rounds")
    stores = {f"{backlog:,}": Ours(folder) for folder, backlog in zip(folders, backlogs, strict=True)}
    turns = {name: handing_out(store, HANDED_OUT) for name, store in stores.items()}
    came_to = interleaved(turns, rounds)
    smallest = next(iter(came_to.values()))
    for name, taken in came_to.items():
        row(f"{name} open", statistics.median(one.rate for one in taken), "events/s", least=RATE_BAR)
        row("  of the processor's time", statistics.median(one.cpu_us for one in taken), "us/event")
    for name, taken in list(came_to.items())[1:]:
        ratio = median_ratio([one.rate for one in taken], [one.rate for one in smallest])
        row(f"{name} open, to the smallest", ratio, "x", least=SAME_RATE)
    for store in stores.values():
        store.close()


@dataclass(frozen=True, slots=True)
class Taken:
    """What it took to hand out."""

    events: int
    seconds: float
    cpu_seconds: float

    @property
    def rate(self) -> float:
        """Events a second."""
        return self.events / self.seconds

    @property
    def cpu_us(self) -> float:
        """Of the processor, an event."""
        return 1e6 * self.cpu_seconds / self.events


def handing_out(store: Store, count: int) -> Callable[[], Taken]:
    """A turn: so many more go in, so many come out; only the latter is timed."""

    def turn() -> Taken:
        fill(store, count)
        began, cpu = time.perf_counter(), time.thread_time()
        left = count
        while left > 0:
            taken = store.take(left)
            assert taken
            left -= taken
        return Taken(count, time.perf_counter() - began, time.thread_time() - cpu)

    return turn


def whole(folder: Path) -> None:
    """All of the largest backlog, and the room that comes back."""
    store = Ours(folder)
    total = store.depth()
    heading(f"All {total:,}, with a rest after each tenth for the housekeeping")
    each = disk_bytes(folder) / total
    seconds, surplus, waits = 0.0, 0.0, []
    for step in range(STEPS):
        target = total * (STEPS - 1 - step) // STEPS
        began = time.perf_counter()
        left = store.depth() - target
        while left > 0:
            left -= store.take(left)
        seconds += time.perf_counter() - began
        took, more = room_returned(folder, target * each)
        waits.append(took)
        surplus = max(surplus, more)
    store.close()
    row("read and acknowledged", total / seconds, "events/s", least=RATE_BAR)
    row("not given back, at the most", surplus / 2**20, "MiB", most=(SEGMENT_BYTES + 2**18) / 2**20)
    row("until it was given back, p90", percentile(waits, 0.9), "s")


def room_returned(folder: Path, open_bytes: float) -> tuple[float, float]:
    """How long it took until no more than a segment was left beyond what is open; and what was left."""
    began = time.perf_counter()
    while True:
        more = disk_bytes(folder) - open_bytes
        took = time.perf_counter() - began
        if more <= SEGMENT_BYTES or took > SETTLE_SECONDS:
            return took, more
        time.sleep(0.05)


def peers(folder: Path, rounds: int) -> None:
    """The peers at the same, beside ours."""
    for backlog in (HANDED_OUT, PEER_BACKLOG):
        (folder / str(backlog)).mkdir()
        stores: list[Store] = [Ours(folder / str(backlog)), *open_peers(folder / str(backlog))]
        stores = [store for store in stores if store.batches or backlog == HANDED_OUT]
        heading(f"Beside the peers, {backlog:,} open, {rounds // 3} rounds")
        for store in stores:
            fill(store, backlog - PEERS_HAND_OUT)
        turns = {store.name: handing_out(store, PEERS_HAND_OUT) for store in stores}
        came_to = interleaved(turns, rounds // 3)
        came_to_rates = {name: [one.rate for one in taken] for name, taken in came_to.items()}
        ours = came_to_rates["journal"]
        for store in stores:
            measured = came_to_rates[store.name]
            what = f"{store.name} ({statistics.median(measured):,.0f} events/s): journal to it"
            row(what, median_ratio(ours, measured), "x")
            store.close()


if __name__ == "__main__":
    main()
