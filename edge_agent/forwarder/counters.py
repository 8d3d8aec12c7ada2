"""Counters: what the forwarder has done since it started, for health and the live view."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class ForwarderCounters:
    """What the forwarder has done since it started."""

    published: int = 0  # publishes, repeats included
    delivered: int = 0  # publishes whose receipt meant success
    delivered_bytes: int = 0  # their payloads
    acknowledged: int = 0  # records
    dead_letters: int = 0  # records
    untold: int = 0  # an alarm: records of which not even that they were set aside was taken yet
    in_flight: int = 0  # publishes
    retries: int = 0  # publishes that failed and are sent again
    unconfirmed: int = 0  # publishes accepted by a nucleus and not confirmed by the cloud
    no_confirmations: int = 0  # of another journal, or without sense
    refused: dict[str, int] = field(default_factory=dict)  # publishes by code, as 0x87
    withheld: bool = False  # an alarm: the cloud does not let us publish to a topic of ours
    withheld_topics: tuple[str, ...] = ()  # to these
    last_reason: str = ""  # why a publish failed last; empty once all is well again
