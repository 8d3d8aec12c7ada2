"""Template documents: what ours make of a gateway, and what cannot be followed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.standin.templates import Blueprint, read_blueprint, shipped_blueprint

CERTS = Path(__file__).parents[2] / "certs" / "policies"
ENROL = json.loads((CERTS / "provisioning-template.json").read_text())


def test_enrolment_names_the_thing_and_sets_where_it_is() -> None:
    assert shipped_blueprint("edge-agent-enrol") == Blueprint(
        required=("SerialNumber", "Site", "Thing"),
        thing="Thing",
        attributes={"site": "Site", "serial_number": "SerialNumber"},
        replaces=True,
        policies=("forwarder",),
    )


def test_rotation_leaves_the_thing_as_it_is() -> None:
    blueprint = shipped_blueprint("edge-agent-rotate")

    assert (blueprint.attributes, blueprint.replaces, blueprint.policies) == ({}, False, ("forwarder",))


def test_another_name_does_what_ours_do() -> None:
    assert shipped_blueprint("mine") == Blueprint()


def changed(*path: str, to: Any) -> dict[str, Any]:
    """Our enrolment with one thing changed, or added."""
    document: dict[str, Any] = json.loads(json.dumps(ENROL))
    inner = document
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = to
    return document


THING = ("Resources", "thing", "Properties")


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (changed("Mappings", to={}), "Mappings is not understood"),
        (changed("Parameters", "Site", to={"Type": "String", "Default": "x"}), "more than a String"),
        (changed("Resources", "group", to={"Type": "AWS::IoT::ThingGroup"}), "ThingGroup is not understood"),
        (changed("Resources", "certificate", "Properties", "Status", to="INACTIVE"), "become ACTIVE"),
        (changed(*THING, "ThingTypeName", to="gateway"), "ThingTypeName is not understood"),
        (changed(*THING, "ThingName", to={"Fn::Join": []}), "Fn::Join is not understood"),
        (changed(*THING, "ThingName", to={"Ref": "Name"}), "Name is no parameter of it"),
        (changed("Resources", "thing", "OverrideSettings", to={"AttributePayload": "MERGE"}), "by MERGE"),
        (changed("Resources", "policy", "Properties", to={"PolicyDocument": "{}"}), "PolicyDocument is not"),
    ],
)
def test_what_cannot_be_followed_is_refused_by_name(
    tmp_path: Path, document: dict[str, Any], reason: str
) -> None:
    file = tmp_path / "template.json"
    file.write_text(json.dumps(document))

    with pytest.raises(ConfigurationError, match=f"cannot be followed: .*{reason}"):
        read_blueprint(file)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"Parameters": {}, "Resources": {}}', '"text"'])
def test_what_is_no_template_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "template.json"
    file.write_text(content)

    with pytest.raises(ConfigurationError, match="is no provisioning template"):
        read_blueprint(file)


def test_a_file_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_blueprint(tmp_path / "none.json")
