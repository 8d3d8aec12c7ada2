"""The door to the Greengrass IPC: the SDK's real client on a real socket, against both flavours."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from awscrt.exceptions import AwsCrtError
from awsiot.greengrasscoreipc.model import ServiceError, UnauthorizedError
from structlog.testing import capture_logs

from edge_agent.errors import ConfigurationError
from edge_agent.nucleus import Nucleus, NucleusError, translated
from edge_agent.testing.nucleus import JAVA, LITE, OWN_TOPICS, Flavour, NucleusDouble
from edge_agent.testing.patience import PATIENCE_SECONDS

pytestmark = pytest.mark.integration

CONFIGURATION: dict[str, Any] = {
    "site": "harbour",
    "journal": {"minimum_free_mb": 64},
    "status": {"shadow": True, "nothing": None},
    "accessControl": OWN_TOPICS,
}


@pytest.fixture(params=[JAVA, LITE], ids=["java", "lite"])
def double(request: pytest.FixtureRequest) -> Iterator[NucleusDouble]:
    flavour: Flavour = request.param
    with NucleusDouble(CONFIGURATION, flavour=flavour) as double:
        yield double


@pytest.fixture
def nucleus(double: NucleusDouble) -> Iterator[Nucleus]:
    with Nucleus.connect(double.environment) as nucleus:
        yield nucleus


def test_a_process_that_no_nucleus_started_is_told_so() -> None:
    with pytest.raises(ConfigurationError, match="no Greengrass nucleus has started this process") as refused:
        Nucleus.connect({})

    assert "SVCUID" in refused.value.mend


def test_a_socket_nobody_listens_at_is_one_error(double: NucleusDouble) -> None:
    environment = double.environment | {
        "AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT": "/nowhere/ipc.socket"
    }

    with pytest.raises(NucleusError, match=r"/nowhere/ipc\.socket does not let us in"):
        Nucleus.connect(environment)


def test_a_token_of_before_is_refused(double: NucleusDouble) -> None:
    with pytest.raises(NucleusError, match="does not let us in"):
        Nucleus.connect(double.environment | {"SVCUID": "of-before"})

    assert double.refused_connections == 1


def test_settings_come_without_what_is_null_and_without_access_control(
    double: NucleusDouble, nucleus: Nucleus
) -> None:
    configuration = nucleus.configuration()

    assert configuration.keys() == {"site", "journal", "status"}
    assert configuration["status"].keys() == {"shadow"}
    number = configuration["journal"]["minimum_free_mb"]
    assert number == (64.0 if double.flavour is JAVA else "64")


def test_a_configuration_too_large_for_one_answer_is_read_by_groups(
    double: NucleusDouble, nucleus: Nucleus
) -> None:
    double.configuration["lines"] = {f"slot-{number}": f"/dev/{number}" for number in range(100)}
    double.configuration["options"] = {f"option-{number}": number for number in range(50)}

    configuration = nucleus.configuration(("site", "lines", "options", "absent"))

    assert configuration["site"] == "harbour"
    assert len(configuration["lines"]) == 100
    assert len(configuration["options"]) == 50


def test_a_refused_configuration_is_an_error(double: NucleusDouble, nucleus: Nucleus) -> None:
    double.failing = ["ServiceError"]

    with pytest.raises(NucleusError, match="hand over the configuration: ServiceError"):
        nucleus.configuration()


def test_many_events_of_one_deployment_are_one_change(double: NucleusDouble, nucleus: Nucleus) -> None:
    changes: queue.SimpleQueue[str] = queue.SimpleQueue()
    nucleus.on_configuration_changed(
        lambda: changes.put(str(nucleus.configuration()["journal"]["minimum_free_mb"]))
    )

    double.merge(
        {"journal": {"minimum_free_mb": 65}, "site": "pier", "lines": {"a": "/dev/a", "b": "/dev/b"}}
    )

    assert changes.get(timeout=PATIENCE_SECONDS) in {"65", "65.0"}
    assert changes.empty()


def test_the_java_nucleus_is_told_why_a_configuration_makes_no_sense() -> None:
    with NucleusDouble(CONFIGURATION) as double, Nucleus.connect(double.environment) as nucleus:
        nucleus.on_validate(lambda configuration: "no site" if "site" not in configuration else None)

        assert double.ask_to_validate({"site": "pier"}) == ("ACCEPTED", "")
        assert double.ask_to_validate({"currency": "EUR"}) == ("REJECTED", "no site")


def test_the_java_nucleus_is_told_to_ask_again_before_an_update() -> None:
    waits = iter([1500, None])
    with NucleusDouble(CONFIGURATION) as double, Nucleus.connect(double.environment) as nucleus:
        nucleus.on_update(lambda _deployment: next(waits))

        assert double.ask_before_update("d-7") == 1500
        assert double.ask_before_update("d-7") == 0


def test_nucleus_lite_does_not_ask_and_that_is_no_error() -> None:
    with NucleusDouble(CONFIGURATION, flavour=LITE) as double, Nucleus.connect(double.environment) as nucleus:
        nucleus.on_validate(lambda _configuration: None)
        nucleus.on_update(lambda _deployment: None)
        nucleus.report_state("RUNNING")

        assert double.states == ["RUNNING"]


def test_a_fault_in_a_callback_is_logged_and_the_next_event_comes() -> None:
    def judge(configuration: dict[str, Any]) -> str | None:
        if "fault" in configuration:
            raise ZeroDivisionError
        return "asked"

    with (
        capture_logs() as logs,
        NucleusDouble(CONFIGURATION) as double,
        Nucleus.connect(double.environment) as nucleus,
    ):
        nucleus.on_validate(judge)
        with pytest.raises(AssertionError):
            double.ask_to_validate({"fault": True}, patience_seconds=0.2)

        assert double.ask_to_validate({}) == ("REJECTED", "asked")
    assert [entry["event"] for entry in logs if entry["log_level"] == "error"] == [
        "fault of the agent; an event of the nucleus is lost"
    ]


def test_a_publish_is_accepted_and_arrives(double: NucleusDouble, nucleus: Nucleus) -> None:
    nucleus.publish(
        "floor/harbour/gw-07/ev/batch", b"[]", content_type="application/json", user_properties=[("a", "b")]
    ).result(PATIENCE_SECONDS)
    double.wait_until(lambda: double.arrived)

    (arrived,) = double.arrived
    assert (arrived.topic, arrived.payload) == ("floor/harbour/gw-07/ev/batch", b"[]")
    assert arrived.user_properties == ((("a", "b"),) if double.flavour is JAVA else ())


def test_a_topic_that_the_recipe_does_not_list_is_not_authorised(
    double: NucleusDouble, nucleus: Nucleus
) -> None:
    with pytest.raises(NucleusError, match="accept a publish to floor/harbour/gw-08/ev") as refused:
        nucleus.publish("floor/harbour/gw-08/ev", b"x").result(PATIENCE_SECONDS)

    assert refused.value.code == "UnauthorizedError"
    assert not double.cloud.accepted


def test_what_is_published_offline_is_spooled_by_one_and_refused_by_the_other(
    double: NucleusDouble, nucleus: Nucleus
) -> None:
    double.go_offline()
    publish = nucleus.publish("floor/harbour/gw-07/ev/batch", b"x")

    if double.flavour is LITE:
        with pytest.raises(NucleusError) as refused:
            publish.result(PATIENCE_SECONDS)
        assert refused.value.code == "ServiceError"
    else:
        publish.result(PATIENCE_SECONDS)
        assert not double.arrived
        double.go_online()
        assert double.arrived


def test_a_payload_too_large_for_lite_ends_the_connection() -> None:
    lost = threading.Event()
    with NucleusDouble(CONFIGURATION, flavour=LITE) as double, Nucleus.connect(double.environment) as nucleus:
        nucleus.on_lost(lost.set)

        with pytest.raises(NucleusError) as refused:
            nucleus.publish("floor/harbour/gw-07/ev/batch", bytes(8000)).result(PATIENCE_SECONDS)

        assert refused.value.code == "ConnectionClosedError"
        assert lost.wait(PATIENCE_SECONDS)


def test_a_message_of_the_cloud_is_handed_over(double: NucleusDouble, nucleus: Nucleus) -> None:
    received: queue.SimpleQueue[tuple[str, bytes]] = queue.SimpleQueue()
    nucleus.subscribe("cmd/harbour/gw-07/#", lambda topic, payload: received.put((topic, payload)))

    double.deliver("cmd/harbour/gw-08/meters", b"not ours")
    double.deliver("cmd/harbour/gw-07/meters", b"{}")

    assert received.get(timeout=PATIENCE_SECONDS) == ("cmd/harbour/gw-07/meters", b"{}")


def test_a_filter_that_the_recipe_does_not_list_is_not_authorised(nucleus: Nucleus) -> None:
    with pytest.raises(NucleusError, match="subscribe to cmd/#: UnauthorizedError"):
        nucleus.subscribe("cmd/#", lambda _topic, _payload: None)


def test_a_lost_connection_is_told_once_and_every_call_says_so(
    double: NucleusDouble, nucleus: Nucleus
) -> None:
    told: queue.SimpleQueue[str] = queue.SimpleQueue()
    nucleus.on_lost(lambda: told.put("lost"))

    double.restart()

    assert told.get(timeout=PATIENCE_SECONDS) == "lost"
    with pytest.raises(NucleusError) as refused:
        nucleus.configuration()
    assert refused.value.code == "ConnectionClosedError"
    with pytest.raises(NucleusError):
        nucleus.publish("floor/harbour/gw-07/ev/batch", b"x").result(PATIENCE_SECONDS)
    assert told.empty()


def test_a_connection_lost_before_anybody_asked_is_told_at_once(
    double: NucleusDouble, nucleus: Nucleus
) -> None:
    double.drop_connections()
    double.wait_until(lambda: nucleus.lost)
    told = threading.Event()

    nucleus.on_lost(told.set)

    assert told.is_set()


def test_a_closed_connection_leaves_no_thread(double: NucleusDouble) -> None:
    before = {thread.name for thread in threading.enumerate() if not thread.daemon}
    with Nucleus.connect(double.environment) as nucleus:
        nucleus.on_configuration_changed(lambda: None)
        nucleus.configuration()

    assert {thread.name for thread in threading.enumerate() if not thread.daemon} == before


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (AwsCrtError(1051, "AWS_IO_SOCKET_CLOSED", "socket is closed."), "ConnectionClosedError"),
        (RuntimeError("4104"), "ConnectionClosedError"),
        (ServiceError(message="spool is full"), "ServiceError"),
        (UnauthorizedError(message="not listed"), "UnauthorizedError"),
    ],
)
def test_an_error_of_the_sdk_keeps_its_name_unless_the_socket_is_gone(error: Exception, code: str) -> None:
    assert translated("accept a publish", error).code == code
