"""What is said of mutants: their verdicts counted by module, and whether they are enough."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def mutation() -> ModuleType:
    spec = importlib.util.spec_from_file_location("mutation", ROOT / "scripts" / "mutation_testing.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["mutation"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def of(function: str, *verdicts: str) -> dict[str, str]:
    return {f"edge_agent.sas.{function}__mutmut_{at}": verdict for at, verdict in enumerate(verdicts)}


def test_verdicts_are_counted_by_module(mutation: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    found = (
        of("bcd.x_encode", "killed", "killed", "timeout", "survived")
        | of("polls.row.xǁLongPollǁeffect_with", *["killed"] * 5)
        | of("bcd.x_decode", "killed")
    )

    status = mutation.report(found)

    said = capsys.readouterr().out.splitlines()
    assert status == 0
    assert "survived: edge_agent.sas.bcd.x_encode__mutmut_3" in said
    assert "| `bcd` | 5 | 3 | 1 | 1 | 80.0% |" in said
    assert "| `polls.row` | 5 | 5 | 0 | 0 | 100.0% |" in said
    assert "| **all** | 10 | 8 | 1 | 1 | 90.0% |" in said


@pytest.mark.parametrize(("killed", "status"), [(89, 1), (90, 0)])
def test_nine_in_ten_are_enough(mutation: ModuleType, killed: int, status: int) -> None:
    found = of("crc.x_crc", *["killed"] * killed, *["survived"] * (100 - killed))

    assert mutation.report(found) == status


def test_no_mutants_are_nothing_measured(mutation: ModuleType) -> None:
    assert mutation.report({}) == 1
