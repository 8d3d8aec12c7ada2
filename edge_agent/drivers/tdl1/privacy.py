"""What may not leave a table: the order, faces and images of cards in a shuffler, players' cards.

A device that sends such things is not believed to have meant them for us. Their keys are
dropped, and named in the event, before anything is journalled; counts and pass or fail stay.
The rule errs on the side of dropping. Shoes are another matter: the cards they report have
been dealt and lie face up.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from edge_agent.tdl1.codes import OTHER_CLASSES

SHUFFLER_CLASS = "SHF"
PLAYER_CARD_CLASS = "CRD"

# A key no table lists, on a shuffler, whose name holds one of these.
_SUSPECT_NAMES = (
    "card",
    "order",
    "rank",
    "suit",
    "face",
    "ident",
    "ima",
    "img",
    "pic",
    "photo",
    "perm",
    "seq",
)

# Longer than any count or word of state.
_LONGEST_PLAIN_VALUE = 32

# More items than any reading has: a permutation, or an image.
_MOST_ITEMS = 3

_CARD = r"(?:10|[2-9TJQKA])[SHDC\u2660-\u2667]"
_ONE_CARD = re.compile(rf"(?<![0-9A-Z]){_CARD}(?![0-9A-Z])|[\U0001F0A1-\U0001F0F5]", re.IGNORECASE)
_MANY_CARDS = re.compile(rf"(?:{_CARD}[^0-9A-Z]*){{3}}|[\U0001F0A1-\U0001F0F5]", re.IGNORECASE)
_ITEMS = re.compile(r"[^,;:/ ]+")


def screen(
    code: str, device_class: str, listed: Mapping[str, str], unlisted: Mapping[str, str]
) -> frozenset[str]:
    """The keys of a message that must be dropped.

    Args:
        code: of the message.
        device_class: what the device says it is; "" if it has not.
        listed: keys the vocabulary lists for this code, as sent.
        unlisted: the other keys.
    """
    code_class = code.partition(".")[0]
    if code_class == PLAYER_CARD_CLASS:
        return frozenset(unlisted)
    if device_class != SHUFFLER_CLASS and code_class in OTHER_CLASSES:
        return frozenset()
    dropped = {key for key, value in unlisted.items() if _is_suspect(key, value)}
    dropped |= {key for key, value in listed.items() if _MANY_CARDS.search(value)}
    return frozenset(dropped)


def _is_suspect(key: str, value: str) -> bool:
    return (
        any(name in key for name in _SUSPECT_NAMES)
        or len(value) > _LONGEST_PLAIN_VALUE
        or len(_ITEMS.findall(value)) > _MOST_ITEMS
        or _ONE_CARD.search(value) is not None
        or _MANY_CARDS.search(value) is not None
    )
