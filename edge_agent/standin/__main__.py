"""The command: `python -m edge_agent.standin`, also `edge-agent stand-in`."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from edge_agent.errors import AgentError
from edge_agent.standin.options import read_options
from edge_agent.standin.server import run_standin


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a stand-in until SIGTERM; its exit status."""
    try:
        run_standin(read_options(arguments))
    except AgentError as error:
        sys.stderr.write(f"stand-in: {error}\n")
        return error.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main())
