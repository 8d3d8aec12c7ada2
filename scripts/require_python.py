"""Says in one line, before anything is made, when this Python is too old for the agent."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  said before anything that needs it is imported
    found = ".".join(map(str, sys.version_info[:3]))
    sys.exit(f"The agent needs Python 3.11 or newer; this is {found}. Run: make PYTHON=python3.11 simulate")
