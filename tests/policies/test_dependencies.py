"""What we depend on: locked, hashed, listed, under licences a casino's lawyers have seen, and audited."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
GATEWAY = [lock for lock in LOCKS if lock.stem not in {"benchmarks", "dev", "fuzz", "mutation"}]
DECISION = ROOT / "docs" / "decisions" / "0001-dependencies.md"
PINNED = re.compile(r"([a-z0-9][a-z0-9._-]*)(\[[a-z0-9,_-]+\])?==([^\s;]+)( ; .+)?")
# What a product may be shipped with, whatever its own licence.
PERMISSIVE = {"Apache-2.0", "BSD", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0"}
# What a developer may use beside it, and nobody ships.
FOR_DEVELOPERS = {"GPL-2.0-only", "MPL-2.0"}
# How packages from before SPDX say it.
OLDER_NAMES = {
    "Apache 2.0": "Apache-2.0",
    "Apache License": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD 2-Clause License": "BSD-2-Clause",
    "BSD License": "BSD",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "PSFL": "PSF-2.0",
}


def locked(lock: Path) -> dict[str, list[str]]:
    """Name -> hashes, of every requirement of a lock file."""
    text = lock.read_text(encoding="utf-8").replace("\\\n", " ")
    found = {}
    for line in (line.strip() for line in text.splitlines() if not line.startswith("#")):
        if not line:
            continue
        requirement, *hashes = line.split(" --hash=")
        pinned = PINNED.fullmatch(requirement.strip())
        assert pinned is not None, f"{lock.name}: {requirement} is not pinned"
        found[pinned[1]] = [one.strip() for one in hashes]
    return found


def licences(name: str) -> set[str]:
    """Any one of these applies."""
    about = metadata.metadata(name).json
    said = str(about.get("license_expression") or about.get("license") or "").split("\n")[0]
    classified = [
        line.rpartition(" :: ")[2]
        for line in about.get("classifier", ())
        if line.startswith("License :: OSI Approved")
    ]
    return {OLDER_NAMES.get(one, one) for one in [*said.split(" OR "), *classified] if one}


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_and_hashed(lock: Path) -> None:
    packages = locked(lock)

    assert packages
    for name, hashes in packages.items():
        assert hashes, f"{name} has no hash"
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes), name


def test_a_gateway_gets_what_the_decision_lists_and_nothing_else() -> None:
    _, _, whole_list = DECISION.read_text(encoding="utf-8").partition("\n## Everything a gateway")

    listed = re.findall(r"^\| `([a-z0-9-]+)` \|", whole_list, re.MULTILINE)

    assert sorted(set().union(*map(locked, GATEWAY))) == sorted(listed)


@pytest.mark.parametrize("name", sorted(set().union(*map(locked, GATEWAY))))
def test_what_is_shipped_has_a_permissive_licence(name: str) -> None:
    assert licences(name) & PERMISSIVE, f"{name}: {licences(name)}"


@pytest.mark.parametrize("name", sorted(locked(ROOT / "requirements" / "dev.txt")))
def test_what_developers_use_has_a_licence_we_know(name: str) -> None:
    assert licences(name) & (PERMISSIVE | FOR_DEVELOPERS), f"{name}: {licences(name)}"


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit", ROOT / "scripts" / "audit_dependencies.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["audit"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def package(name: str, *vulnerabilities: str) -> dict[str, Any]:
    found = [{"id": one, "fix_versions": ["2.0"], "aliases": []} for one in vulnerabilities]
    return {"name": name, "version": "1.0", "vulns": found}


def skipped(name: str) -> dict[str, Any]:
    return {"name": name, "skip_reason": "Dependency not found on PyPI and could not be audited"}


# What a service reports -> whether it fails, whether it fails where an audit is demanded, what is said.
REPORTS = [
    pytest.param([package("a"), package("b")], 0, 0, "2 packages audited by pypi, 0 vuln", id="clean"),
    pytest.param([package("a", "CVE-1"), package("b")], 1, 1, "vulnerable: a 1.0: CVE-1", id="vulnerable"),
    pytest.param([package("a"), skipped("b")], 0, 1, "pypi has no answer for b", id="one unknown"),
    pytest.param([package("a", "CVE-1"), skipped("b")], 1, 1, "mended in 2.0", id="vulnerable and unknown"),
    pytest.param([skipped("a"), skipped("b")], 0, 1, "NOT AUDITED", id="all unknown"),
    pytest.param(None, 0, 1, "NOT AUDITED", id="no report"),
]


@pytest.fixture
def asked_of(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str]]:
    """Audit by a service that reports this: the exit status and what is said."""

    def ask(report: list[dict[str, Any]] | None, *, demanded: bool = False) -> tuple[int, str]:
        script = "raise SystemExit('no route to host')"
        if report is not None:
            script = f"print({json.dumps({'dependencies': report})!r})"
        monkeypatch.setattr(audit, "command", lambda _service, _locks: [sys.executable, "-c", script])
        monkeypatch.setenv("AUDIT_REQUIRED", "1" if demanded else "0")
        return audit.main(), capsys.readouterr().out

    return ask


@pytest.mark.parametrize(("report", "status", "demanded", "said"), REPORTS)
def test_an_audit_fails_for_what_is_found_and_says_what_it_could_not_ask(
    asked_of: Callable[..., tuple[int, str]],
    report: list[dict[str, Any]] | None,
    status: int,
    demanded: int,
    said: str,
) -> None:
    """pip-audit itself ends well when nothing could be asked; that must not pass for a clean audit."""
    assert asked_of(report)[0] == status
    assert asked_of(report, demanded=True)[0] == demanded
    assert said in asked_of(report)[1]


def test_an_audit_takes_no_longer_than_it_may(audit: ModuleType) -> None:
    found = audit.audit([sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.2)

    assert found.unreachable == "no report within 0.2 s"


def test_an_audit_asks_about_every_lock_file(audit: ModuleType) -> None:
    command = audit.command("pypi", LOCKS)

    assert [word for word in command if word.endswith(".txt")] == [str(lock) for lock in LOCKS]
    assert {"--require-hashes", "--disable-pip"} <= set(command)
