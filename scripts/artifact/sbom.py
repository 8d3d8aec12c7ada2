"""The bill of materials: CycloneDX 1.6, one component a file that the artifact carries.

Name, version, licence and requirements are what each wheel says of itself; the hash is the file's. Equal
contents give an equal document: its serial number is made of them, and it is dated only when the build is.
"""

from __future__ import annotations

import hashlib
import json
import re
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

from artifact.errors import BuildError
from artifact.locked import normalised
from artifact.project import Component

# What wheels without a licence expression say instead, as SPDX names it.
_SPDX = {
    "MIT": "MIT",
    "Apache-2.0": "Apache-2.0",
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
}
_NAMESPACE = uuid.UUID("6f1c6f0e-5f0b-5f0e-9d8e-1b6f2c1d7a55")  # ours: serial numbers are made below it


def bill_of_materials(
    component: Component, architecture: str, wheels: Sequence[Path], date: int | None
) -> bytes:
    """The document for one artifact, as JSON."""
    described = {wheel: _metadata(wheel) for wheel in wheels}
    root = f"pkg:generic/{component.name}@{component.version}?arch={architecture}"
    document: dict[str, Any] = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": root,
                "name": component.name,
                "version": component.version,
                "purl": root,
                "authors": [{"name": component.author}],
                "licenses": [{"license": {"id": "Apache-2.0"}}],
            }
        },
        "components": [_library(wheel, metadata) for wheel, metadata in described.items()],
        "dependencies": [
            {"ref": root, "dependsOn": [_reference(wheel, described[wheel]) for wheel in wheels]},
            *_dependencies(described),
        ],
    }
    if date is not None:
        document["metadata"]["timestamp"] = f"{datetime.fromtimestamp(date, UTC):%Y-%m-%dT%H:%M:%SZ}"
    content = json.dumps(document, sort_keys=True)
    document["serialNumber"] = f"urn:uuid:{uuid.uuid5(_NAMESPACE, content)}"
    return json.dumps(document, indent=1, sort_keys=True).encode() + b"\n"


def _library(wheel: Path, metadata: Message) -> dict[str, Any]:
    reference = _reference(wheel, metadata)
    return {
        "type": "library",
        "bom-ref": reference,
        "name": metadata["Name"],
        "version": metadata["Version"],
        "purl": reference,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(wheel.read_bytes()).hexdigest()}],
        "licenses": [_licence(wheel, metadata)],
    }


def _reference(wheel: Path, metadata: Message) -> str:
    return f"pkg:pypi/{normalised(metadata['Name'])}@{metadata['Version']}?file_name={wheel.name}"


def _licence(wheel: Path, metadata: Message) -> dict[str, Any]:
    """As an expression, as an SPDX licence, or as whatever the wheel calls it."""
    if expression := metadata["License-Expression"]:
        return {"expression": expression}
    classifiers = [one for one in metadata.get_all("Classifier", []) if one.startswith("License ::")]
    said = [*filter(None, [metadata["License"]]), *classifiers]
    if not said:
        raise BuildError(
            f"{wheel.name} names no licence", "look it up, and add it to scripts/artifact/sbom.py"
        )
    known = next((_SPDX[one] for one in said if one in _SPDX), None)
    return {"license": {"id": known} if known else {"name": said[0]}}


def _dependencies(described: Mapping[Path, Message]) -> Iterable[dict[str, Any]]:
    for wheel, metadata in described.items():
        needs = {_required(one) for one in metadata.get_all("Requires-Dist", []) if _belongs(one, metadata)}
        references = [
            _reference(other, said) for other, said in described.items() if normalised(said["Name"]) in needs
        ]
        yield {"ref": _reference(wheel, metadata), "dependsOn": references}


def _belongs(requirement: str, metadata: Message) -> bool:
    """Whether it is required here: our own extras are installed, those of others are not."""
    return "extra" not in requirement or metadata["Name"] == "casino-edge-agent"


def _required(requirement: str) -> str:
    return normalised(re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0])


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        name = next(one for one in archive.namelist() if one.endswith(".dist-info/METADATA"))
        return HeaderParser().parsestr(archive.read(name).decode("utf-8"))
