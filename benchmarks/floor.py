"""The whole path under load: 64 machines on one gateway, and raised to PUBACK with 8.

Everything is real: pseudo-terminals, fsynced commits, TLS with client certificates, awscrt.
The simulated machines and the stand-in run on the same computer, so a gateway of its own does
better. `benchmarks/floor.py SECONDS` plays longer than the usual 60.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from typing import Any

ROUNDS = 3  # medians of rounds: machines are noisy


def simulate(*arguments: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "edge_agent", "simulate", "--json", "--state", state, *arguments]
        run = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    proof: dict[str, Any] = json.loads(run.stdout)
    assert proof["lost"] == 0, proof
    return proof


def median(proofs: list[dict[str, Any]], *path: str) -> float:
    values = []
    for proof in proofs:
        value: Any = proof
        for name in path:
            value = value[name]
        values.append(float(value))
    return statistics.median(values)


def row(what: str, value: float, limit: float, unit: str) -> None:
    print(f"{what:<44} {value:>9.2f} {unit:<8} limit {limit:>7.2f}   ratio {value / limit:5.2f}")


def main() -> None:
    seconds = sys.argv[1] if len(sys.argv) > 1 else "60"
    quiet = ("--tables", "0", "--outage", "0", "--for", seconds)

    full = [simulate("--machines", "64", "--poll-ms", "40", *quiet) for _ in range(ROUNDS)]
    print(f"64 machines, polled every 40 ms, {seconds} s, median of {ROUNDS} runs")
    polls = median(full, "polls_per_second")
    row("polls per second", polls, 64 * 1000 / 40, "/s")
    row("missed polls", 100 * median(full, "missed_polls") / median(full, "polls"), 0.1, "%")
    row("collector CPU", median(full, "collector_cpu_percent"), 25, "% core")
    row("collector memory", median(full, "rss_mb", "collector"), 80, "MB")
    row("forwarder CPU", median(full, "forwarder_cpu_percent"), 25, "% core")

    few = [simulate("--machines", "8", "--poll-ms", "40", *quiet) for _ in range(ROUNDS)]
    print(f"\n8 machines, polled every 40 ms, {seconds} s, median of {ROUNDS} runs")
    row("raised to PUBACK, p50", median(few, "latency_ms", "p50"), 60, "ms")
    row("raised to PUBACK, p99", median(few, "latency_ms", "p99"), 150, "ms")


if __name__ == "__main__":
    main()
