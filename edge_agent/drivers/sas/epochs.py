"""Epochs: when a machine's meters begin again, and by what evidence.

Inside one epoch a meter only rises. A new one begins when the machine says that its meters were reset, when
another machine or another accounting denomination is found, and when a meter fell for which there is a
reason: an error of its memory was told before, or all meters fell to next to nothing together.

An error of the memory alone is no new epoch: the machine may have recovered what it had.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from edge_agent.drivers.sas.profile import decimal_of
from edge_agent.events.slot import EpochCause, MeterEpochBegan
from edge_agent.sas.exception_codes import exception_name

Evidence = Literal["cleared", "suspicious"]

SOFT_METERS_RESET = 0x7A

# What an exception says of the meters. Reference 5.1.
EVIDENCE: Mapping[int, Evidence] = MappingProxyType(
    {**dict.fromkeys(range(0x31, 0x3B), "suspicious"), SOFT_METERS_RESET: "cleared"}
)

METER_FELL = "meter_fell"
ALL_NEAR_ZERO = "all_meters_near_zero"
SERIAL_NUMBER = "serial_number"
DENOMINATION = "denomination"


class Epochs:
    """The epochs of one machine's meters.

    Args:
        number: of the one that lasts.
        denomination: in which it counts, in ten-thousandths of a currency unit; None while unknown.
        suspicious: whether an earlier run heard of an error of the memory, and read no meters since.
    """

    def __init__(self, number: int, denomination: int | None, *, suspicious: bool = False) -> None:
        self.number = number
        self._denomination = denomination
        self._suspicions: list[str] = ["memory_error_before_restart"] if suspicious else []

    @property
    def suspicious(self) -> bool:
        """Whether a meter that fell would have been cleared."""
        return bool(self._suspicions)

    def heard(self, code: int) -> MeterEpochBegan | None:
        """An exception; the epoch that begins with it."""
        match EVIDENCE.get(code):
            case "cleared":
                return self._begin("ram_clear", (*self._suspicions, exception_name(code)), self._denomination)
            case "suspicious":
                name = exception_name(code)
                if name not in self._suspicions:
                    self._suspicions.append(name)
        return None

    def cleared(self) -> MeterEpochBegan:
        """The meters that were read show that they were cleared."""
        evidence = (*self._suspicions, METER_FELL) if self._suspicions else (ALL_NEAR_ZERO,)
        return self._begin("ram_clear", evidence, self._denomination)

    def another_machine(self, denomination: int | None) -> MeterEpochBegan:
        """The serial number is another."""
        return self._begin("another_machine", (SERIAL_NUMBER,), denomination)

    def denomination_changed(self, denomination: int | None) -> MeterEpochBegan:
        """What the machine counts in has another worth."""
        return self._begin("denomination_change", (DENOMINATION,), denomination)

    def learnt(self, denomination: int | None) -> None:
        """Readings are of this denomination."""
        self._denomination = denomination

    def read(self) -> None:
        """The meters were read, and none had fallen: what was suspicious has done no harm."""
        self._suspicions.clear()

    def _begin(
        self, cause: EpochCause, evidence: tuple[str, ...], denomination: int | None
    ) -> MeterEpochBegan:
        before, self._denomination = self._denomination, denomination
        self.number += 1
        self._suspicions.clear()
        return MeterEpochBegan(
            epoch=self.number,
            cause=cause,
            evidence=evidence,
            denomination=decimal_of(denomination),
            denomination_before=decimal_of(before),
        )
