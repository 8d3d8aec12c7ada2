"""Installing, upgrading and rolling back on a gateway's disk: what was journalled stays, and goes on."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pip

from edge_agent.journal import open_journal
from edge_agent.journal.segment import header_of, heading_of, segment_path, segments
from tests.packaging.conftest import NEEDS_DPKG, Checkout, Gateway

pytestmark = NEEDS_DPKG

# Run by whichever version is installed: journals three records, as its collector would.
JOURNAL = """
import sys
from dataclasses import replace
from pathlib import Path
from edge_agent import __version__
from edge_agent.journal import Budget, open_journal
from edge_agent.settings import load_settings
path = load_settings(Path(sys.argv[1])).journal_path
with open_journal(path, role="collect", budget=Budget(minimum_free_bytes=1 << 20)) as journal:
    journal.append([f"{__version__} {n}".encode() for n in range(3)])
    print(journal.id)
"""


def journal(gateway: Gateway) -> str:
    """Let the version that runs journal something; the journal's id."""
    return gateway.run("python", "-I", "-c", JOURNAL, str(gateway.root / "etc/edge-agent/config.yaml"))


def journalled(gateway: Gateway) -> list[tuple[int, str]]:
    with open_journal(gateway.state / "journal", role="read") as journal:
        records = [*journal.records()]
        return [(record.sequence, record.payload.decode()) for record in records]


def test_an_upgrade_and_a_rollback_keep_the_journal_and_go_on_with_it(
    whole_checkout: Checkout, tmp_path: Path
) -> None:
    gateway = Gateway(tmp_path / "gateway", str(_quick_python(tmp_path)))
    installed = gateway.install(whole_checkout.package())
    assert installed.returncode == 0, installed.stderr
    gateway.configure()
    first = journal(gateway)

    upgraded = gateway.install(whole_checkout.next_version(tmp_path / "next", "0.2.0").package())
    assert upgraded.returncode == 0, upgraded.stderr
    assert gateway.current() == "0.2.0"
    second = journal(gateway)

    back = gateway.rollback()
    assert back.returncode == 0, back.stderr
    assert gateway.current() == "0.1.0"
    third = journal(gateway)

    assert first == second == third
    versions = ["0.1.0", "0.2.0", "0.1.0"]
    said = [f"{version} {n}" for version in versions for n in range(3)]
    assert journalled(gateway) == list(enumerate(said, start=1))

    _make_newer(gateway)
    forth = gateway.rollback()
    assert forth.returncode == 1
    assert "was written by a newer agent (format 2, not 1) — install that version again" in forth.stderr
    assert gateway.current() == "0.1.0"


def _quick_python(folder: Path) -> Path:
    """This Python; but an environment's pip is copied instead of installed, which takes seconds."""
    file = folder / "python3"
    ours = Path(pip.__file__).parents[1]
    file.write_text(
        f"""#!/bin/sh
set -e
{sys.executable} -m venv --without-pip "$3"
cp -r {ours}/pip {ours}/pip-*.dist-info "$3"/lib/python3*/site-packages
"""
    )
    file.chmod(0o755)
    return file


def _make_newer(gateway: Gateway) -> None:
    """As an agent of tomorrow would leave it."""
    folder = gateway.state / "journal"
    first = segments(folder)[-1]
    header = header_of(heading_of(segment_path(folder, first)))
    assert header is not None
    segment_path(folder, first).write_bytes(replace(header, format=2).encoded())
