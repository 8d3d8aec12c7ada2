"""Collects: lines of gaming machines and table devices, into the journal."""

import sys

from edge_agent.component import main

sys.exit(main("collector"))
