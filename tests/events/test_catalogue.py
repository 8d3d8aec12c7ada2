"""The published language: every event is listed, and the files receivers build on agree with the code."""

import importlib
import json
import os
import pkgutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import edge_agent.events
from edge_agent.events.base import EventBody
from edge_agent.events.catalogue import EVENT_BODIES, EXAMPLES
from edge_agent.events.published import GOLDEN_FOLDER, SCHEMA_FOLDER, published_files

ROOT = Path(__file__).resolve().parent.parent.parent
PUBLISHED = published_files()
ACCEPT = "run scripts/schemas to accept the change, and tell it in CHANGELOG.md"


def bodies_under(base: type[EventBody]) -> Iterator[type[EventBody]]:
    for body in base.__subclasses__():
        if hasattr(body, "schema_name") and body.__module__.startswith("edge_agent.events."):
            yield body
        yield from bodies_under(body)


def test_every_event_body_is_in_the_catalogue() -> None:
    for module in pkgutil.iter_modules(edge_agent.events.__path__):
        importlib.import_module(f"edge_agent.events.{module.name}")

    assert set(bodies_under(EventBody)) == set(EVENT_BODIES)


def test_names_and_types_are_unique() -> None:
    names = [body.schema_name for body in EVENT_BODIES]
    types = [example.event_type for example in EXAMPLES]

    assert len(set(names)) == len(names)
    assert len(set(types)) == len(types)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.schema_name))
def test_an_example_reads_back_as_itself(example: EventBody) -> None:
    assert type(example).model_validate_json(example.model_dump_json()) == example


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.schema_name))
def test_an_event_takes_no_field_it_does_not_know(example: EventBody) -> None:
    with pytest.raises(ValueError, match="surprise"):
        type(example).model_validate({**example.model_dump(), "surprise": 1})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example.schema_name))
def test_types_are_dotted_words_of_the_floor(example: EventBody) -> None:
    assert example.event_type.replace(".", "").replace("_", "").isalnum()
    assert example.event_type.startswith(("floor.agent.", "floor.line.", "floor.slot.", "floor.table."))


@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_published_file_agrees_with_the_code(name: str) -> None:
    file = ROOT / name

    assert file.exists(), f"{name} is missing: {ACCEPT}"
    assert file.read_text(encoding="utf-8") == PUBLISHED[name], f"{name} differs: {ACCEPT}"


def test_no_file_is_left_of_an_event_that_is_gone() -> None:
    wanted = {ROOT / name for name in PUBLISHED}
    there = {file for folder in (SCHEMA_FOLDER, GOLDEN_FOLDER) for file in (ROOT / folder).glob("*.json")}

    assert there <= wanted, ACCEPT


def test_every_field_of_a_golden_event_is_in_its_schema() -> None:
    for name, text in PUBLISHED.items():
        if not name.startswith(GOLDEN_FOLDER):
            continue
        event = json.loads(text)
        schema = json.loads(PUBLISHED[f"{SCHEMA_FOLDER}/{Path(name).stem}.v1.json"])

        assert schema["$id"] == event["dataschema"]
        assert set(event["data"]) == set(schema["properties"])


@pytest.mark.integration
def test_the_check_names_the_file_and_the_command_that_accepts(tmp_path: Path) -> None:
    for folder in (SCHEMA_FOLDER, GOLDEN_FOLDER):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "write_schemas.py"
    script.write_text((ROOT / "scripts" / "write_schemas.py").read_text(encoding="utf-8"), encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(script), *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert run().returncode == 0
    assert run("--check").returncode == 0
    changed, stale = tmp_path / SCHEMA_FOLDER / "line-up.v1.json", tmp_path / GOLDEN_FOLDER / "gone.json"
    changed.write_text("{}", encoding="utf-8")
    stale.write_text("{}", encoding="utf-8")

    refused = run("--check")

    assert refused.returncode == 1
    assert "docs/schemas/line-up.v1.json differs" in refused.stderr
    assert "tests/golden/gone.json differs" in refused.stderr
    assert "accept the change with `scripts/schemas`" in refused.stderr
    assert run().returncode == 0
    assert not stale.exists()
    assert run("--chekc").returncode == 2
