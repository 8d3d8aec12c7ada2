"""`certs`: a gateway's identity: look at it, get one, renew it; and development certificates."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edge_agent.cli.base import add_configuration, read_settings
from edge_agent.errors import ConfigurationError, CredentialError
from edge_agent.extras import needed_by

if TYPE_CHECKING:
    from edge_agent.cli.base import Commands
    from edge_agent.credentials.inspection import Inspected

LABELS = {
    "subject": "subject",
    "issuer": "issuer",
    "serial_number": "serial",
    "sha256": "SHA-256",
    "validity": "valid",
    "key": "key",
    "usage": "usage",
    "names": "names",
    "chain": "chain",
}


def add(commands: Commands) -> None:
    """Add `certs`."""
    certs = commands.add_parser(
        "certs",
        help="a gateway's identity: inspect, check, enrol, rotate",
        description="A gateway proves who it is with a key and a certificate: look at them, get them, renew "
        "them. Keys are never printed.",
    )
    kinds = certs.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_dev(kinds)
    _add_inspect(kinds)
    check = kinds.add_parser(
        "check",
        help="say whether this gateway can prove who it is",
        description="Looks at roots, certificate, key and claim: everything that can be known without the "
        "cloud. Exit status: 0 all of it is good, 3 something is not.",
    )
    add_configuration(check)
    check.set_defaults(command=_check)
    _add_renewing(kinds)


def _add_renewing(kinds: Commands) -> None:
    for name, command, text, more in (
        (
            "enrol",
            _enrol,
            "get this gateway's identity by a claim certificate, whose key is wiped afterwards",
            "replace an identity that is there, and begin with a new key where an enrolment was interrupted",
        ),
        (
            "rotate",
            _rotate,
            "renew key and certificate, beside the running forwarder",
            "begin with a new key where a rotation was interrupted",
        ),
    ):
        one = kinds.add_parser(
            name,
            help=text,
            description=f"{text.capitalize()}. The key is made here and stays here. Whenever the power goes, "
            "there is a working identity, and running this again goes on where it was.",
        )
        add_configuration(one)
        one.add_argument("--force", action="store_true", help=more)
        one.set_defaults(command=command)


def _add_dev(kinds: Commands) -> None:
    dev = kinds.add_parser(
        "dev",
        help="make development certificates: a CA, a server, a device",
        description="Makes an authority, a server certificate for this computer and the device certificate "
        "of a thing, for trials. Whatever is there and still good is kept. Nothing in the cloud trusts them.",
    )
    dev.add_argument("folder", type=Path, metavar="DIR", help="folder for them, made if it is missing")
    dev.add_argument("--thing", required=True, metavar="NAME", help="the device certificate's common name")
    dev.add_argument(
        "--days", type=float, default=90.0, metavar="N", help="days they are valid (default %(default)g)"
    )
    dev.set_defaults(command=_dev)


def _add_inspect(kinds: Commands) -> None:
    inspect = kinds.add_parser(
        "inspect",
        help="say what certificates, signing requests and keys are; never prints a key",
        description="Says what each file holds. Give a key together with its certificate to see that they "
        "match, and a certificate together with its authority's to see its chain.",
    )
    inspect.add_argument("files", type=Path, nargs="+", metavar="FILE", help="PEM")
    inspect.add_argument("--json", action="store_true", help="print one JSON array")
    inspect.set_defaults(command=_inspect)


def _dev(options: argparse.Namespace) -> int:
    if not 0 < options.days <= 3650:
        raise ConfigurationError(f"--days {options.days:g} is no time to be valid", "use 1 to 3650")
    from edge_agent.settings import check_thing

    check_thing(options.thing, "--thing")
    with needed_by("certs dev", extra="credentials"):
        from edge_agent.credentials.dev_pki import make_pki

    paths = make_pki(options.folder, thing=options.thing, days=options.days)
    print(f"development certificates of {options.thing}, good for trials only:")
    print(f"  ca           {paths.ca}")
    print(f"  certificate  {paths.device_certificate}")
    print(f"  key          {paths.device_key}")
    print(f"  server       {paths.server_certificate}, {paths.server_key}")
    return 0


def _inspect(options: argparse.Namespace) -> int:
    with needed_by("certs inspect", extra="credentials"):
        from edge_agent.credentials.inspection import inspect

    found = inspect(options.files)
    if options.json:
        print(json.dumps([one.as_json() for one in found], indent=2))
        return 0
    for one in found:
        for line in _told(one):
            print(line)
    return 0


def _told(one: Inspected) -> Iterator[str]:
    """A thing in a file, for people."""
    says = one.says
    match one.kind:
        case "certificate":
            yield f"{one.file}: certificate"
            yield from (f"  {label:<8} {text}" for label, text in _rows(says))
        case "signing request":
            good = "its signature is good" if says["signature_good"] else "ITS SIGNATURE IS WRONG"
            yield f"{one.file}: signing request, {says['subject']}, {says['key']}, {good}"
        case _:
            matches = says["matches"]
            whose = f"matches certificate {matches}" if matches else "matches no certificate given here"
            yield f"{one.file}: private key, {says['key']}, mode {says['mode']}, {whose}"


def _rows(says: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  what it says, by name
    left = f"{says['days_left']} days left" if says["valid_now"] else "NOT VALID NOW"
    begin, end = (says[name][:16].replace("T", " ") for name in ("not_before", "not_after"))
    told = dict(says, validity=f"{begin} to {end} UTC, {left}")
    for name, label in LABELS.items():
        value = told[name]
        for text in value if name == "chain" else [", ".join(value) if isinstance(value, list) else value]:
            if text:
                yield label, text


def _check(options: argparse.Namespace) -> int:
    from edge_agent.credentials.checkup import check_up

    findings = check_up(read_settings(options))
    for finding in findings:
        print(f"{'good' if finding.good else 'BAD '}  {finding.text}")
    return 0 if all(finding.good for finding in findings) else CredentialError.exit_status


def _enrol(options: argparse.Namespace) -> int:
    import asyncio

    from edge_agent.agent.identity import enrol

    settings = read_settings(options)
    generation = asyncio.run(enrol(settings, force=options.force))
    known = generation.registration()
    print(f"enrolled as {known.thing}, certificate {known.certificate_id}")
    print(f"  identity  {generation.folder}")
    return 0


def _rotate(options: argparse.Namespace) -> int:
    import asyncio

    from edge_agent.agent.identity import rotate

    settings = read_settings(options)
    known = asyncio.run(rotate(settings, force=options.force)).registration()
    print(f"rotated: {known.thing} has certificate {known.certificate_id}")
    print("  the forwarder takes it up within seconds, or when it starts; then the old one is wiped")
    return 0
