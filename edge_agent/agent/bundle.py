"""The bundle: what somebody who helps from afar wants to see of a gateway, while it runs.

Made by any process that may read the state folder; it changes nothing and holds nothing up. The
journal's map says what is in it by type, never what an event says, but for captures, from which
whatever is confidential was left out when they were taken. Keys are not opened: of a certificate
the public part is told.
"""

from __future__ import annotations

import platform
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from edge_agent import __version__
from edge_agent.agent.gateway_report import GatewayReport
from edge_agent.credentials.certificate import read_certificates
from edge_agent.credentials.checkup import check_up
from edge_agent.credentials.in_use import identity_in_use
from edge_agent.desk import ask, desk_path
from edge_agent.diagnosis import Part, pack, redacted
from edge_agent.diagnosis.archive import MOST_BYTES
from edge_agent.errors import AgentError
from edge_agent.health import read_status
from edge_agent.journal import DEFAULT_CONSUMER, Journal, open_journal
from edge_agent.logs import recent_log
from edge_agent.reporting import scrub
from edge_agent.settings import Settings

# A quarter of an hour of a busy gateway.
COUNTED_RECORDS = 10_000
MOST_LETTERS = 20
# Half a minute of a busy line.
MOST_CAPTURES = 20
CAPTURED = b"floor.line.captured"
DESK_SECONDS = 3.0

_TYPE = re.compile(rb'"type":"([a-z0-9_.]{1,100})"')


def make_bundle(
    settings: Settings,
    *,
    configured: bool = True,
    forwarder: Mapping[str, Any] | None = None,
    most_bytes: int = MOST_BYTES,
) -> bytes:
    """A bundle of this gateway, as a zip. Never raises for what cannot be read: that is said in it.

    Args:
        settings: of the gateway.
        configured: whether these are its settings, rather than what its state folder says of them.
        forwarder: what the forwarder says of itself now; by default what its status file says.
        most_bytes: the size at most.
    """
    about = {
        "made_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "gateway": settings.gateway,
        "site": settings.site,
        "version": __version__,
    }
    shown: dict[str, Any] = {"not_known": "made from the state folder alone"}
    if configured:
        shown = redacted(settings.model_dump(mode="json"))
    return pack(_parts(settings, shown, forwarder), about, most_bytes)


def _parts(
    settings: Settings, configuration: Mapping[str, Any], forwarder: Mapping[str, Any] | None
) -> Iterator[Part]:
    said = read_status(settings.status_file("forwarder")) if forwarder is None else dict(forwarder)
    yield Part("report.json", GatewayReport(settings, lambda: said).make())
    yield Part("configuration.json", configuration)
    yield Part("versions.json", _versions())
    yield Part("certificates.json", _certificates(settings))
    types, captures = _recent(settings)
    yield Part("journal.json", {**_journal_map(settings), "types": types})
    yield Part("captures.jsonl", "\n".join(captures))
    yield Part("status/collector.json", _scrubbed(read_status(settings.status_file("collector"))))
    yield Part("status/forwarder.json", _scrubbed(said))
    yield Part("log/collector.jsonl", _collector_log(settings))
    yield Part("log/this-process.jsonl", "\n".join(scrub(line, 2000) for line in recent_log()))


def _versions() -> dict[str, Any]:
    packages = {one.name: one.version for one in metadata.distributions()}
    return {
        "edge_agent": __version__,
        "python": sys.version.split()[0],
        "kernel": platform.release(),
        "machine": platform.machine(),
        "os": _os_name(),
        "packages": dict(sorted(packages.items())),
    }


def _os_name() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "unknown")
    except OSError:
        return "unknown"


def _certificates(settings: Settings) -> dict[str, Any]:
    uplink = settings.uplink
    if uplink is None or uplink.kind != "iot_core":
        return {"in_use": None, "findings": []}
    findings = [{"good": one.good, "text": scrub(one.text, 500)} for one in check_up(settings)]
    try:
        chain = read_certificates("certificate", identity_in_use(uplink).certificate)
    except AgentError as error:
        return {"in_use": scrub(error.what), "findings": findings}
    return {
        "in_use": [
            {
                "subject": one.subject,
                "issuer": one.issuer,
                "serial_number": one.serial_number,
                "not_before": one.not_before.isoformat(),
                "not_after": one.not_after.isoformat(),
                "sha256": one.fingerprint,
            }
            for one in chain
        ],
        "findings": findings,
    }


def _journal_map(settings: Settings) -> dict[str, Any]:
    """Where the journal is with what, without a word of what it says."""
    try:
        with open_journal(settings.journal_path, role="read") as journal:
            return _map_of(journal)
    except AgentError as error:
        return {"trouble": scrub(str(error))}


def _map_of(journal: Journal) -> dict[str, Any]:
    position, head = journal.position(DEFAULT_CONSUMER), journal.head
    letters = journal.dead_letters()
    return {
        "id": journal.id,
        "head": head,
        "positions": {DEFAULT_CONSUMER: position},
        "waiting": journal.depth(DEFAULT_CONSUMER),
        "oldest_seconds": round(journal.oldest_age(DEFAULT_CONSUMER, time.time()), 1),
        "bytes": journal.size_bytes(),
        "dead_letters": {
            "count": len(letters),
            "last": [
                {"sequence": one.sequence, "bytes": len(one.payload), "reason": scrub(one.reason)}
                for one in letters[-MOST_LETTERS:]
            ],
        },
    }


def _recent(settings: Settings) -> tuple[dict[str, int], Sequence[str]]:
    """How many of each type are among the last records the journal still has, and the last captures.

    A capture was taken without what no log may show, so it is the one event whose text is in here.
    """
    counted: Counter[str] = Counter()
    captures: deque[str] = deque(maxlen=MOST_CAPTURES)
    with suppress(AgentError), open_journal(settings.journal_path, role="read") as journal:
        for record in journal.records(max(0, journal.head - COUNTED_RECORDS)):
            found = _TYPE.search(record.payload[:256])
            counted[found[1].decode() if found else "unreadable"] += 1
            if found and found[1] == CAPTURED:
                captures.append(record.payload.decode("utf-8", "replace"))
    return dict(sorted(counted.items())), captures


def _collector_log(settings: Settings) -> str:
    try:
        answer = ask(desk_path(settings.state), {"log": {}}, DESK_SECONDS)
    except AgentError as error:
        return f"not to be had: {scrub(error.what)}; the service manager's log has it"
    return "\n".join(scrub(str(line), 2000) for line in answer.get("lines", []))


def _scrubbed(value: Any) -> Any:  # noqa: ANN401  a status document
    """A status document with every text scrubbed, but for names of states and codes."""
    match value:
        case Mapping():
            return {str(name): _scrubbed(one) for name, one in value.items()}
        case str():
            return scrub(value)
        case Sequence():
            return [_scrubbed(one) for one in value]
        case _:
            return value


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only we can read. Raises FileExistsError rather than write over one."""
    path.touch(mode=0o600, exist_ok=False)
    path.write_bytes(content)
