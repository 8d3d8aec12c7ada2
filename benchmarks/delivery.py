"""From the source to the PUBACK at a steady rate, through the real processes.

    scripts/benchmark delivery --seconds 60

64 lines append a busy floor's events one by one, at random moments, 1,000 a second together; the forwarder
publishes them over TLS to the stand-in, which holds it to IoT Core's quotas. An event's time begins when it
is due, not when the source gets round to it. Source, forwarder and stand-in share this computer.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import heading, percentile, row, scratch
from benchmarks.pipeline import Arrival, Lateness, Pipeline, until

P50_MS, P99_MS = 50.0, 120.0
PIECE_SECONDS = 5.0
CPU_SECONDS = 0.25  # a thousand events: appending and forwarding
BASELINE_SECONDS = 10.0  # of a source that makes events and appends none
RSS_MB = 80.0
GROWTH_MB = 2.0  # flat
WARM_UP_SECONDS = 5.0
SETTLE_SECONDS = 30.0


def main() -> None:
    arguments = parse()
    with scratch(arguments.folder) as folder, Pipeline(folder) as pipeline:
        run(pipeline, arguments)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary folder")
    parser.add_argument("--rate", type=float, default=1_000.0, help="events a second")
    parser.add_argument("--lines", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=60.0)
    return parser.parse_args()


def run(pipeline: Pipeline, arguments: argparse.Namespace) -> None:
    """One run."""
    making = cost_of_making(pipeline, arguments)
    seconds = WARM_UP_SECONDS + arguments.seconds
    done = pipeline.source(
        "source",
        *("--rate", str(arguments.rate), "--lines", str(arguments.lines)),
        *("--seconds", str(seconds + 1), "--linger", str(SETTLE_SECONDS)),
    )
    pipeline.forward()
    time.sleep(WARM_UP_SECONDS)
    began = time.monotonic()
    pipeline.watch("source", "forwarder", "broker")
    with Lateness() as lateness:
        for _ in until(began + arguments.seconds):
            pipeline.sample()
    pipeline.end_watch()
    ended = time.monotonic()
    pipeline.wait("the source's end", done.exists)
    pipeline.wait("the last PUBACK", lambda: pipeline.status().get("depth") == 0, SETTLE_SECONDS)
    arrivals = pipeline.arrivals()
    heading(f"{arguments.rate:,.0f} events/s from {arguments.lines} lines for {arguments.seconds:.0f} s")
    row("missing", missing(arrivals), "events", most=0)
    row("a process that only sleeps woke late, p99", lateness.p99_ms(), "ms")
    tell(pipeline, [one for one in arrivals if began <= one.observed_at < ended], ended - began, making)


def cost_of_making(pipeline: Pipeline, arguments: argparse.Namespace) -> float:
    """CPU seconds of a thousand events that are made, on threads that wake for each, and not appended."""
    pipeline.source(
        "baseline",
        *("--rate", str(arguments.rate), "--lines", str(arguments.lines), "--only-seal"),
        *("--seconds", str(2 * BASELINE_SECONDS)),
    )
    time.sleep(BASELINE_SECONDS / 2)
    pipeline.watch("baseline")
    time.sleep(BASELINE_SECONDS)
    pipeline.end_watch()
    pipeline.stop("baseline")
    used = pipeline.watched.pop("baseline").cpu_seconds
    return 1000 * used / float(arguments.rate * BASELINE_SECONDS)


def missing(arrivals: list[Arrival]) -> int:
    """How many numbers between the first and the last did not arrive."""
    return arrivals[-1].sequence - len(arrivals)


def tell(pipeline: Pipeline, arrivals: list[Arrival], seconds: float, making: float) -> None:
    """The figures."""
    took = [one.took_ms for one in arrivals]
    row("arrived", len(took) / seconds, "events/s")
    row("source to PUBACK, p50", percentile(took, 0.5), "ms", most=P50_MS)
    row("source to PUBACK, p99", percentile(took, 0.99), "ms", most=P99_MS)
    pieces = [percentile(piece, 0.99) for piece in in_pieces(arrivals)]
    row(f"  p99 of each {PIECE_SECONDS:g} s, the median of them", statistics.median(pieces), "ms")
    row("source to PUBACK, worst", max(took), "ms")
    for name in sorted({one.delivery_class for one in arrivals}):
        of_class = [one.took_ms for one in arrivals if one.delivery_class == name]
        row(f"  class {name} ({len(of_class):,}), p99", percentile(of_class, 0.99), "ms")
    used = {name: watch.cpu_seconds / len(took) * 1000 for name, watch in pipeline.watched.items()}
    both = used["source"] - making + used["forwarder"]
    row("CPU a thousand events, append and forward", both, "s", most=CPU_SECONDS)
    row("  source: making events and waking for them, no more", making, "s")
    for name in ("source", "forwarder"):
        row(f"  {name}: CPU a thousand events", used[name], "s")
        row(f"  {name}: memory at most", pipeline.watched[name].peak_mb, "MB", most=RSS_MB)
        row(f"  {name}: growth in the second half", pipeline.watched[name].growth_mb, "MB", most=GROWTH_MB)
    row("  broker: CPU a thousand events, ours no more", used["broker"], "s")


def in_pieces(arrivals: Sequence[Arrival]) -> list[list[float]]:
    """What events took, in pieces of the run: who keeps the disk busy for a moment spoils few of them."""
    pieces: dict[int, list[float]] = defaultdict(list)
    for one in arrivals:
        pieces[int(one.observed_at / PIECE_SECONDS)].append(one.took_ms)
    return list(pieces.values())


if __name__ == "__main__":
    main()
