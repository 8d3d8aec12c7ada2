"""What the command is told, one row an option, and the stand-in that comes of it."""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from edge_agent.errors import ConfigurationError
from edge_agent.extras import needed_by
from edge_agent.settings import check_thing
from edge_agent.standin.assembly import load_authority
from edge_agent.standin.config import StandinConfig, shipped_policy
from edge_agent.standin.templates import Template, shipped_blueprint
from edge_agent.topics import RULE_NAME

# As long as the issuing authority itself lasts.
DAYS_LIMIT = 3_650
# In place of a ledger's file.
COUNTS_WORD = "counts"

_FOLDER = {"type": Path, "metavar": "DIR"}
_FILE = {"type": Path, "metavar": "FILE"}
_NAMES = {"action": "append", "default": [], "metavar": "NAME"}
_SWITCH = {"action": "store_true"}

OPTIONS: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "--state": {**_FOLDER, "required": True, "help": "folder for the ledger and the control socket"},
        "--thing": {
            **_NAMES,
            "required": True,
            "help": "a thing that exists: the common name of its certificate; may be repeated",
        },
        "--site": {"required": True, "metavar": "NAME", "help": "the things' site attribute"},
        "--port": {
            "type": int,
            "default": 0,
            "metavar": "N",
            "help": "TCP port; 0 takes a free one (default %(default)s)",
        },
        "--pki": {**_FOLDER, "help": "development certificates, made if missing (default: pki in --state)"},
        "--policy": {**_FILE, "help": "IoT policy document (default: certs/policies/forwarder.json)"},
        "--ledger": {
            "metavar": "FILE",
            "help": "accepted publishes (default: ledger.jsonl in --state); the word `counts`: keep none of "
            "them, only how many and which sequences",
        },
        "--observer": {
            "metavar": "CLIENT_ID",
            "help": "a client id that may watch everything, with any certificate",
        },
        "--no-rates": {**_SWITCH, "help": "do not hold connections to 100 publishes and 512 KiB a second"},
        "--discard-excess": {
            **_SWITCH,
            "help": "give no PUBACK to publishes beyond 100 a second, in place of 0x97",
        },
        "--rule": {**_NAMES, "help": "a rule that takes publishes to $aws/rules/NAME/…; may be repeated"},
        "--template": {
            **_NAMES,
            "help": "a provisioning template, for edge-agent certs enrol and rotate; may be repeated. "
            "Makes a claim certificate beside the others: claim.pem, claim.key",
        },
        "--serial": {
            **_NAMES,
            "metavar": "SERIAL[=THING]",
            "help": "a serial number that may enrol, and the thing it becomes; may be repeated "
            "(default: all may)",
        },
        "--certificate-days": {
            "type": float,
            "metavar": "N",
            "help": "how long certificates last that it issues (default: a year)",
        },
        "--alpn": {
            **_SWITCH,
            "help": "refuse whoever does not name x-amzn-mqtt-ca in TLS, as port 443 does",
        },
        "--seed": {
            "type": int,
            "default": 0,
            "metavar": "N",
            "help": "of the PUBACKs lost by percentage (default %(default)s)",
        },
    }
)


def read_options(arguments: Sequence[str] | None) -> StandinConfig:
    """The stand-in that the arguments of the command ask for; its certificates are made if missing.

    Args:
        arguments: None for the process' own.

    Raises:
        ConfigurationError: what they say makes no sense, or wants a package that is not installed.
        CredentialError: certificates cannot be made, or are no longer what they were.
    """
    options = _parser().parse_args(arguments)
    _check(options)
    return _config(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-agent stand-in",
        description="An IoT Core stand-in: a small MQTT 5 broker on 127.0.0.1 that demands client "
        "certificates and enforces IoT Core's limits and the IoT policy. Prints one JSON line when ready; "
        "ends on SIGTERM.",
        epilog="See docs/stand-in.md for what it enforces and for the faults it can be asked for.",
    )
    for name, about in OPTIONS.items():
        parser.add_argument(name, **about)
    return parser


def _check(options: argparse.Namespace) -> None:
    if not 0 <= options.port <= 65_535:
        raise ConfigurationError(f"--port {options.port} is no TCP port", "use 0 to 65535")
    for thing in options.thing:
        check_thing(thing, "--thing")
    if options.certificate_days is not None and not 0 < options.certificate_days <= DAYS_LIMIT:
        raise ConfigurationError(
            f"--certificate-days {options.certificate_days:g} is no span for a certificate",
            f"use more than 0, and {DAYS_LIMIT} at most",
        )
    for rule in options.rule:
        if not re.fullmatch(RULE_NAME, rule):
            raise ConfigurationError(f"--rule {rule!r} cannot be a rule's name", "use letters, digits and _")
    if options.serial and not options.template:
        raise ConfigurationError("--serial belongs to a provisioning template", "name it with --template")


def _config(options: argparse.Namespace) -> StandinConfig:
    with needed_by("the stand-in", extra="simulator"):
        from edge_agent.credentials.dev_pki import make_pki  # noqa: PLC0415  an extra
    pki = options.pki or options.state / "pki"
    paths = make_pki(pki, thing=options.thing[0])
    counts = options.ledger == COUNTS_WORD
    config = StandinConfig(
        state=options.state,
        ca=paths.ca,
        certificate=paths.server_certificate,
        key=paths.server_key,
        things={thing: {"site": options.site} for thing in options.thing},
        policy=options.policy or shipped_policy(),
        port=options.port,
        ledger=None if counts or options.ledger is None else Path(options.ledger),
        counts=counts,
        rules=tuple(options.rule),
        discard_excess=options.discard_excess,
        observer=options.observer,
        rates=not options.no_rates,
        seed=options.seed,
        templates=tuple(
            Template(name, serials=_serials(options.serial), blueprint=shipped_blueprint(name))
            for name in options.template
        ),
        certificate_days=options.certificate_days,
        alpn_demanded=options.alpn,
    )
    authority = load_authority(config)
    return config if authority is None else replace(config, claims=(authority.keep_claim(pki),))


def _serials(given: list[str]) -> dict[str, str] | None:
    """The allow-list: serial numbers, and the thing each becomes."""
    pairs = [one.partition("=") for one in given]
    return {serial: thing for serial, _, thing in pairs} if given else None
