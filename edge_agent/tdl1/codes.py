"""The vocabulary of TDL/1: which codes there are, and what their keys mean.

One row a code and one entry a key: its name on the wire, what it means, and how it is written.
`read_values` walks a row over what a device sent. What no row lists is kept as it came; what is
not written as it should be is kept as well, and named, so that nothing a device said is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

TypedValue = int | float | bool | str


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a code."""

    wire: str
    meaning: str
    read: Callable[[str], TypedValue]  # raises ValueError


@dataclass(frozen=True, slots=True)
class Code:
    """One code: its class and name on the wire, what it means, and its keys."""

    code: str
    meaning: str
    keys: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What a row made of the values of a message."""

    known: dict[str, TypedValue]  # by meaning
    unlisted: dict[str, str]  # by key, as sent
    misread: tuple[str, ...]  # keys whose values are not written as the row says


def read_values(code: Code, values: Mapping[str, str]) -> Read:
    """The values of a message, read by the row of its code."""
    keys = {key.wire: key for key in COMMON_KEYS + code.keys}
    known: dict[str, TypedValue] = {}
    unlisted: dict[str, str] = {}
    misread: list[str] = []
    for wire, text in values.items():
        key = keys.get(wire)
        if key is None:
            unlisted[wire] = text
            continue
        try:
            known[key.meaning] = key.read(text)
        except ValueError:
            unlisted[wire] = text
            misread.append(wire)
    return Read(known, unlisted, tuple(misread))


def whole(text: str) -> int:
    """A whole number that is not negative.

    >>> whole("0412")
    412
    """
    if not (text.isascii() and text.isdigit() and len(text) <= MOST_DIGITS):
        raise ValueError(text)
    return int(text)


def number(text: str) -> float:
    """A decimal number, for physical values only.

    >>> number("-0.62")
    -0.62
    """
    digits = text.removeprefix("-").replace(".", "", 1)
    if not (digits.isascii() and digits.isdigit() and len(digits) <= MOST_DIGITS):
        raise ValueError(text)
    return float(text)


def flag(text: str) -> bool:
    """0 or 1."""
    if text not in {"0", "1"}:
        raise ValueError(text)
    return text == "1"


def words(text: str) -> str:
    """Any text."""
    return text


def moment(text: str) -> str:
    """A UTC time, written 20250611T081523.400Z; given in the form of RFC 3339.

    >>> moment("20250611T081523.400Z")
    '2025-06-11T08:15:23.400Z'
    """
    when = datetime.strptime(text, "%Y%m%dT%H%M%S.%fZ")  # noqa: DTZ007  the Z is part of the format
    return when.isoformat(timespec="milliseconds") + "Z"


# Counters of a 64-bit device fit.
MOST_DIGITS = 18

COMMON_KEYS = (
    Key("ts", "device_time", moment),
    Key("up", "up_ms", whole),
    Key("boot", "boot", whole),
)

_BATCH = Key("batch", "batch", words)
_CODE = Key("code", "code", words)
_IDENTITY = (
    Key("dev", "device_class", words),
    Key("mfr", "maker", words),
    Key("model", "model", words),
    Key("sn", "serial", words),
    Key("fw", "firmware", words),
    Key("hash", "firmware_hash", words),
    Key("tm", "settable_clock", flag),
)

# In the order of the protocol's own list.
DEVICE_CODES = (
    Code("DEV.BOOT", "booted", _IDENTITY),
    Code("DEV.HB", "heartbeat", (Key("st", "status", words), Key("q", "queued", whole))),
    Code("DEV.ID", "identified", _IDENTITY),
    Code("DEV.FAULT", "fault", (_CODE, Key("sev", "severity", whole), Key("txt", "text", words))),
    Code("DEV.CLEAR", "fault_cleared", (_CODE, Key("sev", "severity", whole), Key("txt", "text", words))),
    Code("DEV.DOOR", "door", (Key("open", "open", flag),)),
    Code("DEV.POWER", "power", (Key("on", "on", flag), Key("src", "source", words))),
    Code("DEV.LOST", "events_lost", (Key("n", "count", whole),)),
    Code(
        "DEV.SERVICE",
        "service",
        (Key("what", "kind", words), Key("tech", "technician", words), Key("reset", "counters_reset", flag)),
    ),
    Code("DEV.TEMP", "temperature", (Key("tmp", "temperature_c", number), Key("where", "location", words))),
)

SHUFFLER_CODES = (
    Code(
        "SHF.DECK_IN", "deck_in", (_BATCH, Key("decks", "decks", whole), Key("exp", "expected_cards", whole))
    ),
    Code("SHF.START", "started", (_BATCH,)),
    Code(
        "SHF.DONE",
        "completed",
        (
            _BATCH,
            Key("ms", "duration_ms", whole),
            Key("cnt", "cards_counted", whole),
            Key("exp", "expected_cards", whole),
            Key("res", "result", words),
            Key("retry", "retries", whole),
        ),
    ),
    Code(
        "SHF.VERIFY",
        "verify_failed",
        (
            _BATCH,
            Key("miss", "missing_count", whole),
            Key("extra", "extra_count", whole),
            Key("mis", "misread_count", whole),
            Key("back", "wrong_back_count", whole),
        ),
    ),
    Code("SHF.OUT", "deck_out", (_BATCH, Key("wait", "wait_ms", whole))),
    Code(
        "SHF.JAM",
        "jam",
        (
            _BATCH,
            Key("loc", "location", whole),
            Key("at", "at_card", whole),
            Key("att", "attempt", whole),
            _CODE,
        ),
    ),
    Code("SHF.JAMCLR", "jam_cleared", (_BATCH, Key("auto", "auto", flag), Key("down", "downtime_ms", whole))),
    Code("SHF.MISREAD", "misread", (_BATCH, Key("n", "count", whole))),
    Code("SHF.LID", "lid", (Key("open", "open", flag),)),
    Code("SHF.MODE", "mode", (Key("mode", "mode", words),)),
    Code("SHF.CIN", "cards_in", (Key("n", "count", whole),)),
    Code("SHF.COUT", "cards_out", (Key("n", "count", whole),)),
    Code(
        "SHF.CTR",
        "counters",
        (
            Key("cyc", "cycles", whole),
            Key("svc", "cycles_since_service", whole),
            Key("cards", "cards", whole),
            Key("jam", "jams", whole),
            Key("mis", "misreads", whole),
            Key("hrs", "run_hours", whole),
            Key("pwr", "power_ons", whole),
            Key("tmp", "temperature_c", number),
            Key("imot", "motor_current_a", number),
            Key("imax", "motor_current_peak_a", number),
            Key("wear", "roller_wear_percent", number),
            Key("fan", "fan_rpm", whole),
            Key("volt", "supply_v", number),
            Key("vib", "vibration_g", number),
            Key("gain", "camera_gain", number),
        ),
    ),
)

CODES = {row.code: row for row in DEVICE_CODES + SHUFFLER_CODES}

# What `loc` of SHF.JAM says.
JAM_LOCATIONS = (
    "unknown",
    "infeed",
    "pick_off_rollers",
    "transport",
    "rack",
    "elevator",
    "ejector",
    "output_tray",
    "recognition",
    "reject_bin",
)

# Counters that only ever rise: a fall without service is a reset.
MONOTONIC = ("cycles", "cards", "jams", "misreads", "run_hours", "power_ons")

# Classes whose messages this vocabulary does not know yet; they pass through as they are.
OTHER_CLASSES = frozenset({"SHO", "RLT", "RAT", "CHT", "CSM", "CRD", "DSP"})
