"""What can be known to be wrong before a port is opened or a file is made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from edge_agent.credentials.identity import IdentityStore
from edge_agent.credentials.in_use import Identity, check_in_use, identity_in_use
from edge_agent.drivers.registry import find_driver
from edge_agent.errors import ConfigurationError
from edge_agent.links import open_link
from edge_agent.proxy import Proxy
from edge_agent.settings import LineSettings, Settings, UplinkSettings
from edge_agent.station import Driver, SharesLines


def check_uplink(settings: Settings, *, has_nucleus: bool) -> None:
    """Raise CredentialError if we could not prove who we are: known before there is a journal to send.

    Raises ConfigurationError if the way is over a nucleus and none has started us.
    """
    uplink = uplink_of(settings)
    if uplink.kind == "greengrass" and not has_nucleus:
        raise ConfigurationError(
            "uplink.kind greengrass needs the nucleus that started us, and none has",
            "deploy the forwarder as a component, or set uplink.kind to iot_core",
        )
    if uplink.kind == "iot_core":
        if proxy := proxy_of(uplink):
            proxy.user_and_password()
        check_in_use(given(uplink.ca), _identity_or_claim(uplink))


def _identity_or_claim(uplink: UplinkSettings) -> Identity:
    """What we prove ourselves with; as long as there is no identity, the claim that gets us one."""
    enrolment = uplink.enrolment
    if enrolment is None or uplink.identity is None or IdentityStore(uplink.identity).current() is not None:
        return identity_in_use(uplink)
    return Identity(enrolment.claim_certificate, enrolment.claim_key)


def check_lines(settings: Settings) -> None:
    """Raise ConfigurationError if a line's driver, its options or the kind of its port make no sense.

    Nor may two lines have a device of the same name.
    """
    line_of: dict[str, str] = {}
    for line in settings.lines:
        try:
            driver = find_driver(line.driver)
            driver.check(line.options)
            open_link(line.port, driver.serial_format)
            _refuse_twins(_devices(driver, line), line.name, line_of)
        except ConfigurationError as error:
            raise ConfigurationError(f"line {line.name}: {error.what}", error.mend) from error


def _refuse_twins(devices: Sequence[str], line: str, line_of: dict[str, str]) -> None:
    for device in devices:
        if device in line_of:
            raise ConfigurationError(
                f"device {device} is on line {line_of[device]} already", "give each its own name"
            )
        line_of[device] = line


def shares(driver: Driver, line: LineSettings) -> bool:
    """Whether devices share a line."""
    return isinstance(driver, SharesLines) and bool(driver.devices(line.options))


def _devices(driver: Driver, line: LineSettings) -> Sequence[str]:
    shared = driver.devices(line.options) if isinstance(driver, SharesLines) else ()
    return shared or (line.device,)


def absent_here(settings: Settings) -> Iterator[str]:
    """What the settings name and this computer does not have: fine on a laptop, not on the gateway."""
    for line in settings.lines:
        device = line.port.removeprefix("uart:")
        if device.startswith("/") and not Path(device).exists():
            yield f"line {line.name}: port {line.port} does not exist here"
    uplink = settings.uplink
    if uplink is None:
        return
    for what, path in (("CA", uplink.ca), ("certificate", uplink.certificate), ("key", uplink.key)):
        if path is not None and not path.exists():
            yield f"uplink: {what} {path} does not exist here"
    if uplink.identity is not None and not IdentityStore(uplink.identity).version():
        yield f"uplink: there is no identity in {uplink.identity} yet; edge-agent certs enrol makes one"


def uplink_of(settings: Settings) -> UplinkSettings:
    """The way to the cloud. Raises ConfigurationError if there is none."""
    if settings.uplink is None:
        raise ConfigurationError("uplink is missing", "say where to publish; see docs/operations.md")
    return settings.uplink


def proxy_of(uplink: UplinkSettings) -> Proxy | None:
    """The proxy to the cloud, if there is one."""
    return None if uplink.proxy is None else Proxy.at(uplink.proxy, uplink.proxy_credentials)


def given(path: Path | None) -> Path:
    """A path the settings' own validation has made sure of."""
    assert path is not None  # noqa: S101  see UplinkSettings
    return path
