"""What the agent says of itself, of its lines, its journal and its clock."""

from __future__ import annotations

from edge_agent.delivery import DeliveryClass
from edge_agent.events import agent, machine_command, of_clock, of_journal
from edge_agent.events.base import EventBody
from edge_agent.events.envelope import ClockQuality, ClockSource

EXAMPLES: tuple[EventBody, ...] = (
    # The agent and its lines
    agent.AgentStarted(version="0.1.0", lines=10),
    agent.AgentStopped(version="0.1.0"),
    agent.AgentReconfigured(
        changed=("lines.slot-1001.port", "log.level"), began_again=False, digest="5f0c9e6d2a7b4c18"
    ),
    agent.ConfigurationRefused(reason="deployment: lines.0.port: missing"),
    agent.RecordSetAside(
        set_aside="floor.line.captured", size=9_400, reason="0x95 packet too large (over 7000 bytes)"
    ),
    agent.LineUp(line="slot-1001", silent_seconds=12.5),
    agent.LineDown(line="slot-1001", reason="silent for 2.6 s"),
    agent.ProtocolErrors(line="slot-1001", count=3, total=41, last="CRC is 1A2B, the payload's is 66B7"),
    agent.LineQuality(
        line="slot-1001",
        verdict="degraded",
        score=62,
        reasons=("98 of 1490 polls without an answer", "118 of 1372 answers later than 200 ms"),
        answer_median_ms=25,
        answer_p95_ms=240,
        polls=1490,
        late=118,
        missing=98,
        crc_errors=2,
        unreadable=1,
        resynchronisations=0,
        longest_backlog=4,
    ),
    agent.CommandAudited(
        command="meters",
        id="c-4711",
        outcome="refused",
        reason="it was used before",
        requested_by_unverified="ada",
    ),
    machine_command.MachineCommanded(
        id="6f1d2c3b4a5e6f70",
        poll="0x8a",
        name="legacy_bonus_pay",
        values={"amount": "500", "tax_status": "0"},
        asked_by="promotions",
        reason="campaign 2026-11, guest 4711",
        outcome="acknowledged",
    ),
    agent.LineCaptured(
        line="slot-1001",
        id="c-4712",
        piece=0,
        last=True,
        cut=False,
        frames=(
            agent.WireFrame(at=0.012, direction="sent", size=4, data="ff 00 01 1a"),
            agent.WireFrame(at=0.031, direction="heard", size=8, data="01 1a 00 00 12 34 b1 c2"),
            agent.WireFrame(at=0.212, direction="heard", size=12),
        ),
    ),
    agent.CertificateExpiring(
        role="device",
        name="gw-07",
        serial_number="5B1D7C0E92",
        certificate_id="9f0c" * 16,
        not_after="2025-08-10T09:00:00Z",
        days_left=60,
    ),
    agent.CertificateExpired(
        role="root",
        name="Amazon Root CA 1",
        serial_number="66C9FCF99BF8C0A39E2F0788A43E696365BCA",
        certificate_id="8ecd" * 16,
        not_after="2038-01-17T00:00:00Z",
    ),
    agent.CertificateRotated(
        old_certificate_id="9f0c" * 16,
        old_serial_number="5B1D7C0E92",
        new_certificate_id="41ab" * 16,
        new_serial_number="5B1D7C0E93",
        not_after="2026-06-11T08:30:00Z",
    ),
    agent.Canary(number=7, every_seconds=60, rule="floor_events"),
    # Its journal and its clock
    of_journal.JournalGap(
        reason="shed",
        delivery_class=DeliveryClass.C,
        count=3,
        first=101,
        last=108,
        removed="eJw7CAAAwgDC",
        why="budget",
        gap="shed-101-C",
    ),
    of_journal.JournalFilling(percent=71, level=70, used_mb=1_454, budget_mb=2_048, hours_left=18.5),
    of_journal.JournalRelieved(percent=68, level=70, used_mb=1_392, budget_mb=2_048),
    of_journal.JournalCheckpoint(
        sequence=420, chain="bjWZZXfVsKz7kD1I38FWYw", signature="MEUCIQ==", certificate="9f0c" * 16
    ),
    of_clock.ClockStepped(
        monotonictime="5021.500000",
        quality_before=ClockQuality.UNSYNCHRONISED,
        quality_after=ClockQuality.SYNCHRONISED,
        source_before=ClockSource.NONE,
        source_after=ClockSource.NTP,
        before="2025-06-11T07:31:03.000Z",
        after="2025-06-11T08:31:03.000Z",
        step_ms=3_600_000,
    ),
    of_clock.ClockQualityChanged(
        monotonictime="5021.500000",
        quality_before=ClockQuality.SYNCHRONISED,
        quality_after=ClockQuality.UNSYNCHRONISED,
        source_before=ClockSource.NTP,
        source_after=ClockSource.NONE,
    ),
)
