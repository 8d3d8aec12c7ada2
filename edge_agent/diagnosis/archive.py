"""The archive: parts of a bundle in a zip file, the most telling first, within a size.

Every part goes through `sanitise` on its way in. What does not fit is left out whole, and the
manifest says what and why.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from edge_agent.diagnosis.redaction import sanitise

# A status document of 64 lines is 40 KiB; a log is the largest thing, and compresses to a tenth.
MOST_BYTES = 4 * 2**20
MANIFEST = "manifest.json"
# A zip's directory entry and local header, for a short name.
OVERHEAD_BYTES = 256


@dataclass(frozen=True, slots=True)
class Part:
    """One file of a bundle; `content` is written as JSON unless it is text."""

    name: str
    content: Any

    def text(self) -> str:
        """What the file holds."""
        made = (
            self.content
            if isinstance(self.content, str)
            else json.dumps(self.content, indent=2, ensure_ascii=False)
        )
        return sanitise(made)


def pack(parts: Iterable[Part], about: Mapping[str, Any], most_bytes: int = MOST_BYTES) -> bytes:
    """A zip of the parts that fit, in their order, and a manifest."""
    buffer = io.BytesIO()
    left_out: dict[str, str] = {}
    included: list[str] = []
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as bundle:
        for part in parts:
            text = part.text().encode()
            needed = _compressed(part.name, text)
            if buffer.tell() + needed + OVERHEAD_BYTES * (len(included) + 2) > most_bytes:
                left_out[part.name] = f"it takes {needed} bytes, and the bundle may have {most_bytes}"
                continue
            bundle.writestr(part.name, text)
            included.append(part.name)
        manifest = Part(MANIFEST, {**about, "parts": included, "left_out": left_out})
        bundle.writestr(MANIFEST, manifest.text())
    return buffer.getvalue()


def _compressed(name: str, text: bytes) -> int:
    """The bytes a part takes."""
    trial = io.BytesIO()
    with zipfile.ZipFile(trial, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as one:
        one.writestr(name, text)
    return trial.tell()
