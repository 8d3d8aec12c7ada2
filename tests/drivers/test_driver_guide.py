"""The driver of the guide is a driver: its code is read from the guide and passes the suite it names."""

import re
from pathlib import Path
from typing import Any

import pytest

from edge_agent.testing.conformance import STATION_CHECKS, StationCase, StationCheck

GUIDE = Path(__file__).resolve().parent.parent.parent / "docs" / "driver-guide.md"


@pytest.fixture(scope="module")
def guide() -> dict[str, Any]:
    """All that the Python of the guide defines, run in order."""
    names: dict[str, Any] = {"__name__": "driver_guide"}
    for code in re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(code, str(GUIDE), "exec"), names)  # noqa: S102  our own guide
    return names


@pytest.mark.parametrize("check", STATION_CHECKS, ids=lambda check: check.__name__)
def test_the_guides_driver_conforms(guide: dict[str, Any], check: StationCheck) -> None:
    case = guide["CASE"]

    assert isinstance(case, StationCase)
    check(case)
