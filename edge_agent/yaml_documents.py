"""YAML documents: read from the package or from a site's file, and checked before anything uses them.

A `Shelf` holds the documents of one kind: those that come with the package, by name, and a site's own, by
path. What does not fit its model is refused in one line that names the file and the field.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any, Generic, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from edge_agent.errors import ConfigurationError
from edge_agent.words import describe

SUFFIX = ".yaml"

M = TypeVar("M", bound=BaseModel)


def read_yaml(file: Path, what: str) -> Any:  # noqa: ANN401  whatever the file holds
    """What a YAML file holds. Raises ConfigurationError, calling the file `what`, if it cannot be read."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"{what} {file} cannot be read: {error.strerror}", "check the path and its permissions"
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # no UTF-8, no such date, no end
        raise ConfigurationError(f"{what} {file} is not YAML: {_reason(error)}", "mend the file") from error


def _reason(error: Exception) -> str:
    """What is wrong and where, without the piece of the file that the parser draws below it."""
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        return f"{error.problem} in line {mark.line + 1}, column {mark.column + 1}"
    return " ".join(str(error).split())


def is_path(name_or_path: str) -> bool:
    """Whether a site means a file or a folder of its own."""
    return "/" in name_or_path or name_or_path.endswith(SUFFIX)


class Shelf(Generic[M]):
    """Documents of one kind.

    Args:
        what: what one of them is called.
        package: where those lie that come with the agent.
        model: what they have to fit.
        mend: what to do about one that does not.
    """

    def __init__(self, what: str, package: str, model: type[M], mend: str) -> None:
        self._what = what
        self._package = package
        self._model = model
        self._mend = mend

    def names(self) -> tuple[str, ...]:
        """Those that come with the agent, in alphabetical order."""
        return tuple(sorted(self._files()))

    def read(self, name_or_path: str) -> M:
        """A document of the agent's by name, or a site's by path.

        Raises ConfigurationError in one line that names the file, the field and what is wrong.
        """
        file = self._find(name_or_path)
        document = read_yaml(file, self._what)
        try:
            return self._model.model_validate(document)
        except ValidationError as invalid:
            problems = "; ".join(describe(invalid))
            raise ConfigurationError(f"{self._what} {file}: {problems}", self._mend) from invalid
        except ConfigurationError as error:
            raise ConfigurationError(f"{self._what} {file}: {error.what}", error.mend) from error

    def read_all(self, path: str) -> dict[str, M]:
        """The documents of a site's folder, or the one in its file, by name. Raises as `read` does."""
        if path.endswith(SUFFIX):
            return {Path(path).stem: self.read(path)}
        if not Path(path).is_dir():
            raise ConfigurationError(f"{self._what}s: {path} is no folder", "check the path")
        return {file.stem: self.read(str(file)) for file in sorted(Path(path).glob(f"*{SUFFIX}"))}

    def _files(self) -> dict[str, Path]:
        lying = (Path(str(file)) for file in files(self._package).iterdir())
        return {file.stem: file for file in lying if file.suffix == SUFFIX}

    def _find(self, name_or_path: str) -> Path:
        if is_path(name_or_path):
            return Path(name_or_path)
        files_ = self._files()
        if name_or_path not in files_:
            raise ConfigurationError(
                f"there is no {self._what} {name_or_path!r}",
                f"use one of {', '.join(sorted(files_))}, or the path of a file",
            )
        return files_[name_or_path]
