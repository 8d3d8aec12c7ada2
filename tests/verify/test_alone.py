"""The proof runs without the rest of the agent, and without any package."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import edge_agent
from tests.verify.journals import telling

PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from edge_agent.verify import in_sentences, verify
print("\\n".join(in_sentences(verify([sys.stdin.buffer.read()]))))
print(sorted(name for name in sys.modules if name.startswith("edge_agent") and name.count(".") == 1))
"""


@pytest.mark.integration
def test_three_files_and_a_folder_are_all_it_needs(tmp_path: Path) -> None:
    package = Path(edge_agent.__file__).parent
    alone = tmp_path / "edge_agent"
    shutil.copytree(package / "verify", alone / "verify", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("__init__.py", "chain.py"):
        shutil.copy(package / name, alone)

    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", PROGRAM, str(tmp_path)],
        input=b"".join(telling(9).events()),
        capture_output=True,
        check=True,
    )

    verdict, modules = done.stdout.decode().splitlines()
    assert verdict.endswith("complete from 1 to 9, 9 records")
    assert modules == "['edge_agent.chain', 'edge_agent.verify']"
    assert done.stderr == b""
