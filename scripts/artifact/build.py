"""One component's build: an artifact for each architecture, and the recipe, where gdk publishes from.

    greengrass-build/
    ├── artifacts/NAME/VERSION/NAME-ARCHITECTURE.zip   uploaded, every file here
    ├── recipes/NAME.yaml                              read by `gdk component publish`
    ├── recipes/NAME-VERSION.yaml                      the same, as a local deployment looks for it
    └── sbom/NAME-ARCHITECTURE.cdx.json                as in the artifact

An artifact is a program: `python3 NAME-ARCHITECTURE.zip FOLDER` installs what it carries below FOLDER.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from artifact.archive import given_date, source_date, write_archive
from artifact.errors import BuildError
from artifact.locked import ARCHITECTURES, normalised, read_wheel
from artifact.project import Component, Project, read_component
from artifact.sbom import bill_of_materials
from artifact.wheel import build_wheel
from artifact.wheelhouse import gathered

# What a gateway has beside the agent's own requirements: its keys, in files or in a token.
EXTRAS = ("credentials", "hsm")
ROOTS = ("AmazonRootCA1.pem", "AmazonRootCA3.pem")
# Greengrass takes a recipe of 16 KB; nucleus lite fails the deployment of a longer one than this.
LARGEST_RECIPE_BYTES = 8_196
# While it is installed an artifact takes this many times its size: unpacked, and installed (84 of 36 MB).
ROOM = 4
JOURNAL_BYTES = 64 << 20  # what the journal keeps free, unless it is set otherwise


def build_component(folder: Path, project: Project) -> Sequence[Path]:
    """Build the component in this folder; its artifacts. Raises BuildError."""
    component = read_component(folder, project)
    recipe = recipe_text(component)
    wheels = {name: [wheel.file for wheel in gathered(project, name)] for name in ARCHITECTURES}
    shutil.rmtree(component.build, ignore_errors=True)
    artifacts = component.build / "artifacts" / component.name / component.version
    for made in (artifacts, component.build / "recipes", component.build / "sbom"):
        made.mkdir(parents=True)
    for name in (component.recipe.name, f"{component.name}-{component.version}.yaml"):
        (component.build / "recipes" / name).write_text(recipe, encoding="utf-8")
    with tempfile.TemporaryDirectory() as scratch:
        ours = build_wheel(project, Path(scratch), source_date())
        return [
            _write_artifact(component, project, architecture, [*wheels[architecture], ours], artifacts)
            for architecture in ARCHITECTURES
        ]


def _write_artifact(
    component: Component, project: Project, architecture: str, wheels: Sequence[Path], folder: Path
) -> Path:
    stem = f"{component.name}-{architecture}"
    bill = bill_of_materials(component, architecture, wheels, given_date())
    (component.build / "sbom" / f"{stem}.cdx.json").write_bytes(bill)
    members = {f"wheels/{wheel.name}": wheel.read_bytes() for wheel in wheels} | {
        "__main__.py": (Path(__file__).parent / "install.py").read_bytes(),
        "main.py": (component.folder / "main.py").read_bytes(),
        "requirements.txt": requirements(project, wheels).encode(),
        "amazon-roots.pem": amazon_roots(project),
        "LICENSE": (project.root / "LICENSE").read_bytes(),
        "sbom.cdx.json": bill,
    }
    contents = [(name, hashlib.sha256(content).hexdigest()) for name, content in sorted(members.items())]
    about = {
        "component": component.name,
        "version": component.version,
        "room_bytes": ROOM * sum(map(len, members.values())) + JOURNAL_BYTES,
        "contents": hashlib.sha256(json.dumps(contents).encode()).hexdigest(),
    }
    members["about.json"] = json.dumps(about, indent=1).encode() + b"\n"
    file = folder / f"{stem}.zip"
    write_archive(file, members, source_date())
    return file


def amazon_roots(project: Project) -> bytes:
    """The roots that AWS IoT's servers chain to, in one file."""
    return b"".join((project.root / "certs" / root).read_bytes() for root in ROOTS)


def requirements(project: Project, wheels: Sequence[Path]) -> str:
    """What pip installs, each with the hashes of the files that lie beside it and no others."""
    hashes: dict[str, list[str]] = {}
    for wheel in map(read_wheel, wheels):
        ours = f"[{','.join(EXTRAS)}]" if wheel.name == normalised(project.name) else ""
        hashes.setdefault(f"{wheel.name}{ours}=={wheel.version}", []).append(wheel.sha256)
    return "".join(
        " \\\n    ".join([requirement, *(f"--hash=sha256:{one}" for one in sorted(files))]) + "\n"
        for requirement, files in sorted(hashes.items())
    )


def recipe_text(component: Component) -> str:
    """The recipe as it is published, but for the bucket. Raises BuildError when it is too long for that."""
    text = component.recipe.read_text(encoding="utf-8")
    for placeholder, value in (
        ("{COMPONENT_NAME}", component.name),
        ("{COMPONENT_VERSION}", component.version),
        ("{COMPONENT_AUTHOR}", component.author),
    ):
        text = text.replace(placeholder, value)
    size = len(text.encode())
    if size > LARGEST_RECIPE_BYTES:
        raise BuildError(f"{component.recipe} has {size} bytes", f"shorten it to {LARGEST_RECIPE_BYTES}")
    return text
