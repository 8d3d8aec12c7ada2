"""Probing: what is the matter with a line, found by listening and by polls that only read."""

from edge_agent.cabinet.probing.at_port import probe_link
from edge_agent.cabinet.probing.findings import Findings, Heard
from edge_agent.cabinet.probing.probe import Probe
from edge_agent.cabinet.probing.verdicts import VERDICTS, Verdict, judge

__all__ = ["VERDICTS", "Findings", "Heard", "Probe", "Verdict", "judge", "probe_link"]
