"""How soon `edge-agent --help` answers, and what a gateway has to install.

The install is real: the hashed runtime lock and the agent, into a fresh virtual environment.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path

ROUNDS = 9
HELP_SECONDS, PACKAGES, SIZE_MB = 0.3, 12, 40
PROJECT = Path(__file__).parent.parent


def seconds_of(*command: str) -> float:
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def row(what: str, value: float, limit: float, unit: str) -> None:
    print(f"{what:<36} {value:>8.3f} {unit:<9} limit {limit:>6.2f}   ratio {value / limit:5.2f}")


def main() -> None:
    command = str(Path(sys.executable).parent / "edge-agent")
    helps = [seconds_of(command, "--help") for _ in range(ROUNDS)]
    bare = [seconds_of(sys.executable, "-c", "pass") for _ in range(ROUNDS)]
    row("edge-agent --help", statistics.median(helps), HELP_SECONDS, "s")
    print(f"{'  of which Python itself':<36} {statistics.median(bare):>8.3f} s")

    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        site = next(Path(folder).glob("lib/python*/site-packages"))
        before = {path.name for path in site.iterdir()}
        pip = [f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        lock = str(PROJECT / "requirements" / "runtime.txt")
        subprocess.run([*pip, "--require-hashes", "--requirement", lock], check=True)
        subprocess.run([*pip, "flit_core"], check=True)
        subprocess.run([*pip, "--no-deps", "--no-build-isolation", str(PROJECT)], check=True)
        subprocess.run(
            [f"{folder}/bin/python", "-m", "pip", "uninstall", "--quiet", "--yes", "flit_core"], check=True
        )
        new = [path for path in site.iterdir() if path.name not in before]
        packages = [path for path in new if path.suffix == ".dist-info"]
        files = [file for path in new for file in ([path] if path.is_file() else path.rglob("*"))]
        size = sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")
    row("packages in the runtime", len(packages), PACKAGES, "")
    row("their size", size / 1e6, SIZE_MB, "MB")


if __name__ == "__main__":
    main()
