"""What a stand-in is told before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.standin.policy import shipped
from edge_agent.standin.provisioning import TOKEN_LIFETIME
from edge_agent.standin.templates import Template

CONTROL_SOCKET = "control.sock"
LEDGER = "ledger.jsonl"
COUNTS = "counts.json"
REGISTRY = "registry.json"
ISSUING = "issuing"  # the folder of the authority that signs requests


def shipped_policy() -> Path:
    """The policy document that `certs/` ships: the same file, which the package carries along."""
    return shipped("forwarder")


@dataclass(frozen=True, slots=True)
class StandinConfig:
    """One stand-in.

    `things` names the things that exist and their attributes; a certificate's common name is the
    thing it is attached to, and `policy` what it may do. `observer` is a client id that may connect
    with any certificate of `ca` and watch, never publish.

    With `templates` it answers the questions of fleet provisioning and has an issuing authority
    in its state folder, which it trusts beside `ca`. `claims` are claim certificates (PEM): they
    have no thing, and the policy named "claim". `policies` are further documents by name, for claims
    and templates; the three that `certs/` ships are known without being named here.
    """

    state: Path
    ca: Path
    certificate: Path
    key: Path
    things: Mapping[str, Mapping[str, str]]
    policy: Path = field(default_factory=shipped_policy)
    port: int = 0  # 0: any free one
    ledger: Path | None = None  # default: ledger.jsonl in the state folder
    observer: str | None = None
    rates: bool = True  # hold connections to 100 publishes and 512 KiB a second
    discard_excess: bool = False  # say nothing to a publish too many, in place of 0x97
    rules: tuple[str, ...] = ()  # take what is published to `$aws/rules/<name>/…`
    counts: bool = False  # count what is accepted, and keep none of it
    seed: int = 0  # of the PUBACKs that are lost by percentage
    templates: tuple[Template, ...] = ()
    claims: tuple[Path, ...] = ()
    policies: Mapping[str, Path] = field(default_factory=dict)
    token_lifetime: float = TOKEN_LIFETIME  # seconds
    certificate_days: float | None = None  # how long an issued certificate lasts; None: a year
    alpn_demanded: bool = False  # refuse whoever does not name x-amzn-mqtt-ca, as port 443 does

    @property
    def ledger_file(self) -> Path:
        """Where accepted publishes are written."""
        return self.ledger or self.state / (COUNTS if self.counts else LEDGER)

    @property
    def registry_file(self) -> Path:
        """Where certificates that must outlive a restart are kept."""
        return self.state / REGISTRY

    @property
    def issuing_folder(self) -> Path:
        """Where the issuing authority is kept."""
        return self.state / ISSUING
