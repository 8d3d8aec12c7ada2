"""The profile: what a machine has said it is.

Each answer of the interrogation adds to it. What it does not say stays None: a profile never
guesses, and a machine that does not tell its features is asked for nothing that needs one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from edge_agent.events.slot import GameIdentified, MachineIdentified
from edge_agent.sas.code_tables import (
    DENOMINATION_SCALE,
    DENOMINATIONS,
    HOPPER_STATUSES,
    VALIDATION_STATUS_BITS,
    bit_names,
    code_name,
    feature_names,
    validation_style,
)

# Features a driver acts on, by the names of the feature table.
FAST_POLLING = "fast_polling"
EXTENDED_METERS = "extended_meters"
AFT = "aft"
AUTHENTICATION = "component_authentication"
SEVERAL_DENOMINATIONS = "multi_denomination"
LEGACY_BONUS = "legacy_bonus_awards"
METER_CHANGE = "meter_change_notification"
MULTIPLE_PROGRESSIVES = "multiple_sas_progressive_wins"
OTHER_PROGRESSIVES = "non_sas_progressive_reporting"
TICKET_REDEMPTION = "ticket_redemption"
VALIDATION_EXTENSIONS = "validation_extensions"
# And what else a machine may have.
STANDARD_VALIDATION, SYSTEM_VALIDATION, SECURE_VALIDATION = "standard", "system", "secure_enhanced"
VALIDATION_RECORDS = "validation_records"
GAMES = "games"  # they are numbered
METERS_TOGETHER, SELECTED_METERS = "meters_together", "selected_meters"  # 0F or 19 is answered; 2F is

# So many games are asked about: a machine with more is a library, and each game takes two polls.
MOST_GAMES = 32

Values = Mapping[str, Any]
FeatureBytes = tuple[int, int, int, int]


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
    enabled_games: tuple[int, ...] | None = None
    games: Mapping[int, Values] = field(default_factory=lambda: MappingProxyType({}), hash=False)
    player_denomination: int | None = None
    player_denominations: tuple[int, ...] | None = None
    token_denomination: int | None = None
    asset_number: int | None = None
    ticket_functions: tuple[str, ...] | None = None
    hopper: str | None = None
    clock_offset: int | None = None  # seconds by which the machine's clock is ahead of the site's
    feature_bytes: FeatureBytes | None = None  # as long poll A0 gave them
    features: tuple[str, ...] | None = None  # their names
    validation: str | None = None
    unsupported: frozenset[int] = frozenset()

    def has(self, what: str) -> bool:
        """Whether the machine said that it has a feature, a style of validation, or numbered games."""
        if what == METERS_TOGETHER:
            return self.answers(0x0F) or self.answers(0x19)
        if what == SELECTED_METERS:
            return self.answers(0x2F)
        if what == GAMES:
            return bool(self.games_implemented)
        if what == VALIDATION_RECORDS:
            return self.validation in (SYSTEM_VALIDATION, SECURE_VALIDATION)
        return what == self.validation or what in (self.features or ())

    def answers(self, command: int) -> bool:
        """Whether a long poll is not known to stay unanswered."""
        return command not in self.unsupported

    def without(self, *commands: int) -> MachineProfile:
        """The profile of a machine that does not answer these long polls."""
        return replace(self, unsupported=self.unsupported.union(commands))

    @property
    def numbered_games(self) -> tuple[int, ...]:
        """The games to ask about: those that can be played, or all of them if that is not told."""
        numbers = self.enabled_games
        if numbers is None:
            numbers = tuple(range(1, (self.games_implemented or 0) + 1))
        return numbers[:MOST_GAMES]

    def learn(self, command: int, values: Values) -> MachineProfile:
        """The profile with what an answer adds; the same one if that is nothing."""
        learner = _LEARNERS.get(command)
        return self if learner is None else replace(self, **learner(self, values))

    def with_features(self, said: FeatureBytes) -> MachineProfile:
        """The profile of a machine that says it has these features."""
        return self.learn(0xA0, {f"features{number}": byte for number, byte in enumerate(said, start=1)})

    def identified(self, vendor_profile: str | None = None) -> MachineIdentified:
        """The profile, as it is published, with the name of the vendor's."""
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
            enabled_games=self.enabled_games,
            games=tuple(_game(number, self.games[number]) for number in sorted(self.games)),
            player_denomination=_decimal_of_code(self.player_denomination),
            player_denominations=_decimals_of_codes(self.player_denominations or ()),
            token_denomination=_decimal_of_code(self.token_denomination),
            asset_number=self.asset_number,
            validation=self.validation,
            ticket_functions=self.ticket_functions or (),
            hopper=self.hopper,
            clock_offset_seconds=self.clock_offset,
            features=self.features or (),
            unsupported_polls=tuple(f"0x{command:02x}" for command in sorted(self.unsupported)),
            vendor_profile=vendor_profile,
        )


def _learn_version(_: MachineProfile, values: Values) -> Values:
    return {"sas_version": values["version"].strip(), "serial_number": _text(values["serial"])}


def _learn_machine(_: MachineProfile, values: Values) -> Values:
    return {
        "game_id": _text(values["game_id"]),
        "additional_id": _text(values["additional_id"]),
        "denomination": DENOMINATIONS.get(values["denomination"]),
        "max_bet": values["max_bet"],
        "progressive_group": values["progressive_group"],
        "paytable_id": _text(values["paytable_id"]),
        "base_percent_hundredths": _percent(values),
    }


def _learn_features(_: MachineProfile, values: Values) -> Values:
    said = (values["features1"], values["features2"], values["features3"], values["features4"])
    return {
        "feature_bytes": said,
        "features": feature_names(said),
        "validation": validation_style(said[0]),
    }


def _learn_game(profile: MachineProfile, values: Values) -> Values:
    """53 and B5 each tell a part; of the machine as a whole 1F told."""
    number = values["game"]
    if not number:
        return {}
    return {"games": {**profile.games, number: {**profile.games.get(number, {}), **values}}}


def _learn_ticket_functions(_: MachineProfile, values: Values) -> Values:
    functions = bit_names(VALIDATION_STATUS_BITS, values["status_bits"])
    return {"asset_number": values["asset_number"], "ticket_functions": functions}


def _learn_asset_number(profile: MachineProfile, values: Values) -> Values:
    return {"asset_number": values["asset_number"]} if profile.asset_number is None else {}


# What each answer adds, by the name of the field.
_LEARNERS: Mapping[int, Callable[[MachineProfile, Values], Values]] = MappingProxyType(
    {
        0x1F: _learn_machine,
        0x4F: lambda _, values: {"hopper": code_name(HOPPER_STATUSES, values["status"])},
        0x51: lambda _, values: {"games_implemented": values["games_implemented"]},
        0x53: _learn_game,
        0x54: _learn_version,
        0x56: lambda _, values: {"enabled_games": tuple(values.get("games", ()))},
        0x74: _learn_asset_number,
        0x7B: _learn_ticket_functions,
        0xA0: _learn_features,
        0xB1: lambda _, values: {"player_denomination": values["denomination"]},
        0xB2: lambda _, values: {"player_denominations": tuple(values["denominations"])},
        0xB3: lambda _, values: {"token_denomination": values["token_denomination"]},
        0xB5: _learn_game,
    }
)


def decimal_of(ten_thousandths: int | None) -> str | None:
    """A denomination as it is published: an exact decimal in currency units."""
    if ten_thousandths is None:
        return None
    return f"{(Decimal(ten_thousandths) / DENOMINATION_SCALE).normalize():f}"


def _game(number: int, values: Values) -> GameIdentified:
    """What 53 and B5 say of a game; either may be missing."""
    return GameIdentified(
        game=number,
        name=_text(values.get("game_name", "")),
        paytable_id=_text(values.get("paytable_id", "")),
        paytable_name=_text(values.get("paytable_name", "")),
        denomination=_decimal_of_code(values.get("denomination")),
        denominations=_decimals_of_codes(values.get("denominations", ())),
        max_bet=values.get("max_bet"),
        base_percent_hundredths=_percent(values),
        progressive_group=values.get("progressive_group"),
        wager_categories=values.get("wager_categories"),
    )


def _percent(values: Values) -> int | None:
    percent = values.get("base_percent", "").strip()
    return int(percent) if percent.isdecimal() else None


def _decimal_of_code(code: int | None) -> str | None:
    return None if code is None else decimal_of(DENOMINATIONS.get(code))


def _decimals_of_codes(codes: tuple[int, ...]) -> tuple[str, ...]:
    worths = (_decimal_of_code(code) for code in codes)
    return tuple(worth for worth in worths if worth is not None)


def _text(padded: str) -> str | None:
    return padded.strip(" \x00") or None
