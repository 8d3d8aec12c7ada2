"""Builds the Greengrass component in the current folder, as its gdk-config.json asks."""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  said before anything that needs it is imported
    sys.exit(
        f"The build needs Python 3.11 or newer; this is {sys.version.split()[0]}. Put one on PATH as python3."
    )

from pathlib import Path

from artifact.build import build_component
from artifact.errors import BuildError
from artifact.project import Project


def main() -> int:
    """Build, and name what was built."""
    here = Path.cwd()
    try:
        artifacts = build_component(here, Project(Path(__file__).resolve().parents[1]))
    except BuildError as error:
        sys.exit(f"build_component: {error}")
    for artifact in artifacts:
        print(f"{artifact.relative_to(here)}  {artifact.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
