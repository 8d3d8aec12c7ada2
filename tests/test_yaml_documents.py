"""Documents that come with the package or from a site, and the line that refuses what does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict

from edge_agent.errors import ConfigurationError
from edge_agent.yaml_documents import Shelf, read_yaml


class Recipe(BaseModel):
    model_config = ConfigDict(extra="forbid")

    about: str
    strength: int = 0


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shelf[Recipe]:
    """A shelf whose package has two documents."""
    package = tmp_path / "recipes_of_a_test"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "mild.yaml").write_text("about: mild")
    (package / "bold.yaml").write_text("{about: bold, strength: 0x1F}")
    monkeypatch.syspath_prepend(str(tmp_path))
    return Shelf("recipe", package.name, Recipe, "see the book")


def test_documents_of_the_package_are_read_by_name(shelf: Shelf[Recipe]) -> None:
    assert shelf.names() == ("bold", "mild")
    assert shelf.read("bold") == Recipe(about="bold", strength=31)


def test_a_document_of_the_site_is_read_by_path(shelf: Shelf[Recipe], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("about: own")

    assert shelf.read(str(tmp_path / "own.yaml")).about == "own"
    assert shelf.read_all(str(tmp_path)) == {"own": Recipe(about="own")}
    assert shelf.read_all(str(tmp_path / "own.yaml")) == {"own": Recipe(about="own")}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("{about: own, strnegth: 1}", "strnegth: not known here"),
        ("{about: own, strength: much}", "strength: not a whole number"),
        ("strength: 1", "about: missing"),
        ("- about", "not a group of fields"),
        ("", "not a group of fields"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_file_and_field(
    shelf: Shelf[Recipe], tmp_path: Path, text: str, wrong: str
) -> None:
    file = tmp_path / "own.yaml"
    file.write_text(text)

    with pytest.raises(ConfigurationError) as refused:
        shelf.read(str(file))

    assert str(refused.value) == f"recipe {file}: {wrong} — see the book"


def test_an_unknown_name_is_refused_with_the_names_there_are(shelf: Shelf[Recipe]) -> None:
    with pytest.raises(
        ConfigurationError, match="no recipe 'hot' — use one of bold, mild, or the path of a file"
    ):
        shelf.read("hot")


def test_a_folder_that_is_none_is_refused(shelf: Shelf[Recipe], tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="nowhere is no folder"):
        shelf.read_all(str(tmp_path / "nowhere"))


def test_a_file_that_cannot_be_read_or_is_no_yaml_is_called_what_it_is(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("a: [")

    with pytest.raises(ConfigurationError, match=r"recipe .*nowhere\.yaml cannot be read: No such file"):
        read_yaml(tmp_path / "nowhere.yaml", "recipe")
    with pytest.raises(
        ConfigurationError,
        match=r"recipe .*broken\.yaml is not YAML: expected .* in line 1, column 5 — mend the file",
    ):
        read_yaml(broken, "recipe")
