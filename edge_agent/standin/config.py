"""What a stand-in is told before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

CONTROL_SOCKET = "control.sock"
LEDGER = "ledger.jsonl"


def shipped_policy() -> Path:
    """The policy document that `certs/` ships: the same file, which the package carries along."""
    return Path(__file__).with_name("forwarder-policy.json")


@dataclass(frozen=True, slots=True)
class StandinConfig:
    """One stand-in.

    `things` names the things that exist and their attributes; a certificate's common name is the
    thing it is attached to. `observer` is a client id that may connect with any certificate of
    `ca` and watch, never publish.
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
    seed: int = 0  # of the PUBACKs that are lost by percentage

    @property
    def ledger_file(self) -> Path:
        """Where accepted publishes are written."""
        return self.ledger or self.state / LEDGER
