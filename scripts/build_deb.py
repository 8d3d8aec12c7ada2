"""Builds the Debian packages of all architectures, or of those named. Needs Python 3.11+ and dpkg-deb."""

import sys
from pathlib import Path

from artifact.deb import DEBIAN, build_deb
from artifact.errors import BuildError
from artifact.project import Project


def main(names: list[str]) -> int:
    """Build, and name what was built."""
    project = Project(Path(__file__).resolve().parents[1])
    architectures = {debian: ours for ours, debian in DEBIAN.items()}
    unknown = [name for name in names if name not in architectures]
    if unknown:
        sys.exit(f"build_deb: no architecture {unknown[0]} — name one of {', '.join(architectures)}")
    try:
        for name in names or architectures:
            file = build_deb(project, architectures[name], project.root / "dist")
            print(f"{file.relative_to(project.root)}  {file.stat().st_size / 1e6:.1f} MB")
    except BuildError as error:
        sys.exit(f"build_deb: {error}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
