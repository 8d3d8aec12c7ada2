"""The IoT policies we ship: what each allows, what it does not, and that none reaches another thing."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.standin.policy import (
    DOCUMENT_LIMIT,
    SHIPPED,
    Action,
    Identity,
    Policy,
    Request,
    load_policy,
    shipped,
    union,
)

CERTS = Path(__file__).parents[2] / "certs"
CSR = "$aws/certificates/create-from-csr/json"
ENROL = "$aws/provisioning-templates/edge-agent-enrol/provision/json"
ROTATE = "$aws/provisioning-templates/edge-agent-rotate/provision/json"
ANSWERS = [f"{topic}/{answer}" for topic in (CSR, ENROL) for answer in ("accepted", "rejected")]
SHADOW = "$aws/things/gw-07/shadow/name/edge-agent"
DEPLOYMENTS = "$aws/things/gw-07/shadow/name/AWSManagedGreengrassV2Deployment"
JOBS = "$aws/things/gw-07/jobs"

GATEWAY = Identity("gw-07", "gw-07-events", {"site": "lab"})
UNATTACHED = Identity("gw-07", "gw-07-events", None)
SITELESS = Identity("gw-07", "gw-07-events", {})
WILDCARD_NAME = Identity("*", "*-events", {"site": "*"})
CLAIM = Identity("claim", "enrol-A1B2", None)

LAST_WILL = frozenset({"LastWill"})
PERSISTENT = frozenset({"PersistentConnect"})
NOTHING = frozenset[str]()

Row = tuple[Action, str, bool]

# What everybody who speaks for a gateway may and may not do on its topics.
FLOOR: list[Row] = [
    (Action.PUBLISH, "floor/lab/gw-07/ev/batch", True),
    (Action.PUBLISH, "floor/lab/gw-07/ev/floor.slot.slot_door_opened", True),
    (Action.PUBLISH, "floor/lab/gw-07/status", True),
    (Action.PUBLISH, "floor/lab/gw-07/answer/meters/4711", True),
    (Action.PUBLISH, f"{SHADOW}/update", True),
    (Action.PUBLISH, f"{SHADOW}/get", True),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-07/status", True),
    (Action.SUBSCRIBE, "cmd/lab/gw-07/+", True),
    (Action.SUBSCRIBE, "cmd/lab/gw-07/meters", True),
    (Action.SUBSCRIBE, f"{SHADOW}/update/rejected", True),
    (Action.RECEIVE, "cmd/lab/gw-07/bundle", True),
    (Action.RECEIVE, f"{SHADOW}/get/accepted", True),
    # Beside its own.
    (Action.PUBLISH, "floor/lab/gw-07", False),
    (Action.PUBLISH, "floor/lab/gw-070/ev/batch", False),
    (Action.PUBLISH, "floor/lab/gw-08/ev/batch", False),
    (Action.PUBLISH, "floor/other/gw-07/ev/batch", False),
    (Action.PUBLISH, "floor/+/gw-07/ev/batch", False),
    (Action.PUBLISH, "floor/lab/gw-08/answer/meters/4711", False),
    (Action.PUBLISH, "cmd/lab/gw-07/meters", False),
    (Action.PUBLISH, "cmd/lab/gw-08/meters", False),
    (Action.PUBLISH, "$aws/things/gw-07/shadow/update", False),
    (Action.PUBLISH, "$aws/things/gw-08/shadow/name/edge-agent/update", False),
    (Action.PUBLISH, f"{SHADOW}/delete", False),
    (Action.PUBLISH, "$aws/rules/any/floor/lab/gw-07/ev/batch", False),
    (Action.PUBLISH, "$aws/events/presence/connected/gw-07", False),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-07/status/more", False),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-07/ev/batch", False),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-08/status", False),
    (Action.RETAIN_PUBLISH, f"{SHADOW}/update", False),
    (Action.SUBSCRIBE, "#", False),
    (Action.SUBSCRIBE, "+/lab/gw-07/#", False),
    (Action.SUBSCRIBE, "floor/#", False),
    (Action.SUBSCRIBE, "floor/lab/gw-07/#", False),
    (Action.SUBSCRIBE, "floor/lab/gw-08/answer/#", False),
    (Action.SUBSCRIBE, "cmd/#", False),
    (Action.SUBSCRIBE, "cmd/+/gw-07/meters", False),
    (Action.SUBSCRIBE, "cmd/lab/+/meters", False),
    (Action.SUBSCRIBE, "cmd/lab/gw-08/#", False),
    (Action.SUBSCRIBE, "cmd/other/gw-07/#", False),
    (Action.SUBSCRIBE, "$aws/things/+/shadow/name/edge-agent/update/delta", False),
    (Action.SUBSCRIBE, "$aws/things/gw-08/shadow/name/edge-agent/#", False),
    (Action.SUBSCRIBE, "$aws/things/gw-07/shadow/name/other/#", False),
    (Action.SUBSCRIBE, "$share/group/cmd/lab/gw-07/+", False),
    (Action.RECEIVE, "floor/lab/gw-07/ev/batch", False),
    (Action.RECEIVE, "floor/lab/gw-08/answer/meters/4711", False),
    (Action.RECEIVE, "cmd/lab/gw-08/bundle", False),
]

FORWARDER: list[Row] = [
    *FLOOR,
    (Action.CONNECT, "gw-07-events", True),
    (Action.CONNECT, "gw-07-rotation", True),
    (Action.CONNECT, "gw-07", False),
    (Action.CONNECT, "gw-07-events2", False),
    (Action.CONNECT, "gw-08-events", False),
    (Action.CONNECT, "gw-08-rotation", False),
    (Action.CONNECT, "enrol-gw-07", False),
    (Action.PUBLISH, CSR, True),
    (Action.PUBLISH, ROTATE, True),
    (Action.SUBSCRIBE, f"{CSR}/accepted", True),
    (Action.SUBSCRIBE, f"{ROTATE}/rejected", True),
    (Action.RECEIVE, f"{CSR}/rejected", True),
    (Action.RECEIVE, f"{ROTATE}/accepted", True),
    (Action.PUBLISH, ENROL, False),
    (Action.PUBLISH, "$aws/certificates/create/json", False),
    (Action.PUBLISH, f"{CSR}/accepted", False),
    (Action.PUBLISH, f"{JOBS}/4711/update", False),
    (Action.SUBSCRIBE, "$aws/provisioning-templates/+/provision/json/accepted", False),
    (Action.SUBSCRIBE, f"{JOBS}/notify", False),
    (Action.ASSUME_ROLE, "edge-agent-token-exchange", False),
]

GATEWAY_UPLINK: list[Row] = [
    *FLOOR,
    (Action.CONNECT, "gw-07", False),
    (Action.CONNECT, "gw-07-events", False),
    (Action.PUBLISH, CSR, False),
    (Action.PUBLISH, ROTATE, False),
]

NUCLEUS: list[Row] = [
    (Action.CONNECT, "gw-07", True),
    (Action.CONNECT, "gw-07#2", True),
    (Action.CONNECT, "gw-07#endpoint-switch", True),
    (Action.CONNECT, "gw-070", False),
    (Action.CONNECT, "gw-07-events", False),
    (Action.CONNECT, "gw-08", False),
    (Action.CONNECT, "gw-08#2", False),
    (Action.PUBLISH, f"{JOBS}/$next/namespace-aws-gg-deployment/get", True),
    (Action.PUBLISH, f"{JOBS}/4711/namespace-aws-gg-deployment/update", True),
    (Action.SUBSCRIBE, f"{JOBS}/notify-next-namespace-aws-gg-deployment", True),
    (Action.SUBSCRIBE, f"{JOBS}/+/namespace-aws-gg-deployment/update/accepted", True),
    (Action.RECEIVE, f"{JOBS}/$next/namespace-aws-gg-deployment/get/accepted", True),
    (Action.PUBLISH, f"{DEPLOYMENTS}/update", True),
    (Action.SUBSCRIBE, f"{DEPLOYMENTS}/update/delta", True),
    (Action.RECEIVE, f"{DEPLOYMENTS}/get/accepted", True),
    (Action.PUBLISH, "$aws/things/gw-07/greengrassv2/health/json", True),
    (Action.PUBLISH, "$aws/things/gw-07/greengrass/health/json", True),
    (Action.ASSUME_ROLE, "edge-agent-token-exchange", True),
    (Action.GET_ARTIFACT, "aws.greengrass.Cli:versions:2.13.0", True),
    (Action.RESOLVE_COMPONENTS, "casino.edge.Forwarder:versions:0.2.0", True),
    (Action.GET_DEPLOYMENT, "4711", True),
    (Action.LIST_GROUPS, "gw-07", True),
    (Action.ASSUME_ROLE, "administrator", False),
    (Action.PUBLISH, f"{JOBS}/4711/update", False),
    (Action.PUBLISH, "$aws/things/gw-08/jobs/$next/namespace-aws-gg-deployment/get", False),
    (Action.PUBLISH, "$aws/things/gw-08/greengrassv2/health/json", False),
    (Action.PUBLISH, "floor/lab/gw-07/ev/batch", False),
    (Action.PUBLISH, "floor/lab/gw-08/ev/batch", False),
    (Action.RETAIN_PUBLISH, "floor/lab/gw-07/status", False),
    (Action.SUBSCRIBE, "#", False),
    (Action.SUBSCRIBE, "cmd/lab/gw-07/+", False),
    (Action.SUBSCRIBE, "$aws/things/+/jobs/notify-next-namespace-aws-gg-deployment", False),
    (Action.RECEIVE, "$aws/things/gw-08/jobs/notify-next-namespace-aws-gg-deployment", False),
    (Action.PUBLISH, CSR, False),
]

INGEST = "$aws/rules/floor_events/floor"

BASIC_INGEST: list[Row] = [
    (Action.PUBLISH, f"{INGEST}/lab/gw-07/ev/batch", True),
    (Action.PUBLISH, f"{INGEST}/lab/gw-07/ev/floor.slot.slot_door_opened", True),
    (Action.PUBLISH, "$aws/rules/other/floor/lab/gw-07/ev/batch", False),
    (Action.PUBLISH, f"{INGEST}/lab/gw-08/ev/batch", False),
    (Action.PUBLISH, f"{INGEST}/other/gw-07/ev/batch", False),
    (Action.PUBLISH, f"{INGEST}/lab/gw-07/status", False),
    (Action.PUBLISH, f"{INGEST}/lab/gw-07/answer/meters/4711", False),
    (Action.PUBLISH, "floor/lab/gw-07/ev/batch", False),
    (Action.RETAIN_PUBLISH, f"{INGEST}/lab/gw-07/ev/batch", False),
    (Action.SUBSCRIBE, "$aws/rules/floor_events/#", False),
    (Action.RECEIVE, f"{INGEST}/lab/gw-07/ev/batch", False),
    (Action.CONNECT, "gw-07-events", False),
]

CLAIMING: list[Row] = [
    (Action.CONNECT, "enrol-A1B2", True),
    (Action.PUBLISH, CSR, True),
    (Action.PUBLISH, ENROL, True),
    *((Action.SUBSCRIBE, topic, True) for topic in ANSWERS),
    *((Action.RECEIVE, topic, True) for topic in ANSWERS),
    (Action.CONNECT, "gw-07", False),
    (Action.CONNECT, "gw-07-events", False),
    (Action.CONNECT, "gw-07-rotation", False),
    (Action.PUBLISH, ROTATE, False),
    (Action.PUBLISH, "$aws/provisioning-templates/other/provision/json", False),
    (Action.PUBLISH, "$aws/certificates/create/json", False),
    (Action.PUBLISH, "floor/lab/gw-07/ev/batch", False),
    (Action.PUBLISH, "floor/lab/claim/status", False),
    (Action.RETAIN_PUBLISH, CSR, False),
    (Action.SUBSCRIBE, "#", False),
    (Action.SUBSCRIBE, f"{CSR}/#", False),
    (Action.SUBSCRIBE, "$aws/provisioning-templates/#", False),
    (Action.SUBSCRIBE, "cmd/lab/gw-07/+", False),
    (Action.SUBSCRIBE, "$aws/things/gw-07/shadow/#", False),
    (Action.RECEIVE, "cmd/lab/gw-07/meters", False),
    (Action.ASSUME_ROLE, "edge-agent-token-exchange", False),
    (Action.GET_ARTIFACT, "casino.edge.Forwarder:versions:0.2.0", False),
]

ROWS = [
    *(pytest.param("forwarder", GATEWAY, *row, id=f"forwarder {row[0].name} {row[1]}") for row in FORWARDER),
    *(pytest.param("gateway", GATEWAY, *row, id=f"gateway {row[0].name} {row[1]}") for row in NUCLEUS),
    *(
        pytest.param("gateway-uplink", GATEWAY, *row, id=f"gateway-uplink {row[0].name} {row[1]}")
        for row in GATEWAY_UPLINK
    ),
    *(
        pytest.param("basic-ingest", GATEWAY, *row, id=f"basic-ingest {row[0].name} {row[1]}")
        for row in BASIC_INGEST
    ),
    *(pytest.param("claim", CLAIM, *row, id=f"claim {row[0].name} {row[1]}") for row in CLAIMING),
]


@pytest.mark.parametrize(("document", "identity", "action", "name", "allowed"), ROWS)
def test_a_document_allows_what_its_table_says(
    document: str, identity: Identity, action: Action, name: str, *, allowed: bool
) -> None:
    assert load_policy(shipped(document)).allows(Request(action, name, identity)) is allowed


@pytest.mark.parametrize(
    ("document", "client_id", "attributes", "allowed"),
    [
        ("forwarder", "gw-07-events", NOTHING, True),
        ("forwarder", "gw-07-events", LAST_WILL, True),
        ("forwarder", "gw-07-events", PERSISTENT, False),
        ("forwarder", "gw-07-events", LAST_WILL | PERSISTENT, False),
        ("forwarder", "gw-07-rotation", PERSISTENT, False),
        ("claim", "enrol-A1B2", NOTHING, True),
        ("claim", "enrol-A1B2", LAST_WILL, False),
        ("claim", "enrol-A1B2", PERSISTENT, False),
        # The Java nucleus keeps a session; it has no will.
        ("gateway", "gw-07", PERSISTENT, True),
    ],
)
def test_a_will_and_a_session_only_where_they_are_used(
    document: str, client_id: str, attributes: frozenset[str], *, allowed: bool
) -> None:
    request = Request(Action.CONNECT, client_id, GATEWAY, attributes)

    assert load_policy(shipped(document)).allows(request) is allowed


@pytest.mark.parametrize("identity", [UNATTACHED, SITELESS], ids=["no thing attached", "no site attribute"])
@pytest.mark.parametrize("document", ["forwarder", "gateway-uplink"])
def test_a_variable_without_a_value_matches_nothing(document: str, identity: Identity) -> None:
    policy = load_policy(shipped(document))

    for topic in ("floor/lab/gw-07/ev/batch", "floor//gw-07/ev/batch", "floor/lab//ev/batch"):
        assert not policy.allows(Request(Action.PUBLISH, topic, identity))
    for topic_filter in ("cmd/lab/gw-07/+", "cmd//gw-07/+"):
        assert not policy.allows(Request(Action.SUBSCRIBE, topic_filter, identity))


@pytest.mark.parametrize(
    ("document", "client_id"),
    [("forwarder", "gw-07-events"), ("forwarder", "gw-07-rotation"), ("gateway", "gw-07")],
)
def test_a_certificate_without_a_thing_may_not_connect(document: str, client_id: str) -> None:
    assert not load_policy(shipped(document)).allows(Request(Action.CONNECT, client_id, UNATTACHED))


def test_the_value_of_a_variable_is_never_a_wildcard() -> None:
    policy = load_policy(shipped("forwarder"))

    assert not policy.allows(Request(Action.PUBLISH, "floor/lab/gw-07/ev/batch", WILDCARD_NAME))
    assert policy.allows(Request(Action.PUBLISH, "floor/*/*/ev/batch", WILDCARD_NAME))


@pytest.mark.parametrize("document", SHIPPED)
def test_a_document_fits_into_iot_core(document: str) -> None:
    text = shipped(document).read_text(encoding="utf-8")

    assert len("".join(text.split())) <= DOCUMENT_LIMIT


def test_the_package_carries_the_documents_of_certs() -> None:
    ours = {path.stem: path.read_bytes() for path in (CERTS / "policies").glob("*.json")}
    carried = {name: shipped(name).read_bytes() for name in SHIPPED}

    assert carried == {name: text for name, text in ours.items() if not name.endswith("-template")}


NAMES = st.from_regex(r"[A-Za-z0-9:_-]{1,12}", fullmatch=True)
SITES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,8}", fullmatch=True)
WORDS = st.sampled_from(
    [
        "ev",
        "status",
        "answer",
        "jobs",
        "shadow",
        "name",
        "edge-agent",
        "update",
        "accepted",
        "+",
        "#",
        "*",
        "",
    ]
)
TAILS = st.lists(WORDS | NAMES, max_size=4).map("/".join)


def everything() -> Policy:
    """A gateway at its most powerful: one certificate for the nucleus, the events and rotation."""
    return union(load_policy(shipped(name)) for name in SHIPPED if name != "claim")


@given(thing=NAMES, other=NAMES, site=SITES, tail=TAILS, action=st.sampled_from(Action))
def test_no_topic_of_another_thing_is_ever_allowed(
    thing: str, other: str, site: str, tail: str, action: Action
) -> None:
    identity = Identity(thing, f"{thing}-events", {"site": site})
    if other == thing or not action.over_mqtt or action is Action.CONNECT:
        return

    for topic in (
        f"floor/{site}/{other}/{tail}",
        f"cmd/{site}/{other}/{tail}",
        f"$aws/things/{other}/{tail}",
        f"$aws/rules/floor_events/floor/{site}/{other}/{tail}",
    ):
        assert not everything().allows(Request(action, topic, identity)), topic


@given(thing=NAMES, site=SITES, elsewhere=SITES, tail=TAILS, action=st.sampled_from(Action))
def test_no_topic_of_another_site_is_ever_allowed(
    thing: str, site: str, elsewhere: str, tail: str, action: Action
) -> None:
    identity = Identity(thing, f"{thing}-events", {"site": site})
    if elsewhere == site or not action.over_mqtt or action is Action.CONNECT:
        return

    for topic in (f"floor/{elsewhere}/{thing}/{tail}", f"cmd/{elsewhere}/{thing}/{tail}"):
        assert not everything().allows(Request(action, topic, identity)), topic


@given(thing=NAMES, client_id=NAMES | st.from_regex(r"[a-z]{1,6}#[0-9]", fullmatch=True))
def test_no_client_id_of_another_thing_is_ever_allowed(thing: str, client_id: str) -> None:
    """Whoever connects with another's client id ends its session."""
    own = {thing, f"{thing}-events", f"{thing}-rotation"}
    identity = Identity(thing, client_id, {"site": "lab"})
    if client_id in own or client_id.startswith(f"{thing}#"):
        return

    assert not everything().allows(Request(Action.CONNECT, client_id, identity))


@given(topic=TAILS, thing=NAMES, action=st.sampled_from(Action))
def test_a_claim_reaches_nothing_but_enrolment(topic: str, thing: str, action: Action) -> None:
    identity = Identity("claim", "enrol-A1B2", {"site": "lab"})  # even if somebody attached a thing to it
    claim = load_policy(shipped("claim"))

    for name in (
        topic,
        f"floor/lab/{thing}/{topic}",
        f"cmd/lab/{thing}/{topic}",
        f"$aws/things/{thing}/{topic}",
    ):
        assert name.startswith("enrol-") or not claim.allows(Request(action, name, identity)), name


def statements(file: Path) -> set[str]:
    document = json.loads(file.read_text(encoding="utf-8"))
    return {statement["Sid"] for statement in document["Statement"]}


def reasons() -> dict[str, dict[str, str]]:
    """What certs/README.md says: file -> Sid -> the reason."""
    found: dict[str, dict[str, str]] = {}
    file = ""
    for line in (CERTS / "README.md").read_text(encoding="utf-8").splitlines():
        if heading := re.fullmatch(r"#+ `policies/([\w/-]+\.json)`.*", line):
            file = heading[1]
        elif line.startswith("#"):
            file = ""
        elif file and (row := re.fullmatch(r"\| `(\w+)` \| (.+) \| (.+) \|", line)):
            found.setdefault(file, {})[row[1]] = row[3]
    return found


POLICIES = sorted(
    str(path.relative_to(CERTS / "policies"))
    for path in (CERTS / "policies").rglob("*.json")
    if not path.stem.endswith("-template")
)


@pytest.mark.parametrize("file", POLICIES)
def test_every_statement_has_its_reason_and_every_reason_its_statement(file: str) -> None:
    explained = reasons().get(file, {})

    assert explained.keys() == statements(CERTS / "policies" / file)
    assert all(len(reason) > 20 for reason in explained.values())


def test_no_reason_is_left_of_a_document_that_is_gone() -> None:
    assert reasons().keys() == set(POLICIES)
