"""`python -m edge_agent.testing.recipes FILE…`: one line for everything that is wrong with built recipes."""

from __future__ import annotations

import sys
from pathlib import Path

from edge_agent.errors import ConfigurationError
from edge_agent.testing.recipes.model import read_recipe


def main(files: list[str]) -> int:
    """Check each file; 0 when there is nothing to mend."""
    status = 0
    for file in files:
        try:
            read_recipe(Path(file).read_text(encoding="utf-8"), file)
        except (ConfigurationError, OSError, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            status = ConfigurationError.exit_status
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
