"""What an append costs: threads that share commits, beside a commit for each append.

    .venv/bin/python benchmarks/journal_commit.py --folder /var/lib/edge-agent

Both ways run on the same disk in the same run, so the ratio means something on any machine. A
gateway's eMMC takes 5 to 20 ms for an fsync; --fsync-ms adds that to every commit. The last part
is the floor as it is: 64 lines that append now and then, the journal's housekeeping included.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from edge_agent.journal import open_journal
from edge_agent.journal.appender import Appender

# A sealed slot event as JSON.
PAYLOAD = b"x" * 700


class SlowDisk(Appender):
    """An appender whose every commit takes so many seconds longer."""

    def __init__(self, path: Path, fsync_seconds: float) -> None:
        self._fsync_seconds = fsync_seconds
        self.commits = 0
        super().__init__(path, minimum_free_bytes=0, acknowledged=0, wall=time.time)

    def _write(self, payloads: Sequence[bytes]) -> int:
        first = super()._write(payloads)
        time.sleep(self._fsync_seconds)
        self.commits += 1
        return first


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run came to."""

    appends_per_second: float
    appends_per_commit: float
    p50_ms: float
    p99_ms: float
    cpu_us: float  # per append, of the whole process

    def __str__(self) -> str:
        return (
            f"{self.appends_per_second:8.0f}/s {self.appends_per_commit:7.1f} {self.p50_ms:8.2f} "
            f"{self.p99_ms:8.2f} {self.cpu_us:8.0f}"
        )


def main() -> None:
    arguments = parse()
    print(f"{arguments.threads} threads, {len(PAYLOAD)} bytes a record, {arguments.seconds:g} s a run\n")
    print(
        f"{'added fsync':>12}  {'way':<12} {'appends':>10} {'/commit':>7} "
        f"{'p50 ms':>8} {'p99 ms':>8} {'CPU µs':>8}"
    )
    for milliseconds in arguments.fsync_ms:
        alone = saturate(arguments, milliseconds / 1000, shared=False)
        shared = saturate(arguments, milliseconds / 1000, shared=True)
        print(f"{milliseconds:>9g} ms  {'one each':<12} {alone}")
        print(f"{milliseconds:>9g} ms  {'shared':<12} {shared}")
        print(f"{'':>12}  {'ratio':<12} {shared.appends_per_second / alone.appends_per_second:9.1f}x\n")
    print(paced(arguments))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary folder")
    parser.add_argument("--threads", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--fsync-ms", type=float, nargs="+", default=[0.0, 5.0, 20.0])
    parser.add_argument(
        "--appends-per-second", type=float, default=150.0, help="of all lines, in the last part"
    )
    return parser.parse_args()


def saturate(arguments: argparse.Namespace, fsync_seconds: float, *, shared: bool) -> Figures:
    """As many appends as go."""
    one_at_a_time = threading.Lock()

    def commit_alone(appender: Appender) -> None:
        with one_at_a_time:
            appender.append([PAYLOAD])

    def commit_together(appender: Appender) -> None:
        appender.append([PAYLOAD])

    append = commit_together if shared else commit_alone
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        path = Path(folder) / "journal.db"
        open_journal(path, role="collect", housekeeping=False).close()
        with closing(SlowDisk(path, fsync_seconds)) as disk:
            cpu = time.process_time()
            took = run_threads(arguments, lambda: append(disk))
            cpu = time.process_time() - cpu
            return Figures(
                len(took) / arguments.seconds,
                len(took) / disk.commits,
                *percentiles(took),
                cpu_us=cpu / len(took) * 1e6,
            )


def paced(arguments: argparse.Namespace) -> str:
    """The floor as it is: how long lines wait, and what it costs beside doing nothing."""
    pause = arguments.threads / arguments.appends_per_second
    before = time.process_time()
    run_threads(arguments, lambda: None, pause)
    idle = time.process_time() - before
    with (
        tempfile.TemporaryDirectory(dir=arguments.folder) as folder,
        open_journal(Path(folder) / "journal.db", role="collect", minimum_free_bytes=0) as journal,
    ):
        before = time.process_time()
        took = run_threads(arguments, lambda: journal.append([PAYLOAD]), pause)
        busy = time.process_time() - before
    p50, p99 = percentiles(took)
    return (
        f"{arguments.threads} lines at {len(took) / arguments.seconds:.0f} appends/s in all: "
        f"p50 {p50:.2f} ms, p99 {p99:.2f} ms, "
        f"{100 * (busy - idle) / arguments.seconds:.1f} % of a core, "
        f"{(busy - idle) / len(took) * 1e6:.0f} µs of CPU an append"
    )


def run_threads(arguments: argparse.Namespace, work: Callable[[], object], pause: float = 0.0) -> list[float]:
    """Have every thread do `work` again and again; how long each took."""
    took: list[float] = []
    stop_at = time.perf_counter() + arguments.seconds

    def line(seed: int) -> None:
        rest = random.Random(seed)  # noqa: S311  spreads the lines, guards nothing
        while (began := time.perf_counter()) < stop_at:
            if pause:
                time.sleep(rest.uniform(0, 2 * pause))
                began = time.perf_counter()
            work()
            took.append(time.perf_counter() - began)

    threads = [threading.Thread(target=line, args=(seed,)) for seed in range(arguments.threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return took


def percentiles(seconds: Sequence[float]) -> tuple[float, float]:
    """The 50th and 99th, in milliseconds."""
    hundredths = statistics.quantiles(seconds, n=100)
    return hundredths[49] * 1000, hundredths[98] * 1000


if __name__ == "__main__":
    main()
