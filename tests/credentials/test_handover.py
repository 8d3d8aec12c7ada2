"""A running forwarder ends a rotation once the new identity is in use, and takes it back if it is not."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.credentials.certificate import parse_pem
from edge_agent.credentials.dev_pki import CertificateAuthority, issue, make_ca
from edge_agent.credentials.handover import SETTLED_SECONDS, TRIAL_SECONDS, Handover, Step
from edge_agent.credentials.identity import Generation, IdentityStore, Issued, Phase
from edge_agent.errors import JournalError
from edge_agent.events import EventBody
from edge_agent.events.agent import CertificateRotated
from edge_agent.testing.clock import VirtualClock
from edge_agent.testing.power_cut import PowerCut, PowerCutDisk, QuickDisk


class Bench:
    """A store with an identity that was in use and one that was just made current."""

    def __init__(self, folder: Path, *, generations: int = 2) -> None:
        self.folder = folder
        self.ca: CertificateAuthority = make_ca()
        self.store = IdentityStore(folder, QuickDisk())
        self.clock = VirtualClock()
        self.heard: list[EventBody] = []
        self.made = [self.make() for _each in range(generations)]
        self.handover = self.begin()

    def make(self) -> Generation:
        credential = issue(self.ca, "gw-07")
        certificate_id = parse_pem(credential.certificate)[0].fingerprint
        with self.store.lock():
            generation = self.store.begin()
            self.store.keep_key(generation, credential.key)
            self.store.keep_request(generation, b"the request")
            issued = Issued(certificate_id, credential.certificate.decode(), "the token")
            self.store.keep_issued(generation, issued)
            self.store.keep_registration(generation, "gw-07")
            self.store.switch(generation)
        return generation

    def begin(self, store: IdentityStore | None = None) -> Handover:
        store = store or self.store
        return Handover(store, store.version(), self.say, self.clock)

    def say(self, body: EventBody) -> None:
        self.heard.append(body)

    def look_for(self, seconds: float, *, connected: bool) -> Step:
        """Look once a second for so long, or until something is to be done."""
        for _second in range(int(seconds) + 1):
            if (step := self.handover.look(connected=connected)) is not Step.NOTHING:
                return step
            self.clock.advance(1.0)
        return Step.NOTHING

    def names(self) -> list[str]:
        return [generation.name for generation in self.store.generations()]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "identity")


def test_the_identity_of_before_goes_once_the_new_one_has_been_in_use(bench: Bench) -> None:
    first, second = bench.made

    assert bench.look_for(SETTLED_SECONDS - 1, connected=True) is Step.NOTHING
    assert bench.names() == ["000001", "000002"]
    bench.look_for(2, connected=True)

    assert bench.names() == ["000002"]
    assert second.phase is Phase.CONFIRMED
    assert not first.key.exists()


def test_the_cloud_is_told_which_certificate_to_deactivate(bench: Bench) -> None:
    first, second = (generation.registration().certificate_id for generation in bench.made)

    bench.look_for(SETTLED_SECONDS + 5, connected=True)

    (told,) = bench.heard
    assert isinstance(told, CertificateRotated)
    assert (told.old_certificate_id, told.new_certificate_id) == (first, second)
    assert told.old_serial_number != told.new_serial_number


def test_the_old_key_stays_until_the_cloud_could_be_told(bench: Bench) -> None:
    def refuse(_body: EventBody) -> None:
        raise JournalError("the collector does not answer")

    bench.handover = Handover(bench.store, bench.store.version(), refuse, bench.clock)
    bench.look_for(SETTLED_SECONDS + 5, connected=True)
    assert bench.names() == ["000001", "000002"]

    bench.handover = bench.begin()
    bench.look_for(SETTLED_SECONDS + 1, connected=True)

    assert bench.names() == ["000002"]
    assert len(bench.heard) == 1


def test_a_disk_that_fails_is_no_end_of_looking(bench: Bench) -> None:
    disk_works = False

    def say(body: EventBody) -> None:
        if not disk_works:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        bench.heard.append(body)

    bench.handover = Handover(bench.store, bench.store.version(), say, bench.clock)
    with capture_logs() as logs:
        bench.look_for(SETTLED_SECONDS + 5, connected=True)
    assert bench.names() == ["000001", "000002"]
    assert [entry["reason"] for entry in logs] == [
        f"identity {bench.store.folder} cannot be looked at: Input/output error"
    ]

    disk_works = True
    bench.look_for(2, connected=True)
    assert bench.names() == ["000002"]
    assert len(bench.heard) == 1


def test_a_session_that_flickers_is_not_use(bench: Bench) -> None:
    for _each in range(20):
        bench.look_for(1, connected=True)
        bench.look_for(0, connected=False)

    assert bench.names() == ["000001", "000002"]


def test_an_identity_that_does_not_connect_is_taken_back(bench: Bench) -> None:
    assert bench.look_for(TRIAL_SECONDS - 1, connected=False) is Step.NOTHING
    assert bench.store.version() == "000002"

    assert bench.look_for(2, connected=False) is Step.BEGIN_AGAIN

    assert bench.store.version() == "000001"
    assert bench.heard == []


def test_an_identity_that_was_in_use_is_never_taken_back(bench: Bench) -> None:
    """By then the cloud may have deactivated the old one."""
    with bench.store.lock():
        bench.store.confirm()

    assert bench.look_for(10 * TRIAL_SECONDS, connected=False) is Step.NOTHING
    assert bench.store.version() == "000002"


def test_a_first_identity_is_confirmed_and_nobody_is_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "identity", generations=1)

    bench.look_for(SETTLED_SECONDS + 1, connected=True)

    assert bench.made[0].phase is Phase.CONFIRMED
    assert bench.heard == []


def test_a_first_identity_that_does_not_connect_stays(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "identity", generations=1)

    assert bench.look_for(2 * TRIAL_SECONDS, connected=False) is Step.NOTHING
    assert bench.store.version() == "000001"


def test_another_identity_that_became_current_begins_again(bench: Bench) -> None:
    bench.look_for(SETTLED_SECONDS + 1, connected=True)
    bench.make()

    assert bench.look_for(0, connected=True) is Step.BEGIN_AGAIN


def test_an_operation_under_way_is_waited_for(bench: Bench) -> None:
    with bench.store.lock():
        bench.handover = bench.begin(IdentityStore(bench.folder))
        bench.look_for(SETTLED_SECONDS + 3, connected=True)
        assert bench.names() == ["000001", "000002"]

    bench.look_for(1, connected=True)

    assert bench.names() == ["000002"]


def end_rotation(bench: Bench, disk: PowerCutDisk) -> None:
    bench.handover = bench.begin(IdentityStore(bench.folder, disk))
    bench.look_for(SETTLED_SECONDS + 1, connected=True)


@pytest.mark.parametrize("lose", [True, False], ids=["names-lost", "names-kept"])
def test_a_power_cut_at_any_step_leaves_the_new_identity_and_the_cloud_is_told(
    tmp_path: Path, *, lose: bool
) -> None:
    disk = PowerCutDisk(at=-1)
    end_rotation(Bench(tmp_path / "whole"), disk)
    assert disk.steps > 15
    for at in range(disk.steps):
        bench = Bench(tmp_path / f"{at}")
        with pytest.raises(PowerCut):
            end_rotation(bench, PowerCutDisk(at, lose=lose))
        assert bench.store.current() == bench.made[1], at

        bench.handover = bench.begin()
        bench.look_for(SETTLED_SECONDS + 1, connected=True)

        assert bench.names() == ["000002"], at
        assert 1 <= len(bench.heard) <= 2, at
