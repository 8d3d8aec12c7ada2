"""The pipeline as it is deployed: a source, the real forwarder and a broker, each a process of its own.

The source stands for the collector (event_source.py). The forwarder is `edge-agent forward` with awscrt and
mutual TLS; the broker is the stand-in, which writes down when it gave each PUBACK to TLS. What a figure says
of a process is read from /proc.
"""

from __future__ import annotations

import gzip
import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import yaml

from benchmarks.figures import cpu_seconds, percentile, rss_bytes
from benchmarks.workload import GATEWAY, SITE
from edge_agent.credentials.dev_pki import make_pki
from edge_agent.events.delivery_class import class_of
from edge_agent.health import read_status
from edge_agent.standin.control import StandinControl
from edge_agent.standin.ledger import Entry, read_ledger
from edge_agent.trial.processes import TrialProcess, wait_for

SLEEP_SECONDS = 0.01
SUCCESS = frozenset({0x00, 0x10})
_IDENTITY = re.compile(rb'"id":"([^"]+)","sequence":"(\d+)"')
_OBSERVED = re.compile(rb'"monotonictime":"([\d.]+)"')


@dataclass(frozen=True, slots=True)
class Arrival:
    """One event that was PUBACKed."""

    sequence: int
    delivery_class: str  # of the first event of its publish: a batch holds one class
    observed_at: float  # monotonic seconds
    acked_at: float

    @property
    def took_ms(self) -> float:
        """From the source to the PUBACK."""
        return 1000 * (self.acked_at - self.observed_at)


@dataclass(slots=True)
class Watch:
    """What a process used while it was watched."""

    cpu_seconds: float = 0.0
    rss: list[int] = field(default_factory=list)  # bytes, one a sample

    @property
    def peak_mb(self) -> float:
        """The most it held."""
        return max(self.rss) / 1e6

    @property
    def growth_mb(self) -> float:
        """How much more it held at most in the second half than in the first: 0 or so is flat."""
        middle = len(self.rss) // 2
        return (max(self.rss[middle:]) - max(self.rss[: middle or 1])) / 1e6


class Lateness:
    """How late this computer lets a process go on that only sleeps: `with Lateness() as lateness`.

    What it says of the slowest hundredth is what any of the figures beside it holds of other people's work.
    """

    def __init__(self) -> None:
        self._late: list[float] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._sleep, name="lateness", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()

    def p99_ms(self) -> float:
        """What one sleep in a hundred was late."""
        return 1000 * percentile(self._late, 0.99)

    def _sleep(self) -> None:
        while not self._stopping.is_set():
            began = time.perf_counter()
            time.sleep(SLEEP_SECONDS)
            self._late.append(time.perf_counter() - began - SLEEP_SECONDS)


class Pipeline:
    """The processes and their folder: `with Pipeline(folder) as pipeline`.

    Args:
        folder: empty.
        rates: whether broker and forwarder keep to 100 publishes/s and 512 KiB/s.
        settings: more for the forwarder.
        port: where the forwarder connects, if not to the broker itself.
        away: leave the broker out until `start_broker`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        rates: bool = True,
        settings: Mapping[str, Any] | None = None,
        port: int = 0,
        away: bool = False,
    ) -> None:
        self.folder = folder
        self.broker_port = _free_port()
        self._rates = rates
        self._settings = settings or {}
        self._port = port or self.broker_port
        self._away = away
        self._held = ExitStack()
        self._done: dict[str, Path] = {}  # what sources leave behind when they may end
        self.processes: dict[str, TrialProcess] = {}
        self.watched: dict[str, Watch] = {}

    def __enter__(self) -> Self:
        logs = self.folder / "logs"
        logs.mkdir()
        self._write_settings()
        broker = [
            *("edge_agent.standin", "--state", str(self.folder / "broker"), "--thing", GATEWAY),
            *("--site", SITE, "--port", str(self.broker_port), "--pki", str(self.folder / "pki")),
            *("--ledger", str(self.ledger)),
        ]
        self._add("broker", broker if self._rates else [*broker, "--no-rates"])
        self._add("forwarder", ["edge_agent", "forward", "--config", str(self.folder / "agent.yaml")])
        if not self._away:
            self.start_broker()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.close()

    @property
    def journal(self) -> Path:
        """The journal."""
        return self.folder / "agent" / "journal"

    @property
    def ledger(self) -> Path:
        """What the broker accepted."""
        return self.folder / "received.jsonl"

    def start_broker(self) -> None:
        """Start the broker, and wait until it listens."""
        self.processes["broker"].start()
        self.wait("the broker", StandinControl.socket_in(self.folder / "broker").exists)

    def source(self, name: str, *arguments: str) -> Path:
        """Start a source; the file that is there once it has appended everything."""
        done = self.folder / f"{name}.done"
        done.unlink(missing_ok=True)
        self._done[name] = done
        command = ["benchmarks.event_source", str(self.journal), "--done", str(done), *arguments]
        self._add(name, command).start()
        return done

    def forward(self) -> None:
        """Start the forwarder, and wait until it is connected."""
        self.processes["forwarder"].start()
        self.wait("the forwarder", lambda: self.status().get("connected"))

    def stop(self, name: str) -> None:
        """Stop one of the processes."""
        self.processes[name].stop()

    def check(self) -> None:
        """Raise AgentError if a process has ended that should not have."""
        for name, process in self.processes.items():
            if name not in self._done or not self._done[name].exists():
                process.check()

    def status(self) -> dict[str, Any]:
        """What the forwarder says of itself."""
        return read_status(self.folder / "agent" / "status" / "forwarder.json")

    def wait(self, what: str, ready: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait for something, and for nothing if a process has ended that should not have."""

        def looked() -> object:
            self.check()
            return ready()

        wait_for(what, looked, [], seconds)

    def watch(self, *names: str) -> None:
        """Begin to watch processes."""
        for name in names:
            self.watched[name] = Watch(-cpu_seconds(self.processes[name].pid))

    def sample(self) -> None:
        """Note what the watched processes hold."""
        for name, watch in self.watched.items():
            watch.rss.append(rss_bytes(self.processes[name].pid))

    def end_watch(self) -> None:
        """Note what the watched processes have used."""
        for name, watch in self.watched.items():
            watch.cpu_seconds += cpu_seconds(self.processes[name].pid)

    def arrivals(self) -> list[Arrival]:
        """Every event once, by the first copy that was PUBACKed."""
        first: dict[int, Arrival] = {}
        for entry in entries(self.ledger):
            if entry.acked_at is None or entry.puback not in SUCCESS:
                continue
            payload = plain(entry)
            its_class = class_of_publish(payload)
            for sequence, observed_at in events_of(payload):
                first.setdefault(sequence, Arrival(sequence, its_class, observed_at, entry.acked_at))
        return [first[sequence] for sequence in sorted(first)]

    def _add(self, name: str, arguments: Sequence[str]) -> TrialProcess:
        process = TrialProcess(name, arguments, self.folder / "logs" / f"{name}.log")
        self.processes[name] = process
        self._held.callback(process.stop)
        return process

    def _write_settings(self) -> None:
        pki = make_pki(self.folder / "pki", thing=GATEWAY)
        uplink = {
            "endpoint": "localhost",
            "port": self._port,
            "ca": str(pki.ca),
            "certificate": str(pki.device_certificate),
            "key": str(pki.device_key),
            "cloud_limits": self._rates,
            "max_reconnect_ms": 2_000,  # a benchmark is short
        }
        settings = {
            "site": SITE,
            "gateway": GATEWAY,
            "state": str(self.folder / "agent"),
            "uplink": uplink,
            "log": {"level": "info", "form": "json"},
            **self._settings,
        }
        (self.folder / "agent.yaml").write_text(yaml.safe_dump(settings), encoding="utf-8")


def entries(ledger: Path) -> Iterator[Entry]:
    """The publishes that carry events."""
    for entry in read_ledger(ledger) if ledger.exists() else ():
        if (entry.content_type or "").startswith("application/cloudevents"):
            yield entry


def plain(entry: Entry) -> bytes:
    """A payload as it was before it was compressed."""
    return gzip.decompress(entry.payload) if entry.encoding == "gzip" else entry.payload


def class_of_publish(payload: bytes) -> str:
    """The class of its first event."""
    event, _end = json.JSONDecoder().raw_decode(payload.decode(), payload.startswith(b"["))
    return class_of(event).value


def events_of(payload: bytes) -> Iterator[tuple[int, float]]:
    """Of each event of a publish, its sequence and when it was observed."""
    sequences = [int(found[2]) for found in _IDENTITY.finditer(payload)]
    observed = [float(found[1]) for found in _OBSERVED.finditer(payload)]
    assert len(sequences) == len(observed), "an event without a number or a time"
    return zip(sequences, observed, strict=True)


def until(moment: float) -> Iterator[float]:
    """Once a second until a monotonic moment."""
    while (now := time.monotonic()) < moment:
        time.sleep(min(1.0, moment - now))
        yield time.monotonic()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])
