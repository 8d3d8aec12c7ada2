"""Draining a backlog: how fast a million records leave, and what live events notice of it.

    scripts/benchmark drain --records 1000000

The cloud is away while the backlog grows, and the forwarder waits for it. Then it is back, and lines go on at
--live-rate: first within the quotas of one connection, 100 publishes/s and 512 KiB/s, which the forwarder
keeps and the stand-in enforces; then without either, end to end. Memory is looked at all the while. A tenth
of the records is enough for a look.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.figures import heading, percentile, row, scratch
from benchmarks.pipeline import Arrival, Lateness, Pipeline
from benchmarks.workload import MIX

WITHIN_BAR, UNTHROTTLED_BAR = 8_000.0, 12_000.0  # events/s
LIVE_P99_MS = 300.0
RSS_MB = 80.0
GROWTH_MB = 2.0
FILL_SECONDS = 900.0
POLL_SECONDS = 0.25
CAUGHT_UP = 500  # live events that may be on their way
LIVE_SETTLE_SECONDS = 1.0  # what was observed before the cloud was back waited for that


def main() -> None:
    arguments = parse()
    if "within" in arguments.parts:
        with scratch(arguments.folder) as folder, Pipeline(folder, away=True) as pipeline:
            drain(pipeline, arguments, live=arguments.live_rate)
    if "unthrottled" in arguments.parts:
        with scratch(arguments.folder) as folder, Pipeline(folder, rates=False, away=True) as pipeline:
            drain(pipeline, arguments, live=0.0)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="on the disk to measure; default: the temporary folder")
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--mix", type=float, nargs=3, default=MIX, metavar=("A", "B", "C"), help="per cent")
    parser.add_argument("--live-rate", type=float, default=50.0, help="events a second that go on meanwhile")
    parser.add_argument(
        "--parts", nargs="+", choices=("within", "unthrottled"), default=["within", "unthrottled"]
    )
    return parser.parse_args()


def drain(pipeline: Pipeline, arguments: argparse.Namespace, *, live: float) -> None:
    """Fill, and let it out."""
    limits = "within the quotas" if live else "unthrottled"
    a, b, c = arguments.mix
    limits += f"; {a:g} % A, {b:g} % B, {c:g} % C"
    heading(f"{arguments.records:,} records {limits}" + (f", {live:g} live events/s beside" if live else ""))
    fill(pipeline, arguments)
    pace = ["--rate", str(live), "--seconds", str(FILL_SECONDS)] if live else ["--linger", str(FILL_SECONDS)]
    pipeline.source("live", *pace, *mixed(arguments))  # without a rate it only keeps house
    pipeline.start_broker()
    pipeline.wait("the cloud", lambda: pipeline.status().get("connected"))
    began = time.monotonic()
    pipeline.watch("forwarder", "live")
    with Lateness() as lateness:
        while pipeline.status().get("depth", CAUGHT_UP) >= CAUGHT_UP:
            pause(pipeline)
    row("a process that only sleeps woke late, p99", lateness.p99_ms(), "ms")
    ended = time.monotonic()
    pipeline.end_watch()
    pipeline.stop("live")
    pipeline.wait("the last PUBACK", lambda: pipeline.status().get("depth") == 0)
    tell(pipeline, arguments.records, began, ended, live=bool(live))


def mixed(arguments: argparse.Namespace) -> list[str]:
    """What the sources are told of the mix."""
    return ["--mix", *(str(share) for share in arguments.mix)]


def fill(pipeline: Pipeline, arguments: argparse.Namespace) -> None:
    """A backlog, with the cloud away."""
    began = time.monotonic()
    filled = pipeline.source("filler", "--count", str(arguments.records), *mixed(arguments))
    pipeline.wait("the journal", pipeline.journal.exists)
    pipeline.processes["forwarder"].start()
    pipeline.wait("the forwarder", pipeline.status)
    pipeline.watch("filler", "forwarder")
    while not filled.exists():
        pause(pipeline)
    row("appended, with the cloud away", arguments.records / (time.monotonic() - began), "events/s")
    for name in ("filler", "forwarder"):
        watch = pipeline.watched.pop(name)
        row(f"  {name}: memory at most", watch.peak_mb, "MB", most=RSS_MB)
        row(f"  {name}: growth in the second half", watch.growth_mb, "MB", most=GROWTH_MB)
    pipeline.stop("filler")


def pause(pipeline: Pipeline) -> None:
    """Until the next look."""
    time.sleep(POLL_SECONDS)
    pipeline.sample()
    pipeline.check()


def tell(pipeline: Pipeline, records: int, began: float, ended: float, *, live: bool) -> None:
    """The figures."""
    arrivals = pipeline.arrivals()
    row("missing", arrivals[-1].sequence - len(arrivals), "events", most=0)
    left = sum(one.sequence <= records for one in arrivals)
    last = max(one.acked_at for one in arrivals if one.sequence <= records)
    row("drained", left / (last - began), "events/s", least=WITHIN_BAR if live else UNTHROTTLED_BAR)
    if live:
        since = began + LIVE_SETTLE_SECONDS
        tell_live([one for one in arrivals if one.sequence > records and since <= one.observed_at < ended])
    forwarder = pipeline.watched["forwarder"]
    row("forwarder: CPU a thousand events", 1000 * forwarder.cpu_seconds / left, "s")
    row("  forwarder: memory at most", forwarder.peak_mb, "MB", most=RSS_MB)
    row("  forwarder: growth in the second half", forwarder.growth_mb, "MB", most=GROWTH_MB)


def tell_live(arrivals: Sequence[Arrival]) -> None:
    """What live events noticed."""
    took = [one.took_ms for one in arrivals]
    row(f"live events meanwhile ({len(took):,}), p50", percentile(took, 0.5), "ms")
    row("live events meanwhile, p99", percentile(took, 0.99), "ms", most=LIVE_P99_MS)
    for name in sorted({one.delivery_class for one in arrivals}):
        took = [one.took_ms for one in arrivals if one.delivery_class == name]
        row(f"  class {name} ({len(took):,}), p99", percentile(took, 0.99), "ms")


if __name__ == "__main__":
    main()
