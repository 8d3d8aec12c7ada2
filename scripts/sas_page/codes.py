"""Code tables on the page: what each is called there, and how its rows read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from edge_agent.sas import code_tables as codes

# In the order of the page. The fields of the layouts lead here.
TITLES: tuple[tuple[str, Mapping[int, str] | Mapping[int, int]], ...] = (
    ("Denominations", codes.DENOMINATIONS),
    ("Bills", codes.BILL_DENOMINATIONS),
    ("Countries", codes.COUNTRIES),
    ("Switches", codes.ENABLES),
    ("Bill acceptor actions", codes.BILL_ACCEPTOR_ACTIONS),
    ("Handpay reset codes", codes.HANDPAY_RESET_CODES),
    ("Handpay reset methods", codes.HANDPAY_RESET_METHODS),
    ("Handpay reset method codes", codes.HANDPAY_RESET_METHOD_CODES),
    ("Collect statuses of the host", codes.COLLECT_STATUSES_OF_HOST),
    ("Collect statuses of the machine", codes.COLLECT_STATUSES_OF_MACHINE),
    ("Machine numbers flags", codes.MACHINE_NUMBERS_FLAGS),
    ("Hopper statuses", codes.HOPPER_STATUSES),
    ("Hand types", codes.HAND_TYPES),
    ("Card suits", codes.CARD_SUITS),
    ("Card ranks", codes.CARD_RANKS),
    ("Features 1", codes.FEATURE_BITS[1]),
    ("Features 2", codes.FEATURE_BITS[2]),
    ("Features 3", codes.FEATURE_BITS[3]),
    ("Features 4", codes.FEATURE_BITS[4]),
    ("Validation styles", codes.VALIDATION_STYLES),
    ("Meter models", codes.METER_MODELS),
    ("Authentication actions", codes.AUTHENTICATION_ACTIONS),
    ("Addressing modes", codes.ADDRESSING_MODES),
    ("Authentication methods", codes.AUTHENTICATION_METHODS),
    ("Authentication statuses", codes.AUTHENTICATION_STATUSES),
    ("Validation types", codes.VALIDATION_TYPES),
    ("Validation functions", codes.VALIDATION_FUNCTIONS),
    ("Cash-out types", codes.CASH_OUT_TYPES),
    ("Validation number statuses", codes.VALIDATION_NUMBER_STATUSES),
    ("Escrow statuses", codes.ESCROW_STATUSES),
    ("Ticket transfer codes", codes.TICKET_TRANSFER_CODES),
    ("Ticket statuses", codes.TICKET_STATUSES),
    ("Validation status bits", codes.VALIDATION_STATUS_BITS),
    ("Ticket texts", codes.TICKET_TEXTS),
    ("Custom ticket texts", codes.CUSTOM_TICKET_TEXTS),
    ("Ticket data statuses", codes.TICKET_DATA_STATUSES),
    ("Handpay levels", codes.HANDPAY_LEVELS),
    ("Handpay reset IDs", codes.HANDPAY_RESET_IDS),
    ("Tax statuses", codes.TAX_STATUSES),
    ("AFT transfer codes", codes.AFT_TRANSFER_CODES),
    ("AFT transfer types", codes.AFT_TRANSFER_TYPES),
    ("AFT transfer flags", codes.AFT_TRANSFER_FLAGS),
    ("AFT transfer statuses", codes.AFT_STATUSES),
    ("Receipt statuses", codes.RECEIPT_STATUSES),
    ("Receipt fields", codes.RECEIPT_FIELDS),
    ("Receipt texts", codes.RECEIPT_TEXTS),
    ("Registration codes", codes.REGISTRATION_CODES),
    ("Registration statuses", codes.REGISTRATION_STATUSES),
    ("Lock codes", codes.LOCK_CODES),
    ("Lock conditions", codes.LOCK_CONDITIONS),
    ("Lock statuses", codes.LOCK_STATUSES),
    ("Available transfers", codes.AVAILABLE_TRANSFERS),
    ("Host cash-out bits", codes.HOST_CASH_OUT_BITS),
    ("AFT status bits", codes.AFT_STATUS_BITS),
    ("EFT statuses", codes.EFT_STATUSES),
    ("EFT acknowledgements", codes.EFT_ACKNOWLEDGEMENTS),
    ("EFT transfers available", codes.EFT_AVAILABLE),
    ("Multi-denomination errors", codes.MULTI_DENOMINATION_ERRORS),
)
# Numbered by bit, the lowest 0.
_BITS = (
    codes.MACHINE_NUMBERS_FLAGS, *codes.FEATURE_BITS.values(), codes.AUTHENTICATION_METHODS,
    codes.VALIDATION_STATUS_BITS, codes.AFT_TRANSFER_FLAGS, codes.LOCK_CONDITIONS, codes.AVAILABLE_TRANSFERS,
    codes.HOST_CASH_OUT_BITS, codes.AFT_STATUS_BITS, codes.EFT_AVAILABLE,
)  # fmt: skip
# Numbered in decimal: the two digits of a BCD byte.
_DECIMAL = (codes.BILL_DENOMINATIONS, codes.COUNTRIES)


def anchor(title: str) -> str:
    """Where a heading is found on the page."""
    return "".join(letter for letter in title.lower().replace(" ", "-") if letter.isalnum() or letter in "-_")


def link(table: Mapping[int, str] | Mapping[int, int]) -> str:
    """A table by its title, leading to it."""
    title = next(title for title, listed in TITLES if listed is table)
    return f"[{title}](#{anchor(title)})"


def in_words(name: str) -> str:
    """A name as people say it."""
    return name.replace("_", " ")


def row_of(*cells: str) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |"


def code_sections() -> Iterator[str]:
    """Every table, under its title."""
    for title, table in TITLES:
        yield f"### {title}\n"
        yield f"| {_heading(table)} | meaning |"
        yield "| --- | --- |"
        for code, meaning in table.items():
            yield f"| {_number(table, code)} | {_meaning(table, meaning)} |"
        yield ""


def _heading(table: object) -> str:
    if any(table is listed for listed in _BITS):
        return "bit"
    return "digits" if any(table is listed for listed in _DECIMAL) else "code"


def _number(table: object, code: int) -> str:
    match _heading(table):
        case "bit":
            return str(code)
        case "digits":
            return f"{code:02d}"
        case _:
            return f"{code:02X}"


def _meaning(table: object, meaning: str | int) -> str:
    if isinstance(meaning, str):
        return in_words(meaning)
    if table is codes.DENOMINATIONS:
        units, rest = divmod(meaning, codes.DENOMINATION_SCALE)
        return f"{units}.{rest:04d}".rstrip("0").removesuffix(".")
    return str(meaning)
