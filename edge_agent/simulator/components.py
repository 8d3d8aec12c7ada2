"""Components: the programs in a machine, and how it proves to a host that they are what they should be.

Their images are invented, each the same for the same machine and name, so that a signature computed here can
be computed again elsewhere. A ROM signature (21) is answered when it is ready; a component is authenticated
(6E) in a few seconds, told by 8F, and its result stays until the next is asked for.
"""

from __future__ import annotations

import hashlib
import random
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from edge_agent.sas.crc import crc16
from edge_agent.simulator.mainboard import Mainboard, Part

ROM_SIGNATURE = 0x21
LIST_CHANGED, COMPLETE = 0x8E, 0x8F

SIGNATURE_SECONDS = 0.5
AUTHENTICATION_SECONDS = 2.0
IMAGE_BYTES = 4_096

COUNT, STATUS, AUTHENTICATE, RESULT = 0x00, 0x01, 0x02, 0x03
BY_INDEX, BY_NAME = 0x00, 0x01
# Statuses (SAS 3.4).
OK, COUNTED, IN_PROGRESS, DONE, NO_SUCH, BAD_COMMAND = 0x00, 0x01, 0x40, 0x41, 0x80, 0x82
ABORTED, NO_METHOD, BAD_DATA, NO_DATA = 0xC1, 0xC3, 0xC4, 0xFF

METHODS: Mapping[int, Callable[[bytes, bytes], bytes]] = MappingProxyType({
    0x01: lambda image, seed: crc16(image, int.from_bytes(seed, "little")).to_bytes(2, "little"),
    0x02: lambda image, seed: zlib.crc32(image, int.from_bytes(seed, "little")).to_bytes(4, "little"),
    0x04: lambda image, seed: hashlib.md5(seed + image, usedforsecurity=False).digest(),
    0x20: lambda image, seed: hashlib.sha1(seed + image, usedforsecurity=False).digest(),
    0x40: lambda image, seed: hashlib.sha256(seed + image).digest(),
})  # fmt: skip
AVAILABLE_METHODS = sum(METHODS)
# A CRC starts from its seed, so that one must fit it; a hash is given the seed before the image.
SEED_BYTES: Mapping[int, int] = MappingProxyType({0x01: 2, 0x02: 4})


@dataclass(frozen=True, slots=True)
class Component:
    """One program."""

    name: str
    image: bytes


@dataclass(slots=True)
class ComponentMemory:
    """Which edition of the programs is installed."""

    edition: int = 1


@dataclass(slots=True)
class _Work:
    """One authentication."""

    component: Component
    method: int
    seed: bytes
    offset: int
    ready_at: float
    status: int = IN_PROGRESS
    data: bytes = b""


class Components(Part[ComponentMemory]):
    """The programs of one machine."""

    def __init__(self, board: Mainboard) -> None:
        super().__init__(board, ComponentMemory())
        self._work: _Work | None = None
        self._signature: tuple[int, float] | None = None  # the seed, and when it is ready

    @property
    def installed(self) -> tuple[Component, ...]:
        """The programs, in the order of their indices."""
        names = ("bios", "platform", *(f"game-{game.paytable_id}" for game in self.board.spec.games))
        return tuple(Component(name, self._image(name)) for name in names)

    def _image(self, name: str) -> bytes:
        spec = self.board.spec
        chance = random.Random(f"{spec.serial_number}/{name}/{self.memory.edition}")  # noqa: S311  a program, not a key
        return chance.randbytes(IMAGE_BYTES)

    def change(self) -> None:
        """Somebody installed other programs: what was being proved is not true any more."""
        self.memory.edition += 1
        if self._work is not None and self._work.status == IN_PROGRESS:
            self._work.status = ABORTED
        self.board.say(LIST_CHANGED)

    # -- 21 ----------------------------------------------------------------------------------

    def sign(self, seed: int) -> None:
        """A host wants the signature of all programs."""
        self._signature = (seed, self.board.now + SIGNATURE_SECONDS)

    def signature(self, seed: int) -> int:
        """The signature of all programs under a seed."""
        return crc16(b"".join(component.image for component in self.installed), seed)

    # -- 6E ----------------------------------------------------------------------------------

    def take(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of 6E."""
        match request["action"]:
            case code if code == COUNT:
                count = len(self.installed).to_bytes(1, "little")
                told = {"component_name": "", "component_size": count, "available_methods": 0}
                return self._answer(COUNTED, told)
            case code if code == RESULT:
                return self._result()
            case code if code in {STATUS, AUTHENTICATE} and "component" in request:
                return self._of_component(request)
        return self._answer(BAD_COMMAND)

    def _of_component(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        component = self._named(request)
        if component is None:
            return self._answer(NO_SUCH)
        if request["action"] == STATUS:
            return self._answer(OK, _told(component))
        return self._authenticate(component, request)

    def _named(self, request: Mapping[str, Any]) -> Component | None:
        by, which = request["addressing_mode"], request["component"]
        for index, component in enumerate(self.installed, start=1):
            if by == BY_INDEX and index == int.from_bytes(which, "little"):
                return component
            if by == BY_NAME and component.name.encode() == which:
                return component
        return None

    def _authenticate(self, component: Component, request: Mapping[str, Any]) -> Mapping[str, Any]:
        method, seed = request.get("method", 0), request.get("seed", b"")
        offset = int.from_bytes(request.get("offset", b""), "little")
        if method not in METHODS:
            return self._answer(NO_METHOD, _told(component))
        if len(seed) > SEED_BYTES.get(method, len(seed)) or offset >= len(component.image):
            return self._answer(BAD_DATA, _told(component))
        self._work = _Work(component, method, seed, offset, self.board.now + AUTHENTICATION_SECONDS)
        return self._result()

    def _result(self) -> Mapping[str, Any]:
        work = self._work
        if work is None:
            return self._answer(NO_DATA)
        told = _told(work.component)
        if work.status in {IN_PROGRESS, DONE}:
            told |= {"method": work.method, "authentication": work.data}
        return self._answer(work.status, told)

    def _answer(self, status: int, told: Mapping[str, Any] | None = None) -> Mapping[str, Any]:
        return {"component_list_crc": self._list_crc(), "status": status, **(told or {})}

    def _list_crc(self) -> int:
        return crc16(b"".join(c.name.encode() + crc16(c.image).to_bytes(2, "little") for c in self.installed))

    # -- time --------------------------------------------------------------------------------

    def next_timer(self) -> float | None:
        """See Part."""
        dues = [self._signature[1]] if self._signature else []
        if self._work is not None and self._work.status == IN_PROGRESS:
            dues.append(self._work.ready_at)
        return min(dues, default=None)

    def handle_timer(self) -> None:
        """See Part."""
        if self._signature is not None and self.board.now >= self._signature[1]:
            seed, self._signature = self._signature[0], None
            self.board.volunteer(ROM_SIGNATURE, {"signature": self.signature(seed)})
        work = self._work
        if work is not None and work.status == IN_PROGRESS and self.board.now >= work.ready_at:
            work.data = METHODS[work.method](work.component.image[work.offset :], work.seed)
            work.status = DONE
            self.board.say(COMPLETE)

    def power_returned(self) -> None:
        """See Part."""
        self._work = self._signature = None


def _told(component: Component) -> dict[str, Any]:
    return {
        "component_name": component.name,
        "component_size": len(component.image).to_bytes(4, "little"),
        "available_methods": AVAILABLE_METHODS,
    }
