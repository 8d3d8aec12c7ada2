"""Assembly: the parts of a station, made of what an earlier run noted, and the note, made of the parts again.

What a part needs to go on where it left off is given to it by `parts_of` and taken from it by `note_of`.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.drivers.sas.acquaintance import Acquaintance
from edge_agent.drivers.sas.cadence import Cadence
from edge_agent.drivers.sas.conditions import Conditions
from edge_agent.drivers.sas.epochs import Epochs
from edge_agent.drivers.sas.inquiries import Inquiries
from edge_agent.drivers.sas.link_quality import LinkMonitor
from edge_agent.drivers.sas.metering import Metering
from edge_agent.drivers.sas.mishaps import Mishaps
from edge_agent.drivers.sas.note import Note
from edge_agent.drivers.sas.options import SasOptions
from edge_agent.drivers.sas.parts import PartReader
from edge_agent.drivers.sas.profile import MachineProfile
from edge_agent.drivers.sas.roles import Role
from edge_agent.drivers.sas.schedule import Schedule
from edge_agent.drivers.sas.site_time import SiteTime
from edge_agent.drivers.sas.snapshot import MeterReader
from edge_agent.drivers.sas.vendors.quirks import Vendors
from edge_agent.station import DeviceIdentity, LineCounters


@dataclass(frozen=True, slots=True)
class Parts:
    """What a station looks after one machine with."""

    machine: Acquaintance  # what is known of it
    metering: Metering  # its meters over time
    part_meters: PartReader  # those of its games and denominations
    conditions: Conditions  # what is raised at it
    schedule: Schedule  # what to ask it next
    inquiries: Inquiries  # what it is asked because of what it told
    site_time: SiteTime  # what o'clock it is there
    cadence: Cadence  # when it is polled
    link: LinkMonitor  # how well it is heard
    mishaps: Mishaps  # what made no sense


def parts_of(
    identity: DeviceIdentity, options: SasOptions, kept: Note, counters: LineCounters, vendors: Vendors
) -> Parts:
    """The parts of a new run.

    Args:
        identity: what the site calls the machine.
        options: what the site chose for it.
        kept: what an earlier run noted.
        counters: what the line has done, kept up to date by the parts.
        vendors: the profiles to choose from.
    """
    machine = Acquaintance(
        options.address,
        _profile_of(kept),
        # Asked in another role, it was not asked the same.
        serial_check=kept.serial_check if kept.role == options.role else 0,
        role=options.role,
        may_real_time=options.real_time_events == "auto",
        vendors=vendors,
    )
    reader = MeterReader(options.meters_seconds, options.idle_meters_seconds, options.session_meters_seconds)
    reader.session = kept.in_session
    epochs = Epochs(kept.epoch, kept.denomination, suspicious=kept.memory_doubtful)
    metering = Metering(identity, reader, kept.accounts, epochs)
    part_meters = PartReader(options.address, identity, options.part_meters_seconds)
    schedule = Schedule(options.address, machine, reader, part_meters)
    inquiries = Inquiries(
        identity, options.address, options.role, machine=machine, metering=metering, schedule=schedule
    )
    inquiries.resume(kept.wanted)
    link = LinkMonitor(identity.subject, options.address, counters)
    return Parts(
        machine=machine,
        metering=metering,
        part_meters=part_meters,
        conditions=Conditions(kept.conditions),
        schedule=schedule,
        inquiries=inquiries,
        site_time=SiteTime(options.day_starts),
        cadence=Cadence(counters, link),
        link=link,
        mishaps=Mishaps(identity.subject),
    )


def note_of(parts: Parts, *, role: Role, rough: bool) -> Note:
    """What the next run must know of the parts of this one.

    Args:
        parts: the parts.
        role: in which the machine is asked.
        rough: whether the line is.
    """
    machine, metering = parts.machine, parts.metering
    known = machine.known and not machine.lacks_essentials
    return Note(
        serial_check=machine.serial_check if known else 0,
        role=role,
        features=machine.profile.feature_bytes,
        wanted=parts.inquiries.wanted,
        playing=metering.reader.playing,
        in_session=metering.reader.session,
        rough=rough,
        epoch=metering.epochs.number,
        memory_doubtful=metering.epochs.suspicious,
        conditions=parts.conditions.noted(),
        denomination=machine.profile.denomination,
        unsupported=machine.unanswered,
        accounts=metering.accounts,
    )


def _profile_of(kept: Note) -> MachineProfile:
    """What a note says of a machine."""
    profile = MachineProfile(denomination=kept.denomination, unsupported=kept.unsupported)
    return profile if kept.features is None else profile.with_features(kept.features)
