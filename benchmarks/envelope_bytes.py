"""What an event costs on the wire in a batch of 100, and what of it some attributes of its envelope cost.

    python benchmarks/envelope_bytes.py

Events of 64 machines in play, 20 a second: games beginning and ending, meters, now and then a door. Each is
written with and without the attributes, chained, and the batch compressed as the forwarder does it.
"""

from __future__ import annotations

import json
import random
from typing import Any

from edge_agent.chain import genesis, link
from edge_agent.events import ClockQuality, ClockReading, ClockSource, Observation, identify, seal
from edge_agent.events.catalogue import EXAMPLES
from edge_agent.events.slot import GameEnded, GameStarted, MetersRead, SlotException
from edge_agent.uplink.batch import make_message

BATCH, BATCHES, LIMIT_BYTES = 100, 20, 65
JOURNAL_ID = "fe11db6b6260453aa5c303bc1ff6f015"
CLOCKS = ("clocksource", "clockoffset", "clockerror")
CHAIN = ("chain",)


def main() -> None:
    """Print bytes an event, with and without."""
    batches = make_batches(random.Random(1))  # noqa: S311  play, not secrets
    whole = per_event(batches, ())
    print(f"{'bytes an event, batches of 100, compressed':<60}{whole:7.1f}   limit {LIMIT_BYTES}")
    for what, attributes in (
        ("clocksource, clockoffset, clockerror", CLOCKS),
        ("chain", CHAIN),
        ("all of these", CLOCKS + CHAIN),
    ):
        print(f"{'  of these for ' + what:<60}{whole - per_event(batches, attributes):7.1f}")


def make_batches(chance: random.Random) -> list[list[bytes]]:
    """Batches of identified, chained events."""
    bodies: dict[Any, Any] = {type(example): example for example in EXAMPLES}
    kinds = [GameStarted] * 8 + [GameEnded] * 8 + [MetersRead, SlotException]
    batches: list[list[bytes]] = []
    before, now = genesis(JOURNAL_ID), 23_000.0
    for number in range(1, BATCH * BATCHES + 1):
        now += chance.expovariate(20)
        body = changed(bodies[chance.choice(kinds)], chance)
        clock = ClockReading(
            1_795_000_000.0 + now,
            now + 0.001,
            "22d068a2-f605-4cbc-885d-ff435c2ba2ab",
            ClockQuality.SYNCHRONISED,
            ClockSource.NTP,
            round(3 - now % 60 / 20),  # what is left of 3 ms
            20 if now % 60 < 30 else 50,
        )
        observation = Observation(f"slot-{chance.randrange(1001, 1065)}", now, body)
        sealed = seal(observation, clock, "/floor/harbour/gw-07")
        before = link(before, number, sealed)
        if number % BATCH == 1:
            batches.append([])
        batches[-1].append(identify(sealed, JOURNAL_ID, number, before))
    return batches


def changed(body: Any, chance: random.Random) -> Any:  # noqa: ANN401  one of several kinds of event
    """A body with amounts of its own."""
    match body:
        case GameStarted():
            return body.model_copy(update={"coin_in_credits": chance.randrange(10**6)})
        case GameEnded():
            win = body.win.model_copy(update={"credits": chance.randrange(500)})
            return body.model_copy(update={"win": win})
        case _:
            return body


def per_event(batches: list[list[bytes]], without: tuple[str, ...]) -> float:
    """Compressed bytes an event, without some attributes."""
    sizes = [
        len(make_message("t", [stripped(event, without) for event in batch]).payload) for batch in batches
    ]
    return sum(sizes) / (BATCH * len(batches))


def stripped(event: bytes, without: tuple[str, ...]) -> bytes:
    """An event without some of its attributes."""
    kept = {name: value for name, value in json.loads(event).items() if name not in without}
    return json.dumps(kept, separators=(",", ":"), ensure_ascii=False).encode()


if __name__ == "__main__":
    main()
