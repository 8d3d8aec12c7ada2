"""The uplink to IoT Core on port 443 and through a proxy, against the stand-in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from edge_agent.credentials.dev_pki import PkiPaths, make_pki
from edge_agent.credentials.diagnosis import diagnose
from edge_agent.errors import CredentialError
from edge_agent.proxy import Proxy
from edge_agent.standin import StandinConfig, StandinThread
from edge_agent.testing.patience import PATIENCE_SECONDS
from edge_agent.testing.proxy import ConnectProxy
from edge_agent.uplink import iot_core
from edge_agent.uplink.base import Message
from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink
from edge_agent.uplink.reason_codes import UNSPECIFIED_ERROR

pytestmark = pytest.mark.integration

BATCH = Message("floor/lab/gw-07/ev/batch", b'[{"id":"a/1"}]')
PASSWORD = "kept-out-of-logs"  # noqa: S105  of this test's own proxy
SOON = PATIENCE_SECONDS


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    return make_pki(tmp_path_factory.mktemp("pki"), thing="gw-07", server_names=["broker.example"])


@pytest.fixture
def config(config: StandinConfig) -> StandinConfig:
    return replace(config, alpn_demanded=True)


@pytest.fixture
def options(pki: PkiPaths, monkeypatch: pytest.MonkeyPatch) -> IotCoreOptions:
    monkeypatch.setattr(iot_core, "PATIENCE_SECONDS", 0.1)
    return IotCoreOptions(
        endpoint="broker.example",
        port=443,
        ca=pki.ca,
        certificate=pki.device_certificate,
        key=pki.device_key,
        client_id="gw-07-events",
        status_topic="floor/lab/gw-07/status",
        min_reconnect_ms=100,
        max_reconnect_ms=200,
    )


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    file = tmp_path / "proxy"
    file.touch(mode=0o600)
    file.write_text(f"gw-07:{PASSWORD}\n", encoding="utf-8")
    return file


def tell(options: IotCoreOptions, story: Callable[[IotCoreUplink], Awaitable[None]]) -> None:
    """Play a story with an uplink that has been started."""

    def why() -> str:
        identity = (options.ca, options.certificate, Path(str(options.key)))
        return diagnose(options.endpoint, options.port, *identity, proxy=options.proxy)

    async def play() -> None:
        uplink = IotCoreUplink(options, check=lambda: None, diagnose=why)
        await uplink.start()
        try:
            await asyncio.wait_for(story(uplink), SOON)
        finally:
            await uplink.stop()

    asyncio.run(play())


async def delivers(uplink: IotCoreUplink) -> None:
    await uplink.wait_connected()
    assert (await uplink.publish(BATCH)).reason_code < UNSPECIFIED_ERROR


def reason(options: IotCoreOptions, containing: str) -> str:
    """Why the uplink does not connect, once it has found out."""
    found = []

    async def story(uplink: IotCoreUplink) -> None:
        while containing not in uplink.state.last_reason:  # noqa: ASYNC110  states set no events
            await asyncio.sleep(0.02)
        found.append(uplink.state.last_reason)
        assert not uplink.state.connected

    tell(options, story)
    return found[0]


def test_events_are_delivered_on_port_443_through_a_proxy(
    standin: StandinThread, options: IotCoreOptions
) -> None:
    """IoT Core serves MQTT on 443 only to whoever asks for it by name, as this stand-in does."""
    with ConnectProxy({("broker.example", 443): standin.port}) as proxy:
        tell(replace(options, proxy=Proxy.at(proxy.url)), delivers)

    assert set(proxy.requests) == {"CONNECT broker.example:443 HTTP/1.1"}


def test_events_are_delivered_through_a_proxy_that_knows_us(
    standin: StandinThread, options: IotCoreOptions, credentials: Path
) -> None:
    routes = {("broker.example", 443): standin.port}

    with ConnectProxy(routes, credentials=f"gw-07:{PASSWORD}") as proxy, capture_logs() as logs:
        tell(replace(options, proxy=Proxy.at(proxy.url, credentials)), delivers)

    assert PASSWORD not in str(logs)


def test_a_lost_tunnel_is_opened_again(standin: StandinThread, options: IotCoreOptions) -> None:
    with ConnectProxy({("broker.example", 443): standin.port}) as proxy:

        async def story(uplink: IotCoreUplink) -> None:
            await delivers(uplink)
            proxy.drop()
            while uplink.state.connects < 2:  # noqa: ASYNC110  states set no events
                await asyncio.sleep(0.02)
            await delivers(uplink)

        tell(replace(options, proxy=Proxy.at(proxy.url)), story)


def test_a_proxy_that_does_not_know_us_is_the_reason(
    standin: StandinThread, options: IotCoreOptions, credentials: Path
) -> None:
    routes = {("broker.example", 443): standin.port}

    with ConnectProxy(routes, credentials="gw-07:other") as proxy, capture_logs() as logs:
        said = reason(replace(options, proxy=Proxy.at(proxy.url, credentials)), "a user and a password")

    assert said.endswith("check uplink.proxy_credentials")
    assert PASSWORD not in f"{said} {logs}"


def test_a_proxy_that_forbids_is_the_reason(options: IotCoreOptions) -> None:
    with ConnectProxy({}) as proxy:
        said = reason(replace(options, proxy=Proxy.at(proxy.url)), "does not let us through")

    assert f"by proxy 127.0.0.1:{proxy.port}" in said


def test_a_server_of_another_name_behind_the_proxy_is_the_reason(
    standin: StandinThread, options: IotCoreOptions
) -> None:
    with ConnectProxy({("other.example", 443): standin.port}) as proxy:
        elsewhere = replace(options, endpoint="other.example", proxy=Proxy.at(proxy.url))
        said = reason(elsewhere, "its certificate is for another name")

    assert said.startswith("other.example:443 by proxy")


def test_credentials_of_the_proxy_that_cannot_be_used_end_the_start(
    options: IotCoreOptions, tmp_path: Path
) -> None:
    missing = replace(options, proxy=Proxy("127.0.0.1", 1, tmp_path / "missing"))

    with pytest.raises(CredentialError, match="proxy credentials"):
        tell(missing, delivers)
