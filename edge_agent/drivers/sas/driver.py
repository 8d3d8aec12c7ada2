"""The SAS driver: what the entry point names."""

from __future__ import annotations

from collections.abc import Mapping

from edge_agent.drivers.sas.options import read_options
from edge_agent.drivers.sas.station import SasStation
from edge_agent.drivers.sas.vendors import vendors_of
from edge_agent.station import DeviceIdentity, SerialFormat, Station

# SAS: 19200 baud, eleven bits a character, the ninth data bit wakes the machine addressed.
SERIAL_FORMAT = SerialFormat(baud=19_200, wakeup_bit=True)


class SasDriver:
    """Gaming machines that speak SAS 6.02 or 6.03."""

    name = "sas"
    serial_format = SERIAL_FORMAT

    def check(self, options: Mapping[str, object]) -> None:
        """See Driver."""
        vendors_of(read_options(options).vendor)

    def station(self, identity: DeviceIdentity, options: Mapping[str, object], note: bytes) -> Station:
        """See Driver."""
        chosen = read_options(options)
        return SasStation(identity, chosen, note, vendors_of(chosen.vendor))


DRIVER = SasDriver()
