"""SoftHSM: a real PKCS#11 module in a folder, to test keys in a token with."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.settings import TokenSettings

# Debian and Ubuntu, Fedora, and where it builds itself to.
LIBRARIES = (
    Path("/usr/lib/softhsm/libsofthsm2.so"),
    Path("/usr/lib64/pkcs11/libsofthsm2.so"),
    Path("/usr/local/lib/softhsm/libsofthsm2.so"),
)
TOKEN, KEY = "floor", "gw"
PIN = "246810"
_OFFICER_PIN = "13579111"


def softhsm_library() -> Path | None:
    """The module, if this computer has SoftHSM."""
    if shutil.which("softhsm2-util") is None:
        return None
    return next((library for library in LIBRARIES if library.exists()), None)


@contextmanager
def softhsm(folder: Path) -> Iterator[TokenSettings]:
    """A fresh token in `folder`; this process and those it starts find it until the block ends."""
    library = softhsm_library()
    if library is None:
        raise FileNotFoundError("SoftHSM is not installed")
    (folder / "tokens").mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder / 'tokens'}\nlog.level = ERROR\n")
    pin_file = folder / "pin"
    pin_file.touch(mode=0o600)
    pin_file.write_text(PIN + "\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    try:
        initialise = ["softhsm2-util", "--init-token", "--free", "--label", TOKEN]
        subprocess.run(  # noqa: S603  a test's own command
            [*initialise, "--so-pin", _OFFICER_PIN, "--pin", PIN], check=True, capture_output=True
        )
        yield TokenSettings(library=library, token_label=TOKEN, key_label=KEY, pin_file=pin_file)
    finally:
        if before is None:
            del os.environ["SOFTHSM2_CONF"]
        else:
            os.environ["SOFTHSM2_CONF"] = before
