"""Forwards: what the journal holds, to AWS IoT Core, until it has said that it has it."""

import sys

from edge_agent.component import main

sys.exit(main("forwarder"))
