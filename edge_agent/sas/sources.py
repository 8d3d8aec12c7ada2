"""Where a table row comes from and how far it can be trusted. No row goes without both.

The official text is not public, so every row was put together from public implementations, paraphrases
and captures. A row names its witnesses by tag.
"""

from __future__ import annotations

from typing import Literal

# H: two independent sources agree, or source text and a checked capture. M: one careful source. L: a guess.
Confidence = Literal["H", "M", "L"]

SOURCES = {
    "SP": "soicasino/spark-sas2: paraphrase of the SAS 6.02 text",
    "SK": "soicasino/spark-sas2: captures from real cabinets",
    "MO": "tejvirc/Platform: the machine side of a 6.03 gaming platform, with unit tests",
    "NC": "lakeshsharma/nCompass: a production slot machine interface board, with unit tests",
    "GD": "a C machine engine that reports version 602",
    "SC": "SeaweedZheng/u3d-psson152-dll-line: exception and meter lists of the 6.02 text",
    "CO": "dedalgr/Casino-management-system: a host that has been years in the field",
    "SY": "zacharytomlinson/saspy and its descendants: hosts",
    "EE": "louiev06/egm-emulator: a 6.03 machine emulator",
}
