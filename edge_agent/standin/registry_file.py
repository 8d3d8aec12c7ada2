"""The registry's file: what the stand-in knows of certificates, kept before it is answered.

One JSON document, mode 0600, replaced whole: after a kill it is the old one or the new one. It
names no key and holds no certificate.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from edge_agent.errors import ConfigurationError
from edge_agent.standin.registry import Registry, Snapshot


def load_registry(file: Path, registry: Registry) -> None:
    """Let the registry know again what was kept, if anything was. Raises ConfigurationError."""
    try:
        registry.restore(json.loads(file.read_bytes()))
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"{file} is not what a stand-in kept: {error}", "remove it; what it issued no longer counts"
        ) from error


def keep_registry(file: Path, snapshot: Snapshot) -> None:
    """Replace what is kept. Raises ConfigurationError when that cannot be written."""
    part = file.with_name(f"{file.name}.part")
    try:
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            json.dump(snapshot, out, indent=1)
        part.replace(file)
    except OSError as error:
        raise ConfigurationError(
            f"{file} cannot be written: {error.strerror}", "make room, or name another folder with --state"
        ) from error
