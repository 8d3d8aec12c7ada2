"""Settings are shown by an allow-list, and what slips through is caught by its looks."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from edge_agent.diagnosis import Part, pack, redacted, sanitise
from edge_agent.diagnosis.redaction import FILES, HOSTS, OPTIONS, SHOWN, WITHHELD
from edge_agent.drivers.sas.options import SasOptions
from edge_agent.drivers.tdl1.options import Tdl1Options
from edge_agent.settings import (
    EnrolmentSettings,
    LineSettings,
    Settings,
    TokenSettings,
    UplinkSettings,
)

SECRET = "correct-horse"  # noqa: S105  nobody's


def names(model: type[BaseModel], within: str = "") -> set[str]:
    """Every setting by name, as the tables write it."""
    groups: dict[str, type[BaseModel]] = {
        "uplink": UplinkSettings,
        "token": TokenSettings,
        "enrolment": EnrolmentSettings,
    }
    found: set[str] = set()
    for name, field in model.model_fields.items():
        inner = groups.get(name) or field.annotation
        if name == "lines":
            found |= names(LineSettings, "lines.*.")
        elif isinstance(inner, type) and issubclass(inner, BaseModel):
            found |= names(inner, f"{within}{name}.")
        else:
            found.add(f"{within}{name}")
    return found


def test_the_tables_name_settings_that_there_are() -> None:
    assert names(Settings) >= SHOWN | FILES | HOSTS


def test_no_setting_is_in_two_tables() -> None:
    assert not SHOWN & FILES
    assert not (SHOWN | FILES) & HOSTS


def test_every_option_of_our_drivers_is_shown() -> None:
    assert set(SasOptions.model_fields) | set(Tdl1Options.model_fields) == OPTIONS


def test_a_setting_nobody_has_listed_keeps_its_name_and_loses_its_value() -> None:
    shown = redacted(
        {"uplink": {"kind": "iot_core", "api_token": SECRET, "port": 8883}, "new": {"deep": [SECRET]}}
    )

    assert shown == {
        "uplink": {"kind": "iot_core", "api_token": WITHHELD, "port": 8883},
        "new": {"deep": WITHHELD},
    }


def test_files_are_named_without_their_folders_and_hosts_without_their_account() -> None:
    shown = redacted(
        {
            "state": "/var/lib/edge-agent",
            "lines": [{"name": "uart-1", "port": "tcp://user:pw@10.0.0.1:4001"}],
            "uplink": {
                "endpoint": "a1b2c3d4e5f6g7-ats.iot.eu-west-1.amazonaws.com",
                "proxy": "http://proxy-of-the-house.example:3128",
                "key": "/etc/secrets/of/alice/device.key",
                "ca": None,
            },
        }
    )

    assert shown == {
        "state": "…/edge-agent",
        "lines": [{"name": "uart-1", "port": "tcp:…"}],
        "uplink": {
            "endpoint": "a1b2…-ats.iot.eu-west-1.amazonaws.com",
            "proxy": "http://prox….example:3128",
            "key": "…/device.key",
            "ca": None,
        },
    }


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "http://10.0.0.7:3128"])
def test_what_names_nobody_is_shown(host: str) -> None:
    assert redacted({"uplink": {"endpoint": host}}) == {"uplink": {"endpoint": host}}


def test_options_of_drivers_are_shown_where_they_are_plain() -> None:
    options: dict[str, Any] = {"address": 3, "real_time_events": "auto", "polled": SECRET, "password": SECRET}

    assert redacted({"lines": [{"options": options}]}) == {
        "lines": [
            {"options": {"address": 3, "real_time_events": "auto", "polled": WITHHELD, "password": WITHHELD}}
        ]
    }


@pytest.mark.parametrize("value", ["2", "0.25", "auto", "true"])
def test_what_a_nucleus_hands_over_as_text_is_plain_too(value: str) -> None:
    shown = redacted({"lines": [{"options": {"address": value, "polled": f"{value} {SECRET}"}}]})

    assert shown == {"lines": [{"options": {"address": value, "polled": WITHHELD}}]}


@pytest.mark.parametrize(
    "secret",
    [
        "4111111111111111",
        "4111 1111 1111 1111",
        "4111-1111-1111-1111",
        "378282246310005",
        "6011000990139424",
        "%B4111111111111111^DOE/JANE^29121010000000000000?",
        ";4111111111111111=29121010000000000000?",
        ";12345678=991200000?",
        "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49\n-----END PRIVATE KEY-----",
        "-----BEGIN EC PRIVATE KEY-----\ncut off",
        "http://user:hunter2@proxy:3128",
        "card4111111111111111",
        "4111111111111111x",
        "/var/lib/device4111111111111111.key",
        "0x4111111111111111",
        "00004111111111111111",
        "4111.1111.1111.1111",
        "4111_1111_1111_1111",
        "4111/1111/1111/1111",
        "4111\xa01111\xa01111\xa01111",
        "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQg\nhunter2",
        "MHcCAQEEIGhunter2hunter2oAoGCCqGSM49",
        "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7hunter2",
        "MIIEpAIBAAKCAQEAhunter2",
        "-----BEGIN PGP PRIVATE KEY BLOCK-----\nhunter2",
        "AKIAIOSFODNN7EXAMPLE",
        "aws_secret_access_key=wJalrXUtnFEMIhunter2K7MDENG",
    ],
)
@pytest.mark.parametrize("around", ["{}", "before {} after", '{{"x": "{}"}}'])
def test_what_looks_like_a_secret_is_taken_out(secret: str, around: str) -> None:
    clean = sanitise(around.format(secret))

    assert WITHHELD in clean
    for piece in (secret, "4111111111111111", "hunter2", "MIGHAgEA", "DOE/JANE"):
        assert piece not in clean


@pytest.mark.parametrize(
    "text",
    [
        "4111111111111112",
        "seq 00000000000000000421",
        "0" * 16,
        "2025-06-11T08:31:03.123456Z",
        "fe11db6b6260453aa5c303bc1ff6f015",
        "head 182340",
        "123456.789012345",
        "1764152435412072000123456",
        "00000000000000003631.seg",
        "b7b0590ed9750efd4111111111111111936796db52e16a012bf87b6e322c4bf7",
        "MIIBszCCAVmgAwIBAgIU",
        "access_key",
    ],
)
def test_what_looks_like_no_secret_stays(text: str) -> None:
    assert sanitise(text) == text


def test_parts_that_do_not_fit_are_left_out_and_named(tmp_path: Path) -> None:
    noise = random.Random(1).randbytes(20_000).hex()  # noqa: S311  noise
    bundle = tmp_path / "bundle.zip"
    bundle.write_bytes(
        pack([Part("small.json", {"a": 1}), Part("log.txt", noise), Part("b.json", [])], {}, 8000)
    )

    with zipfile.ZipFile(bundle) as opened:
        manifest = json.loads(opened.read("manifest.json"))
    assert bundle.stat().st_size <= 8000
    assert manifest["parts"] == ["small.json", "b.json"]
    assert manifest["left_out"]["log.txt"].endswith("the bundle may have 8000")


def test_what_the_journal_may_take_up_is_shown() -> None:
    journal = {"budget_mb": 512, "checkpoint_minutes": 15, "keep_days": 7}

    assert redacted({"journal": journal}) == {"journal": journal}
