"""What a template gives a new gateway, and whom the allow-list lets have it."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

CERTS = Path(__file__).parents[2] / "certs"
ENROL = "arn:aws:iot:eu-west-1:123456789012:provisioningtemplate/edge-agent-enrol"
ROTATE = "arn:aws:iot:eu-west-1:123456789012:provisioningtemplate/edge-agent-rotate"


@pytest.fixture(scope="module")
def hook() -> ModuleType:
    spec = importlib.util.spec_from_file_location("provisioning_hook", CERTS / "provisioning_hook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class ConditionalCheckFailedException(Exception):  # noqa: N818  its name in boto3
    """What DynamoDB raises when an update's condition does not hold."""


class AllowList:
    """A DynamoDB table, as far as the hook uses one."""

    def __init__(self, rows: Mapping[str, dict[str, str]]) -> None:
        self.rows = {serial: dict(row) for serial, row in rows.items()}
        exceptions = SimpleNamespace(ConditionalCheckFailedException=ConditionalCheckFailedException)
        self.meta = SimpleNamespace(client=SimpleNamespace(exceptions=exceptions))

    def update_item(self, **request: Any) -> dict[str, Any]:
        assert request["ConditionExpression"] == (
            "attribute_exists(thing) AND (attribute_not_exists(enrolled) OR enrolled = :certificate)"
        )
        row = self.rows.get(request["Key"]["serial"], {})
        certificate = request["ExpressionAttributeValues"][":certificate"]
        if "thing" not in row or row.get("enrolled", certificate) != certificate:
            raise ConditionalCheckFailedException
        row["enrolled"] = certificate
        return {"Attributes": row}


def asked(template: str, **parameters: str) -> dict[str, Any]:
    return {
        "claimCertificateId": "c" * 64,
        "certificateId": "0" * 64,
        "templateArn": template,
        "clientId": "enrol-A1B2",
        "parameters": parameters,
    }


def test_an_expected_gateway_gets_the_name_and_the_site_of_the_list(hook: ModuleType) -> None:
    table = AllowList({"A1B2": {"thing": "gw-07", "site": "harbour"}})

    answer = hook.enrolment(asked(ENROL, SerialNumber="A1B2", Thing="gw-01", Site="elsewhere"), table)

    assert answer == {
        "allowProvisioning": True,
        "parameterOverrides": {"Thing": "gw-07", "Site": "harbour"},
    }
    assert table.rows["A1B2"]["enrolled"] == "0" * 64


def test_a_serial_number_enrols_once(hook: ModuleType) -> None:
    table = AllowList({"A1B2": {"thing": "gw-07", "site": "harbour"}})
    first = asked(ENROL, SerialNumber="A1B2")
    another = {**first, "certificateId": "1" * 64}

    answers = [hook.enrolment(event, table) for event in (first, another)]

    assert [answer["allowProvisioning"] for answer in answers] == [True, False]


def test_the_same_certificate_may_be_asked_about_again(hook: ModuleType) -> None:
    """The service tries a hook again that took too long, and a gateway a registration it heard nothing of."""
    table = AllowList({"A1B2": {"thing": "gw-07", "site": "harbour"}})

    answers = [hook.enrolment(asked(ENROL, SerialNumber="A1B2"), table) for _ in range(2)]

    assert [answer["allowProvisioning"] for answer in answers] == [True, True]


def test_an_unexpected_serial_number_enrols_never(hook: ModuleType) -> None:
    table = AllowList({"A1B2": {"thing": "gw-07", "site": "harbour"}})

    assert hook.enrolment(asked(ENROL, SerialNumber="Z9"), table) == {"allowProvisioning": False}
    assert "enrolled" not in table.rows["A1B2"]


@pytest.mark.parametrize(
    ("things", "wanted", "allowed"),
    [
        (["gw-07"], "gw-07", True),
        (["gw-07"], "gw-08", False),
        (["gw-07", "gw-08"], "gw-07", False),
        ([], "gw-07", False),
        ([], "", False),
    ],
)
def test_a_gateway_rotates_for_itself_alone(
    hook: ModuleType, things: list[str], wanted: str, *, allowed: bool
) -> None:
    answer = hook.rotation(asked(ROTATE, Thing=wanted, SerialNumber="A1B2"), things)

    assert answer == {"allowProvisioning": allowed}


def test_the_template_decides_who_is_asked(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    table, asked_about = AllowList({"A1B2": {"thing": "gw-07", "site": "harbour"}}), []

    def things_of(*, principal: str) -> dict[str, list[str]]:
        asked_about.append(principal)
        return {"things": ["gw-07"]}

    boto3 = SimpleNamespace(
        client=lambda _service: SimpleNamespace(list_principal_things=things_of),
        resource=lambda _service: SimpleNamespace(Table=lambda _name: table),
    )
    monkeypatch.setitem(sys.modules, "boto3", boto3)

    enrolled = hook.handler(asked(ENROL, SerialNumber="A1B2"), None)
    rotated = hook.handler(asked(ROTATE, Thing="gw-07"), None)
    stolen = hook.handler(asked(ROTATE, Thing="gw-08"), None)

    assert enrolled["parameterOverrides"] == {"Thing": "gw-07", "Site": "harbour"}
    assert (rotated["allowProvisioning"], stolen["allowProvisioning"]) == (True, False)
    assert set(asked_about) == {f"arn:aws:iot:eu-west-1:123456789012:cert/{'c' * 64}"}


def template(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((CERTS / "policies" / f"{name}.json").read_text(encoding="utf-8"))
    return document


def references(value: Any) -> set[str]:
    """Every parameter a document refers to."""
    match value:
        case {"Ref": str(name)}:
            return {name}
        case dict():
            return set().union(*map(references, value.values())) if value else set()
        case list():
            return set().union(*map(references, value)) if value else set()
        case _:
            return set()


@pytest.mark.parametrize("name", ["provisioning-template", "rotation-template"])
def test_a_template_attaches_one_certificate_to_one_thing_and_gives_one_policy(name: str) -> None:
    resources = template(name)["Resources"]

    certificate = resources["certificate"]["Properties"]
    assert (certificate["Status"], certificate["ThingPrincipalType"]) == ("ACTIVE", "EXCLUSIVE_THING")
    assert resources["thing"]["Properties"]["ThingName"] == {"Ref": "Thing"}
    policies = [one["Properties"] for one in resources.values() if one["Type"] == "AWS::IoT::Policy"]
    assert policies == [{"PolicyName": "edge-agent-forwarder"}]


@pytest.mark.parametrize("name", ["provisioning-template", "rotation-template"])
def test_a_template_refers_to_the_parameters_an_agent_sends(name: str) -> None:
    document = template(name)

    assert document["Parameters"].keys() == {"SerialNumber", "Site", "Thing", "AWS::IoT::Certificate::Id"}
    assert references(document["Resources"]) <= document["Parameters"].keys()


def test_only_enrolment_sets_the_site() -> None:
    enrolment, rotation = template("provisioning-template"), template("rotation-template")

    assert enrolment["Resources"]["thing"]["Properties"]["AttributePayload"]["site"] == {"Ref": "Site"}
    assert "AttributePayload" not in rotation["Resources"]["thing"]["Properties"]
    assert rotation["Resources"]["thing"]["OverrideSettings"]["AttributePayload"] == "DO_NOTHING"
