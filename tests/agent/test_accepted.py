"""Settings that last made sense, for a role that is started with some that make none."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from edge_agent.agent.accepted import AcceptedSource
from edge_agent.errors import ConfigurationError
from edge_agent.settings import Settings, read_settings

GOOD: dict[str, object] = {
    "site": "lab",
    "gateway": "gw-07",
    "state": "/nowhere",
    "lines": {"a": "/dev/ttyS0", "b": "/dev/ttyS1?driver=tdl1&address=2"},
    "uplink": {"kind": "file", "path": "/out"},
}


class Deployed:
    """What is deployed, which may change."""

    def __init__(self, document: dict[str, object]) -> None:
        self.document = document

    def load(self) -> Settings:
        return read_settings(dict(self.document), "deployment", environment={})


def source(deployed: Deployed, file: Path, told: list[str] | None = None) -> AcceptedSource:
    told = [] if told is None else told
    return AcceptedSource(deployed, lambda _settings: None, file, lambda: told.append("kept"))


def test_what_makes_sense_is_used_and_kept_for_us_alone(tmp_path: Path) -> None:
    file = tmp_path / "state" / "accepted.json"

    settings = source(Deployed(GOOD), file).load()

    assert settings == read_settings(dict(GOOD), "x", environment={})
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_beginning_with_what_makes_no_sense_is_made_with_what_last_did(tmp_path: Path) -> None:
    file, told = tmp_path / "accepted.json", list[str]()
    good = source(Deployed(GOOD), file).load()

    settings = source(Deployed(GOOD | {"site": "no site"}), file, told).load()

    assert settings == good
    assert told == ["kept"]


def test_a_role_that_has_begun_is_told_why_not(tmp_path: Path) -> None:
    """Whoever reads again goes on with what it has; it must not take older settings for new ones."""
    deployed, file = Deployed(GOOD), tmp_path / "accepted.json"
    accepted = source(deployed, file)
    accepted.load()
    deployed.document = GOOD | {"site": "no site"}

    with pytest.raises(ConfigurationError, match="site"):
        accepted.load()


def test_what_the_role_objects_to_is_not_kept(tmp_path: Path) -> None:
    def object_to_it(_settings: Settings) -> None:
        raise ConfigurationError("line a makes no sense", "mend it")

    accepted = AcceptedSource(Deployed(GOOD), object_to_it, tmp_path / "accepted.json", lambda: None)

    with pytest.raises(ConfigurationError, match="line a"):
        accepted.load()
    assert not (tmp_path / "accepted.json").exists()


@pytest.mark.parametrize("kept", ["", "[]", '{"setting": "of another version"}', "\xff"])
def test_what_cannot_be_read_any_more_is_as_if_it_were_not_there(tmp_path: Path, kept: str) -> None:
    file = tmp_path / "accepted.json"
    file.write_text(kept, encoding="latin-1")

    with pytest.raises(ConfigurationError, match="site"):
        source(Deployed({}), file).load()


def test_a_disk_that_keeps_nothing_does_not_stop_the_role(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")

    settings = source(Deployed(GOOD), tmp_path / "file" / "accepted.json").load()

    assert settings.site == "lab"
