"""Fills build/wheelhouse with the locked wheels for every gateway, and checks each against the lock."""

import sys
from pathlib import Path

from artifact.errors import BuildError
from artifact.locked import ARCHITECTURES
from artifact.project import Project
from artifact.wheelhouse import gathered


def main() -> int:
    """Fetch what is missing; say what there is."""
    project = Project(Path(__file__).resolve().parents[1])
    try:
        files = {wheel.file for architecture in ARCHITECTURES for wheel in gathered(project, architecture)}
    except BuildError as error:
        sys.exit(f"fill_wheelhouse: {error}")
    size = sum(file.stat().st_size for file in files)
    print(f"{len(files)} wheels, {size / 1e6:.0f} MB in {project.wheelhouse}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
