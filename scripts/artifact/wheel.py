"""The agent's own wheel, the same bytes wherever it is built.

It holds what an installation from the sources would: the package, its entry points and the licence. It
is written here rather than by the build backend because a build must need nothing but Python, and must
not depend on the zlib at hand.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from artifact.archive import write_archive
from artifact.errors import BuildError
from artifact.project import Project

PACKAGE = "edge_agent"
GENERATOR = "casino-edge-agent scripts/artifact"

# A key begins with this line and goes on with base64; code that merely speaks of keys does not go on.
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")


def build_wheel(project: Project, folder: Path, date: int) -> Path:
    """Write the wheel into `folder` and return it."""
    stem = f"{project.name.replace('-', '_')}-{project.version}"
    members = dict(_package(project)) | {
        f"{stem}.dist-info/METADATA": _metadata(project.description).encode(),
        f"{stem}.dist-info/WHEEL": _wheel().encode(),
        f"{stem}.dist-info/entry_points.txt": _entry_points(project.description).encode(),
        f"{stem}.dist-info/licenses/LICENSE": (project.root / "LICENSE").read_bytes(),
    }
    record = f"{stem}.dist-info/RECORD"
    members[record] = _record(members, record).encode()
    file = folder / f"{stem}-py3-none-any.whl"
    write_archive(file, members, date)
    return file


def _package(project: Project) -> Iterator[tuple[str, bytes]]:
    """The package's files, but for what running it leaves behind."""
    for file in sorted((project.root / PACKAGE).rglob("*")):
        name = file.relative_to(project.root)
        left_behind = any(part.startswith(".") or part == "__pycache__" for part in name.parts)
        if not file.is_file() or left_behind or file.suffix == ".pyc":
            continue
        content = file.read_bytes()
        if _KEY.search(content):
            raise BuildError(f"{file} holds a private key", "remove it: an artifact goes to every gateway")
        yield name.as_posix(), content


def _metadata(project: Mapping[str, Any]) -> str:
    """The core metadata that pip resolves by, and that names the licence."""
    lines = [
        "Metadata-Version: 2.4",
        f"Name: {project['name']}",
        f"Version: {project['version']}",
        f"Summary: {project['description']}",
        f"Requires-Python: {project['requires-python']}",
        f"License-Expression: {project['license']}",
        "License-File: LICENSE",
    ]
    lines += [f"Requires-Dist: {one}" for one in project["dependencies"]]
    for extra, needs in sorted(project.get("optional-dependencies", {}).items()):
        lines.append(f"Provides-Extra: {extra}")
        lines += [f'Requires-Dist: {one} ; extra == "{extra}"' for one in needs]
    return "\n".join(lines) + "\n"


def _wheel() -> str:
    return f"Wheel-Version: 1.0\nGenerator: {GENERATOR}\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _entry_points(project: Mapping[str, Any]) -> str:
    groups = {"console_scripts": project.get("scripts", {}), **project.get("entry-points", {})}
    return "\n".join(
        f"[{group}]\n" + "".join(f"{name}={target}\n" for name, target in entries.items())
        for group, entries in groups.items()
    )


def _record(members: Mapping[str, bytes], record: str) -> str:
    def digest(content: bytes) -> str:
        return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")

    lines = [f"{name},sha256={digest(content)},{len(content)}" for name, content in sorted(members.items())]
    return "\n".join([*lines, f"{record},,"]) + "\n"
