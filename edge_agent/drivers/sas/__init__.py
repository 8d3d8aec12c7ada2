"""The host's end of a line to a gaming machine that speaks SAS."""

from edge_agent.drivers.sas.driver import DRIVER, SasDriver
from edge_agent.drivers.sas.options import SasOptions
from edge_agent.drivers.sas.station import SasStation

__all__ = ["DRIVER", "SasDriver", "SasOptions", "SasStation"]
