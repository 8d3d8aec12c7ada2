"""What several rooms of tests share: a cloud's stand-in for one gateway, and the patience of Hypothesis."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import structlog
from hypothesis import HealthCheck, settings

from edge_agent.credentials.dev_pki import PkiPaths, make_pki
from edge_agent.standin import StandinConfig, StandinControl, StandinThread
from edge_agent.testing.tries import tries

if TYPE_CHECKING:
    from edge_agent.uplink.iot_core import IotCoreOptions

# Examples of each property that does not say otherwise; see `edge_agent.testing.tries` for the long run.
EVERYDAY = 40

# In a fresh checkout Hypothesis first makes its tables of Unicode. It counts that as generating data, and
# fails whichever test of text happens to come first.
settings.register_profile("agent", suppress_health_check=[HealthCheck.too_slow], max_examples=tries(EVERYDAY))
settings.load_profile("agent")


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    """A test that runs a command sets up logs for the whole process; the next one finds them as they were."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.fixture
def _without_cryptography(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a gateway without the extra."""
    for name in [name for name in sys.modules if name.split(".")[0] == "cryptography"]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for room in ("checkpoint_signature", "dev_pki", "inspection", "issuing", "signing"):
        monkeypatch.delitem(sys.modules, f"edge_agent.credentials.{room}", raising=False)


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> PkiPaths:
    """Certificates for gateway gw-07 and for its broker, to be read only."""
    return make_pki(tmp_path_factory.mktemp("pki"), thing="gw-07")


@pytest.fixture
def config(tmp_path: Path, pki: PkiPaths) -> StandinConfig:
    """A stand-in that knows gateway gw-07 of site lab. A room that needs more of it replaces this."""
    return StandinConfig(
        state=tmp_path / "standin",
        ca=pki.ca,
        certificate=pki.server_certificate,
        key=pki.server_key,
        things={"gw-07": {"site": "lab"}},
    )


@pytest.fixture
def standin(config: StandinConfig) -> Iterator[StandinThread]:
    """That stand-in, running."""
    with StandinThread(config) as standin:
        yield standin


@pytest.fixture
def options(standin: StandinThread, pki: PkiPaths) -> IotCoreOptions:
    """How gw-07 reaches it. A room that needs more of it replaces this, too."""
    from edge_agent.uplink.iot_core import IotCoreOptions  # noqa: PLC0415  it loads the SDK, for a few rooms

    return IotCoreOptions(
        endpoint="localhost",
        port=standin.port,
        ca=pki.ca,
        certificate=pki.device_certificate,
        key=pki.device_key,
        client_id="gw-07-events",
        status_topic="floor/lab/gw-07/status",
        min_reconnect_ms=100,
        max_reconnect_ms=200,
    )


@pytest.fixture
def control(standin: StandinThread) -> Iterator[StandinControl]:
    """What makes its faults."""
    with standin.control() as control:
        yield control
