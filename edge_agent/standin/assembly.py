"""Assembly: a configuration becomes a broker and what it stands on.

The state folder is locked before anything in it is read. Signing needs the package cryptography,
which is asked for only when there is a template to sign for.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import ssl
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.errors import ConfigurationError, CredentialError, InUseError
from edge_agent.extras import needed_by
from edge_agent.standin.broker import Appends, Broker
from edge_agent.standin.config import StandinConfig
from edge_agent.standin.faults import Faults
from edge_agent.standin.ledger import Ledger
from edge_agent.standin.policy import Policy, load_policy, union
from edge_agent.standin.provisioning import Provisioning
from edge_agent.standin.registry import DEFAULT_POLICY, Certificate, Registry
from edge_agent.standin.registry_file import keep_registry, load_registry
from edge_agent.standin.rules import Rules, rule_policy
from edge_agent.standin.services import Services
from edge_agent.standin.shadows import Shadows
from edge_agent.standin.tally import Tally

if TYPE_CHECKING:
    from edge_agent.credentials.issuing import IssuingAuthority

# The name of the policy that claim certificates have.
CLAIM_POLICY = "claim"
# That of certificates that templates register.
GATEWAY_POLICY = "forwarder"
# What a client names in its TLS hello to speak MQTT on port 443, as IoT Core has it.
ALPN = "x-amzn-mqtt-ca"


def lock(config: StandinConfig) -> int:
    """A lock on the state folder, as a descriptor: one stand-in a folder, even after a kill."""
    try:
        config.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(config.state / "standin.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            f"state folder {config.state} cannot be used: {error.strerror}", "name another with --state"
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise InUseError(
            f"state folder {config.state} is in use by another stand-in",
            "stop it, or name another with --state",
        ) from error
    return descriptor


def load_authority(config: StandinConfig) -> IssuingAuthority | None:
    """Who signs requests; nobody without a template. Raises CredentialError."""
    if not config.templates and not config.claims:
        return None
    with needed_by("signing certificates", extra="simulator"):
        from edge_agent.credentials import issuing  # noqa: PLC0415  an extra, needed here alone
    days = config.certificate_days or issuing.CERTIFICATE_DAYS
    return issuing.IssuingAuthority.load_or_make(config.issuing_folder, days)


def make_ledger(config: StandinConfig) -> Ledger | Tally:
    """Where accepted publishes go. Raises ConfigurationError if they cannot be written there."""
    return Tally(config.ledger_file) if config.counts else Ledger(config.ledger_file)


def make_broker(config: StandinConfig, ledger: Appends, authority: IssuingAuthority | None) -> Broker:
    """The broker with its registry and services."""
    registry = Registry(config.things, _policies(config), partial(keep_registry, config.registry_file))
    load_registry(config.registry_file, registry)
    for file in config.claims:
        certificate_id = fingerprint(file)
        if registry.get(certificate_id) is None and not registry.forgot(certificate_id):
            registry.add(Certificate(certificate_id, file.stem, policies=(CLAIM_POLICY,)))
    provisioning = None
    if authority is not None and config.templates:
        provisioning = Provisioning(registry, config.templates, authority, lifetime=config.token_lifetime)
    return Broker(
        registry=registry,
        ledger=ledger,
        services=Services(Shadows(registry.things, time.time() - time.monotonic()), provisioning),
        faults=Faults(config.seed),
        observer=config.observer,
        rates=config.rates,
        discard_excess=config.discard_excess,
        rules=Rules(config.rules),
    )


def fingerprint(file: Path) -> str:
    """The id of a certificate in PEM. Raises CredentialError."""
    try:
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read_text(encoding="ascii").strip())).hexdigest()
    except (OSError, ValueError) as error:
        raise CredentialError(
            f"claim certificate {file} cannot be read: {error}", "name one in PEM"
        ) from error


def tls_context(config: StandinConfig, authority: IssuingAuthority | None) -> ssl.SSLContext:
    """TLS 1.2 or newer; a client shows a certificate of an authority of ours or is refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.set_alpn_protocols([ALPN])
    try:
        context.load_verify_locations(config.ca)
        context.load_cert_chain(config.certificate, config.key)
    except (OSError, ssl.SSLError) as error:
        raise CredentialError(
            f"the stand-in cannot use {config.certificate}, {config.key} and {config.ca}: {error}",
            "remove the folder they are in, and they are made anew",
        ) from error
    if authority is not None:
        context.load_verify_locations(cadata=authority.pem)
    return context


def _policies(config: StandinConfig) -> dict[str, Policy]:
    """Every policy by name: the shipped ones, those of the configuration, and the default."""
    shipped = {file.stem: file for file in Path(__file__).with_name("policies").glob("*.json")}
    named = {**shipped, **config.policies, DEFAULT_POLICY: config.policy}
    policies = {name: load_policy(file) for name, file in named.items()}
    ingest = [rule_policy(rule) for rule in config.rules]
    of_gateways = {name: union([policies[name], *ingest]) for name in (DEFAULT_POLICY, GATEWAY_POLICY)}
    return policies | of_gateways
