"""AFT registration: the key that a host and a machine share, with or without an operator's word.

73 00 ready -> 73 01 registered                       the host alone
73 40 waiting -> the operator agrees (6D) -> 73 01    with the operator
the operator asks (6C) -> 73 00 …                     begun at the machine
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.simulator.mainboard import Mainboard, Part

WANTED, AGREED, CANCELLED = 0x6C, 0x6D, 0x6E

INITIALISE, REGISTER, ASK_OPERATOR, UNREGISTER, READ = 0x00, 0x01, 0x40, 0x80, 0xFF
READY, REGISTERED, WAITING, NOT_REGISTERED = 0x00, 0x01, 0x40, 0x80

KEY_BYTES = 20
NO_KEY = bytes(KEY_BYTES)
POS_ID_UNCHANGED = 0xFFFF_FFFF


@dataclass(slots=True)
class RegistrationMemory:
    """What is registered."""

    status: int = NOT_REGISTERED
    key: str = NO_KEY.hex()
    pos_id: int = 0
    operator_agreed: bool = False


class AftRegistration(Part[RegistrationMemory]):
    """Whether and with which key the machine is registered."""

    def __init__(self, board: Mainboard) -> None:
        super().__init__(board, RegistrationMemory())

    @property
    def is_registered(self) -> bool:
        """Whether a key is agreed."""
        return self.memory.status == REGISTERED

    @property
    def key(self) -> bytes:
        """The key; all zero when there is none."""
        return bytes.fromhex(self.memory.key)

    def take(self, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """The answer of 73."""
        match request["registration_code"]:
            case code if code == UNREGISTER:
                self._forget()
            case code if code in {INITIALISE, REGISTER, ASK_OPERATOR} and "registration_key" in request:
                if request["asset_number"] in {0, self.board.memory.asset_number}:
                    self._go_on(code, request)
        return {
            "registration_status": self.memory.status,
            "asset_number": self.board.memory.asset_number,
            "registration_key": self.key,
            "pos_id": self.memory.pos_id,
        }

    def _go_on(self, code: int, request: Mapping[str, Any]) -> None:
        memory = self.memory
        if code == REGISTER:
            if memory.status == READY or (memory.status == WAITING and memory.operator_agreed):
                self._register(request)
            return
        memory.status = READY if code == INITIALISE else WAITING
        memory.operator_agreed = False

    def _register(self, request: Mapping[str, Any]) -> None:
        if request["registration_key"] == NO_KEY:
            self._forget()
            return
        self.memory.status, self.memory.key = REGISTERED, request["registration_key"].hex()
        if request["pos_id"] != POS_ID_UNCHANGED:
            self.memory.pos_id = request["pos_id"]

    def _forget(self) -> None:
        self.memory = RegistrationMemory()

    # -- the operator ------------------------------------------------------------------------

    def operator_asks(self) -> None:
        """The operator wants the machine registered."""
        self.board.say(WANTED)

    def operator_agrees(self) -> None:
        """The operator agrees to what the host asked."""
        if self.memory.status == WAITING:
            self.memory.operator_agreed = True
            self.board.say(AGREED)

    def operator_cancels(self) -> None:
        """The operator ends a registration, or does not agree to one."""
        self._forget()
        self.board.say(CANCELLED)
