"""A session that asks: every way it can end without an answer is told in a line, and soon."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from edge_agent.credentials.dev_pki import PkiPaths, make_ca, make_pki
from edge_agent.credentials.diagnosis import diagnose
from edge_agent.credentials.issuing import IssuingAuthority
from edge_agent.credentials.signing import make_key, make_request
from edge_agent.errors import AgentError, LocalProtocolError, NotConnected, Refused, UplinkError
from edge_agent.standin import StandinConfig, StandinControl, StandinThread, Template
from edge_agent.testing.patience import Stopwatch
from edge_agent.uplink.asking import AskingSession, SessionOptions

pytestmark = pytest.mark.integration

CREATE = "$aws/certificates/create-from-csr/json"


@dataclass
class Bench:
    """A claim, and the cloud."""

    options: SessionOptions
    control: StandinControl

    def session(self) -> AskingSession:
        one = self.options
        assert isinstance(one.key, Path)
        key = one.key
        return AskingSession(one, lambda: diagnose(one.endpoint, one.port, one.ca, one.certificate, key))

    async def ask(self, *topics: str) -> list[str]:
        request = {"certificateSigningRequest": make_request(make_key(), "gw-07").decode()}
        async with self.session() as session:
            answers = [await session.ask(topic, request) for topic in topics or (CREATE,)]
        return [str(answer["certificateId"]) for answer in answers]

    def failure(self, *topics: str) -> AgentError:
        with pytest.raises(AgentError) as caught:
            asyncio.run(self.ask(*topics))
        assert "\n" not in str(caught.value)
        return caught.value


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), thing="server-only")


@pytest.fixture
def bench(tmp_path: Path, pki: PkiPaths) -> Iterator[Bench]:
    state, certificate, key = tmp_path / "standin", tmp_path / "claim.pem", tmp_path / "claim.key"
    IssuingAuthority.load_or_make(state / "issuing").issue_claim("claim").write(certificate, key)
    config = StandinConfig(
        state=state,
        ca=pki.ca,
        certificate=pki.server_certificate,
        key=pki.server_key,
        things={},
        templates=(Template("edge-agent-enrol"),),
        claims=(certificate,),
    )
    with StandinThread(config) as standin, standin.control() as control:
        options = SessionOptions("localhost", standin.port, pki.ca, certificate, key, "enrol-1")
        yield Bench(options, control)


def test_a_question_is_answered(bench: Bench) -> None:
    (certificate_id,) = asyncio.run(bench.ask())

    assert [one["id"][: len(certificate_id)] for one in bench.control.certificates()].count(
        certificate_id
    ) == 1


def test_a_topic_is_asked_once_in_a_session(bench: Bench) -> None:
    """Otherwise a repeated answer to the first question would answer the second."""
    error = bench.failure(CREATE, CREATE)

    assert isinstance(error, LocalProtocolError)


def test_an_answer_that_comes_twice_does_no_harm(bench: Bench) -> None:
    bench.control.repeat_answers("create-from-csr", following=1)

    assert len(asyncio.run(bench.ask())) == 1


def test_a_rejected_question_says_what_the_service_says(bench: Bench) -> None:
    bench.control.reject_requests("create-from-csr", 400, "InvalidCsr", "not like\nthat", following=1)

    error = bench.failure()

    assert isinstance(error, Refused)
    assert error.code == "InvalidCsr"
    assert error.what == f"{CREATE} is rejected: 400 InvalidCsr: not like that"


def test_a_topic_that_the_policy_does_not_allow_is_named(bench: Bench) -> None:
    error = bench.failure("$aws/provisioning-templates/other/provision/json")

    assert isinstance(error, Refused)
    assert "does not let enrol-1 subscribe to $aws/provisioning-templates/other/provision/json" in error.what
    assert "policy" in error.mend


def test_a_client_id_that_the_policy_does_not_allow_is_told(bench: Bench) -> None:
    bench.options = replace(bench.options, client_id="gw-07-events")

    error = bench.failure()

    assert isinstance(error, NotConnected)
    assert "gw-07-events" in error.what
    assert "policy" in error.mend


def test_no_answer_is_told_in_time(bench: Bench) -> None:
    bench.control.drop_answers("create-from-csr", following=1)
    bench.options = replace(bench.options, answer_seconds=0.5)

    error = bench.failure()

    assert isinstance(error, UplinkError)
    assert f"no answer on {CREATE}/accepted within 0.5 s" in error.what


def test_a_session_that_ends_while_asking_is_told_at_once(bench: Bench) -> None:
    bench.control.drop_answers("create-from-csr", following=1)

    async def asked_and_dropped() -> None:
        async with bench.session() as session:
            asking = asyncio.create_task(session.ask(CREATE, {"certificateSigningRequest": ""}))
            await asyncio.sleep(0.5)
            await asyncio.to_thread(bench.control.drop, reason=0x98)
            await asking

    watch = Stopwatch()
    with pytest.raises(NotConnected, match="0x98 administrative action"):
        asyncio.run(asked_and_dropped())
    assert watch.look() < 10.0


def test_a_server_that_is_not_trusted_is_told_before_the_sdk_does(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.uplink.asking.PATIENCE_SECONDS", 0.5)
    other = tmp_path / "other.pem"
    other.write_bytes(make_ca("another CA").pem)
    bench.options = replace(bench.options, ca=other)

    watch = Stopwatch()
    error = bench.failure()

    assert "its certificate is not signed by our CA" in error.what
    assert error.mend == "check uplink.ca and uplink.endpoint"
    assert watch.look() < 10.0


def test_a_topic_with_a_wildcard_is_our_own_fault(bench: Bench) -> None:
    async def publish() -> None:
        async with bench.session() as session:
            await session.publish("floor/#", b"")

    with pytest.raises(LocalProtocolError):
        asyncio.run(publish())


def test_nothing_is_left_of_a_session_that_was_cancelled(bench: Bench) -> None:
    bench.control.stall(30)

    async def cancelled() -> None:
        asking = asyncio.create_task(bench.ask())
        await asyncio.sleep(0.3)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert [task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []

    asyncio.run(cancelled())
