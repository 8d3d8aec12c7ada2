"""A strict model of Greengrass recipes.

gdk checks little of a recipe and a nucleus less: a lifecycle step that is misspelt is no step, and that
is found out on the gateway. This model knows every key, and refuses the rest:

- keys are matched by case, as nucleus lite does; steps are lower case, everything else PascalCase;
- settings are text: lite hands every scalar of a recipe over as text, `null` as that word;
- a script has no brace but those of recipe variables, of which there are the ones in `VARIABLES`;
- what lite does not have is not used: Skipif, shutdown, recover, variables of dependencies, unpacked
  artifacts, ranges with `^` or `~`; nor what we do without: privileges, permission for everything.

Tests hold our recipes to it; who changes one for a site may: `python -m edge_agent.testing.recipes FILE`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.alias_generators import to_pascal

from edge_agent.errors import ConfigurationError
from edge_agent.testing.recipes.permissions import AccessControl, Line
from edge_agent.words import describe

# The cloud takes 16 KB, and gdk counts 16,000; nucleus lite fails the deployment of a longer one than this.
LARGEST_BYTES = 8_196
LONGEST_SCRIPT_BYTES = 10_000  # nucleus lite's buffer
# Nucleus lite moves no object of more than 255 entries and items, an entry counting two; the lines of a
# site need that room, so our defaults take little of it.
MOST_DEFAULT_OBJECTS = 64

VARIABLES = frozenset(
    {"artifacts:path", "artifacts:decompressedPath", "work:path", "kernel:rootPath", "iot:thingName"}
)

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.-]{1,128}$")]
Version = Annotated[str, StringConstraints(pattern=r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$", max_length=64)]
Seconds = Annotated[str, StringConstraints(pattern=r"^[1-9]\d*$")]
Variable = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Script = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_SCRIPT_BYTES)]
Range = Annotated[str, StringConstraints(pattern=r"^([<>]=?|=)?\d+\.\d+\.\d+( [<>]=?\d+\.\d+\.\d+)*$")]
Archive = Annotated[str, StringConstraints(pattern=r"^s3://([^/{}\s]+/){3}[^/{}\s]+\.zip$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, alias_generator=to_pascal)


class Install(_Strict):
    """The step that runs before every start, and how long it may take."""

    script: Script
    timeout: Seconds
    setenv: dict[Variable, str] = {}


class Run(_Strict):
    """The step that lasts. It has no `Timeout`: a nucleus would end the component after it."""

    script: Script
    setenv: dict[Variable, str] = {}

    @model_validator(mode="after")
    def _is_the_program(self) -> Run:
        if not self.script.strip().splitlines()[-1].startswith("exec "):
            raise ValueError("the last line begins with `exec`, so that signals reach the program")
        return self


class Lifecycle(_Strict):
    """What a nucleus runs, when. The steps are lower case."""

    setenv: dict[Variable, str] = {}
    install: Install = Field(alias="install")
    run: Run = Field(alias="run")


class Platform(_Strict):
    """Where a manifest is for. Without `runtime`, or without `os`, lite passes it by."""

    os: Literal["linux"] = Field(alias="os")
    architecture: Literal["amd64", "aarch64"] = Field(alias="architecture")
    runtime: Literal["*"] = Field(alias="runtime")


class Artifact(_Strict):
    """A file the nucleus fetches. Lite does not unpack those of a local deployment, so none is."""

    uri: Archive = Field(alias="URI")
    unarchive: Literal["NONE"]


class Manifest(_Strict):
    """One platform: what it gets and what it runs."""

    platform: Platform
    artifacts: list[Artifact] = Field(min_length=1)
    lifecycle: Lifecycle

    def texts(self) -> Iterator[tuple[str, str]]:
        """Each text in which variables are replaced, by where it stands."""
        install, run = self.lifecycle.install, self.lifecycle.run
        yield from (("install.Script", install.script), ("run.Script", run.script))
        for where, variables in (
            ("Setenv", self.lifecycle.setenv),
            ("install.Setenv", install.setenv),
            ("run.Setenv", run.setenv),
        ):
            yield from ((f"{where}.{name}", value) for name, value in variables.items())


class Dependency(_Strict):
    """Another component. Without its type lite orders nothing."""

    version_requirement: Range
    dependency_type: Literal["HARD", "SOFT"]


class Configuration(_Strict):
    """The settings a component has unless a deployment says otherwise."""

    default_configuration: dict[str, Any]

    @property
    def settings(self) -> dict[str, Any]:
        """All but the permissions."""
        return {key: value for key, value in self.default_configuration.items() if key != "accessControl"}

    @property
    def access_control(self) -> AccessControl:
        """The permissions."""
        return AccessControl.model_validate(self.default_configuration.get("accessControl", {}))

    @model_validator(mode="after")
    def _is_text(self) -> Configuration:
        for where, value in _leaves(self.settings):
            if not isinstance(value, str):
                raise ValueError(f"{where}: {value!r} is no text; quote it, or leave it out")  # noqa: TRY004  for pydantic
            if "{" in value:
                raise ValueError(f"{where}: variables are not replaced in settings")
        objects = _objects(self.default_configuration)
        if objects > MOST_DEFAULT_OBJECTS:
            raise ValueError(f"{objects} entries and items leave lines no room; {MOST_DEFAULT_OBJECTS} do")
        _ = self.access_control
        return self


class Recipe(_Strict):
    """A recipe as the build writes it: no placeholder is left but the bucket's."""

    recipe_format_version: Literal["2020-01-25"]
    component_name: Name
    component_version: Version
    component_type: Literal["aws.greengrass.generic"]
    # One short line: lite copies it into a unit file of 2,048 bytes.
    component_description: Line
    component_publisher: Line
    component_configuration: Configuration
    component_dependencies: dict[Name, Dependency] = {}
    manifests: list[Manifest] = Field(min_length=1)

    @property
    def settings(self) -> dict[str, Any]:
        """The default settings."""
        return self.component_configuration.settings

    @property
    def access_control(self) -> AccessControl:
        """The permissions."""
        return self.component_configuration.access_control

    @model_validator(mode="after")
    def _hangs_together(self) -> Recipe:
        for problem in self._problems():
            raise ValueError(problem)
        return self

    def _problems(self) -> Iterator[str]:
        for at, manifest in enumerate(self.manifests):
            for where, text in manifest.texts():
                yield from (f"Manifests.{at}.{where}: {problem}" for problem in self._braces(text))
        platforms = [manifest.platform.architecture for manifest in self.manifests]
        if len(set(platforms)) < len(platforms):
            yield "two manifests are for one architecture: the second is never taken"
        for service, name, _ in self.access_control.policies():
            if not re.fullmatch(rf"{re.escape(self.component_name)}:{service}:\d+", name):
                yield f"accessControl: {name!r} is not named {self.component_name}:{service}:<number>"
        if "aws.greengrass.Nucleus" in self.component_dependencies:
            yield "aws.greengrass.Nucleus is depended upon: there are two kinds of nucleus"

    def _braces(self, text: str) -> Iterator[str]:
        """Braces that are no variable: lite stops a script at the first of them."""
        for braced in re.findall(r"\{[^}]*\}?", text):
            variable = braced[1:-1] if braced.endswith("}") else ""
            kind, _, pointer = variable.partition(":/")
            if variable not in VARIABLES and (kind != "configuration" or not self._names_text(pointer)):
                yield f"{braced} is no variable that both nuclei replace"
        if "}" in re.sub(r"\{[^}]*\}", "", text):
            yield "a brace closes nothing"

    def _names_text(self, pointer: str) -> bool:
        """Whether a JSON pointer leads to a text in the default settings."""
        found: Any = self.settings
        for key in pointer.split("/"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return isinstance(found, str)


def read_recipe(text: str, origin: str) -> Recipe:
    """The recipe in this YAML. Raises ConfigurationError naming what is wrong with it."""
    if len(text.encode()) > LARGEST_BYTES:
        raise ConfigurationError(f"{origin} is longer than {LARGEST_BYTES} bytes", "shorten it")
    try:
        return Recipe.model_validate(_EachKeyOnce(text).get_single_data())
    except yaml.YAMLError as error:
        raise ConfigurationError(
            f"{origin} is not YAML: {' '.join(str(error).split())}", "mend it"
        ) from error
    except ValidationError as invalid:
        problems = "; ".join(f"{origin}: {problem}" for problem in describe(invalid))
        raise ConfigurationError(problems, "mend the recipe") from invalid


class _EachKeyOnce(yaml.SafeLoader):
    """YAML in which no key is said twice. Others keep the last: a policy whose id is used again is gone."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  as inherited
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for at, key in enumerate(keys):
            if key in keys[:at]:
                raise yaml.constructor.ConstructorError(
                    None, None, f"{key!r} is there twice", node.start_mark
                )
        return super().construct_mapping(node, deep=deep)


def _leaves(value: Any, where: str = "") -> Iterator[tuple[str, Any]]:  # noqa: ANN401  any JSON
    match value:
        case dict():
            for key, inner in value.items():
                yield from _leaves(inner, f"{where}.{key}" if where else str(key))
        case list():
            for at, inner in enumerate(value):
                yield from _leaves(inner, f"{where}.{at}")
        case _:
            yield where, value


def _objects(value: Any) -> int:  # noqa: ANN401  any JSON
    match value:
        case dict():
            return sum(2 + _objects(inner) for inner in value.values())
        case list():
            return sum(1 + _objects(inner) for inner in value)
        case _:
            return 0
