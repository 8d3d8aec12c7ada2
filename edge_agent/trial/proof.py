"""The proof: what the devices did, against what the cloud received.

Three independent witnesses are compared: the devices' own ledger and meters, the journal, and
what the stand-in received. Nothing here asks the agent how it did.

An event is lost when a device raised it, did not itself drop it, it never reached the stand-in, and the
agent did not tell that it had to let it go for want of room. A received event that no raised one explains is
a repeat on the wire: the protocol lets a machine say a thing twice when the acknowledgement was lost. A
machine's meters agree when the last published snapshot is what the machine itself says at the end, and the
published events between the first and the last snapshot add up to their difference, to the cent.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edge_agent.journal import DEFAULT_CONSUMER, open_journal
from edge_agent.trial.evidence import Arrived, Matched, match, read_payloads, read_raised, read_received
from edge_agent.trial.meters import MeterCheck, check_meters
from edge_agent.trial.permitted import is_accounted, really_lost, sequences_told, told
from edge_agent.trial.plan import TrialFolder, TrialPlan
from edge_agent.verify import Report, in_sentences, verify
from edge_agent.words import counted

# So many lost events are named; the files of the run have the rest.
MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Proof:
    """What a trial proved."""

    machines: int
    tables: int
    seconds: float
    seed: int
    raised: int
    dropped_by_machines: int
    journalled: int
    acknowledged: int
    received: int
    repeats: int
    repeats_on_the_wire: int
    lost: int
    lost_events: tuple[str, ...]
    shed: int
    gaps: int
    received_in_chain: bool
    chain: tuple[str, ...]  # what a receiver's proof says of it
    tables_complete: bool
    variances: int
    meter_checks: tuple[MeterCheck, ...]
    machines_agreeing: int
    latency_ms: Mapping[str, float | None]
    polls: Mapping[str, int]
    polls_per_second: float
    cpu_percent: Mapping[str, float]
    rss_mb: Mapping[str, float]
    kills: Mapping[str, int]
    folder: str

    @property
    def meters_agree(self) -> bool:
        """Whether every machine's meters are explained, to the cent."""
        return not self.meter_checks

    @property
    def holds(self) -> bool:
        """Whether nothing was lost and everything agrees."""
        complete = not self.lost and not self.gaps and self.received_in_chain
        return complete and self.meters_agree and self.tables_complete

    def as_dict(self) -> dict[str, Any]:
        """The proof as `--json` prints it."""
        return {
            "machines": self.machines,
            "tables": self.tables,
            "seconds": round(self.seconds, 3),
            "seed": self.seed,
            "raised": self.raised,
            "dropped_by_machines": self.dropped_by_machines,
            "journalled": self.journalled,
            "acknowledged": self.acknowledged,
            "received": self.received,
            "repeats": self.repeats,
            "repeats_on_the_wire": self.repeats_on_the_wire,
            "lost": self.lost,
            "lost_events": list(self.lost_events),
            "shed": self.shed,
            "gaps": self.gaps,
            "received_in_chain": self.received_in_chain,
            "chain": list(self.chain),
            "tables_complete": self.tables_complete,
            "meters_agree": self.meters_agree,
            "meter_variances_reported": self.variances,
            "meter_checks_failed": [str(check) for check in self.meter_checks],
            "latency_ms": dict(self.latency_ms),
            "polls": self.polls.get("polls", 0),
            "polls_per_second": round(self.polls_per_second, 1),
            "missed_polls": self.missed_polls,
            "protocol_errors": self.polls.get("protocol_errors", 0),
            "collector_cpu_percent": round(self.cpu_percent["collector"], 1),
            "forwarder_cpu_percent": round(self.cpu_percent["forwarder"], 1),
            "rss_mb": {name: round(self.rss_mb[name], 1) for name in ("collector", "forwarder")},
            "kills": dict(self.kills),
            "folder": self.folder,
            "holds": self.holds,
        }

    def as_text(self) -> str:
        """The proof as a person reads it."""
        rows = [
            ("raised by the machines", f"{self.raised:>8}", self._dropped()),
            ("journalled", f"{self.journalled:>8}", "with the agent's own: snapshots, lines up and down"),
            ("acknowledged", f"{self.acknowledged:>8}", "after a PUBACK that says success"),
            ("received by the cloud", f"{self.received:>8}", f"{self.repeats} repeats removed by identity"),
            ("lost", f"{self.lost:>8}", _named(self.lost_events) or self._wire_repeats()),
            *self._let_go(),
            (
                "in chain",
                f"{'all' if self.received_in_chain else 'NOT ALL':>8}",
                "every record is what was journalled, and in its place",
            ),
            (
                "tables",
                f"{self.tables:>8}",
                "every sequence complete" if self.tables_complete else "INCOMPLETE",
            ),
            ("meters agree", f"{self.machines_agreeing:>5} of {self.machines}", "to the cent"),
        ]
        lines = ["", f"Proof, {self.seconds:.0f} s of play, seed {self.seed}", ""]
        lines += [f"  {what:<24}{figure:>12}   {remark}".rstrip() for what, figure, remark in rows]
        failed = () if self.received_in_chain else self.chain
        lines += [f"  {'':24}{'':12}   {check}" for check in (*failed, *self.meter_checks[:MOST_NAMED])]
        lines += ["", *self._figures(), ""]
        lines.append(
            f"Nothing was lost{' but what was let go for room and told' if self.shed else ''}, "
            "and every meter is explained."
            if self.holds
            else f"THE PROOF DOES NOT HOLD. The evidence is in {self.folder}"
        )
        return "\n".join(lines)

    def _let_go(self) -> list[tuple[str, str, str]]:
        if not self.shed:
            return []
        return [("shed", f"{self.shed:>8}", "let go for want of room, as the agent tells; never money")]

    def _dropped(self) -> str:
        if not self.dropped_by_machines:
            return ""
        return f"{self.dropped_by_machines} more dropped by full machines (overflow 70)"

    def _wire_repeats(self) -> str:
        return f"{self.repeats_on_the_wire} said twice by machines" if self.repeats_on_the_wire else ""

    def _figures(self) -> list[str]:
        cpu, rss = self.cpu_percent, self.rss_mb
        p50, p99 = self.latency_ms["p50"], self.latency_ms["p99"]
        kills = ", ".join(f"{name} killed {counted(times, 'time')}" for name, times in self.kills.items())
        return [
            f"  raised to PUBACK: p50 {p50} ms, p99 {p99} ms (time without a cloud included)",
            (
                f"  {self.polls_per_second:.0f} polls/s, {self.missed_polls} missed; "
                f"collector {cpu['collector']:.0f} % of a core, {rss['collector']:.0f} MB; "
                f"forwarder {cpu['forwarder']:.0f} %, {rss['forwarder']:.0f} MB"
            ),
            *([f"  {kills}"] if kills else []),
        ]

    @property
    def missed_polls(self) -> int:
        """Polls that left more than half an interval late, or that a machine that was up never answered."""
        return self.polls.get("polls_late", 0) + self.polls.get("polls_unanswered", 0)


def prove(
    plan: TrialPlan,
    folder: TrialFolder,
    *,
    began: float,
    played: float,
    cpu_percent: Mapping[str, float],
    rss_bytes: Mapping[str, int],
    polls: Mapping[str, int],
    kills: Mapping[str, int],
) -> Proof:
    """Compare what the witnesses of a run wrote down."""
    with (folder / "floor.jsonl").open(encoding="utf-8") as lines:
        raised, dropped = read_raised(lines)
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))
    arrived, copies = read_received(folder / "received.jsonl")
    with open_journal(folder / "agent" / "journal", role="read") as journal:
        journalled, acknowledged = journal.head, journal.position(DEFAULT_CONSUMER)
    receiver = verify(read_payloads(folder / "received.jsonl"), first=1, head=acknowledged)
    matched = match(raised, arrived)
    let_go = told(receiver)
    lost = really_lost(matched.lost, let_go)
    by_subject: dict[str, list[Arrived]] = defaultdict(list)
    for one in arrived:
        by_subject[one.subject].append(one)
    checks = [
        check
        for name in plan.machine_names
        for check in check_meters(name, truth[name], by_subject[name], let_go)
    ]
    return Proof(
        machines=plan.machines,
        tables=plan.tables,
        seconds=played,
        seed=plan.seed,
        raised=len(raised),
        dropped_by_machines=dropped,
        journalled=journalled,
        acknowledged=acknowledged,
        received=len(arrived),
        repeats=copies,
        repeats_on_the_wire=len(matched.unexplained),
        lost=len(lost),
        lost_events=tuple(f"{entry['line']} {entry['code']}" for entry in lost[:MOST_NAMED]),
        shed=let_go.total(),
        gaps=_gaps(arrived, receiver, acknowledged),
        received_in_chain=_is_complete(receiver, acknowledged),
        chain=tuple(in_sentences(receiver)),
        tables_complete=not any(entry["line"] in plan.table_names for entry in lost),
        variances=sum(one.event["type"] == "floor.slot.meter_variance" for one in arrived),
        meter_checks=tuple(checks),
        machines_agreeing=plan.machines - len({check.machine for check in checks}),
        latency_ms=_latency(matched, began),
        polls=polls,
        polls_per_second=polls.get("polls", 0) / played,
        cpu_percent=cpu_percent,
        rss_mb={name: used / 1e6 for name, used in rss_bytes.items()},
        kills=kills,
        folder=str(folder.run),
    )


def _named(events: Sequence[str]) -> str:
    return ", ".join(events)


def _gaps(arrived: Sequence[Arrived], receiver: Report, acknowledged: int) -> int:
    """How many acknowledged records are missing among those received, and were not let go."""
    received = {one.sequence for one in arrived}.union(sequences_told(receiver))
    return sum(sequence not in received for sequence in range(1, acknowledged + 1))


def _is_complete(receiver: Report, acknowledged: int) -> bool:
    """Whether one journal arrived, all of it that was acknowledged or let go, and in chain."""
    return not acknowledged or is_accounted(receiver)


def _latency(matched: Matched, began: float) -> dict[str, float | None]:
    """Milliseconds from a machine raising an event to its PUBACK, of what was raised since play began."""
    waits = [
        1000 * (one.acked_at - entry["at"])
        for entry, one in matched.pairs
        if one.acked_at is not None and entry["at"] >= began
    ]
    return {"p50": percentile(waits, 0.50), "p99": percentile(waits, 0.99)}


def percentile(values: Sequence[float], share: float) -> float | None:
    """The value below which `share` of them lie; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1)
