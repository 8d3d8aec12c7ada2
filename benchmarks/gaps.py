"""The gap between an address and the rest of its poll, with 64 lines running in one process.

    .venv/bin/python benchmarks/gaps.py

SAS allows 5 ms between two characters. Printed: p50, p99 and p99.9 of the gap, and their ratio to that; once
as fast as we can, once waiting as an FTDI adapter needs it, and once so with the lines scheduled before all
that is not real-time. Below each, how late this computer woke a process that did nothing but sleep: of the
figures above it, that much is the computer's. Last, what a device server puts between both.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from edge_agent.drivers.sas import DRIVER
from edge_agent.links import open_link
from edge_agent.links.adapters import ADAPTERS
from edge_agent.testing.device_server import DeviceServer, Recorder
from edge_agent.testing.gap_bench import LIMIT_SECONDS, Gaps, measure_gaps

SHARES = (0.5, 0.99, 0.999)
# An address and the poll behind it, sent to a device server so often.
POLL, FAR_POLLS = bytes.fromhex("ff0001 1a"), 2000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--lines", type=int, default=64)
    arguments.add_argument("--seconds", type=float, default=30.0)
    arguments.add_argument("--poll-ms", type=int, default=40)
    chosen = arguments.parse_args()

    (ftdi,) = [adapter for adapter in ADAPTERS if adapter.driver == "ftdi_sio"]
    print(f"{chosen.lines} lines, each polled every {chosen.poll_ms} ms")
    for what, handover, real_time in (
        ("no wait", 0.0, False),
        (ftdi.chips, ftdi.handover, False),
        (f"{ftdi.chips}, real-time", ftdi.handover, True),
    ):
        with tempfile.TemporaryDirectory() as folder:
            try:
                gaps = measure_gaps(
                    Path(folder),
                    lines=chosen.lines,
                    seconds=chosen.seconds,
                    poll_ms=chosen.poll_ms,
                    handover=handover,
                    real_time=real_time,
                )
            except PermissionError:
                print(f"{what}: this user may run nothing real-time")
            else:
                show(what, gaps)
                print(f"  a process that only sleeps woke {1000 * gaps.late:.3f} ms late at p99.9")
    show("one line through RFC 2217, pyserial's server on this computer", far_gaps())


def far_gaps() -> Gaps:
    """What a device server's port put between each address and its rest."""
    with DeviceServer(Recorder()) as server:
        link = open_link(f"rfc2217:{server.address}", DRIVER.serial_format)
        link.open()
        for _ in range(FAR_POLLS):
            link.write(POLL)
            link.read(0.003)
        link.close()
    sent = server.port.sent
    pairs = zip(sent[::2], sent[1::2], strict=True)
    return Gaps(sorted(rest.begins - address.ends for address, rest in pairs), 0.0, 0.0)


def show(what: str, gaps: Gaps) -> None:
    print(f"{what}: {len(gaps.gaps)} polls")
    for share in SHARES:
        gap = gaps.quantile(share)
        print(f"  p{100 * share:<5g} {1000 * gap:7.3f} ms   of 5 ms: {gap / LIMIT_SECONDS:5.2f}")
    print(f"  longest {1000 * gaps.gaps[-1]:6.3f} ms")


if __name__ == "__main__":
    main()
