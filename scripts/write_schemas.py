"""Write docs/schemas and tests/golden from the events; with --check, compare and change nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.events.published import GOLDEN_FOLDER, SCHEMA_FOLDER, published_files

ROOT = Path(__file__).resolve().parent.parent
ACCEPT = "scripts/schemas"


def main(arguments: list[str]) -> int:
    """The exit status: 0 when files and code agree, or were made to."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {ACCEPT} [--check]", file=sys.stderr)
        return 2
    wanted = {ROOT / name: text for name, text in published_files().items()}
    stale = {
        file for folder in (SCHEMA_FOLDER, GOLDEN_FOLDER) for file in (ROOT / folder).glob("*.json")
    } - set(wanted)
    differing = {
        file for file, text in wanted.items() if not file.exists() or file.read_text(encoding="utf-8") != text
    }
    if arguments:
        for file in sorted(stale | differing):
            print(f"{file.relative_to(ROOT)} differs from the code", file=sys.stderr)
        if stale | differing:
            print(f"accept the change with `{ACCEPT}`, and tell it in CHANGELOG.md", file=sys.stderr)
        return 1 if stale | differing else 0
    for file in stale:
        file.unlink()
    for file in differing:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(wanted[file], encoding="utf-8")
    print(f"{len(differing)} written, {len(stale)} removed, {len(wanted)} in all")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
