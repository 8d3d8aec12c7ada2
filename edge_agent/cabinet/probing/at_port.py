"""At a port: a probe driven over a link that is open, in real time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from edge_agent.cabinet.driving import drive
from edge_agent.cabinet.probing.findings import Findings
from edge_agent.cabinet.probing.probe import Probe
from edge_agent.links import Advising, Link, Nudging, OfAKind, PortKind


def probe_link(
    link: Link,
    address: int | None,
    seconds: float | None,
    *,
    enough: Callable[[], bool],
    say: Callable[[str], None],
    monotonic: Callable[[], float] = time.monotonic,
) -> Findings:
    """What is found at an open link. Raises LinkError when it is lost.

    Args:
        link: the link.
        address: the one that is expected.
        seconds: how long to search at most, and to measure; see Probe.
        enough: ends the visit early, in good order.
        say: is told what is being done.
        monotonic: the clock.
    """
    kind = link.kind if isinstance(link, OfAKind) else PortKind()
    probe = Probe(kind, address, seconds, can_nudge=isinstance(link, Nudging))
    probe.link_opened(monotonic())
    phase = ""

    def is_over() -> bool:
        nonlocal phase
        if probe.phase != phase:
            phase = probe.phase
            say(phase)
        if enough():
            probe.stop()
        character = probe.take_nudge(monotonic())
        if character is not None and isinstance(link, Nudging):
            link.nudge(character)
        return probe.settled

    drive(probe, link, monotonic, until=is_over, after_write=lambda: probe.left(monotonic()))
    return replace(probe.findings, notes=link.advice if isinstance(link, Advising) else ())
