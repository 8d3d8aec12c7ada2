"""A machine that can do everything, as its attendant leaves it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from edge_agent.testing.machine_bench import ABLE, MachineBench


def bench_of(**change: Any) -> MachineBench:
    """An able machine but for what is said, that has its number; what its start told is heard."""
    bench = MachineBench(replace(ABLE, **change))
    bench.read(0x4C, machine_id=1, sequence=0)
    bench.hear()
    return bench
