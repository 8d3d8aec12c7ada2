"""Audit: known vulnerabilities in what the lock files name.

pip-audit says "no known vulnerabilities", and ends well, also when the service knew none of the packages
because it was not the service that answered. Here a package counts as audited only if the service
has answered for it:

    0  every package was audited, none is vulnerable; or the service could not be asked, which is said
    1  a package is vulnerable, or, with AUDIT_REQUIRED=1, could not be audited
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# A lock file is some forty packages, each one request of a fraction of a second.
SECONDS = 120.0
REQUEST_SECONDS = 10
LONGEST_REASON = 120  # characters; the rest of a library's message names the same thing again
# pip-audit can ask either; a network may reach only one of them.
SERVICES = ("pypi", "osv")
LOCKS = Path("requirements")


@dataclass(frozen=True, slots=True)
class Audit:
    """What a service said of the packages."""

    audited: int
    vulnerable: tuple[str, ...] = ()  # one line each
    unanswered: tuple[str, ...] = ()  # names
    unreachable: str = ""  # why, if there is no report at all


def main() -> int:
    """Audit every lock file with the first service that answers."""
    locks = sorted(LOCKS.glob("*.txt"))
    audits = {}
    for service in SERVICES:
        audits[service] = audit(command(service, locks), SECONDS)
        if audits[service].audited:
            return say(audits[service], service)
    return say_unreachable(audits)


def command(service: str, locks: Iterable[Path]) -> list[str]:
    """How pip-audit is asked. `--disable-pip`: the locks name everything, nothing is resolved."""
    requirements = [word for lock in locks for word in ("--requirement", str(lock))]
    return [
        *(sys.executable, "-m", "pip_audit", "--require-hashes", "--disable-pip", "--format", "json"),
        *("--progress-spinner", "off", "--timeout", str(REQUEST_SECONDS)),
        *("--vulnerability-service", service, *requirements),
    ]


def audit(arguments: Sequence[str], seconds: float) -> Audit:
    """Run pip-audit, within so many seconds."""
    try:
        done = subprocess.run(  # noqa: S603  our own command
            arguments, capture_output=True, text=True, timeout=seconds, check=False
        )
    except subprocess.TimeoutExpired:
        return Audit(0, unreachable=f"no report within {seconds:g} s")
    try:
        return read(json.loads(done.stdout))
    except (ValueError, KeyError, TypeError, AttributeError):
        lines = done.stderr.strip().splitlines() or ["no report"]
        return Audit(0, unreachable=lines[-1][:LONGEST_REASON])


def read(report: Mapping[str, Any]) -> Audit:
    """An audit from pip-audit's report."""
    packages = {package["name"]: package for package in report["dependencies"]}
    unanswered = sorted(name for name, package in packages.items() if "skip_reason" in package)
    vulnerable = [
        f"{name} {package['version']}: {found['id']}, mended in {' or '.join(found['fix_versions']) or '-'}"
        for name, package in sorted(packages.items())
        for found in package.get("vulns", ())
    ]
    return Audit(len(packages) - len(unanswered), tuple(vulnerable), tuple(unanswered))


def say(found: Audit, service: str) -> int:
    """Print what was found; the exit status."""
    for line in found.vulnerable:
        print(f"vulnerable: {line}")
    if found.unanswered:
        print(f"not audited: {service} has no answer for {', '.join(found.unanswered)}")
    print(f"{found.audited} packages audited by {service}, {len(found.vulnerable)} vulnerabilities")
    return int(bool(found.vulnerable) or (required() and bool(found.unanswered)))


def say_unreachable(audits: Mapping[str, Audit]) -> int:
    """Print that nothing was audited; the exit status."""
    for service, tried in audits.items():
        reason = (
            tried.unreachable
            or f"answers for none of {len(tried.unanswered)} packages: another answers for it"
        )
        print(f"{service}: {reason}")
    print("NOT AUDITED: no advisory service can be reached from here — run scripts/audit where one can")
    return int(required())


def required() -> bool:
    """Whether an audit that could not be made is a failure."""
    return os.environ.get("AUDIT_REQUIRED", "") not in ("", "0")


if __name__ == "__main__":
    sys.exit(main())
