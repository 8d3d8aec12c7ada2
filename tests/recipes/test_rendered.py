"""Every recipe with its variables replaced, on both nuclei, against the settings and the IoT policies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.settings import Settings, read_settings
from edge_agent.standin.policy import Action, Identity, Request, load_policy, shipped
from edge_agent.testing.recipes import (
    Nucleus,
    Place,
    Recipe,
    environment,
    handed_over,
    permits,
    read_recipe,
    script,
)
from edge_agent.trial.gateway_floor import read_floor_settings
from tests.recipes.conftest import ROOT, recipe_of

THING, SITE = "gw-07", "harbour"
FORWARDER = "casino.edge.Forwarder"
PUBLISH, SUBSCRIBE = "aws.greengrass#PublishToIoTCore", "aws.greengrass#SubscribeToIoTCore"
EXAMPLES = sorted((ROOT / "recipes" / "deployments").glob("*.json"))
# What whoever deploys an example puts into it.
FILLED = {
    "REGION": "eu-west-1",
    "ACCOUNT": "123456789012",
    "GROUP": f"gateway-{THING}",
    "SITE": SITE,
    "PREFIX": "a1b2c3",
    "ROOT": "/var/lib/greengrass",
}


def place_of(recipe: Recipe, nucleus: Nucleus) -> Place:
    root = {Nucleus.JAVA: "/greengrass/v2", Nucleus.LITE: "/var/lib/greengrass"}[nucleus]
    return Place(nucleus, Path(root), THING, recipe.component_name, recipe.component_version)


def variables_of(recipe: Recipe, nucleus: Nucleus) -> dict[str, str]:
    return environment(recipe, recipe.manifests[0], place_of(recipe, nucleus))


def merged(defaults: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """The settings after a deployment, as a nucleus merges them."""
    result = dict(defaults)
    for key, value in change.items():
        inner = result.get(key)
        if isinstance(inner, dict) and isinstance(value, dict):
            result[key] = merged(inner, value)
        else:
            result[key] = value
    return result


def settings_of(recipe: Recipe, nucleus: Nucleus, change: Mapping[str, Any]) -> Settings:
    document = handed_over(merged(recipe.settings, change), nucleus)
    return read_settings(document, recipe.component_name, environment=variables_of(recipe, nucleus))


def examples() -> list[tuple[str, str, dict[str, Any]]]:
    """(file, component, merge) of each deployment we show."""
    rows = []
    for file in EXAMPLES:
        text = file.read_text()
        for word, value in FILLED.items():
            text = text.replace(word, value)
        for component, wanted in json.loads(text)["components"].items():
            rows.append((file.stem, component, json.loads(wanted["configurationUpdate"]["merge"])))
    return rows


@pytest.fixture(params=Nucleus)
def nucleus(request: pytest.FixtureRequest) -> Nucleus:
    found: Nucleus = request.param
    return found


def test_the_collector_is_content_with_its_defaults(collector: Recipe, nucleus: Nucleus) -> None:
    settings = settings_of(collector, nucleus, {})

    assert (settings.site, settings.gateway, settings.lines) == ("main", THING, ())
    assert settings.journal.minimum_free_mb == 64
    assert settings.commands.allow == ()


def test_the_forwarder_says_what_its_defaults_lack(forwarder: Recipe, nucleus: Nucleus) -> None:
    with pytest.raises(ConfigurationError, match="kind iot_core needs endpoint, certificate, key"):
        settings_of(forwarder, nucleus, {})


@pytest.mark.parametrize("uplink", [{"identity": "identity"}, {"certificate": "/x/c.pem", "key": "/x/k.pem"}])
def test_the_forwarder_needs_an_endpoint_and_an_identity(
    forwarder: Recipe, nucleus: Nucleus, uplink: dict[str, str]
) -> None:
    change = {"site": SITE, "uplink": {"endpoint": "a1-ats.iot.eu-west-1.amazonaws.com", **uplink}}

    settings = settings_of(forwarder, nucleus, change)

    assert settings.uplink is not None
    assert (settings.uplink.port, settings.uplink.ca) == (8883, Path("amazon-roots.pem"))
    assert settings.events_topic == f"floor/{SITE}/{THING}/ev/batch"


def test_the_forwarder_can_be_turned_to_the_nucleus(forwarder: Recipe, nucleus: Nucleus) -> None:
    settings = settings_of(forwarder, nucleus, {"uplink": {"kind": "greengrass", "receipt": "cloud"}})

    assert settings.uplink is not None
    assert settings.uplink.kind == "greengrass"


def test_both_processes_of_a_gateway_have_one_state(
    collector: Recipe, forwarder: Recipe, nucleus: Nucleus
) -> None:
    collecting = Path(variables_of(collector, nucleus)["EDGE_AGENT_STATE"])
    forwarding = Path(variables_of(forwarder, nucleus)["EDGE_AGENT_STATE"])

    assert collecting == forwarding
    assert collecting == place_of(collector, nucleus).work / "state"


def test_the_simulator_understands_its_defaults(simulator: Recipe, nucleus: Nucleus) -> None:
    floor = read_floor_settings(handed_over(simulator.settings["floor"], nucleus), "simulator")

    assert (floor.machines, floor.tables) == (4, 1)


def test_the_program_that_is_run_is_the_one_that_was_installed(recipe: Recipe, nucleus: Nucleus) -> None:
    place = place_of(recipe, nucleus)
    made = place.work / f"venv-{recipe.component_version}"
    for manifest in recipe.manifests:
        exec_, python, isolated, program = script(manifest.lifecycle.run.script, recipe, place).split()

        assert (exec_, isolated) == ("exec", "-I")
        assert (Path(python), Path(program)) == (made / "bin" / "python", made / "main.py")


def test_what_is_installed_is_the_artifact_of_the_manifest(recipe: Recipe, nucleus: Nucleus) -> None:
    place = place_of(recipe, nucleus)
    for manifest in recipe.manifests:
        (artifact,) = manifest.artifacts

        installing = script(manifest.lifecycle.install.script, recipe, place)

        words = installing.split()
        archive, folder = words[words.index("-I") + 1 : words.index("-I") + 3]
        assert Path(archive) == place.artifacts / artifact.uri.rpartition("/")[2]
        assert Path(folder) == place.work


def test_only_what_forwards_may_do_anything_over_ipc(
    collector: Recipe, forwarder: Recipe, simulator: Recipe
) -> None:
    assert list(collector.access_control.policies()) == []
    assert list(simulator.access_control.policies()) == []
    operations = [policy.operations for _, _, policy in forwarder.access_control.policies()]
    assert operations == [[PUBLISH], [SUBSCRIBE]]


def asked_of(settings: Settings) -> list[tuple[str, Action, str]]:
    """What the forwarder asks of IoT Core, through the nucleus or not; test_permitted watches it ask."""
    update = f"$aws/things/{settings.gateway}/shadow/name/edge-agent/update"
    return [
        (PUBLISH, Action.PUBLISH, settings.events_topic),
        (PUBLISH, Action.PUBLISH, settings.status_topic),
        (PUBLISH, Action.PUBLISH, f"{settings.answers_topic}/meters"),
        (PUBLISH, Action.PUBLISH, update),
        (SUBSCRIBE, Action.SUBSCRIBE, f"{settings.commands_topic}/+"),
        (SUBSCRIBE, Action.SUBSCRIBE, settings.confirmations_topic),
        (SUBSCRIBE, Action.SUBSCRIBE, f"{update}/accepted"),
        (SUBSCRIBE, Action.SUBSCRIBE, f"{update}/rejected"),
    ]


@pytest.fixture
def settings(forwarder: Recipe) -> Settings:
    change = {"site": SITE, "uplink": {"kind": "greengrass", "receipt": "cloud"}}
    return settings_of(forwarder, Nucleus.LITE, change)


def test_what_the_agent_asks_is_permitted_by_the_recipe_and_by_the_policies(
    forwarder: Recipe, settings: Settings
) -> None:
    nucleus = Identity(THING, THING, {"site": SITE})
    ours = Identity(THING, f"{THING}-events", {"site": SITE})
    through_the_nucleus = load_policy(shipped("gateway-uplink"))
    direct = load_policy(shipped("forwarder"))

    for operation, action, topic in asked_of(settings):
        assert permits(forwarder.access_control, operation, topic, THING), topic
        assert through_the_nucleus.allows(Request(action, topic, nucleus)), topic
        assert direct.allows(Request(action, topic, ours)), topic


def test_the_recipe_permits_nothing_that_is_another_gateways(forwarder: Recipe, settings: Settings) -> None:
    other = settings.model_copy(update={"gateway": "gw-08"})

    for operation, _, topic in asked_of(other):
        assert not permits(forwarder.access_control, operation, topic, THING), topic


def test_the_site_which_is_no_variable_of_a_recipe_is_bound_by_the_policy(settings: Settings) -> None:
    elsewhere = Identity(THING, THING, {"site": "airport"})
    policy = load_policy(shipped("gateway-uplink"))

    for _, action, topic in asked_of(settings):
        if "/shadow/" not in topic:
            assert not policy.allows(Request(action, topic, elsewhere)), topic


@pytest.mark.parametrize(("file", "component", "change"), examples())
def test_the_deployments_we_show_fit_their_components(
    file: str, component: str, change: dict[str, Any], nucleus: Nucleus
) -> None:
    recipe = recipe_of(component)
    if component.endswith("Simulator"):
        floor = merged(recipe.settings, change)["floor"]
        assert read_floor_settings(handed_over(floor, nucleus), file).machines
        return

    settings = settings_of(recipe, nucleus, change)

    assert settings.site == SITE
    if component.endswith("Collector"):
        assert settings.lines


def test_the_policies_let_a_gateway_enrol_and_rotate_as_the_deployment_says(forwarder: Recipe) -> None:
    change = next(change for file, name, change in examples() if (file, name) == ("floor", FORWARDER))
    uplink = settings_of(forwarder, Nucleus.JAVA, change).uplink
    assert uplink is not None
    assert uplink.enrolment is not None
    gateway = Identity(THING, f"{THING}-rotation", {"site": SITE})

    for policy, template in (("claim", uplink.enrolment.template), ("forwarder", uplink.rotation_template)):
        topic = f"$aws/provisioning-templates/{template}/provision/json"
        assert load_policy(shipped(policy)).allows(Request(Action.PUBLISH, topic, gateway)), topic


def test_a_trial_reads_the_ports_the_simulator_serves() -> None:
    merges = {component: change for file, component, change in examples() if file == "trial"}

    state = Path(variables_of(recipe_of("casino.edge.Simulator"), Nucleus.LITE)["EDGE_AGENT_STATE"])

    lines = merges["casino.edge.FloorCollector"]["lines"]
    assert {name: Path(line.partition("?")[0]) for name, line in lines.items()} == {
        name: state / "ports" / name for name in ("slot-001", "slot-002", "shuffler-01")
    }


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.stem)
def test_the_deployments_we_show_are_for_this_version_and_a_group(file: Path) -> None:
    """A group: lite forgets what was deployed to a thing alone at the next deployment to another target."""
    document = json.loads(file.read_text())

    assert ":thinggroup/" in document["targetArn"]
    for component, wanted in document["components"].items():
        assert wanted["componentVersion"] == recipe_of(component).component_version
        for limits in wanted.get("runWith", {}).values():
            assert limits.keys() == {"cpus", "memory"}


@pytest.mark.parametrize("name", ["floor", "trial"])
def test_the_deployments_we_show_wait_longer_than_the_agent_defers(forwarder: Recipe, name: str) -> None:
    document = json.loads((ROOT / "recipes" / "deployments" / f"{name}.json").read_text())

    update = document["deploymentPolicies"]["componentUpdatePolicy"]

    assert update["action"] == "NOTIFY_COMPONENTS"
    assert update["timeoutInSeconds"] > int(forwarder.settings["deployments"]["defer_seconds"])


def test_the_forwarder_takes_the_collector_of_its_own_version(forwarder: Recipe, collector: Recipe) -> None:
    wanted = forwarder.component_dependencies[collector.component_name].version_requirement
    least, below = (bound.lstrip("<>=").split(".") for bound in wanted.split())
    version = collector.component_version.split(".")

    assert list(map(int, least)) <= list(map(int, version)) < list(map(int, below))


def test_a_setting_in_a_script_is_replaced(forwarder_text: str) -> None:
    text = forwarder_text.replace("exec {work:path}", "exec env SITE={configuration:/site} {work:path}")
    recipe = read_recipe(text, "recipe.yaml")

    rendered = script(recipe.manifests[0].lifecycle.run.script, recipe, place_of(recipe, Nucleus.JAVA))

    assert rendered.startswith("exec env SITE=main /greengrass/v2/work/casino.edge.Forwarder/venv-")


def test_a_nucleus_hands_numbers_over_as_it_likes() -> None:
    merge = {"port": 443, "ratio": 0.5, "shadow": True, "allow": ["meters", 1], "site": "x"}

    assert handed_over(merge, Nucleus.JAVA) == {
        "port": 443.0,
        "ratio": 0.5,
        "shadow": True,
        "allow": ["meters", 1.0],
        "site": "x",
    }
    assert handed_over(merge, Nucleus.LITE) == {
        "port": "443",
        "ratio": "0.5",
        "shadow": "true",
        "allow": ["meters", "1"],
        "site": "x",
    }
