"""Each way a recipe goes wrong that gdk lets pass is refused, by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from edge_agent.errors import ConfigurationError
from edge_agent.testing.recipes import Recipe, read_recipe
from edge_agent.testing.recipes.__main__ import main

Document = dict[str, Any]
MQTT = "aws.greengrass.ipc.mqttproxy"
FIRST = "casino.edge.Forwarder:mqttproxy:1"


def lifecycle(recipe: Document) -> Document:
    found: Document = recipe["Manifests"][0]["Lifecycle"]
    return found


def defaults(recipe: Document) -> Document:
    found: Document = recipe["ComponentConfiguration"]["DefaultConfiguration"]
    return found


def policies(recipe: Document) -> Document:
    found: Document = defaults(recipe)["accessControl"][MQTT]
    return found


def rename(inside: Callable[[Document], Document], old: str, new: str) -> Callable[[Document], None]:
    """Misspell a key."""

    def spoil(recipe: Document) -> None:
        document = inside(recipe)
        document[new] = document.pop(old)

    return spoil


def put(inside: Callable[[Document], Document], key: str, value: Any) -> Callable[[Document], None]:
    """Set a key to what does not belong there."""

    def spoil(recipe: Document) -> None:
        inside(recipe)[key] = value

    return spoil


def top(recipe: Document) -> Document:
    return recipe


def install(recipe: Document) -> Document:
    found: Document = lifecycle(recipe)["install"]
    return found


def run(recipe: Document) -> Document:
    found: Document = lifecycle(recipe)["run"]
    return found


def platform(recipe: Document) -> Document:
    found: Document = recipe["Manifests"][0]["Platform"]
    return found


def artifact(recipe: Document) -> Document:
    found: Document = recipe["Manifests"][0]["Artifacts"][0]
    return found


def dependency(recipe: Document) -> Document:
    found: Document = recipe["ComponentDependencies"]["casino.edge.FloorCollector"]
    return found


def publishing(recipe: Document) -> Document:
    found: Document = policies(recipe)[FIRST]
    return found


MISTAKES: list[tuple[str, Callable[[Document], None], str]] = [
    ("a top key in another case", rename(top, "Manifests", "manifests"), "manifests"),
    ("a top key misspelt", rename(top, "ComponentVersion", "ComponentVersoin"), "ComponentVersoin"),
    ("no description", lambda recipe: recipe.pop("ComponentDescription"), "ComponentDescription"),
    ("a description of two lines", put(top, "ComponentDescription", "one\ntwo"), "ComponentDescription"),
    ("another type", put(top, "ComponentType", "aws.greengrass.plugin"), "ComponentType"),
    ("a version that is none", put(top, "ComponentVersion", "1.0"), "ComponentVersion"),
    ("a version as a number", put(top, "ComponentVersion", 1.0), "ComponentVersion"),
    ("a placeholder left", put(top, "ComponentVersion", "{COMPONENT_VERSION}"), "ComponentVersion"),
    ("a step misspelt", rename(lifecycle, "install", "installs"), "Lifecycle.installs"),
    ("a step in upper case", rename(lifecycle, "run", "Run"), "Lifecycle.Run"),
    ("Setenv in lower case", rename(lifecycle, "Setenv", "setenv"), "Lifecycle.setenv"),
    ("a shutdown, which lite has not", put(lifecycle, "shutdown", "true"), "Lifecycle.shutdown"),
    ("a recover, which lite has not", put(lifecycle, "recover", "true"), "Lifecycle.recover"),
    ("a script in lower case", rename(install, "Script", "script"), "install.script"),
    ("Skipif, which lite has not", put(install, "Skipif", "exists /x"), "install.Skipif"),
    ("a privilege", put(install, "RequiresPrivilege", "true"), "install.RequiresPrivilege"),
    ("a timeout as a number", put(install, "Timeout", 900), "install.Timeout"),
    ("a timeout of no seconds", put(install, "Timeout", "0"), "install.Timeout"),
    ("an installation with no timeout", lambda recipe: install(recipe).pop("Timeout"), "install.Timeout"),
    ("a run that is ended", put(run, "Timeout", "900"), "run.Timeout"),
    ("a run without exec", put(run, "Script", "{work:path}/venv/bin/python"), "begins with `exec`"),
    ("a variable of the shell", put(run, "Script", "exec ${HOME}/x"), "{HOME} is no variable"),
    ("a brace of the shell", put(install, "Script", "{ true; }"), "{ true; } is no variable"),
    ("a variable misspelt", put(run, "Script", "exec {work:pth}/x"), "{work:pth} is no variable"),
    ("a variable left open", put(run, "Script", "exec {work:path"), "is no variable"),
    ("a brace too many", put(run, "Script", "exec {work:path}}/x"), "a brace closes nothing"),
    (
        "a variable of a dependency, which lite has not",
        put(run, "Script", "exec {casino.edge.FloorCollector:work:path}/x"),
        "is no variable",
    ),
    ("a setting that is not", put(run, "Script", "exec x {configuration:/sight}"), "{configuration:/sight}"),
    ("a setting that is a group", put(run, "Script", "exec x {configuration:/uplink}"), "/uplink} is no"),
    ("a variable of a number", put(lifecycle, "Setenv", {"X": 1}), "Setenv.X"),
    ("a name that is no variable's", put(lifecycle, "Setenv", {"a-b": "1"}), "Setenv.a-b"),
    ("no runtime", lambda recipe: platform(recipe).pop("runtime"), "Platform.runtime"),
    ("no os", lambda recipe: platform(recipe).pop("os"), "Platform.os"),
    ("another runtime", put(platform, "runtime", "aws_nucleus_lite"), "Platform.runtime"),
    ("an architecture of wheels", put(platform, "architecture", "x86_64"), "Platform.architecture"),
    ("Platform in upper case", rename(platform, "os", "OS"), "Platform.OS"),
    (
        "the same platform twice",
        lambda recipe: recipe["Manifests"].append(recipe["Manifests"][0]),
        "never taken",
    ),
    ("no artifacts", lambda recipe: recipe["Manifests"][0].pop("Artifacts"), "Manifests.0.Artifacts"),
    ("an artifact to be unpacked", put(artifact, "Unarchive", "ZIP"), "Unarchive"),
    ("an artifact's address in another case", rename(artifact, "URI", "Uri"), "Artifacts.0.Uri"),
    ("an artifact from elsewhere", put(artifact, "URI", "https://example.com/x.zip"), "Artifacts.0.URI"),
    (
        "a dependency without a type",
        lambda recipe: dependency(recipe).pop("DependencyType"),
        "DependencyType",
    ),
    ("a dependency of another type", put(dependency, "DependencyType", "soft"), "DependencyType"),
    ("a caret, which lite knows not", put(dependency, "VersionRequirement", "^0.1.0"), "VersionRequirement"),
    (
        "the nucleus",
        lambda recipe: recipe["ComponentDependencies"].update(
            {"aws.greengrass.Nucleus": dict(dependency(recipe))}
        ),
        "two kinds of nucleus",
    ),
    ("a setting that is a number", put(defaults, "window", 20), "window: 20 is no text"),
    ("a setting that is null", put(defaults, "proxy", None), "proxy: None is no text"),
    ("a setting that is true", put(defaults, "shadow", value=True), "shadow: True is no text"),
    ("a number in a list", put(defaults, "list", ["1", 2]), "list.1: 2 is no text"),
    ("a variable in a setting", put(defaults, "gateway", "{iot:thingName}"), "not replaced in settings"),
    ("too many settings", put(defaults, "many", {str(n): "" for n in range(40)}), "leave lines no room"),
    ("a service misspelt", rename(lambda r: defaults(r)["accessControl"], MQTT, f"{MQTT}s"), "mqttproxys"),
    (
        "an operation of another service",
        put(publishing, "operations", ["aws.greengrass#PublishToTopic"]),
        "mqttproxy has no operation 'aws.greengrass#PublishToTopic'",
    ),
    (
        "an operation misspelt",
        put(publishing, "operations", ["aws.greengrass#PublishToIotCore"]),
        "no operation 'aws.greengrass#PublishToIotCore'",
    ),
    ("every operation", put(publishing, "operations", ["*"]), "no operation '*'"),
    ("no operations", put(publishing, "operations", []), "operations"),
    ("operations in upper case", rename(publishing, "operations", "Operations"), "Operations"),
    (
        "a permission without words",
        lambda recipe: publishing(recipe).pop("policyDescription"),
        "policyDescription",
    ),
    ("every topic", put(publishing, "resources", ["*"]), "wildcard other than + and #"),
    ("every topic of MQTT", put(publishing, "resources", ["#"]), "not bound to {iot:thingName}"),
    ("the topics of others", put(publishing, "resources", ["floor/+/+/ev/#"]), "not bound"),
    ("# within", put(publishing, "resources", ["#/{iot:thingName}/x"]), "# elsewhere"),
    ("# beside something", put(publishing, "resources", ["{iot:thingName}/x#"]), "# elsewhere"),
    ("+ beside something", put(publishing, "resources", ["{iot:thingName}/x+"]), "+ beside something"),
    ("a question mark", put(publishing, "resources", ["{iot:thingName}/?"]), "wildcard other"),
    (
        "a variable of IoT policies",
        put(publishing, "resources", ["floor/${iot:Connection.Thing.ThingName}/{iot:thingName}/x"]),
        "variable of IoT policies",
    ),
    (
        "the site as a variable",
        put(publishing, "resources", ["{configuration:/site}/{iot:thingName}"]),
        "other than",
    ),
    (
        "too many levels",
        put(publishing, "resources", ["a/b/c/d/e/f/g/h/{iot:thingName}"]),
        "longer than a topic",
    ),
    ("a policy of another's name", rename(policies, FIRST, "casino.edge.Other:mqttproxy:1"), "is not named"),
    (
        "a policy of another service",
        rename(policies, FIRST, "casino.edge.Forwarder:pubsub:1"),
        "is not named",
    ),
]


@pytest.mark.parametrize(("spoil", "said"), [pytest.param(*row, id=name) for name, *row in MISTAKES])
def test_a_mistake_is_refused_by_name(
    forwarder_text: str, spoil: Callable[[Document], None], said: str
) -> None:
    document = yaml.safe_load(forwarder_text)
    spoil(document)

    with pytest.raises(ConfigurationError) as refused:
        read_recipe(yaml.safe_dump(document), "recipe.yaml")

    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_ours_have_none_of_them(recipe: Recipe) -> None:
    assert recipe.component_name.startswith("casino.edge.")
    assert {manifest.platform.architecture for manifest in recipe.manifests} == {"amd64", "aarch64"}


def test_the_manifests_differ_in_the_architecture_alone(recipe: Recipe) -> None:
    first, second = (manifest.model_dump_json() for manifest in recipe.manifests)

    assert re.sub(r"\baarch64\b", "amd64", second) == first


def test_a_recipe_that_is_too_long_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="longer than 8196 bytes"):
        read_recipe("#" * 16_001, "recipe.yaml")


@pytest.mark.parametrize("text", ["a: b: c", "[1, 2", "\tx"])
def test_what_is_not_yaml_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"recipe\.yaml is not YAML"):
        read_recipe(text, "recipe.yaml")


@pytest.mark.parametrize("text", ["", "[]", "recipe"])
def test_what_is_no_recipe_is_refused(text: str) -> None:
    with pytest.raises(ConfigurationError, match="mend the recipe"):
        read_recipe(text, "recipe.yaml")


def test_a_policy_whose_id_is_used_again_is_refused(forwarder_text: str) -> None:
    text = forwarder_text.replace("casino.edge.Forwarder:mqttproxy:2", FIRST)

    with pytest.raises(ConfigurationError, match=f"'{FIRST}' is there twice"):
        read_recipe(text, "recipe.yaml")


def test_a_person_can_have_a_recipe_checked(
    tmp_path: Path, forwarder_text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(forwarder_text)
    bad.write_text(forwarder_text.replace("install:", "installs:"))

    assert main([str(good)]) == 0
    assert main([str(good), str(bad), str(tmp_path / "none.yaml")]) == ConfigurationError.exit_status

    first, second = capsys.readouterr().err.splitlines()
    assert "Lifecycle.installs: not known here" in first
    assert "none.yaml" in second
