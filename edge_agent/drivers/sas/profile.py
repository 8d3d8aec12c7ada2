"""The profile: what a machine has said it is.

Each answer of the interrogation adds to it. What it does not say stays None: a profile never
guesses, and a machine that does not tell its features is asked for nothing that needs one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from edge_agent.events.slot import MachineIdentified
from edge_agent.sas.code_tables import DENOMINATION_SCALE, DENOMINATIONS, feature_names, validation_style

# Features a driver acts on, by the names of the feature table.
FAST_POLLING = "fast_polling"
EXTENDED_METERS = "extended_meters"
STANDARD_VALIDATION = "standard"


@dataclass(frozen=True, slots=True)
class MachineProfile:
    """What a machine has said it is. None: it has not said."""

    sas_version: str | None = None
    serial_number: str | None = None
    game_id: str | None = None
    additional_id: str | None = None
    denomination: int | None = None  # accounting denomination, in ten-thousandths of a currency unit
    max_bet: int | None = None
    progressive_group: int | None = None
    paytable_id: str | None = None
    base_percent_hundredths: int | None = None
    games_implemented: int | None = None
    features: tuple[str, ...] | None = None
    validation: str | None = None
    unsupported: frozenset[int] = frozenset()

    def has(self, feature: str) -> bool:
        """Whether the machine said that it has a feature."""
        return self.features is not None and feature in self.features

    def answers(self, command: int) -> bool:
        """Whether a long poll is not known to stay unanswered."""
        return command not in self.unsupported

    def without(self, *commands: int) -> MachineProfile:
        """The profile of a machine that does not answer these long polls."""
        return replace(self, unsupported=self.unsupported.union(commands))

    def learn(self, command: int, values: Mapping[str, Any]) -> MachineProfile:
        """The profile with what an answer adds; the same one if that is nothing."""
        match command:
            case 0x54:
                return replace(
                    self, sas_version=values["version"].strip(), serial_number=_text(values["serial"])
                )
            case 0x1F:
                return self._learn_game(values)
            case 0xA0:
                bits = tuple(values[f"features{number}"] for number in (1, 2, 3, 4))
                return replace(self, features=feature_names(bits), validation=validation_style(bits[0]))
            case 0x51:
                return replace(self, games_implemented=values["games_implemented"])
            case _:
                return self

    def identified(self) -> MachineIdentified:
        """The profile, as it is published."""
        return MachineIdentified(
            sas_version=self.sas_version,
            serial_number=self.serial_number,
            game_id=self.game_id,
            additional_id=self.additional_id,
            denomination=decimal_of(self.denomination),
            max_bet=self.max_bet,
            progressive_group=self.progressive_group,
            paytable_id=self.paytable_id,
            base_percent_hundredths=self.base_percent_hundredths,
            games_implemented=self.games_implemented,
            features=self.features or (),
            unsupported_polls=tuple(f"0x{command:02x}" for command in sorted(self.unsupported)),
        )

    def _learn_game(self, values: Mapping[str, Any]) -> MachineProfile:
        percent = values["base_percent"].strip()
        return replace(
            self,
            game_id=_text(values["game_id"]),
            additional_id=_text(values["additional_id"]),
            denomination=DENOMINATIONS.get(values["denomination"]),
            max_bet=values["max_bet"],
            progressive_group=values["progressive_group"],
            paytable_id=_text(values["paytable_id"]),
            base_percent_hundredths=int(percent) if percent.isdecimal() else None,
        )


def decimal_of(ten_thousandths: int | None) -> str | None:
    """A denomination as it is published: an exact decimal in currency units."""
    if ten_thousandths is None:
        return None
    return f"{(Decimal(ten_thousandths) / DENOMINATION_SCALE).normalize():f}"


def _text(padded: str) -> str | None:
    return padded.strip(" \x00") or None
