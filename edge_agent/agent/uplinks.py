"""Uplinks: which way records leave, as the settings have it."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from edge_agent.agent.checks import given, proxy_of, uplink_of
from edge_agent.agent.identity import diagnose_by, key_of
from edge_agent.credentials.in_use import check_in_use, identity_in_use
from edge_agent.settings import Settings
from edge_agent.uplink import Uplink
from edge_agent.uplink.base import CloudBehindNucleus
from edge_agent.uplink.confirmation import Confirmations
from edge_agent.uplink.file import FileUplink


def make_uplink(settings: Settings, birth: Callable[[], bytes], nucleus: CloudBehindNucleus | None) -> Uplink:
    """The uplink of the settings; not started. Raises ConfigurationError or CredentialError.

    Args:
        settings: say which.
        birth: what is said, retained, after each connect, by an uplink that connects itself.
        nucleus: that started this process, if one did.
    """
    match uplink_of(settings).kind:
        case "file":
            return FileUplink(given(uplink_of(settings).path))
        case "greengrass":
            return _over_nucleus(settings, nucleus)
        case "iot_core":
            return _to_iot_core(settings, birth)


def confirmations_of(settings: Settings) -> Confirmations | None:
    """What the cloud confirms, where only that counts."""
    uplink = uplink_of(settings)
    if uplink.kind != "greengrass" or uplink.receipt != "cloud":
        return None
    return Confirmations(settings.confirmations_topic)


def _over_nucleus(settings: Settings, nucleus: CloudBehindNucleus | None) -> Uplink:
    assert nucleus is not None  # noqa: S101  see check_uplink
    log = structlog.get_logger()
    if uplink_of(settings).receipt == "nucleus":
        log.warning(
            "records are forgotten once the nucleus has accepted them: it has not delivered them, "
            "and what it loses is lost",
            mend="set uplink.receipt to cloud and have the cloud confirm, or uplink.kind to iot_core",
        )
    else:
        log.info("records are kept until the cloud confirms them", topic=settings.confirmations_topic)
    # As iot_core, below.
    from edge_agent.uplink.greengrass import GreengrassUplink  # noqa: PLC0415

    return GreengrassUplink(nucleus)


def _to_iot_core(settings: Settings, birth: Callable[[], bytes]) -> Uplink:
    uplink = uplink_of(settings)
    ca, identity = given(uplink.ca), identity_in_use(uplink)
    # awscrt takes a tenth of a second to import, which the collector and the commands do without.
    from edge_agent.uplink.iot_core import IotCoreOptions, IotCoreUplink  # noqa: PLC0415

    return IotCoreUplink(
        IotCoreOptions(
            endpoint=uplink.endpoint,
            port=uplink.port,
            proxy=proxy_of(uplink),
            ca=ca,
            certificate=identity.certificate,
            key=key_of(identity),
            client_id=uplink.client_id or f"{settings.gateway}-events",
            status_topic=settings.status_topic,
            keep_alive_seconds=uplink.keep_alive_seconds,
            ack_timeout_seconds=uplink.ack_timeout_seconds,
            ack_watchdog_seconds=uplink.ack_watchdog_seconds,
            min_reconnect_ms=uplink.min_reconnect_ms,
            max_reconnect_ms=uplink.max_reconnect_ms,
        ),
        check=lambda: check_in_use(ca, identity),
        diagnose=diagnose_by(uplink, identity),
        birth=birth,
    )
