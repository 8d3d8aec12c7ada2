"""A table on a line: a simulated shuffler and the device end that speaks for it, as one end of a wire.

Bytes and time in, bytes out. What it raised, what it lost itself and what the host acknowledged
is its history; what it is in the end, its truth.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from edge_agent.simulator.shuffler import CardShuffler, ShufflerSpec
from edge_agent.simulator.travelling import Travelling, Wire
from edge_agent.tdl1 import DeviceCard, DeviceEnd, Fate
from edge_agent.tdl1.plain import PlainReader

_WORDS = {Fate.RAISED: "raised", Fate.OVERWRITTEN: "dropped", Fate.ACKNOWLEDGED: "acknowledged"}


class TableOnLine:
    """One shuffler at its end of a line.

    Args:
        spec: what the shuffler is.
        seed: of its story.
        rate: how much faster than life it plays.
        address: on its line.
        boot: its boot counter before this power-up.
        to_device: the wire from the host; None for a perfect one.
        to_host: the wire to the host.
    """

    def __init__(
        self,
        spec: ShufflerSpec,
        seed: int,
        *,
        rate: float = 1.0,
        address: int = 1,
        boot: int = 0,
        to_device: Wire | None = None,
        to_host: Wire | None = None,
    ) -> None:
        self.shuffler = CardShuffler(spec, seed, rate)
        self.end = DeviceEnd(
            DeviceCard("SHF", spec.maker, spec.model, spec.serial, spec.firmware),
            self.shuffler.counters,
            lambda: self.shuffler.status,
            address=address,
            boot=boot,
        )
        self._from_host = PlainReader()
        self._to_device = Travelling(to_device)
        self._to_host = Travelling(to_host)
        self._values: dict[tuple[int, int], Mapping[str, str]] = {}
        self._started = self._stopping = False

    def __repr__(self) -> str:
        return f"<TableOnLine {self.shuffler!r} {self.end!r}>"

    @property
    def pending(self) -> int:
        """What it has raised and the host has not acknowledged; one more while it may still raise."""
        return self.end.waiting + (self._stopping and self.shuffler.next_timer() is not None)

    def receive_data(self, stream: bytes, now: float) -> None:
        """Take a marked stream from the host."""
        self._to_device.send(stream, now)

    def handle_timer(self, now: float) -> None:
        """Live on."""
        if not self._started:
            self._started = True
            self.end.boot(now)
            self.shuffler.start(now)
        for said in self.shuffler.handle_timer(now):
            sequence = self.end.raise_event(said.code, said.values, now)
            self._values[self.end.boot_counter, sequence] = said.values
        arrived = self._to_device.arrived(now)
        if arrived:
            self.end.receive_data(self._from_host.receive_data(arrived), now)
        self.end.handle_timer(now)
        self._to_host.send(self.end.data_to_send(now), now)

    def next_timer(self) -> float | None:
        """When to be called next."""
        dues = (
            self.end.next_timer(),
            self.shuffler.next_timer(),
            self._to_device.next_timer(),
            self._to_host.next_timer(),
        )
        return min((due for due in dues if due is not None), default=None)

    def data_to_send(self, now: float) -> bytes:
        """What reaches the host now, as a marked stream."""
        self.handle_timer(now)
        return self._to_host.arrived(now)

    def stop_play(self, now: float) -> None:
        """Finish the cycle, and start no other."""
        self.handle_timer(now)
        self._stopping = True
        self.shuffler.stop_play(now)

    def power_cycle(self, now: float) -> None:
        """The plug is pulled and put back: what the host had not acknowledged is gone."""
        self.shuffler.totals.power_ons += 1
        self.end.boot(now)

    def history(self) -> Iterator[dict[str, Any]]:
        """What was raised, dropped and acknowledged since last asked."""
        for happened in self.end.take_history():
            key = (happened.boot, happened.sequence)
            values = self._values.get(key, {})
            if happened.fate is not Fate.RAISED:
                self._values.pop(key, None)
            yield {
                "what": _WORDS[happened.fate],
                "at": happened.at,
                "serial": happened.boot << 16 | happened.sequence,
                "code": [happened.boot, happened.sequence],
                "values": {"code": happened.code, **values},
            }

    def truth(self) -> dict[str, Any]:
        """What the shuffler itself says at the end."""
        return {
            "serial": self.shuffler.spec.serial,
            "boot": self.end.boot_counter,
            "last_sequence": self.end.sequence,
            "counters": self.shuffler.counters()[1],
        }
