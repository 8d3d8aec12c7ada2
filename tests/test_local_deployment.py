"""A deployment document, laid out for nucleus lite's `ggl-cli`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from artifact.errors import BuildError
from local_deployment import lay_out, main, merge, read_deployment

NAME = "casino.edge.FloorCollector"
RECIPE = {
    "ComponentName": NAME,
    "ComponentConfiguration": {
        "DefaultConfiguration": {"site": "main", "lines": {}, "commands": {"allow": [], "limit": "60"}}
    },
}


@pytest.fixture
def components(tmp_path: Path) -> Path:
    """One built component."""
    build = tmp_path / "components" / NAME / "greengrass-build"
    (build / "recipes").mkdir(parents=True)
    (build / "recipes" / f"{NAME}-0.1.0.yaml").write_text(yaml.safe_dump(RECIPE))
    (build / "artifacts" / NAME / "0.1.0").mkdir(parents=True)
    (build / "artifacts" / NAME / "0.1.0" / f"{NAME}-amd64.zip").write_bytes(b"archive")
    return tmp_path / "components"


def deployment(**merged: object) -> dict[str, object]:
    update = {"configurationUpdate": {"merge": json.dumps(merged)}} if merged else {}
    return {"components": {NAME: {"componentVersion": "0.1.0", **update}}}


def test_a_merge_is_laid_into_the_defaults(components: Path, tmp_path: Path) -> None:
    roots = lay_out(deployment(site="lab", commands={"limit": "5"}), tmp_path / "out", components)

    recipe = yaml.safe_load((tmp_path / "out" / "recipes" / f"{NAME}-0.1.0.yaml").read_text())
    assert recipe["ComponentConfiguration"]["DefaultConfiguration"] == {
        "site": "lab",
        "lines": {},
        "commands": {"allow": [], "limit": "5"},
    }
    assert roots == (f"{NAME}=0.1.0",)


def test_artifacts_lie_where_ggl_cli_looks_for_them(components: Path, tmp_path: Path) -> None:
    lay_out(deployment(), tmp_path / "out", components)

    archive = tmp_path / "out" / "artifacts" / NAME / "0.1.0" / f"{NAME}-amd64.zip"
    assert archive.read_bytes() == b"archive"


def test_a_component_that_is_not_built_is_named_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=rf"{NAME} 0\.1\.0 is not built.* — run `make components`"):
        lay_out(deployment(), tmp_path / "out", tmp_path)


def test_a_recipe_that_nucleus_lite_could_not_read_is_refused(components: Path, tmp_path: Path) -> None:
    """It would say FAILED, and why in its debug log alone."""
    lines = {
        f"slot-{number:04}": f"/dev/floor/slot-{number:04}?subject=SN-{number:04}" for number in range(200)
    }

    with pytest.raises(BuildError, match=r"nucleus lite reads 8196 — lay fewer lines into it"):
        lay_out(deployment(lines=lines), tmp_path / "out", components)


def test_words_are_replaced_and_parts_of_words_are_not(tmp_path: Path) -> None:
    file = tmp_path / "deployment.json"
    file.write_text('{"a": "SITE", "b": "ROOT/work", "c": "WEBSITE"}')

    document = read_deployment(file, {"SITE": "lab", "ROOT": "/var"})

    assert document == {"a": "lab", "b": "/var/work", "c": "WEBSITE"}


@pytest.mark.parametrize(
    ("into", "what", "made"),
    [
        ({"a": "1"}, {"b": "2"}, {"a": "1", "b": "2"}),
        ({"a": {"x": "1"}}, {"a": {"y": "2"}}, {"a": {"x": "1", "y": "2"}}),
        ({"a": ["1", "2"]}, {"a": ["3"]}, {"a": ["3"]}),
        ({"a": {"x": "1"}}, {"a": "text"}, {"a": "text"}),
    ],
)
def test_groups_grow_and_everything_else_is_replaced(into: object, what: object, made: object) -> None:
    assert merge(into, what) == made


def test_what_is_no_deployment_document_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"^local_deployment: .* cannot be read: .* — name a deployment"):
        main([str(tmp_path / "none.json"), str(tmp_path)])


def test_a_word_without_a_value_is_answered_with_the_usage(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="usage"):
        main(["deployment.json", str(tmp_path), "SITE"])
