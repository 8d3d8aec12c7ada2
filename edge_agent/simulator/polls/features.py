"""Features: what a machine can do, the bit of long poll A0 that says so, and the polls that come with it.

One table for both, so that a bit is set exactly when its polls answer. Features without a bit are below it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from edge_agent.simulator.specification import SECURE_ENHANCED, STANDARD, SYSTEM, MachineSpec

# The first version that has the polls of the later text.
LATER_TEXT = "603"


@dataclass(frozen=True, slots=True)
class Feature:
    """One thing a machine can do."""

    has: Callable[[MachineSpec], bool]
    polls: frozenset[int] = frozenset()
    byte: int = 0  # of long poll A0, from 1; 0 where no bit says so
    bit: int = 0


def _has_system_or_secure(spec: MachineSpec) -> bool:
    return spec.validation != STANDARD


FEATURES: tuple[Feature, ...] = (
    Feature(lambda spec: spec.jackpot_multiplier, frozenset((0x8B,)), 1, 0),
    Feature(lambda spec: spec.aft and spec.aft_bonus, frozenset(), 1, 1),
    Feature(lambda spec: spec.legacy_bonus, frozenset((0x8A, 0x9A)), 1, 2),
    Feature(lambda spec: spec.tournament, frozenset((0x8C, *range(0x95, 0x9A))), 1, 3),
    Feature(lambda spec: spec.validation_extensions, frozenset((0x7B, 0x7C)), 1, 4),
    Feature(lambda spec: spec.validation == SYSTEM, frozenset((0x57, 0x58)), 1, 5),
    Feature(lambda spec: spec.validation == SECURE_ENHANCED, frozenset((0x4C,)), 1, 6),
    Feature(lambda spec: spec.ticket_redemption, frozenset((0x70, 0x71)), 1, 7),
    Feature(lambda _: True, frozenset(), 2, 0),  # wins are metered when they are won
    Feature(lambda _: True, frozenset(), 2, 2),  # tickets count in drop and cancelled credits
    Feature(lambda spec: spec.extended_meters, frozenset((0x6F, 0xAF)), 2, 3),
    Feature(lambda spec: spec.component_authentication, frozenset((0x6E,)), 2, 4),
    Feature(lambda spec: spec.resets_to_credits, frozenset(), 2, 5),
    Feature(lambda spec: spec.aft, frozenset((0x72, 0x73, 0x74, 0x75)), 2, 6),
    Feature(lambda spec: bool(spec.player_denominations), frozenset((0xB0,)), 2, 7),
    Feature(lambda spec: spec.fast_polling, frozenset(), 3, 0),
    Feature(lambda spec: spec.multiple_progressive_wins, frozenset((0x87,)), 3, 1),
    Feature(lambda spec: spec.meter_change_notification, frozenset((0xB6,)), 3, 2),
    Feature(lambda spec: spec.session_play, frozenset(), 3, 3),
    Feature(lambda spec: bool(spec.own_progressive_levels), frozenset((0x5D,)), 3, 5),
    Feature(lambda spec: spec.enhanced_progressives, frozenset((0x7A,)), 3, 6),
    Feature(lambda spec: spec.validation == STANDARD, frozenset((0x3D,))),
    Feature(_has_system_or_secure, frozenset((0x4D,))),
    Feature(lambda spec: spec.legacy_bonus or spec.jackpot_multiplier, frozenset((0x90,))),
    Feature(lambda spec: spec.eft, frozenset((0x1D, 0x27, 0x28, 0x63, 0x64, 0x66, 0x69, 0x6A, 0x6B))),
    Feature(lambda spec: bool(spec.progressive_levels), frozenset((0x80, 0x84, 0x85, 0x86))),
    Feature(lambda spec: spec.rom_signature, frozenset((0x21,))),
    Feature(lambda spec: spec.has_hopper, frozenset((0x2C, 0x4F))),
    Feature(lambda spec: spec.deals_cards, frozenset((0x8E,))),
    Feature(lambda spec: spec.reels > 0, frozenset((0x8F,))),
    Feature(lambda spec: spec.version >= LATER_TEXT, frozenset((0xB7,))),
)


def feature_byte(spec: MachineSpec, byte: int) -> int:
    """One of the features bytes of long poll A0."""
    return sum(1 << feature.bit for feature in FEATURES if feature.byte == byte and feature.has(spec))


@lru_cache
def missing_polls(spec: MachineSpec) -> frozenset[int]:
    """The polls a machine does not know, for want of what they belong to."""
    polls = (feature.polls for feature in FEATURES if not feature.has(spec))
    return spec.unsupported.union(*polls)
