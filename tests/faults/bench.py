"""The bench: a source, a forwarder and a cloud as processes of their own, and what became of it all.

What a fault test does to them is real: signals, sockets, disks. What it learns comes from the proof files
and the cloud's ledger.
"""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import yaml

from edge_agent.credentials.dev_pki import PkiPaths
from edge_agent.desk import desk_path
from edge_agent.health import read_status
from edge_agent.journal import DEFAULT_CONSUMER, open_journal
from edge_agent.settings import load_settings
from edge_agent.standin import Entry, StandinControl, read_ledger
from edge_agent.testing.judgement import Judgement, judge, read_proof
from edge_agent.testing.patience import wait_until
from edge_agent.testing.reserved_port import ReservedPort
from edge_agent.trial.processes import TrialProcess
from edge_agent.verify import in_sentences, verify

GATEWAY, SITE = "gw-07", "lab"
# A wait ends when what it waits for is so: on a loaded machine, after a minute's pause between attempts too.
PATIENCE_SECONDS = 120.0


class Bench:
    """One gateway and its cloud; each process is started by whoever needs it, and ended with the bench.

    Args:
        folder: where everything is kept.
        pki: certificates of gateway gw-07 and its broker.
    """

    def __init__(self, folder: Path, pki: PkiPaths) -> None:
        self.folder = folder
        self._held = ExitStack()
        self.port = self._held.enter_context(ReservedPort()).number  # of the cloud, over all its lives
        self.settings_file = folder / "agent.yaml"
        self.uplink: dict[str, Any] = {
            "endpoint": "localhost",
            "port": self.port,
            "ca": str(pki.ca),
            "certificate": str(pki.device_certificate),
            "key": str(pki.device_key),
            "keep_alive_seconds": 30,
            "max_reconnect_ms": 2_000,
        }
        self.state = folder / "state"
        self._proofs = folder / "proofs"
        self._ledger = folder / "cloud" / "ledger.jsonl"
        (folder / "logs").mkdir()
        self.cloud_arguments = [
            *("edge_agent.standin", "--state", str(folder / "cloud"), "--pki", str(pki.ca.parent)),
            *("--thing", GATEWAY, "--site", SITE, "--port", str(self.port)),
        ]
        self.cloud = self.process("cloud", *self.cloud_arguments)
        self.forwarder = self.process("forwarder", *self._forward)

    def close(self) -> None:
        """End every process."""
        self._held.close()

    def process(self, name: str, *arguments: str) -> TrialProcess:
        """A process that ends with the bench; not started."""
        process = TrialProcess(name, arguments, self.folder / "logs" / f"{name}.log")
        self._held.callback(process.kill)
        return process

    # Starting.

    def configure(self, **settings: object) -> None:
        """Write the gateway's settings: those of the bench, and others by their group."""
        self.state.mkdir(mode=0o700, exist_ok=True)  # by the collector, if there were one
        document = {"site": SITE, "gateway": GATEWAY, "state": str(self.state), "uplink": self.uplink}
        self.settings_file.write_text(yaml.safe_dump({**document, "log": {"form": "json"}, **settings}))

    @property
    def _forward(self) -> tuple[str, ...]:
        return "edge_agent", "forward", "--config", str(self.settings_file)

    @property
    def journal(self) -> Path:
        """Where the gateway's journal is."""
        return load_settings(self.settings_file, environment={}).journal_path

    def source(self, *arguments: str, another_world: Sequence[str] = ()) -> TrialProcess:
        """A source; not started."""
        folders = str(self.journal), str(self._proofs), "--desk", str(desk_path(self.state))
        return self.process(
            "source", *_in(another_world), "edge_agent.testing.event_source", *folders, *arguments
        )

    def forwarder_in_another_world(self, *changes: str) -> None:
        """Have the forwarder run where something is different; not started."""
        self.forwarder = self.process("forwarder", *_in(changes), *self._forward)

    def running_source(self, *arguments: str, another_world: Sequence[str] = ()) -> TrialProcess:
        """A source that appends, with the cloud and the forwarder at work already."""
        source = self.source(*arguments, another_world=another_world)
        self.start_cloud()
        source.start()
        self.start_forwarder()
        self.wait_until(lambda: any(self.payloads()))
        return source

    def append_all(self, count: int) -> None:
        """Have a source append so many, and end."""
        source = self.source("--rate", "0", "--batch", "100", "--count", f"{count}")
        before = len(self.said("source", "appended"))
        source.start()
        self.wait_for_more(lambda: len(self.said("source", "appended")), before)
        source.stop()

    def start_cloud(self) -> None:
        """Start the cloud, and wait until it listens."""
        self.cloud.start()
        self.wait_until(self._cloud_listens)

    def start_forwarder(self) -> None:
        """Start the forwarder, and wait until it is connected."""
        self.forwarder.start()
        self.wait_until(lambda: self.status().get("connected"))

    def control(self) -> StandinControl:
        """What makes the cloud's faults."""
        return StandinControl(self.folder / "cloud")

    # Looking.

    def status(self) -> Mapping[str, Any]:
        """What the forwarder's process in this life says of itself."""
        status = read_status(self.state / "status" / "forwarder.json")
        return status if status.get("pid") == self.forwarder.pid else {}

    def proven(self) -> int:
        """How many records `append` returned for, so far."""
        return sum(1 for proof in self.proofs for _record in read_proof(proof))

    @property
    def proofs(self) -> list[Path]:
        """The proof files of the sources there were, one for each life."""
        return sorted(self._proofs.iterdir()) if self._proofs.exists() else []

    def depth(self) -> int:
        """How many records wait for the forwarder; as many as can be if there is no journal yet."""
        with open_journal(self.journal, role="read") as journal:
            return journal.depth(DEFAULT_CONSUMER)

    def head(self) -> int:
        """The last sequence that was appended."""
        with open_journal(self.journal, role="read") as journal:
            return journal.head

    def said(self, name: str, what: str) -> list[Any]:
        """What a process has said of one thing, in all its lives."""
        log = self.folder / "logs" / f"{name}.log"
        lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
        documents = [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
        return [document[what] for document in documents if what in document]

    def entries(self) -> Iterator[Entry]:
        """What the cloud accepted."""
        return read_ledger(self._ledger) if self._ledger.exists() else iter(())

    def payloads(self) -> Iterator[bytes]:
        """The payloads of publishes of events."""
        for entry in self.entries():
            if "/ev/" in entry.topic:
                yield gzip.decompress(entry.payload) if entry.encoding == "gzip" else entry.payload

    def accepted(self) -> int:
        """How many publishes of events the cloud has accepted."""
        return self._ledger.read_bytes().count(b"/ev/") if self._ledger.exists() else 0

    def logs(self) -> str:
        """The last words of each process."""
        tails = [
            f"{log.name}: {line}"
            for log in sorted((self.folder / "logs").iterdir())
            for line in log.read_text(errors="replace").splitlines()[-5:]
        ]
        return "\n".join(["", *tails])

    # Waiting and judging.

    def wait_until(self, true: Callable[[], object]) -> None:
        """Wait for something; what the processes said last if it does not come."""
        wait_until(true, PATIENCE_SECONDS, self.logs)

    def wait_for_more(self, number: Callable[[], int], than: int) -> None:
        """Wait until a number has risen."""
        self.wait_until(lambda: number() > than)

    def refusals(self) -> int:
        """How often the source has said that the journal refuses."""
        return len(self.said("source", "refused"))

    def drain(self) -> None:
        """Wait until the forwarder has nothing left to send."""
        self.wait_until(lambda: self.depth() == 0)

    def judge(self) -> Judgement:
        """What became of all that `append` returned for.

        The cloud's own proof is asked too: nothing may be missing, altered or out of the chain.
        """
        report = verify(self.payloads())
        assert all(journal.accounted for journal in report.journals), [*in_sentences(report)]
        assert not report.unreadable, [*in_sentences(report)]
        with open_journal(self.journal, role="read") as journal:
            set_aside = [(journal.id, letter.sequence) for letter in journal.dead_letters()]
        return judge(self.proofs, self.payloads(), set_aside)

    def _cloud_listens(self) -> bool:
        self.cloud.check()
        try:
            with self.control() as control:
                return bool(control.status()["up"])
        except Exception:  # noqa: BLE001  not there yet, or half of it
            return False


def rss_bytes(process: TrialProcess) -> int:
    """What a process has in memory now."""
    resident = Path(f"/proc/{process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(resident) * os.sysconf("SC_PAGE_SIZE")


def _in(world: Sequence[str]) -> tuple[str, ...]:
    return ("edge_agent.testing.another_world", *world) if world else ()
