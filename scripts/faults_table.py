"""The table of docs/reliability.md, from the lines of JSON that a run of scripts/faults left."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

COLUMNS = ("appended", "lost", "repeats", "recorded")


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as Markdown, a fault's together."""
    lines = [
        "| fault | what was done | appended | lost | repeats | recorded as gone |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for row in sorted(rows, key=lambda row: (row["test"].partition("[")[0], row["done"])):
        figures = " | ".join(f"{row[name]:,}" if name in row else "" for name in COLUMNS)
        lines.append(f"| {row['fault']} | {row['done']} | {figures} |")
    return "\n".join(lines)


if __name__ == "__main__":
    report = Path(sys.argv[1]).read_text(encoding="utf-8")
    print(table([json.loads(line) for line in report.splitlines()]))
