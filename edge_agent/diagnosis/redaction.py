"""Redaction: settings are shown by an allow-list, and what slips through is caught by its looks.

What a bundle may show of the settings stands in one table; a name that is not in it keeps its
name and loses its value, however harmless it looks: the next option may be a password. Files are
named without their folders. The endpoint loses the part that names the account.

Behind that, every text of a bundle goes through `sanitise`: what looks like a private key, with or without
its first line, a payment card, the track of a card, a password in a URL or a key to an AWS account is taken
out wherever it stands, a letter beside it or not. Long hexadecimal names, such as those of certificates and
journals, are none of these.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

WITHHELD = "(withheld)"

# The settings whose values are shown; `*` stands for a position in a list.
SHOWN = frozenset(
    {
        "site",
        "gateway",
        "currency",
        "minor_units",
        "lines.*.name",
        "lines.*.driver",
        "lines.*.subject",
        "journal.minimum_free_mb",
        "journal.budget_mb",
        "journal.checkpoint_minutes",
        "journal.keep_days",
        "uplink.kind",
        "uplink.receipt",
        "uplink.port",
        "uplink.client_id",
        "uplink.keep_alive_seconds",
        "uplink.ack_timeout_seconds",
        "uplink.ack_watchdog_seconds",
        "uplink.min_reconnect_ms",
        "uplink.max_reconnect_ms",
        "uplink.cloud_limits",
        "uplink.basic_ingest_rule",
        "uplink.canary_minutes",
        "uplink.enrolment.template",
        "forwarder.window",
        "forwarder.batch_records",
        "forwarder.batch_bytes",
        "forwarder.linger_ms",
        "forwarder.publishes_per_second",
        "forwarder.bytes_per_second",
        *(
            f"forwarder.classes.{one}.{name}"
            for one in "ABC"
            for name in ("topic", "encoding", "compress", "linger_ms")
        ),
        "status.every_seconds",
        "status.shadow",
        "commands.allow",
        "commands.longest_capture_seconds",
        "commands.longest_life_seconds",
        "commands.unsynchronised_clock",
        "deployments.defer_seconds",
        "log.level",
        "log.form",
    }
)

# Those of which the last part of a path is shown.
FILES = frozenset(
    {
        "state",
        "lines.*.port",
        "journal.path",
        "uplink.ca",
        "uplink.identity",
        "uplink.certificate",
        "uplink.key",
        "uplink.path",
        "uplink.proxy_credentials",
        "uplink.token.library",
        "uplink.token.pin_file",
        "uplink.enrolment.claim_certificate",
        "uplink.enrolment.claim_key",
    }
)

HOSTS = frozenset({"uplink.endpoint", "uplink.proxy"})

# Of a driver's options, these; each is a number, if only as text, or one of a few words.
OPTIONS = frozenset(
    {
        "address",
        "poll_ms",
        "force_poll_ms",
        "real_time_events",
        "meters_seconds",
        "idle_meters_seconds",
        "session_meters_seconds",
        "part_meters_seconds",
        "gaming_day_starts",
        "role",
        "vendor",
        "command_host",
        "writable",
        "polled",
    }
)

_PLAIN = re.compile(
    r"auto|none|on|off|true|false|observer|primary|[0-9]{2}:[0-9]{2}|[0-9]{1,6}(\.[0-9]{1,3})?"
)
_KEY = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY[A-Z ]*-----.*?(-----END [A-Z ]*PRIVATE KEY[A-Z ]*-----|\Z)", re.DOTALL
)
# How private keys begin in base64 (SEC 1, PKCS#8 and PKCS#1): a sequence, and a version of 0 or 1 in it.
_BARE_KEY = re.compile(
    r"(?<![A-Za-z0-9+/])(?:MH[A-Za-z0-9+/]CAQE|MI[GH][A-Za-z0-9+/]AgE[AB]|MI[IJ][A-Za-z0-9+/]{3}IBA)"
    r"(?:[A-Za-z0-9+/=]|\s|\\n)*"
)
_CLOUD_KEY = re.compile(
    r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"
    r"|(?<=access_key)[\"' ]*[=:][\"' ]*[A-Za-z0-9+/=]{16,}"
    r"|(?<=session_token)[\"' ]*[=:][\"' ]*[A-Za-z0-9+/=]{16,}",
    re.IGNORECASE,
)
_CARD = re.compile(r"(?<!\d)\d(?:[ -]?\d){11,18}(?!\d)")
# Four and four and four, whatever is between them; and with noughts before it, as in a field of 20 digits.
_GROUPS = re.compile(r"(?<!\d)\d{4}([^\w\s\"]|[_\xa0])\d{4}\1\d{4}\1\d{1,7}(?!\d)")
_PADDED = re.compile(r"(?<!\d)0+[1-9]\d{11,18}(?!\d)")
_TRACK_1 = re.compile(r"%?B[0-9]{8,19}\^[^^?\"]*\^[^?\"]*\??")
_TRACK_2 = re.compile(r";?[0-9]{8,19}[=D][0-9]{4,}\??")
_USERINFO = re.compile(r"(?<=://)[^/@\s\"]+@")
# Journals' ids have 32 hexadecimal digits, certificates' 64.
_NAME_DIGITS = 32
_HEX = frozenset("0123456789abcdefABCDEF")


def redacted(settings: Mapping[str, Any], within: str = "") -> dict[str, Any]:
    """Settings, as `model_dump(mode="json")` gives them, as anybody may see them."""
    return dict(_shown(settings, within))


def sanitise(text: str) -> str:
    """A text without what looks like a key, a card or a password."""
    for pattern in (_KEY, _BARE_KEY, _CLOUD_KEY, _TRACK_1, _TRACK_2):
        text = pattern.sub(WITHHELD, text)
    text = _USERINFO.sub(f"{WITHHELD}@", text)
    for pattern in (_CARD, _GROUPS, _PADDED):
        text = pattern.sub(_without_card, text)
    return text


def _shown(group: Mapping[str, Any], within: str) -> Iterator[tuple[str, Any]]:
    for name, value in group.items():
        path = f"{within}{name}"
        match value:
            case None:
                yield name, None
            case Mapping() if path == "lines.*.options":
                yield name, {one: _option(one, its) for one, its in value.items()}
            case Mapping():
                yield name, redacted(value, f"{path}.")
            case list() if path == "lines":
                yield name, [redacted(line, "lines.*.") for line in value]
            case _:
                yield name, _value(path, value)


def _value(path: str, value: Any) -> Any:  # noqa: ANN401  a setting is what it is
    if path in SHOWN:
        return value
    if path in FILES:
        return file_name(str(value))
    if path in HOSTS:
        return without_account(str(value))
    return WITHHELD


def _option(name: str, value: Any) -> Any:  # noqa: ANN401  as _value
    plain = isinstance(value, bool | int | float) or _PLAIN.fullmatch(str(value))
    return value if name in OPTIONS and plain else WITHHELD


def file_name(path: str) -> str:
    """The last part of a path; of an address, its scheme.

    >>> file_name("/etc/edge-agent/device.key"), file_name("tcp:10.0.0.7:4001")
    ('…/device.key', 'tcp:…')
    """
    if path.startswith("/") or ":" not in path:
        return f"…/{PurePosixPath(path).name}"
    return f"{path.partition(':')[0]}:…"


def without_account(host: str) -> str:
    """A host without what names whose it is.

    >>> without_account("a1b2c3d4e5-ats.iot.eu-west-1.amazonaws.com")
    'a1b2…-ats.iot.eu-west-1.amazonaws.com'
    """
    scheme, separator, rest = host.rpartition("://")
    first, dot, domain = rest.partition(".")
    prefix, ats, _ = first.partition("-ats")
    if not dot or prefix.isdigit():
        return f"{scheme}{separator}{rest}"  # localhost, or a number: nobody's name
    shown = prefix if len(prefix) <= 4 else f"{prefix[:4]}…"
    return f"{scheme}{separator}{shown}{ats}{dot}{domain}"


def _without_card(found: re.Match[str]) -> str:
    return WITHHELD if _is_card(found[0]) and not _is_in_a_name(found) else found[0]


def _is_in_a_name(found: re.Match[str]) -> bool:
    """Whether a number is a part of a long hexadecimal one."""
    text, (start, end) = found.string, found.span()
    while start > 0 and text[start - 1] in _HEX:
        start -= 1
    while end < len(text) and text[end] in _HEX:
        end += 1
    return end - start >= _NAME_DIGITS


def _is_card(text: str) -> bool:
    """Whether a number passes the check that every payment card passes (ISO/IEC 7812-1, annex B)."""
    digits = [int(character) for character in text if character.isdecimal()]
    doubled = [digit if at % 2 == 0 else sum(divmod(2 * digit, 10)) for at, digit in enumerate(digits[::-1])]
    return len(set(digits)) > 1 and sum(doubled) % 10 == 0
