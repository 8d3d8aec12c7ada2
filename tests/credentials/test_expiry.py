"""What will expire is said 60, 30 and 7 days ahead, and once it has; once each, over restarts too."""

from __future__ import annotations

import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from edge_agent.credentials.certificate import Certificate, read_certificates
from edge_agent.credentials.dev_pki import PkiPaths, Validity, issue, make_ca, make_pki
from edge_agent.credentials.expiry import EXPIRED, ExpiryWatch, Watched, due, stage_of
from edge_agent.errors import JournalError
from edge_agent.events import EventBody
from edge_agent.events.agent import CertificateExpired, CertificateExpiring

END = datetime(2026, 6, 30, 12, 0, tzinfo=UTC)
GATEWAYS = Certificate("gw-07", "CA", "1F", END - timedelta(days=365), END, b"", "9f" * 32)
ROOT = Certificate("root", "root", "2F", END, END + timedelta(days=9_999), b"", "8e" * 32)


def before(**left: float) -> datetime:
    return END - timedelta(**left)


@pytest.mark.parametrize(
    ("now", "stage"),
    [
        (before(days=61), 0),
        (before(days=60), 0),
        (before(days=60, seconds=-1), 1),
        (before(days=31), 1),
        (before(days=30, seconds=-1), 2),
        (before(days=7, seconds=-1), 3),
        (before(seconds=0), 3),
        (before(seconds=-1), EXPIRED),
    ],
)
def test_the_stage_follows_from_the_days_left(now: datetime, stage: int) -> None:
    assert stage_of(GATEWAYS, now) == stage


def test_a_year_of_days_says_each_stage_once() -> None:
    said: dict[str, int] = {}
    heard: list[EventBody] = []
    for day in range(-365, 10):
        watched = [Watched("device", GATEWAYS), Watched("root", ROOT)]
        for name, stage, event in due(watched, said, END + timedelta(days=day, hours=1)):
            said[name] = stage
            heard.append(event)

    ahead, ended = heard[:-1], heard[-1]
    assert [event.days_left for event in ahead if isinstance(event, CertificateExpiring)] == [59, 29, 6]
    assert isinstance(ended, CertificateExpired)
    assert (ended.role, ended.name, ended.not_after) == ("device", "gw-07", "2026-06-30T12:00:00Z")


def test_who_starts_late_says_the_nearest_alone() -> None:
    ((_name, stage, event),) = due([Watched("device", GATEWAYS)], {}, before(days=5))

    assert (stage, isinstance(event, CertificateExpiring)) == (3, True)


def test_a_renewed_certificate_is_another_one() -> None:
    renewed = Certificate("gw-07", "CA", "3F", END, END + timedelta(days=20), b"", "7d" * 32)

    assert due([Watched("device", renewed)], {GATEWAYS.fingerprint: EXPIRED}, END)


@pytest.fixture
def pki(tmp_path: Path) -> PkiPaths:
    return make_pki(tmp_path / "pki", thing="gw-07", days=40)


def watch(pki: PkiPaths, memory: Path, say: Callable[[EventBody], None]) -> ExpiryWatch:
    return ExpiryWatch(pki.ca, lambda: pki.device_certificate, memory, say)


def test_what_was_said_is_not_said_again_after_a_restart(pki: PkiPaths, tmp_path: Path) -> None:
    heard: list[EventBody] = []
    memory, now = tmp_path / "said.json", datetime.now(UTC)

    watch(pki, memory, heard.append).look(now)
    watch(pki, memory, heard.append).look(now)

    assert [event.event_type for event in heard] == ["floor.agent.certificate_expiring"] * 2
    assert {event.role for event in heard if isinstance(event, CertificateExpiring)} == {"device", "root"}
    assert stat.S_IMODE(memory.stat().st_mode) == 0o600


def test_what_could_not_be_journalled_is_said_again(pki: PkiPaths, tmp_path: Path) -> None:
    def refuse(_body: EventBody) -> None:
        raise JournalError("the collector does not answer")

    heard: list[EventBody] = []
    memory, now = tmp_path / "said.json", datetime.now(UTC)
    with pytest.raises(JournalError):
        watch(pki, memory, refuse).look(now)

    watch(pki, memory, heard.append).look(now)

    assert len(heard) == 2


def test_what_the_cloud_was_told_of_one_is_kept_though_the_next_fails(pki: PkiPaths, tmp_path: Path) -> None:
    heard: list[EventBody] = []

    def say_one(body: EventBody) -> None:
        if heard:
            raise JournalError("the disk is full")
        heard.append(body)

    memory, now = tmp_path / "said.json", datetime.now(UTC)
    with pytest.raises(JournalError):
        watch(pki, memory, say_one).look(now)

    again: list[EventBody] = []
    watch(pki, memory, again.append).look(now)

    assert len(again) == 1
    assert again[0] != heard[0]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"a": "b"}', b"\xff"])
def test_a_memory_that_cannot_be_read_says_it_again(pki: PkiPaths, tmp_path: Path, content: bytes) -> None:
    heard: list[EventBody] = []
    memory = tmp_path / "said.json"
    memory.write_bytes(content)

    watch(pki, memory, heard.append).look(datetime.now(UTC))

    assert len(heard) == 2


def test_memory_forgets_certificates_that_are_gone(pki: PkiPaths, tmp_path: Path) -> None:
    memory, now = tmp_path / "said.json", datetime.now(UTC)
    watch(pki, memory, lambda _body: None).look(now)
    old = read_certificates("old", pki.device_certificate)[0].fingerprint
    assert old in memory.read_text()

    renewed = issue(make_ca(), "gw-07", validity=Validity.days(20))
    renewed.write(pki.device_certificate, pki.device_key)
    watch(pki, memory, lambda _body: None).look(now)

    assert old not in memory.read_text()
