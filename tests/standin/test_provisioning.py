"""Fleet provisioning: both questions, every refusal, tokens, and what can be asked to go wrong."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError, CredentialError
from edge_agent.standin.answers import Answer, Refused
from edge_agent.standin.policy import Policy
from edge_agent.standin.provisioning import PENDING_CERTIFICATES, Provisioning
from edge_agent.standin.registry import DEFAULT_POLICY, Certificate, Registry, Snapshot, Status
from edge_agent.standin.services import QUESTIONS, Services
from edge_agent.standin.shadows import Shadows
from edge_agent.standin.templates import Template, shipped_blueprint

CREATE = "$aws/certificates/create-from-csr/json"
PROVISION = "$aws/provisioning-templates/edge-agent-enrol/provision/json"
ROTATE = "$aws/provisioning-templates/edge-agent-rotate/provision/json"
CLAIM = Certificate("claim", "", policies=("claim",))
GATEWAY = Certificate("old", "gw-07", thing="gw-07", policies=(DEFAULT_POLICY,))
PARAMETERS = {"SerialNumber": "SN-1", "Site": "lab", "Thing": "gw-08"}


@dataclass(frozen=True)
class Signed:
    pem: str
    id: str
    common_name: str


class Signer:
    """An authority that numbers its certificates, and signs what says so."""

    def __init__(self) -> None:
        self.signed = 0

    def sign(self, request: str) -> Signed:
        if request != "please":
            raise CredentialError("the signing request is impolite")
        self.signed += 1
        return Signed(f"PEM {self.signed}", f"id-{self.signed}", "gw-08")


class Cloud:
    """The two services, a clock, and whoever asks."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.full = False
        policies = {name: Policy() for name in (DEFAULT_POLICY, "claim", "gateway")}
        self.registry = Registry({"gw-07": {"site": "lab"}}, policies, self.keep)
        for certificate in (CLAIM, GATEWAY):
            self.registry.add(certificate)
        templates = (
            Template(
                "edge-agent-enrol",
                serials={"SN-1": "gw-08", "SN-2": ""},
                policies=("gateway", DEFAULT_POLICY),
                device_configuration={"endpoint": "here"},
            ),
            Template("edge-agent-rotate"),
        )
        provisioning = Provisioning(self.registry, templates, Signer())
        self.services = Services(Shadows({}), provisioning)

    def keep(self, _: Snapshot) -> None:
        if self.full:
            raise ConfigurationError("no room")

    def ask(self, topic: str, document: Any, asker: Certificate = CLAIM) -> list[Answer]:
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.services.answers(topic, payload, asker, self.now)

    def one(self, topic: str, document: Any, asker: Certificate = CLAIM) -> tuple[str, dict[str, Any]]:
        (answer,) = self.ask(topic, document, asker)
        return answer.topic.removeprefix(topic), json.loads(answer.payload)

    def certificate(self) -> dict[str, Any]:
        verdict, answer = self.one(CREATE, {"certificateSigningRequest": "please"})
        assert verdict == "/accepted"
        return answer

    def register(
        self, token: str, topic: str = PROVISION, asker: Certificate = CLAIM, **parameters: str
    ) -> tuple[str, dict[str, Any]]:
        given = {name: value for name, value in {**PARAMETERS, **parameters}.items() if value != "-"}
        return self.one(topic, {"certificateOwnershipToken": token, "parameters": given}, asker)


def test_a_signing_request_is_answered_with_a_pending_certificate_and_a_token() -> None:
    cloud = Cloud()

    answer = cloud.certificate()

    assert answer.keys() == {"certificateId", "certificatePem", "certificateOwnershipToken"}
    assert (answer["certificateId"], answer["certificatePem"]) == ("id-1", "PEM 1")
    assert cloud.registry.find("id-1").status is Status.PENDING


def test_registering_activates_the_certificate_for_the_thing() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]

    verdict, answer = cloud.register(token)

    assert (verdict, answer) == (
        "/accepted",
        {"deviceConfiguration": {"endpoint": "here"}, "thingName": "gw-08"},
    )
    certificate = cloud.registry.find("id-1")
    assert (certificate.status, certificate.thing) == (Status.ACTIVE, "gw-08")
    assert certificate.policies == ("gateway", DEFAULT_POLICY)
    assert cloud.registry.things["gw-08"] == {"site": "lab", "serial_number": "SN-1"}


def test_the_answers_are_for_the_one_who_asked() -> None:
    (answer,) = Cloud().ask(CREATE, {"certificateSigningRequest": "please"})

    assert not answer.to_all


def test_without_a_name_the_thing_is_called_by_its_serial_number() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]

    _, answer = cloud.register(token, SerialNumber="SN-2", Thing="-")

    assert answer["thingName"] == "SN-2"


@pytest.mark.parametrize(
    ("topic", "payload", "status", "code"),
    [
        (CREATE, b"", 400, "InvalidPayload"),
        (CREATE, b"[]", 400, "InvalidPayload"),
        (CREATE, b"\xff", 400, "InvalidPayload"),
        (CREATE, b"[" * 100_000, 400, "InvalidPayload"),
        (CREATE, b"{}", 400, "InvalidCertificateSigningRequest"),
        (CREATE, {"certificateSigningRequest": 7}, 400, "InvalidCertificateSigningRequest"),
        (CREATE, {"certificateSigningRequest": "now"}, 400, "InvalidCertificateSigningRequest"),
        (CREATE.replace("json", "cbor"), b"\xa0", 400, "InvalidPayload"),
        (PROVISION, {}, 400, "InvalidCertificateOwnershipToken"),
        (PROVISION, {"certificateOwnershipToken": ["x"]}, 400, "InvalidCertificateOwnershipToken"),
        (PROVISION, {"certificateOwnershipToken": "guess"}, 400, "InvalidCertificateOwnershipToken"),
        (PROVISION.replace("enrol", "other"), {}, 404, "ResourceNotFound"),
    ],
)
def test_a_question_that_makes_no_sense_is_rejected(topic: str, payload: Any, status: int, code: str) -> None:
    verdict, answer = Cloud().one(topic, payload)

    assert verdict == "/rejected"
    assert answer.keys() == {"statusCode", "errorCode", "errorMessage"}
    assert (answer["statusCode"], answer["errorCode"]) == (status, code)


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({"SerialNumber": "-"}, 400, "InvalidParameters"),
        ({"SerialNumber": ""}, 400, "InvalidParameters"),
        ({"Site": "-"}, 400, "InvalidParameters"),
        ({"SerialNumber": "SN-2", "Thing": "gw 8"}, 400, "InvalidParameters"),
        ({"SerialNumber": "SN-2", "Thing": "x" * 129}, 400, "InvalidParameters"),
        ({"SerialNumber": "SN-3"}, 403, "AccessDenied"),
    ],
)
def test_what_the_hook_or_the_template_refuses_leaves_the_token_usable(
    parameters: dict[str, str], status: int, code: str
) -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]

    verdict, answer = cloud.register(token, PROVISION, CLAIM, **parameters)
    again, _ = cloud.register(token)

    assert (verdict, answer["statusCode"], answer["errorCode"]) == ("/rejected", status, code)
    assert again == "/accepted"


def test_parameters_are_an_object_of_strings() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]

    wrong: tuple[Any, ...] = ([], {"SerialNumber": 7, "Site": "lab"})
    for parameters in wrong:
        _, answer = cloud.one(PROVISION, {"certificateOwnershipToken": token, "parameters": parameters})
        assert answer["errorCode"] == "InvalidParameters"


def test_a_token_is_good_once() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]
    cloud.register(token)

    verdict, answer = cloud.register(token)

    assert (verdict, answer["errorCode"]) == ("/rejected", "InvalidCertificateOwnershipToken")
    assert cloud.registry.find("id-1").status is Status.ACTIVE


@pytest.mark.parametrize(("after", "verdict"), [(3599.9, "/accepted"), (3600.0, "/rejected")])
def test_a_token_lives_for_an_hour_and_its_certificate_with_it(after: float, verdict: str) -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]
    cloud.now += after

    answered, _ = cloud.register(token)

    assert answered == verdict
    assert (cloud.registry.get("id-1") is None) == (verdict == "/rejected")


def test_tokens_can_be_let_die_on_request() -> None:
    cloud = Cloud()
    tokens = [cloud.certificate()["certificateOwnershipToken"] for _ in range(2)]
    assert cloud.services.provisioning is not None

    expired = cloud.services.provisioning.expire_tokens()

    assert expired == 2
    assert [cloud.register(token)[0] for token in tokens] == ["/rejected", "/rejected"]


def test_a_certificate_that_was_forgotten_cannot_be_registered() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]
    cloud.registry.forget("id-1")

    _, answer = cloud.register(token)

    assert answer["errorCode"] == "InvalidCertificateOwnershipToken"


def test_what_cannot_be_kept_is_refused_and_can_be_asked_again() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]
    cloud.full = True
    verdict, answer = cloud.register(token)
    before = cloud.registry.find("id-1").status
    cloud.full = False

    again, _ = cloud.register(token)

    assert (verdict, answer["statusCode"], before) == ("/rejected", 500, Status.PENDING)
    assert again == "/accepted"


def test_a_thing_gets_a_second_certificate_and_keeps_the_first() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]

    verdict, answer = cloud.register(token, ROTATE, GATEWAY, Thing="gw-07", Site="elsewhere")

    assert (verdict, answer["thingName"]) == ("/accepted", "gw-07")
    of_thing = [one for one in cloud.registry.certificates if one.thing == "gw-07"]
    assert [one.status for one in of_thing] == [Status.ACTIVE, Status.ACTIVE]
    assert cloud.registry.things["gw-07"] == {"site": "lab"}


def test_the_list_knows_better_than_a_claim_what_a_serial_number_becomes() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]

    _, answer = cloud.register(token, Thing="gw-07")

    assert answer["thingName"] == "gw-08"


def test_a_template_for_one_site_and_one_enrolment() -> None:
    cloud = Cloud()
    template = Template("strict", serials={"SN-1": ""}, site="harbour", once=True)
    cloud.services.provisioning = Provisioning(cloud.registry, [template], Signer())
    topic = PROVISION.replace("edge-agent-enrol", "strict")
    tokens = [cloud.certificate()["certificateOwnershipToken"] for _ in range(2)]

    verdicts = [cloud.register(token, topic, CLAIM) for token in tokens]

    assert [verdict for verdict, _ in verdicts] == ["/accepted", "/rejected"]
    assert verdicts[1][1]["statusCode"] == 403
    assert cloud.registry.things["gw-08"]["site"] == "harbour"


def test_our_enrolment_may_move_a_thing_and_our_rotation_may_not() -> None:
    cloud = Cloud()
    templates = [
        Template(name, policies=(DEFAULT_POLICY,), blueprint=shipped_blueprint(name))
        for name in ("edge-agent-enrol", "edge-agent-rotate")
    ]
    cloud.services.provisioning = Provisioning(cloud.registry, templates, Signer())
    tokens = [cloud.certificate()["certificateOwnershipToken"] for _ in range(2)]
    moved = {"Thing": "gw-07", "Site": "harbour"}

    rotated = cloud.register(tokens[0], ROTATE, GATEWAY, **moved)
    at_rotation = cloud.registry.things["gw-07"]
    enrolled = cloud.register(tokens[1], PROVISION, CLAIM, **moved)

    assert (rotated[0], enrolled[0]) == ("/accepted", "/accepted")
    assert at_rotation == {"site": "lab"}
    assert cloud.registry.things["gw-07"] == {"site": "harbour", "serial_number": "SN-1"}


def test_a_thing_cannot_get_a_certificate_of_another() -> None:
    cloud = Cloud()
    token = cloud.certificate()["certificateOwnershipToken"]

    verdict, answer = cloud.register(token, ROTATE, GATEWAY, Thing="gw-09")

    assert (verdict, answer["statusCode"]) == ("/rejected", 403)


def test_so_many_certificates_may_wait_and_no_more() -> None:
    cloud = Cloud()
    for _ in range(PENDING_CERTIFICATES):
        cloud.certificate()

    _, answer = cloud.one(CREATE, {"certificateSigningRequest": "please"})

    assert answer["statusCode"] == 429


def test_without_a_template_every_question_is_rejected() -> None:
    (answer,) = Services(Shadows({})).answers(CREATE, b"{}", CLAIM, 0.0)

    assert answer.topic == f"{CREATE}/rejected"
    assert answer.document["statusCode"] == 404


def test_other_topics_are_no_questions() -> None:
    cloud = Cloud()
    others = (
        "floor/lab/gw-07/status",
        f"{CREATE}/accepted",
        "$aws/certificates/create-from-csr/xml",
        CREATE[1:],
    )

    assert [cloud.ask(topic, {}) for topic in others] == [[], [], [], []]
    assert {cloud.services.kind(topic) for topic in others} == {None}
    assert cloud.services.kind(CREATE) == "create-from-csr"


def test_a_rejection_on_request_comes_before_anything_is_done() -> None:
    cloud = Cloud()
    cloud.services.faults.reject("create-from-csr", Refused(500, "InternalFailure", "on request"), 2)

    answers = [cloud.one(CREATE, {"certificateSigningRequest": "please"}) for _ in range(3)]

    assert [verdict for verdict, _ in answers] == ["/rejected", "/rejected", "/accepted"]
    assert answers[0][1] == {
        "statusCode": 500,
        "errorCode": "InternalFailure",
        "errorMessage": "on request",
    }
    assert answers[2][1]["certificateId"] == "id-1"


def test_a_dropped_answer_belongs_to_something_done() -> None:
    cloud = Cloud()
    cloud.services.faults.drop("create-from-csr")

    nothing = cloud.ask(CREATE, {"certificateSigningRequest": "please"})
    answer = cloud.certificate()

    assert nothing == []
    assert answer["certificateId"] == "id-2"


def test_an_answer_can_come_twice_and_late_and_faults_end() -> None:
    cloud = Cloud()
    cloud.services.faults.repeat("create-from-csr")
    cloud.services.faults.delay("create-from-csr", 2.5)

    twice = cloud.ask(CREATE, {"certificateSigningRequest": "please"})
    once = cloud.ask(CREATE, {"certificateSigningRequest": "please"})
    cloud.services.faults.reject("create-from-csr", Refused(500, "x", "x"))
    cloud.services.faults.clear()
    well = cloud.ask(CREATE, {"certificateSigningRequest": "please"})

    assert [one.delay for one in twice] == [2.5, 2.5]
    assert twice[0] == twice[1]
    assert [one.delay for one in once] == [2.5]
    assert [one.delay for one in well] == [0.0]


def test_faults_know_the_same_questions_as_topics() -> None:
    assert set(QUESTIONS) >= {"create-from-csr", "provision"}
