"""Write docs/sas.md from the tables of edge_agent/sas; with --check, compare and change nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from generated_page import write_or_check
from sas_page.page import page

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "sas.md"
VECTORS = ROOT / "tests" / "vectors" / "sas-constructed.jsonl"
ACCEPT = "scripts/sas_tables"


def main(arguments: list[str], file: Path = PAGE) -> int:
    """The exit status: 0 when page and tables agree, or were made to."""
    return write_or_check(arguments, page(VECTORS), file, ACCEPT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
