"""The command: `python -m edge_agent.standin`, also `edge-agent stand-in`."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from edge_agent.errors import AgentError, ConfigurationError
from edge_agent.settings import check_thing
from edge_agent.standin.assembly import load_authority
from edge_agent.standin.config import StandinConfig, shipped_policy
from edge_agent.standin.server import run_standin
from edge_agent.standin.templates import Template, shipped_blueprint
from edge_agent.topics import RULE_NAME

# As long as the issuing authority itself lasts.
DAYS_LIMIT = 3_650
# In place of a ledger's file.
COUNTS_WORD = "counts"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a stand-in until SIGTERM; its exit status."""
    options = _parser().parse_args(arguments)
    try:
        run_standin(_config(options))
    except AgentError as error:
        sys.stderr.write(f"stand-in: {error}\n")
        return error.exit_status
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="edge-agent stand-in",
        description="An IoT Core stand-in: a small MQTT 5 broker on 127.0.0.1 that demands client "
        "certificates and enforces IoT Core's limits and the IoT policy. Prints one JSON line when ready; "
        "ends on SIGTERM.",
        epilog="See docs/stand-in.md for what it enforces and for the faults it can be asked for.",
    )
    add = parser.add_argument
    add(
        "--state",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for the ledger and the control socket",
    )
    add(
        "--thing",
        action="append",
        required=True,
        metavar="NAME",
        help="a thing that exists: the common name of its certificate; may be repeated",
    )
    add("--site", required=True, metavar="NAME", help="the things' site attribute")
    add("--port", type=int, default=0, metavar="N", help="TCP port; 0 takes a free one (default %(default)s)")
    add(
        "--pki",
        type=Path,
        metavar="DIR",
        help="development certificates, made if missing (default: pki in --state)",
    )
    add(
        "--policy",
        type=Path,
        metavar="FILE",
        help="IoT policy document (default: certs/policies/forwarder.json)",
    )
    add(
        "--ledger",
        metavar="FILE",
        help="accepted publishes (default: ledger.jsonl in --state); the word `counts`: keep none of them, "
        "only how many and which sequences",
    )
    add("--observer", metavar="CLIENT_ID", help="a client id that may watch everything, with any certificate")
    add(
        "--no-rates",
        action="store_true",
        help="do not hold connections to 100 publishes and 512 KiB a second",
    )
    add(
        "--discard-excess",
        action="store_true",
        help="give no PUBACK to publishes beyond 100 a second, in place of 0x97",
    )
    add(
        "--rule",
        action="append",
        default=[],
        metavar="NAME",
        help="a rule that takes publishes to $aws/rules/NAME/…; may be repeated",
    )
    add(
        "--template",
        action="append",
        default=[],
        metavar="NAME",
        help="a provisioning template, for edge-agent certs enrol and rotate; may be repeated. "
        "Makes a claim certificate beside the others: claim.pem, claim.key",
    )
    add(
        "--serial",
        action="append",
        default=[],
        metavar="SERIAL[=THING]",
        help="a serial number that may enrol, and the thing it becomes; may be repeated (default: all may)",
    )
    add(
        "--certificate-days",
        type=float,
        metavar="N",
        help="how long certificates last that it issues (default: a year)",
    )
    add(
        "--alpn",
        action="store_true",
        help="refuse whoever does not name x-amzn-mqtt-ca in TLS, as port 443 does",
    )
    add(
        "--seed",
        type=int,
        default=0,
        metavar="N",
        help="of the PUBACKs lost by percentage (default %(default)s)",
    )
    return parser


def _config(options: argparse.Namespace) -> StandinConfig:
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
    counts = options.ledger == COUNTS_WORD
    if options.serial and not options.template:
        raise ConfigurationError("--serial belongs to a provisioning template", "name it with --template")
    try:
        from edge_agent.credentials.dev_pki import make_pki  # noqa: PLC0415  an extra, needed here alone
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"the stand-in needs the package {error.name}",
            "install the simulator extra: pip install 'casino-edge-agent[simulator]'",
        ) from error
    pki = options.pki or options.state / "pki"
    paths = make_pki(pki, thing=options.thing[0])
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


if __name__ == "__main__":
    sys.exit(main())
