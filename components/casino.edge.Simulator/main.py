"""Simulates: a floor of machines and tables on pseudo-terminals, for a gateway without any."""

import sys

from edge_agent.component import main

sys.exit(main("simulator"))
