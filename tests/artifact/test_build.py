"""Building components as gdk does, from stubs of what the agent needs."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any, cast

import pytest
import yaml
from cyclonedx.model.bom import Bom

from edge_agent import __version__
from tests.artifact.conftest import FORWARDER, OFFLINE, ROOT, Sources, copy_sources

pytestmark = [pytest.mark.integration]

COMPONENTS = sorted(folder.name for folder in (ROOT / "components").iterdir() if folder.is_dir())
KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def members(artifact: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(artifact) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def config(name: str) -> tuple[str, dict[str, Any]]:
    """The component's name and its table, as gdk reads them."""
    document = json.loads((ROOT / "components" / name / "gdk-config.json").read_text())
    ((component, table),) = document["component"].items()
    assert document["gdk_version"] == "1.6.2"
    return component, table


@pytest.mark.parametrize("name", COMPONENTS)
def test_gdk_finds_what_it_publishes(sources: Sources, name: str) -> None:
    """What `gdk component publish` reads of a custom build, without gdk: it comes from no package index."""
    component, table = config(name)
    folder = sources.component(name)
    assert table["build"] == {
        "build_system": "custom",
        "custom_build_command": ["python3", "../../scripts/build_component.py"],
    }
    assert table["author"]
    assert table["version"] == __version__
    assert table["publish"].keys() == {"bucket", "region"}

    done = sources.build(name)

    assert (done.returncode, done.stderr) == (0, "")
    built = folder / "greengrass-build"
    (source,) = [*folder.glob("recipe.json"), *folder.glob("recipe.yaml")]
    recipe = yaml.safe_load((built / "recipes" / source.resolve().name).read_text())
    assert (recipe["ComponentName"], recipe["ComponentVersion"]) == (component, table["version"])
    assert recipe["ComponentPublisher"] == table["author"]
    artifacts = {file.name for file in (built / "artifacts" / component / table["version"]).iterdir()}
    uris = [artifact["URI"] for manifest in recipe["Manifests"] for artifact in manifest["Artifacts"]]
    assert {Path(uri).name for uri in uris} == artifacts
    assert all(uri.startswith("s3://BUCKET_NAME/COMPONENT_NAME/COMPONENT_VERSION/") for uri in uris)


@pytest.mark.parametrize("role", ["publish-components", "token-exchange-role"])
def test_who_publishes_and_who_installs_may_use_the_bucket(role: str) -> None:
    """Region and account are added to the name by gdk."""
    policy = (ROOT / "certs" / "policies" / "iam" / f"{role}.json").read_text()

    for name in COMPONENTS:
        _, table = config(name)
        assert f'"arn:aws:s3:::{table["publish"]["bucket"]}-REGION-ACCOUNT/casino.edge.*"' in policy


def test_a_local_deployment_finds_the_recipe_by_name_and_version(built: Sources) -> None:
    recipes = built.component() / "greengrass-build" / "recipes"
    _, table = config(FORWARDER)

    named = recipes / f"{FORWARDER}-{table['version']}.yaml"

    assert named.read_text() == (recipes / f"{FORWARDER}.yaml").read_text()


@pytest.mark.skipif(shutil.which("gdk") is None, reason="gdk is not on PATH")
def test_gdk_itself_builds_it(sources: Sources) -> None:
    environment = {**OFFLINE, "PATH": os.environ["PATH"]}

    done = subprocess.run(
        ["gdk", "component", "build"],
        check=False,
        cwd=sources.component(),
        env=environment,
        capture_output=True,
    )

    assert done.returncode == 0, done.stderr
    assert sources.artifact("amd64").is_file()
    assert sources.artifact("aarch64").is_file()


def test_the_same_sources_give_the_same_bytes_elsewhere_and_later(built: Sources, tmp_path: Path) -> None:
    elsewhere = copy_sources(tmp_path / "another" / "checkout")
    for file in elsewhere.root.rglob("*"):
        os.utime(file, (2_000_000_000, 2_000_000_000), follow_symlinks=False)
        if file.is_file() and not file.is_symlink():
            file.chmod(0o600)

    assert elsewhere.build().returncode == 0
    first = {one: elsewhere.artifact(one).read_bytes() for one in ("amd64", "aarch64")}
    assert elsewhere.build().returncode == 0

    for architecture, content in first.items():
        assert elsewhere.artifact(architecture).read_bytes() == content
        assert built.artifact(architecture).read_bytes() == content


def test_it_is_dated_as_asked(sources: Sources) -> None:
    assert sources.build(SOURCE_DATE_EPOCH="1700000000").returncode == 0

    with zipfile.ZipFile(sources.artifact()) as archive:
        assert {entry.date_time for entry in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
        assert {entry.external_attr >> 16 for entry in archive.infolist()} == {0o100644}
        bill = json.loads(archive.read("sbom.cdx.json"))
    assert bill["metadata"]["timestamp"] == "2023-11-14T22:13:20Z"


def test_an_artifact_carries_what_a_gateway_needs_and_no_more(built: Sources) -> None:
    carried = members(built.artifact())

    wheels = {name for name in carried if name.startswith("wheels/")}
    assert carried.keys() - wheels == {
        "LICENSE",
        "__main__.py",
        "about.json",
        "amazon-roots.pem",
        "main.py",
        "requirements.txt",
        "sbom.cdx.json",
    }
    assert all(name.endswith(".whl") for name in wheels)
    assert carried["amazon-roots.pem"].count(b"BEGIN CERTIFICATE") == 2
    assert len(carried["main.py"].splitlines()) <= 15
    assert not any(KEY.search(content) for content in carried.values())


def test_every_wheel_is_named_with_its_hash(built: Sources) -> None:
    carried = members(built.artifact())

    required = carried["requirements.txt"].decode()

    hashes = set(re.findall(r"--hash=sha256:(\w+)", required))
    wheels = {name: content for name, content in carried.items() if name.startswith("wheels/")}
    assert hashes == {hashlib.sha256(content).hexdigest() for content in wheels.values()}
    assert re.search(r"^casino-edge-agent\[credentials,hsm\]==", required, re.MULTILINE)


def test_the_bill_of_materials_names_every_file_with_hash_and_licence(built: Sources) -> None:
    carried = members(built.artifact())
    bill = json.loads(carried["sbom.cdx.json"])

    understood = cast("Any", Bom).from_json(bill)  # made by decoration

    assert understood.validate()
    assert {str(one.purl) for one in understood.components} == {one["purl"] for one in bill["components"]}
    assert all(one.hashes and one.licenses for one in understood.components)
    named = {component["purl"]: component for component in bill["components"]}
    for name, content in carried.items():
        if name.startswith("wheels/"):
            file = name.removeprefix("wheels/")
            (component,) = [one for purl, one in named.items() if purl.endswith(f"?file_name={file}")]
            assert component["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}]
            assert component["licenses"]
    assert len(named) == sum(name.startswith("wheels/") for name in carried)
    assert bill["metadata"]["component"]["name"] == FORWARDER
    beside = built.component() / "greengrass-build" / "sbom" / f"{FORWARDER}-amd64.cdx.json"
    assert beside.read_bytes() == carried["sbom.cdx.json"]


def test_a_missing_wheel_is_named_with_the_mend(sources: Sources) -> None:
    next(sources.wheelhouse.glob("pyserial-*.whl")).unlink()

    done = sources.build()

    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert re.match(
        r"build_component: no wheel of pyserial 3\.5 for CPython 3\.11 on amd64 in .*wheelhouse", last
    )
    assert last.endswith("— run `make wheelhouse` where an index can be reached")
    assert "Traceback" not in done.stderr


def test_a_wheel_that_is_not_the_locked_one_is_refused(sources: Sources) -> None:
    wheel = next(sources.wheelhouse.glob("structlog-*.whl"))
    wheel.write_bytes(wheel.read_bytes() + b"more")

    done = sources.build()

    assert done.returncode == 1
    assert f"{wheel} is not the file the lock names" in done.stderr
    assert "remove it and run `make wheelhouse`" in done.stderr


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda text: text.replace('"version": "', '"version": "9'), "give both the same"),
        (lambda text: text.replace("casino.edge.Forwarder", "casino.edge.Other"), "like its folder"),
        (lambda text: text.replace('"author"', '"authors"'), "mend the file"),
        (lambda text: text[:-3], "mend the file"),
    ],
)
def test_a_configuration_gdk_would_misunderstand_is_refused(sources: Sources, spoil: Any, said: str) -> None:
    file = sources.component() / "gdk-config.json"
    file.write_text(spoil(file.read_text()))

    done = sources.build()

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert said in done.stderr


def test_a_recipe_that_is_too_long_is_refused_before_anything_is_built(sources: Sources) -> None:
    with (sources.root / "recipes" / f"{FORWARDER}.yaml").open("a") as recipe:
        recipe.write("# more\n" * 2000)

    done = sources.build()

    assert done.returncode == 1
    assert "shorten it to 8196" in done.stderr
    assert not (sources.component() / "greengrass-build").exists()
