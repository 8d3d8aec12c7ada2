"""Write docs/sas.md from the tables of edge_agent/sas; with --check, compare and change nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from sas_page.page import page

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "sas.md"
VECTORS = ROOT / "tests" / "vectors" / "sas-constructed.jsonl"
ACCEPT = "scripts/sas_tables"


def main(arguments: list[str], file: Path = PAGE) -> int:
    """The exit status: 0 when page and tables agree, or were made to."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {ACCEPT} [--check]", file=sys.stderr)
        return 2
    wanted = page(VECTORS)
    if file.exists() and file.read_text(encoding="utf-8") == wanted:
        return 0
    if arguments:
        print(f"{file.name} differs from the tables — write it with `{ACCEPT}`", file=sys.stderr)
        return 1
    file.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
