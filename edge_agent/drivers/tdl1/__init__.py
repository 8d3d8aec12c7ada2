"""The driver for table devices that speak TDL/1."""

from edge_agent.drivers.tdl1.station import Tdl1Driver, Tdl1Station

DRIVER = Tdl1Driver()

__all__ = ["DRIVER", "Tdl1Driver", "Tdl1Station"]
