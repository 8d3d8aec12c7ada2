"""Enrolling and rotating, told against a cloud in memory, with the power going at every step."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from edge_agent.credentials.certificate import read_certificates
from edge_agent.credentials.dev_pki import write_private
from edge_agent.credentials.device import check_identity
from edge_agent.credentials.disk import Disk, wipe
from edge_agent.credentials.identity import Generation, IdentityStore, Phase
from edge_agent.credentials.in_use import Identity
from edge_agent.credentials.issuing import IssuingAuthority
from edge_agent.credentials.keys import FileKeys
from edge_agent.credentials.provisioning import BAD_TOKEN, CREATE, PROVISION, Gateway, Provisioning
from edge_agent.errors import CredentialError, InUseError, NotConnected, Refused, UplinkError
from edge_agent.testing.memory_cloud import MemoryCloud
from edge_agent.testing.power_cut import PowerCut, PowerCutDisk, QuickDisk

GATEWAY = Gateway(
    thing="gw-07",
    site="lab",
    serial_number="SN 1/4711",
    template="edge-agent-enrol",
    status_topic="floor/lab/gw-07/status",
)
REGISTER = PROVISION.format(GATEWAY.template)


class Bench:
    """A gateway, its claim, and the cloud it is enrolled with."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.identity = folder / "identity"
        self.authority = IssuingAuthority.load_or_make(folder / "issuing")
        self.ca = folder / "ca.pem"
        self.ca.write_text(self.authority.pem)
        self.claim = Identity(folder / "claim.pem", folder / "claim.key")
        claim = self.authority.issue_claim("claim")
        claim.write(folder / "claim.pem", folder / "claim.key")
        self.cloud = MemoryCloud(self.authority)
        self.cloud.active.add(read_certificates("claim", self.claim.certificate)[0].fingerprint)
        self.now = 0.0

    def store(self, disk: Disk | None = None) -> IdentityStore:
        return IdentityStore(self.identity, disk or QuickDisk())

    def provisioning(self, disk: Disk | None = None, gateway: Gateway = GATEWAY) -> Provisioning:
        return Provisioning(self.store(disk), FileKeys(), self.cloud.connect, gateway, pause=no_pause)

    def enrol(self, *, force: bool = False, gateway: Gateway = GATEWAY) -> Generation:
        return asyncio.run(self.provisioning(gateway=gateway).enrol(self.claim, force=force))

    def rotate(self, *, force: bool = False) -> Generation:
        return asyncio.run(self.provisioning().rotate(force=force))

    def check(self) -> str:
        """The version of the identity that is current, which must be usable and known to the cloud."""
        current = self.store().current()
        assert current is not None
        check_identity(self.ca, current.certificate, current.key)
        assert read_certificates("current", current.certificate)[0].fingerprint in self.cloud.active
        return current.name


async def no_pause(_seconds: float) -> None:
    """No time passes."""


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path / "gateway")


def test_a_gateway_is_enrolled_by_its_claim(bench: Bench) -> None:
    generation = bench.enrol()

    assert bench.check() == generation.name == "000001"
    known = generation.registration()
    assert (known.thing, bench.cloud.things[known.certificate_id]) == ("gw-07", "gw-07")
    assert bench.cloud.sessions == ["enrol-SN-1-4711", "gw-07-rotation"]


def test_the_new_identity_is_proved_by_a_publish_before_it_is_current(bench: Bench) -> None:
    generation = bench.enrol()

    ((client_id, topic, payload),) = bench.cloud.published
    assert (client_id, topic) == ("gw-07-rotation", "floor/lab/gw-07/status")
    assert json.loads(payload) == {
        "state": "proving",
        "certificate": generation.registration().certificate_id,
    }


def test_the_key_never_leaves_the_gateway(bench: Bench) -> None:
    asked: list[str] = []
    answer = bench.cloud.answer
    bench.cloud = ListeningCloud(bench.cloud, asked, answer)

    generation = bench.enrol()

    secret = generation.key.read_text().splitlines()[1]
    assert asked
    assert all(secret[:20] not in one for one in asked)


def test_a_gateway_that_is_enrolled_is_not_enrolled_again(bench: Bench) -> None:
    bench.enrol()

    with pytest.raises(CredentialError, match="enrolled already, as gw-07") as refused:
        bench.enrol()

    assert "--force" in refused.value.mend
    assert bench.check() == "000001"


def test_force_enrols_again_beside_the_old_identity(bench: Bench) -> None:
    first = bench.enrol()

    assert bench.enrol(force=True).name == bench.check() == "000002"
    assert list(bench.store().former()) == [first]


def test_rotating_asks_and_proves_over_the_identities_own_sessions(bench: Bench) -> None:
    first = bench.enrol()
    bench.cloud.sessions.clear()

    second = bench.rotate()

    assert bench.check() == second.name == "000002"
    assert bench.cloud.sessions == ["gw-07-rotation", "gw-07-rotation"]
    assert first.key.read_bytes() != second.key.read_bytes()
    assert first.phase is Phase.REGISTERED  # kept, until the new one was used


def test_there_is_nothing_to_rotate_before_enrolling(bench: Bench) -> None:
    with pytest.raises(CredentialError, match="there is no identity"):
        bench.rotate()


def test_two_operations_at_once_are_refused(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.credentials.provisioning.LOCK_SECONDS", 0.1)

    with bench.store().lock(), pytest.raises(InUseError):
        bench.enrol()


@pytest.mark.parametrize(
    "topic", [CREATE, REGISTER, GATEWAY.status_topic], ids=["create", "register", "prove"]
)
def test_a_refusal_keeps_the_old_identity_and_a_second_run_goes_on(bench: Bench, topic: str) -> None:
    bench.enrol()
    bench.cloud.refusals[topic] = Refused("no, and here is why", code="AccessDenied")

    if topic == GATEWAY.status_topic:  # proving is tried again
        assert bench.rotate().name == "000002"
        return
    with pytest.raises(Refused, match="here is why"):
        bench.rotate()
    assert bench.check() == "000001"
    key = bench.store().generations()[-1].key.read_bytes()

    assert bench.rotate().name == bench.check() == "000002"
    assert bench.store().generations()[-1].key.read_bytes() == key


@pytest.mark.parametrize("topic", [CREATE, REGISTER], ids=["create", "register"])
def test_a_lost_answer_keeps_the_old_identity_and_a_second_run_goes_on(bench: Bench, topic: str) -> None:
    """A registration whose answer was lost is found by the certificate: it would not be made twice."""
    bench.enrol()
    bench.cloud.lost_answers.add(topic)

    with pytest.raises(NotConnected):
        bench.rotate()
    assert bench.check() == "000001"
    key = bench.store().generations()[-1].key.read_bytes()

    assert bench.rotate().name == bench.check() == "000002"
    assert bench.store().generations()[-1].key.read_bytes() == key
    assert len(bench.cloud.things) == 2


def test_an_identity_that_the_cloud_never_takes_is_not_made_current(bench: Bench) -> None:
    bench.enrol()
    connect = bench.cloud.connect
    calls: list[str] = []

    def forgetful(identity: Identity, client_id: str) -> object:
        calls.append(identity.certificate.parent.name)
        if identity.certificate.parent.name == "000002":
            raise NotConnected("the cloud hangs up")
        return connect(identity, client_id)

    provisioning = Provisioning(bench.store(), FileKeys(), forgetful, GATEWAY, pause=no_pause)  # type: ignore[arg-type]  # a double
    with pytest.raises(UplinkError, match="registered and the cloud does not take it") as refused:
        asyncio.run(provisioning.rotate())

    assert "--force" in refused.value.mend
    assert calls.count("000002") == 5
    assert bench.check() == "000001"
    assert bench.rotate().name == "000002"


def test_a_token_that_has_died_begins_with_a_new_certificate(bench: Bench) -> None:
    bench.cloud.refusals[REGISTER] = Refused("later", code="ThrottlingException")
    with pytest.raises(Refused):
        bench.enrol()
    bench.cloud.tokens.clear()

    assert bench.enrol().name == bench.check()


def test_a_token_that_must_have_died_is_not_tried(bench: Bench) -> None:
    bench.cloud.refusals[REGISTER] = Refused("later", code="ThrottlingException")
    with pytest.raises(Refused):
        bench.enrol()
    issued = bench.store().generations()[0].folder / "issued.json"
    os.utime(issued, (time.time() - 4_000, time.time() - 4_000))

    bench.enrol()

    assert len(bench.cloud.tokens) == 1  # the old one, never used
    assert bench.check() == "000001"


def test_a_token_refused_at_once_is_told_and_not_tried_for_ever(bench: Bench) -> None:
    bench.cloud.refusals[REGISTER] = Refused("the token is bad", code=BAD_TOKEN)

    with pytest.raises(Refused, match="the token is bad"):
        bench.enrol()


def test_another_name_from_the_cloud_is_told_plainly(bench: Bench) -> None:
    bench.cloud.renames["gw-07"] = "casino-gw-07"

    with pytest.raises(CredentialError, match="as thing casino-gw-07, its settings say gw-07") as refused:
        bench.enrol()

    assert "set gateway to casino-gw-07" in refused.value.mend
    assert bench.store().current() is None


def test_the_setting_mended_the_same_registration_is_taken(bench: Bench) -> None:
    bench.cloud.renames["gw-07"] = "casino-gw-07"
    with pytest.raises(CredentialError):
        bench.enrol()
    mended = Gateway("casino-gw-07", "lab", "SN 1/4711", "edge-agent-enrol", "floor/lab/casino-gw-07/status")

    assert bench.enrol(gateway=mended).name == "000001"
    assert len(bench.cloud.things) == 1


@pytest.mark.parametrize("missing", ["certificateId", "certificatePem", "certificateOwnershipToken"])
def test_an_answer_that_lacks_something_is_told(bench: Bench, missing: str) -> None:
    answer = bench.cloud.answer
    asked: list[str] = []
    bench.cloud = ListeningCloud(bench.cloud, asked, answer, without=missing)

    with pytest.raises(UplinkError, match=f"has no {missing}"):
        bench.enrol()


def test_a_certificate_for_another_key_is_refused(bench: Bench) -> None:
    answer = bench.cloud.answer
    other = bench.authority.issue_claim("other").certificate.decode()
    bench.cloud = ListeningCloud(bench.cloud, [], answer, certificate=other)

    with pytest.raises(CredentialError, match="is not for key"):
        bench.enrol()


def test_what_is_no_certificate_is_refused(bench: Bench) -> None:
    bench.cloud = ListeningCloud(bench.cloud, [], bench.cloud.answer, certificate="rubbish")

    with pytest.raises(CredentialError, match="what was issued is not a certificate"):
        bench.enrol()


class ListeningCloud(MemoryCloud):
    """A cloud that writes down what it is asked, and may answer amiss."""

    def __init__(
        self,
        cloud: MemoryCloud,
        asked: list[str],
        answer: Callable[..., dict[str, object]],
        *,
        without: str = "",
        certificate: str = "",
    ) -> None:
        super().__init__(cloud.authority, cloud.active)
        self._asked, self._answer = asked, answer
        self._without, self._certificate = without, certificate

    def answer(self, topic: str, payload: object) -> dict[str, object]:
        self._asked.append(json.dumps(payload))
        made = self._answer(topic, payload)
        made.pop(self._without, None)
        if self._certificate and "certificatePem" in made:
            made["certificatePem"] = self._certificate
        return made


Operation = Callable[[Bench, Disk | None], Coroutine[Any, Any, Generation]]


async def enrol(bench: Bench, disk: Disk | None) -> Generation:
    return await bench.provisioning(disk).enrol(bench.claim)


async def rotate(bench: Bench, disk: Disk | None) -> Generation:
    return await bench.provisioning(disk).rotate()


@pytest.mark.parametrize("lose", [True, False], ids=["names-lost", "names-kept"])
@pytest.mark.parametrize("operation", [enrol, rotate])
def test_a_power_cut_at_any_step_leaves_an_identity_and_a_second_run_ends(
    tmp_path: Path, operation: Operation, *, lose: bool
) -> None:
    steps = count_steps(tmp_path, operation)
    assert steps > 20
    for at in range(steps):
        bench = prepared(tmp_path / f"{at}", operation)
        before = bench.store().version()
        with pytest.raises(PowerCut):
            asyncio.run(operation(bench, PowerCutDisk(at, lose=lose)))

        if operation is rotate:
            assert bench.check() in {"000001", "000002"}, at
        if bench.store().version() == before:
            asyncio.run(operation(bench, None))
        assert bench.check() == ("000002" if operation is rotate else "000001"), at
        assert not list(bench.identity.rglob("*.part")), at
        assert not list(bench.identity.rglob("issued.json")), at


def count_steps(folder: Path, operation: Operation) -> int:
    disk = PowerCutDisk(at=-1)
    asyncio.run(operation(prepared(folder / "whole", operation), disk))
    return disk.steps


def prepared(folder: Path, operation: Operation) -> Bench:
    bench = Bench(folder)
    if operation is rotate:
        bench.enrol()
    return bench


@pytest.mark.integration
@pytest.mark.parametrize("operation", ["enrol", "rotate"])
def test_kill_9_at_any_step_leaves_an_identity_and_a_second_run_ends(tmp_path: Path, operation: str) -> None:
    """This file, run by itself, forks for every step and has the child killed there."""
    command = [sys.executable, __file__, operation, str(tmp_path)]

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout.splitlines()[-1]) > 20


def kill_at_every_step(operation: Operation, folder: Path) -> int:
    """How many steps there were."""
    steps = count_steps(folder, operation)
    for at in range(steps):
        bench = prepared(folder / f"{at}", operation)
        before = bench.store().version()
        if (child := os.fork()) == 0:
            asyncio.run(operation(bench, PowerCutDisk(at, kill=True)))
            os._exit(0)
        _pid, status = os.waitpid(child, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, at
        # The child's cloud died with it: this one knows what the child's had registered.
        for one in bench.store().generations():
            if one.phase >= Phase.REGISTERED:
                bench.cloud.active.add(one.registration().certificate_id)
        if bench.store().version() == before:
            asyncio.run(operation(bench, None))
        bench.check()
    return steps


def test_the_claim_key_is_overwritten_before_it_goes(tmp_path: Path) -> None:
    key, link = tmp_path / "claim.key", tmp_path / "look"
    write_private(key, b"a secret")
    link.hardlink_to(key)

    wipe(Disk(), key)

    assert not key.exists()
    assert link.read_bytes() == bytes(8)


if __name__ == "__main__":
    print(kill_at_every_step({"enrol": enrol, "rotate": rotate}[sys.argv[1]], Path(sys.argv[2])))  # noqa: T201  for the test
