"""Question: a reading poll as a technician writes it, and the refusal of one that does more than read.

    1F   0x1f   machine_information                  a poll, by number or name
    game=1  meter_codes=00,01,05  function=0xFF      its fields: numbers decimal or 0x, codes of meters hex

What a machine would forget afterwards is asked only by whoever says so; what changes a machine never is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from edge_agent.errors import ConfigurationError, LocalProtocolError
from edge_agent.sas import EXCEPTIONS, LONG_POLLS, METERS, LongPoll, LongPollRequest, encode_poll
from edge_agent.sas.effects import Effect, effect_of
from edge_agent.sas.entries import Entries
from edge_agent.sas.fields import (
    Bcd,
    Binary,
    CountedRaw,
    Digits,
    Field,
    Raw,
    RestRaw,
    Trailing,
)
from edge_agent.sas.messages import LAST_ADDRESS
from edge_agent.sas.meter_fields import METERS_A_POLL, MeterCodes
from edge_agent.sas.polls.multi_denomination import AWARE, BasePoll

# What a reading form of a poll says where nothing is said: the transfer of this moment, or the last.
_UNDERSTOOD = {"transaction_index": 0}

# Beneath this likeness, a name was not meant.
_NEAR = 0.7


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be asked, of whatever address."""

    command: int
    values: Mapping[str, Any]

    def at(self, address: int) -> LongPollRequest:
        """The poll for one machine."""
        return LongPollRequest(address, self.command, self.values)

    @property
    def effect(self) -> Effect:
        """What it does to the machine."""
        return effect_of(self.at(1))


def read_question(poll: str, arguments: Sequence[str], *, consume: bool = False) -> Question:
    """The poll that is meant. Raises ConfigurationError: what makes no sense, or why it is not asked."""
    row = find_poll(poll)
    if not row.reply or {row.effect, *(form.effect for form in row.exceptions)} == {Effect.CHANGES}:
        raise _no_reading(row)  # whatever its arguments
    values = _values(row, _pairs(arguments))
    question = Question(row.command, values)
    _check_writable(question)
    effect, reading = question.effect, _reading_form(row)
    if effect is Effect.CHANGES:
        raise _no_reading(row)
    if effect is Effect.CONSUMES and not consume:
        raise ConfigurationError(
            f"after {_named(row)} the machine forgets what it told, and its host never hears it",
            f"{reading and f'{reading} only looks; '}add --consume if no other host needs it",
        )
    return question


def _no_reading(row: LongPoll) -> ConfigurationError:
    reading = _reading_form(row)
    return ConfigurationError(
        f"{_named(row)} changes something, or nobody knows that it does not",
        f"only reading is asked for here{reading and f': {reading}'}",
    )


def _reading_form(row: LongPoll) -> str:
    """The form of a poll that only reads, where its row has one; "" where it has none."""
    forms = [form.values for form in row.exceptions if form.effect is Effect.READS]
    given = {name: value for name, value in (forms[-1] if forms else {}).items() if isinstance(value, int)}
    return " ".join(f"{name}={value:#04x}" if value else f"{name}=0" for name, value in given.items())


def check_address(address: int | None) -> None:
    """Raise ConfigurationError for an address no machine can have."""
    if address is not None and not 1 <= address <= LAST_ADDRESS:
        raise ConfigurationError(
            f"address {address} is out of range",
            f"give 1 to {LAST_ADDRESS}, as an attendant has set it at the machine",
        )


def find_poll(text: str) -> LongPoll:
    """A poll by its number in hex, or its name. Raises ConfigurationError with names that are near."""
    by_name = {row.name: row for row in LONG_POLLS.values()}
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    if name in by_name:
        return by_name[name]
    digits = name.removeprefix("0x")
    if 0 < len(digits) <= 2 and all(digit in "0123456789abcdef" for digit in digits):
        row = LONG_POLLS.get(int(digits, 16))
        if row is not None:
            return row
        raise ConfigurationError(
            f"no table has a long poll {digits.upper():0>2}", "see docs/sas.md for all of them"
        )
    near = (
        get_close_matches(name, by_name, n=3, cutoff=_NEAR)
        or sorted(known for known in by_name if name and name in known)[:3]
    )
    mend = f"did you mean {' or '.join(near)}?" if near else "give its number in hex, such as 1F, or its name"
    raise ConfigurationError(f"no long poll is called {text!r}", mend)


def find_exception(text: str) -> int:
    """An exception by its code in hex, or its name. Raises ConfigurationError with names that are near."""
    by_name = {row.name: row.code for row in EXCEPTIONS.values()}
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    if name in by_name:
        return by_name[name]
    digits = name.removeprefix("0x")
    if 0 < len(digits) <= 2 and all(digit in "0123456789abcdef" for digit in digits):
        return int(digits, 16)
    near = get_close_matches(name, by_name, n=3, cutoff=_NEAR)
    mend = f"did you mean {' or '.join(near)}?" if near else "give its code in hex, such as 11, or its name"
    raise ConfigurationError(f"no exception is called {text!r}", mend)


def _pairs(arguments: Sequence[str]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if not equals or not name:
            raise ConfigurationError(f"argument {argument!r} is not name=value", "write it as game=1")
        if name in pairs:
            raise ConfigurationError(f"argument {name} is given twice", "give it once")
        pairs[name] = value
    return pairs


def _values(row: LongPoll, pairs: Mapping[str, str]) -> dict[str, Any]:
    """Every field of the request that was given, each as its field reads it."""
    values: dict[str, Any] = {}
    used: set[str] = set()
    _fill(row, row.request, pairs, values, used)
    for name in pairs:
        if name not in used:
            known = ", ".join(_names(row.request)) or "none"
            raise ConfigurationError(f"{_named(row)} has no argument {name}", f"it takes: {known}")
    return values


def _fill(
    row: LongPoll, fields: Iterable[Field], pairs: Mapping[str, str], values: dict[str, Any], used: set[str]
) -> None:
    for field in fields:
        if isinstance(field, Trailing):
            if any(name in pairs for name in _names(field.fields)):
                _fill(row, field.fields, pairs, values, used)
            elif field.name in _UNDERSTOOD and any(
                form.values.items() <= values.items() for form in row.exceptions
            ):
                values[field.name] = _UNDERSTOOD[field.name]
        elif isinstance(field, Entries):
            values[field.name] = ()
        elif isinstance(field, BasePoll):
            base = LONG_POLLS[values["base_command"]]
            inner: dict[str, Any] = {}
            _fill(base, base.request, pairs, inner, used)
            values[field.name] = inner
        elif field.name in pairs:
            used.add(field.name)
            values[field.name] = _value(field, pairs[field.name])
        elif not isinstance(field, RestRaw | Raw):
            raise ConfigurationError(f"{_named(row)} needs {field.name}", _what_to_give(row))


def _what_to_give(row: LongPoll) -> str:
    """The arguments to write; where only one form of the poll reads, that form."""
    reading = _reading_form(row)
    if reading:
        return f"{reading} reads"
    return "give " + " ".join(f"{name}=…" for name in _names(row.request))


def _names(fields: Iterable[Field]) -> Iterator[str]:
    for field in fields:
        if isinstance(field, Trailing):
            yield from _names(field.fields)
        elif isinstance(field, Entries):
            continue
        elif isinstance(field, BasePoll):
            yield "the arguments of the base poll"
        else:
            yield field.name


def _value(field: Field, text: str) -> Any:  # noqa: ANN401  whatever the field holds
    value: Any = text
    match field:
        case Binary(name="base_command"):
            value = _base_command(text)
        case Bcd(size=size):
            value = _number(field.name, text, 10 ** (2 * size) - 1)
        case Binary(size=size):
            value = _number(field.name, text, (1 << 8 * size) - 1)
        case Digits(size=size):
            value = _digits(field.name, text, 2 * size)
        case MeterCodes(code_size=size):
            value = _meter_codes(text, (1 << 8 * size) - 1)
        case Raw() | RestRaw() | CountedRaw():
            value = _bytes(field.name, text)
    return value


def _number(name: str, text: str, most: int) -> int:
    try:
        number = int(text, 16) if text.lower().startswith("0x") else int(text)
    except ValueError as error:
        raise ConfigurationError(
            f"{name}={text} is no whole number", "write it in decimal, or in hex after 0x"
        ) from error
    if not 0 <= number <= most:
        raise ConfigurationError(f"{name}={text} is out of range", f"give 0 to {most}")
    return number


def _digits(name: str, text: str, count: int) -> str:
    if len(text) != count or not (text.isascii() and text.isdecimal()):
        raise ConfigurationError(f"{name}={text} is not {count} digits", "write all of them, zeros too")
    return text


def _bytes(name: str, text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise ConfigurationError(f"{name}={text} is no hex", "write two hex digits a byte") from error


def _base_command(text: str) -> int:
    row = find_poll(text)
    if row.command not in AWARE:
        aware = ", ".join(f"{command:02X}" for command in AWARE)
        raise ConfigurationError(f"{_named(row)} knows no denominations", f"the polls that do: {aware}")
    return row.command


def _meter_codes(text: str, most: int) -> tuple[int, ...]:
    codes = tuple(_meter_code(word.strip(), most) for word in text.split(",") if word.strip())
    if not 0 < len(codes) <= METERS_A_POLL:
        raise ConfigurationError(
            f"meter_codes names {len(codes)} meters", f"1 to {METERS_A_POLL} a poll, with commas between them"
        )
    return codes


def _meter_code(word: str, most: int) -> int:
    by_name = {row.name: row.code for row in METERS.values()}
    if word in by_name:
        return by_name[word]
    try:
        code = int(word, 16)
    except ValueError:
        near = get_close_matches(word, by_name, n=3)
        mend = (
            f"did you mean {' or '.join(near)}?" if near else "give its code in hex, such as 0C, or its name"
        )
        raise ConfigurationError(f"no meter is called {word!r}", mend) from None
    if not 0 <= code <= most:
        raise ConfigurationError(f"meter code {word} is out of range", f"give 00 to {most:X}")
    return code


def _check_writable(question: Question) -> None:
    try:
        encode_poll(question.at(1))
    except LocalProtocolError as error:
        raise ConfigurationError(error.what, "see the layout in docs/sas.md") from error


def _named(row: LongPoll) -> str:
    return f"long poll {row.command:02X} {row.name}"
