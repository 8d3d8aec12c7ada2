"""Named shadows: the state a thing reports and the state somebody desires of it, in one document.

Questions are `get`, `update` and `delete` below `$aws/things/<thing>/shadow/name/<name>/`. Their
answers go to every subscriber, as the service has it: `/accepted` or `/rejected`, and after an
update `/documents` with the state before and after, and `/delta` while desired and reported differ.
A version rises with every update, also over a deletion.

Sizes, depth and messages are those of "Device Shadow error messages". Shadows end with the process.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from edge_agent.standin.answers import Answer
from edge_agent.standin.shadow_document import (
    Document,
    depth,
    difference,
    merged,
    restamped,
    selected,
    stamped,
)

# AWS IoT: a shadow's state document, and a request to change it.
DOCUMENT_LIMIT_BYTES = 8 * 1024
# AWS IoT: "JSON contains too many levels of nesting; maximum is 6".
DEPTH_LIMIT = 6
CLIENT_TOKEN_LIMIT_BYTES = 64
SECTIONS = ("desired", "reported")


class ShadowError(Exception):
    """A request is rejected with an HTTP code and the service's own message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


@dataclass(slots=True)
class Shadow:
    """One named shadow. `state` and `metadata` have the sections that were ever given."""

    version: int = 0
    state: Document = field(default_factory=dict)
    metadata: Document = field(default_factory=dict)
    timestamp: int = 0
    exists: bool = False  # a deleted one keeps its version

    @property
    def delta(self) -> Document:
        """What is desired and not reported so."""
        return difference(self.state.get("desired", {}), self.state.get("reported", {}))

    def document(self) -> Document:
        """State, metadata and version."""
        return {"state": self.state, "metadata": self.metadata, "version": self.version}


class Shadows:
    """Every thing's named shadows. `epoch` is the Unix time at which the clock handed in was zero."""

    def __init__(self, things: Mapping[str, object], epoch: float = 0.0) -> None:
        self._things = things
        self._epoch = epoch
        self._shadows: dict[tuple[str, str], Shadow] = {}

    def documents(self) -> list[Document]:
        """Every shadow there is."""
        return [
            {"thing": thing, "name": name, **shadow.document(), "delta": shadow.delta}
            for (thing, name), shadow in sorted(self._shadows.items())
            if shadow.exists
        ]

    def answers(self, topic: str, asked: Mapping[str, str], payload: bytes, now: float) -> list[Answer]:
        """What is said in return to a question at `topic`, which names thing, name and operation."""
        timestamp, token = int(self._epoch + now), {}
        try:
            request = _read(payload, may_be_empty=asked["operation"] != "update")
            token = _client_token(request)
            said = self._carry_out(asked, request, timestamp)
        except ShadowError as error:
            said = {"rejected": {"code": error.code, "message": error.message}}
        return [
            Answer(f"{topic}/{verdict}", {**document, "timestamp": timestamp, **token}, to_all=True)
            for verdict, document in said.items()
        ]

    def rejected(self, topic: str, code: int, message: str, now: float) -> Answer:
        """A rejection that no request earned."""
        document = {"code": code, "message": message, "timestamp": int(self._epoch + now)}
        return Answer(f"{topic}/rejected", document, to_all=True)

    def _carry_out(self, asked: Mapping[str, str], request: Document, timestamp: int) -> dict[str, Document]:
        if asked["thing"] not in self._things:
            raise ShadowError(404, "Thing not found")
        key = asked["thing"], asked["name"]
        shadow = self._shadows.get(key, Shadow())
        version = request.get("version", shadow.version)
        if isinstance(version, bool) or not isinstance(version, int):
            raise ShadowError(400, "Invalid version")
        if asked["operation"] != "update" and not shadow.exists:
            raise ShadowError(404, f"No shadow exists with name: '{asked['name']}'")
        if asked["operation"] == "get":
            return {"accepted": _seen(shadow)}
        if version != shadow.version:
            raise ShadowError(409, "Version conflict")
        if asked["operation"] == "delete":
            self._shadows[key] = Shadow(version=version)
            return {"accepted": {"version": version}}
        said = _update(shadow, request, timestamp)
        self._shadows[key] = shadow
        return said


def _update(shadow: Shadow, request: Document, timestamp: int) -> dict[str, Document]:
    """Change a shadow, whole or not at all."""
    update = _checked_state(request)
    before = shadow.document()
    given = {name: of for name, of in update.items() if of is not None}
    state = {name: of for name, of in shadow.state.items() if name not in update or name in given}
    for name, of in given.items():
        state[name] = merged(shadow.state.get(name, {}), of)
    written = json.dumps(state, separators=(",", ":"), ensure_ascii=False)
    if len(written.encode("utf-8", "surrogatepass")) > DOCUMENT_LIMIT_BYTES:
        raise _too_large()
    shadow.metadata = {
        name: restamped(of, shadow.metadata.get(name, {}), given.get(name, {}), timestamp)
        for name, of in state.items()
    }
    shadow.state, shadow.timestamp, shadow.exists = state, timestamp, True
    shadow.version += 1
    said: dict[str, Document] = {
        "accepted": {
            "state": update,
            "metadata": {name: stamped(of, timestamp) for name, of in given.items()},
            "version": shadow.version,
        },
        "documents": {"previous": before, "current": shadow.document()},
    }
    if delta := shadow.delta:
        metadata = selected(shadow.metadata["desired"], delta)
        said["delta"] = {"state": delta, "metadata": metadata, "version": shadow.version}
    return said


def _seen(shadow: Shadow) -> Document:
    """What `get` is answered with."""
    document = shadow.document()
    if delta := shadow.delta:
        document["state"] = {**shadow.state, "delta": delta}
    return document


def _read(payload: bytes, *, may_be_empty: bool) -> Document:
    if len(payload) > DOCUMENT_LIMIT_BYTES:
        raise _too_large()
    if may_be_empty and not payload:
        return {}
    try:
        request = json.loads(payload.decode("utf-8"), parse_constant=_no_constant)
    except UnicodeDecodeError as error:
        raise ShadowError(415, "Unsupported documented encoding; supported encoding is UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise ShadowError(400, "Invalid JSON") from error
    if not isinstance(request, dict):
        raise ShadowError(400, "Invalid JSON")
    return request


def _checked_state(request: Document) -> dict[str, Document | None]:
    if "state" not in request:
        raise ShadowError(400, "Missing required node: state")
    state = request["state"]
    if not isinstance(state, dict):
        raise ShadowError(400, "State node must be an object")
    if state.keys() - set(SECTIONS):
        raise ShadowError(400, "State contains an invalid node")
    for name, of in state.items():
        if of is not None and not isinstance(of, dict):
            raise ShadowError(400, f"{name.capitalize()} node must be an object")
        if depth(of) > DEPTH_LIMIT:
            raise ShadowError(400, f"JSON contains too many levels of nesting; maximum is {DEPTH_LIMIT}")
    return state


def _client_token(request: Document) -> dict[str, str]:
    """The token to give back, if there is one."""
    if "clientToken" not in request:
        return {}
    token = request["clientToken"]
    if not isinstance(token, str) or len(token.encode("utf-8", "replace")) > CLIENT_TOKEN_LIMIT_BYTES:
        raise ShadowError(400, "Invalid clientToken")
    return {"clientToken": token}


def _too_large() -> ShadowError:
    return ShadowError(413, "The payload exceeds the maximum size allowed")


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
