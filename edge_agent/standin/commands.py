"""The commands a control can send: one row each, and how a line is read.

{"command": "delay", "ms": 250}        hold every PUBACK back
{"command": "lose", "next": 3}         accept, send no PUBACK; or "percent": 20
{"command": "stall", "seconds": 5}     take bytes, answer nothing; without seconds: until clear
{"command": "hang", "seconds": 5}      take publishes and do nothing about them; answer the rest
{"command": "swallow", "seconds": 25}  a cable is cut: no bytes, no FIN; who comes meanwhile hears nothing
{"command": "drop"}                    cut every connection; or one "client"; with a "reason" say it
{"command": "refuse", "code": 151}     refuse publishes; "next": how many, else until clear;
                                       "topic": a filter, for those it means
{"command": "refuse_connections", "code": 136, "seconds": 5}
{"command": "down", "seconds": 10}     no listener, no connections
{"command": "rates", "beyond": "discard"}   a publish too many gets no PUBACK; or "refuse", or "take"
{"command": "rule", "name": "floor_events", "enabled": false}
{"command": "clear"}                   end delay, loss, stall, hang, refusals and what befalls answers
{"command": "status"}
{"command": "counts"}                  what was accepted, of a stand-in that counts
{"command": "certificates"}            what the registry knows
{"command": "deactivate", "id": "…"}   or activate, or forget; the beginning of an id will do
{"command": "expire_tokens"}           ownership tokens die now
{"command": "reject_requests", "of": "provision", "status": 403, "code": "AccessDenied"}
{"command": "drop_answers", "of": "create-from-csr"}
{"command": "repeat_answers", "of": "create-from-csr"}
{"command": "delay_answers", "of": "provision", "ms": 500}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from edge_agent.errors import ConfigurationError
from edge_agent.standin.faults import FOREVER
from edge_agent.standin.rules import CANARY
from edge_agent.standin.services import QUESTIONS


@dataclass(frozen=True, slots=True)
class Parameter:
    """One field of a command: what kind, whether it must be there, and its bounds."""

    kind: type[int | float | str | bool | dict[str, Any]]
    required: bool = False
    least: float = 0
    most: float = FOREVER
    one_of: frozenset[str] = frozenset()  # any, if empty


_SECONDS = Parameter(float, most=7 * 24 * 3600)
_NEXT = Parameter(int, least=1)
_CODE = Parameter(int, required=True, least=0x80, most=0xFF)
_CERTIFICATE = Parameter(str, required=True)
_QUESTION = Parameter(str, required=True, one_of=frozenset((*QUESTIONS, CANARY)))

COMMANDS: dict[str, dict[str, Parameter]] = {
    "delay": {"ms": Parameter(float, required=True, most=3_600_000)},
    "lose": {"next": _NEXT, "percent": Parameter(float, most=100)},
    "stall": {"seconds": _SECONDS},
    "hang": {"seconds": _SECONDS},
    "swallow": {"seconds": Parameter(float, required=True, most=7 * 24 * 3600)},
    "drop": {"client": Parameter(str), "reason": Parameter(int, least=0, most=0xFF)},
    "refuse": {"code": _CODE, "next": _NEXT, "topic": Parameter(str)},
    "rates": {"beyond": Parameter(str, required=True, one_of=frozenset({"refuse", "discard", "take"}))},
    "rule": {"name": Parameter(str, required=True), "enabled": Parameter(bool, required=True)},
    "refuse_connections": {"code": _CODE, "seconds": _SECONDS},
    "down": {"seconds": Parameter(float, required=True, most=7 * 24 * 3600)},
    "clear": {},
    "status": {},
    "counts": {},
    "certificates": {},
    "deactivate": {"id": _CERTIFICATE},
    "activate": {"id": _CERTIFICATE},
    "forget": {"id": _CERTIFICATE},
    "expire_tokens": {},
    "reject_requests": {
        "of": _QUESTION,
        "status": Parameter(int, required=True, least=400, most=599),
        "code": Parameter(str, required=True),
        "message": Parameter(str),
        "next": _NEXT,
    },
    "drop_answers": {"of": _QUESTION, "next": _NEXT},
    "repeat_answers": {"of": _QUESTION, "next": _NEXT},
    "shadows": {},
    "publish": {
        "topic": Parameter(str, required=True),
        "payload": Parameter(str),
        "payload_b64": Parameter(str),
        "qos": Parameter(int, most=1),
        "retain": Parameter(bool),
        "expiry": Parameter(int, most=7 * 24 * 3600),  # AWS IoT: a week at most
        "content_type": Parameter(str),
        "response_topic": Parameter(str),
        "correlation_data": Parameter(str),
        "correlation_data_b64": Parameter(str),
        "user_properties": Parameter(dict),
    },
    "delay_answers": {"of": _QUESTION, "ms": Parameter(float, required=True, most=3_600_000)},
}


def parse(line: bytes) -> tuple[str, dict[str, Any]]:
    """A command and its arguments. Raises ConfigurationError saying what is wrong with the line."""
    try:
        document = json.loads(line)
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.get("command") not in COMMANDS:
        raise ConfigurationError("no such command", f"send one of {', '.join(COMMANDS)}")
    command = document.pop("command")
    parameters = COMMANDS[command]
    if missing := [name for name, one in parameters.items() if one.required and name not in document]:
        raise ConfigurationError(f"{command} needs {missing[0]}", "add it")
    for name, value in document.items():
        if name not in parameters:
            raise ConfigurationError(f"{command} has no {name}", f"use {', '.join(parameters) or 'nothing'}")
        _check(command, name, value, parameters[name])
    return command, document


def _check(command: str, name: str, value: Any, parameter: Parameter) -> None:  # noqa: ANN401  any JSON value
    kinds = (int, float) if parameter.kind is float else (parameter.kind,)
    if isinstance(value, bool) is not (parameter.kind is bool) or not isinstance(value, kinds):
        raise ConfigurationError(f"{command}: {name} is {value!r}", f"make it {parameter.kind.__name__}")
    if parameter.one_of and value not in parameter.one_of:
        raise ConfigurationError(
            f"{command}: {name} is {value!r}", f"use {', '.join(sorted(parameter.one_of))}"
        )
    if isinstance(value, int | float) and not parameter.least <= value <= parameter.most:
        raise ConfigurationError(
            f"{command}: {name} is {value!r}", f"use {parameter.least:g} to {parameter.most:g}"
        )
