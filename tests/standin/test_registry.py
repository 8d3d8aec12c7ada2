"""The registry: who is known, who is let in, and what is remembered."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.standin.policy import Action, Request, parse_policy
from edge_agent.standin.registry import DEFAULT_POLICY, Certificate, Registry, Snapshot, Status
from edge_agent.standin.registry_file import keep_registry, load_registry

THINGS = {"gw-07": {"site": "lab"}}


def policy(action: str, resource: str, effect: str = "Allow") -> dict[str, str]:
    arn = f"arn:aws:iot:REGION:ACCOUNT:{resource}"
    return {"Effect": effect, "Action": action, "Resource": arn}


def document(*statements: dict[str, str]) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements)}


POLICIES = {
    DEFAULT_POLICY: parse_policy(
        document(policy("iot:Publish", "topic/floor/${iot:Connection.Thing.ThingName}/*"))
    ),
    "claim": parse_policy(document(policy("iot:Connect", "client/enrol-*"))),
    "strict": parse_policy(document(policy("iot:Publish", "topic/floor/*/secret", "Deny"))),
}


def registry(kept: list[Snapshot] | None = None) -> Registry:
    return Registry(THINGS, POLICIES, kept.append if kept is not None else lambda _: None)


def test_a_certificate_never_seen_is_taken_with_the_thing_of_its_name() -> None:
    known = registry()

    known.present("aa", "gw-07")
    known.present("bb", "somebody")

    assert known.get("aa") == Certificate(
        "aa", "gw-07", thing="gw-07", policies=(DEFAULT_POLICY,), lasting=False
    )
    assert known.find("bb").thing is None


def test_a_certificate_we_issued_and_no_longer_know_is_nobody() -> None:
    known = registry()

    known.present("aa", "gw-07", issued=True)

    assert known.get("aa") is None


def test_what_was_forgotten_is_not_taken_again() -> None:
    kept: list[Snapshot] = []
    known = registry(kept)
    known.present("aa", "gw-07")
    known.forget("aa")
    known.forget("aa")
    known.present("aa", "gw-07")

    later = registry()
    later.restore(kept[-1])
    later.present("aa", "gw-07")

    assert (known.get("aa"), later.get("aa")) == (None, None)
    assert later.forgot("aa")


def test_thing_variables_are_those_of_the_attached_thing_whatever_the_name() -> None:
    known = registry()
    known.add(Certificate("aa", "another name", thing="gw-07", policies=(DEFAULT_POLICY,)))
    certificate = known.find("aa")

    allows = [
        known.policy(certificate).allows(
            Request(Action.PUBLISH, topic, known.identity(certificate, "any client"))
        )
        for topic in ("floor/gw-07/x", "floor/another name/x", "floor/gw-08/x")
    ]

    assert allows == [True, False, False]


def test_policies_add_up_and_a_deny_in_any_of_them_wins() -> None:
    known = registry()
    known.add(Certificate("aa", "gw-07", thing="gw-07", policies=(DEFAULT_POLICY, "claim", "strict")))
    certificate = known.find("aa")
    identity = known.identity(certificate, "enrol-1")

    asked = [
        Request(Action.CONNECT, "enrol-1", identity),
        Request(Action.PUBLISH, "floor/gw-07/x", identity),
        Request(Action.PUBLISH, "floor/gw-07/secret", identity),
    ]

    assert [known.policy(certificate).allows(one) for one in asked] == [True, True, False]


def test_a_claim_has_policies_and_no_thing() -> None:
    known = registry()
    known.add(Certificate("cc", "", policies=("claim",)))

    identity = known.identity(known.find("cc"), "enrol-1")

    assert identity.value("iot:Connection.Thing.IsAttached") == "false"
    assert identity.value("iot:Connection.Thing.ThingName") is None


def test_registering_makes_the_thing_and_keeps_the_attributes_of_one_that_exists() -> None:
    known = registry()
    for certificate_id, thing in (("aa", "gw-07"), ("bb", "gw-99")):
        known.add(Certificate(certificate_id, "", Status.PENDING))
        known.register(certificate_id, thing, {"site": "elsewhere"}, (DEFAULT_POLICY,))

    assert known.things == {"gw-07": {"site": "lab"}, "gw-99": {"site": "elsewhere"}}
    assert {one.status for one in known.certificates} == {Status.ACTIVE}


def test_what_lasts_is_kept_and_known_again(tmp_path: Path) -> None:
    file = tmp_path / "registry.json"
    known = Registry(THINGS, POLICIES, lambda snapshot: keep_registry(file, snapshot))
    known.present("default", "gw-07")
    known.add(Certificate("pending", "", Status.PENDING))
    known.add(Certificate("made", "", Status.PENDING))
    known.register("made", "gw-99", {"site": "new"}, (DEFAULT_POLICY,))
    known.present("stopped", "gw-07")
    known.set_status("stopped", Status.INACTIVE)

    later = registry()
    load_registry(file, later)

    assert [(one.id, one.status, one.thing) for one in later.certificates] == [
        ("made", Status.ACTIVE, "gw-99"),
        ("stopped", Status.INACTIVE, "gw-07"),
    ]
    assert later.things["gw-99"] == {"site": "new"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_the_configuration_says_what_its_things_are_each_time_anew() -> None:
    kept: list[Snapshot] = []
    known = registry(kept)
    known.present("aa", "gw-07")
    known.set_status("aa", Status.INACTIVE)

    moved = Registry({"gw-07": {"site": "moved"}}, POLICIES)
    moved.restore(kept[-1])

    assert moved.things["gw-07"] == {"site": "moved"}


def test_a_certificate_of_a_thing_that_is_no_longer_configured_has_no_site() -> None:
    kept: list[Snapshot] = []
    known = registry(kept)
    known.present("aa", "gw-07")
    known.set_status("aa", Status.ACTIVE)

    later = Registry({}, POLICIES)
    later.restore(kept[-1])

    assert later.identity(later.find("aa"), "").attributes == {}


def test_nothing_kept_is_nothing_to_know(tmp_path: Path) -> None:
    known = registry()

    load_registry(tmp_path / "none.json", known)

    assert not list(known.certificates)


@pytest.mark.parametrize(
    "content",
    [
        "rubbish",
        "[]",
        "{}",
        json.dumps({"certificates": [{"id": "aa"}], "things": {}, "forgotten": []}),
        json.dumps(
            {
                "certificates": [Certificate("aa", "", policies=("none such",)).document()],
                "things": {},
                "forgotten": [],
            }
        ),
    ],
)
def test_a_file_that_is_not_ours_is_one_line(tmp_path: Path, content: str) -> None:
    file = tmp_path / "registry.json"
    file.write_text(content)

    with pytest.raises(ConfigurationError):
        load_registry(file, registry())


def test_a_file_that_cannot_be_written_is_one_line() -> None:
    with pytest.raises(ConfigurationError, match="cannot be written"):
        keep_registry(Path("/proc/nowhere/registry.json"), {})


def test_a_certificate_is_found_by_the_beginning_of_its_id() -> None:
    known = registry()
    known.present("aa11", "gw-07")
    known.present("aa22", "gw-07")

    assert known.find("aa2").id == "aa22"
    for wrong, count in (("aa", 2), ("bb", 0)):
        with pytest.raises(ConfigurationError, match=f"{count} certificates have an id"):
            known.find(wrong)
