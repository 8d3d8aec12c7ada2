"""The SAS driver: what the entry point names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edge_agent.drivers.sas.options import read_options
from edge_agent.drivers.sas.shared_line import MakeStation, SharedLine
from edge_agent.drivers.sas.sharing import SharingMachine, read_machines
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
        machines = read_machines(options)
        for chosen in [one.options for one in machines] or [read_options(options)]:
            vendors_of(chosen.vendor)

    def devices(self, options: Mapping[str, object]) -> Sequence[str]:
        """See SharesLines."""
        return [machine.subject for machine in read_machines(options)]

    def station(self, identity: DeviceIdentity, options: Mapping[str, object], note: bytes) -> Station:
        """See Driver."""
        machines = read_machines(options)
        if machines:
            return SharedLine(
                {one.options.address: (one.subject, _maker(identity, one)) for one in machines}, note
            )
        chosen = read_options(options)
        return SasStation(identity, chosen, note, vendors_of(chosen.vendor))


def _maker(identity: DeviceIdentity, machine: SharingMachine) -> MakeStation:
    own, vendors = replace(identity, subject=machine.subject), vendors_of(machine.options.vendor)
    return lambda note, told: SasStation(own, machine.options, note, vendors, shared=True, told=told)


DRIVER = SasDriver()
