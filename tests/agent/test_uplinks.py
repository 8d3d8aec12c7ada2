"""Which way records leave, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from edge_agent.agent.absences import absence_of
from edge_agent.agent.checks import check_uplink
from edge_agent.agent.forwarding import forward_until
from edge_agent.agent.uplinks import confirmations_of, make_uplink
from edge_agent.agent.wishes import Wishes
from edge_agent.clock import Clock
from edge_agent.credentials.dev_pki import make_pki
from edge_agent.delivery import DeliveryClass
from edge_agent.errors import ConfigurationError, CredentialError
from edge_agent.events import identify
from edge_agent.journal import Record
from edge_agent.nucleus import Nucleus
from edge_agent.settings import Settings, read_settings
from edge_agent.testing.nucleus import NucleusDouble
from edge_agent.uplink.base import Promise
from edge_agent.uplink.file import FileUplink


def settings_with(tmp_path: Path, **uplink: Any) -> Settings:
    return read_settings(
        {"site": "harbour", "gateway": "gw-07", "state": str(tmp_path), "uplink": uplink}, "test"
    )


def birth() -> bytes:
    return b"{}"


def test_over_the_nucleus_it_has_to_be_said_what_a_receipt_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="kind greengrass needs receipt"):
        settings_with(tmp_path, kind="greengrass")


def test_without_a_nucleus_there_is_no_way_over_it(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, kind="greengrass", receipt="cloud")

    with pytest.raises(ConfigurationError, match="none has") as refused:
        check_uplink(settings, has_nucleus=False)

    assert "uplink.kind to iot_core" in refused.value.mend
    check_uplink(settings, has_nucleus=True)


def test_a_gateway_that_is_to_enrol_is_asked_for_its_claim_alone(tmp_path: Path) -> None:
    """A running forwarder would refuse the very deployment that brings it its identity."""
    pki = make_pki(tmp_path / "pki", thing="gw-07")
    claim = {"claim_certificate": pki.device_certificate, "claim_key": pki.device_key}
    enrolment = {"template": "edge-agent-enrol", **claim}
    way = {"endpoint": "localhost", "ca": pki.ca, "identity": tmp_path / "identity"}

    check_uplink(settings_with(tmp_path, **way, enrolment=enrolment), has_nucleus=False)

    with pytest.raises(CredentialError, match="there is no identity"):
        check_uplink(settings_with(tmp_path, **way), has_nucleus=False)
    pki.device_key.unlink()
    with pytest.raises(CredentialError, match=str(pki.device_key)):
        check_uplink(settings_with(tmp_path, **way, enrolment=enrolment), has_nucleus=False)


def test_a_forwarder_without_a_nucleus_says_so_before_it_waits_for_a_journal(tmp_path: Path) -> None:
    settings = settings_with(tmp_path, kind="greengrass", receipt="cloud")

    class Fixed:
        def load(self) -> Settings:
            return settings

    with pytest.raises(ConfigurationError, match="none has"):
        forward_until(Fixed(), Wishes())


@pytest.mark.integration
@pytest.mark.parametrize(
    ("receipt", "level", "said"),
    [
        ("nucleus", "warning", "it has not delivered them, and what it loses is lost"),
        ("cloud", "info", "records are kept until the cloud confirms them"),
    ],
)
def test_it_is_said_at_the_start_what_a_receipt_is_worth(
    tmp_path: Path, receipt: str, level: str, said: str
) -> None:
    with (
        capture_logs() as logs,
        NucleusDouble() as double,
        Nucleus.connect(double.environment) as nucleus,
    ):
        uplink = make_uplink(settings_with(tmp_path, kind="greengrass", receipt=receipt), birth, nucleus)

    assert uplink.state.promise is Promise.ACCEPTED
    (entry,) = [entry for entry in logs if said in entry["event"]]
    assert entry["log_level"] == level


def test_the_cloud_confirms_where_a_receipt_says_so_and_nowhere_else(tmp_path: Path) -> None:
    confirmed = confirmations_of(settings_with(tmp_path, kind="greengrass", receipt="cloud"))

    assert confirmed is not None
    assert confirmed.topic == "cmd/harbour/gw-07/received"
    assert confirmations_of(settings_with(tmp_path, kind="greengrass", receipt="nucleus")) is None
    assert confirmations_of(settings_with(tmp_path, kind="file", path="out", receipt="cloud")) is None


def test_a_file_needs_no_nucleus(tmp_path: Path) -> None:
    assert isinstance(make_uplink(settings_with(tmp_path, kind="file", path="out"), birth, None), FileUplink)


@pytest.mark.parametrize(
    ("payload", "was"),
    [(b'{"type":"floor.line.captured","data":{}}', "floor.line.captured"), (b"\xff", ""), (b"[]", "")],
)
def test_a_record_that_is_not_there_leaves_its_type_its_size_and_the_reason(
    tmp_path: Path, payload: bytes, was: str
) -> None:
    absence = absence_of(settings_with(tmp_path, kind="file", path="out"), Clock())

    event = json.loads(
        identify(absence(Record(7, payload, 0.0, DeliveryClass.A, bytes(16)), "r" * 1000), "j", 7)
    )

    assert (event["id"], event["type"]) == ("j/7", "floor.agent.record_set_aside")
    assert event["data"] == {"set_aside": was, "size": len(payload), "reason": "r" * 300}
