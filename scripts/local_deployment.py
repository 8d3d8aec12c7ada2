"""Lays a deployment document out for nucleus lite's `ggl-cli`, which takes components from folders.

    scripts/local_deployment.py recipes/deployments/offline.json build/local SITE=lab ROOT=/var/lib/greengrass

The document is the one `aws greengrassv2 create-deployment` takes. `ggl-cli` knows no merges, so
each component's merge is laid into the defaults of its built recipe; a cloud is not needed. The same
again, with another document and the same version, re-configures components while they run.
"""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from artifact.build import LARGEST_RECIPE_BYTES
from artifact.errors import BuildError

COMPONENTS = Path(__file__).resolve().parents[1] / "components"


def main(arguments: Sequence[str]) -> int:
    """Write the folders, and print the command that deploys them."""
    if len(arguments) < 2 or not all("=" in word for word in arguments[2:]):
        sys.exit("usage: scripts/local_deployment.py DEPLOYMENT.json FOLDER [WORD=value …]")
    document, folder, *words = arguments
    try:
        deployment = read_deployment(Path(document), dict(word.split("=", 1) for word in words))
        roots = lay_out(deployment, Path(folder), COMPONENTS)
    except BuildError as error:
        sys.exit(f"local_deployment: {error}")
    added = " ".join(f"--add-component {root}" for root in roots)
    print(f"ggl-cli deploy --recipe-dir {folder}/recipes --artifacts-dir {folder}/artifacts {added}")
    return 0


def read_deployment(file: Path, words: Mapping[str, str]) -> dict[str, Any]:
    """The document, with words such as SITE replaced. Raises BuildError."""
    try:
        text = file.read_text(encoding="utf-8")
        for word, value in words.items():
            text = re.sub(rf"\b{re.escape(word)}\b", value.replace("\\", r"\\"), text)
        deployment: dict[str, Any] = json.loads(text)
    except OSError as error:
        raise BuildError(f"{file} cannot be read: {error.strerror}", "name a deployment document") from error
    except ValueError as error:
        raise BuildError(f"{file} is no JSON ({error})", "mend it, or the words put into it") from error
    return deployment


def lay_out(deployment: Mapping[str, Any], folder: Path, components: Path) -> tuple[str, ...]:
    """Write `folder`/recipes and `folder`/artifacts; each component as NAME=VERSION. Raises BuildError."""
    roots = []
    for name, wanted in deployment["components"].items():
        version = wanted["componentVersion"]
        build = components / name / "greengrass-build"
        source = build / "recipes" / f"{name}-{version}.yaml"
        if not source.is_file():
            raise BuildError(f"{name} {version} is not built: there is no {source}", "run `make components`")
        recipe = yaml.safe_load(source.read_text(encoding="utf-8"))
        defaults = recipe["ComponentConfiguration"]["DefaultConfiguration"]
        merged = merge(defaults, json.loads(wanted.get("configurationUpdate", {}).get("merge", "{}")))
        recipe["ComponentConfiguration"]["DefaultConfiguration"] = merged
        target = folder / "recipes" / source.name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_recipe_text(name, recipe), encoding="utf-8")
        artifacts = Path("artifacts", name, version)
        shutil.copytree(build / artifacts, folder / artifacts, dirs_exist_ok=True)
        roots.append(f"{name}={version}")
    return tuple(roots)


def _recipe_text(name: str, recipe: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(recipe, sort_keys=False, width=10_000)
    if (size := len(text.encode())) > LARGEST_RECIPE_BYTES:
        raise BuildError(
            f"the recipe of {name} would have {size} bytes, and nucleus lite reads {LARGEST_RECIPE_BYTES}",
            "lay fewer lines into it, or deploy it from the cloud",
        )
    return text


def merge(into: object, what: object) -> object:
    """What a nucleus makes of a merge: groups grow, everything else is replaced."""
    if not isinstance(into, Mapping) or not isinstance(what, Mapping):
        return what
    return {**into, **{key: merge(into.get(key), value) for key, value in what.items()}}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
