"""Settings: where values come from, who wins, and what is said of a wrong one."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import ConfigurationError
from edge_agent.settings import Settings, load_settings, read_settings

MINIMAL = """
site: harbour
gateway: gw-01
state: /var/lib/edge-agent
lines:
  - {name: slot-001, port: /dev/ttyUSB0, options: {address: 1}}
uplink: {endpoint: broker.example, ca: ca.pem, certificate: device.pem, key: device.key}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.yaml"
    path.write_text(MINIMAL)
    return path


def load(file: Path, **environment: str) -> Settings:
    return load_settings(file, environment=environment)


def test_a_minimal_file_is_enough(file: Path) -> None:
    settings = load(file)

    assert settings.lines[0].device == "slot-001"
    assert settings.journal_path == Path("/var/lib/edge-agent/journal")
    assert settings.source == "/floor/harbour/gw-01"
    assert settings.events_topic == "floor/harbour/gw-01/ev/batch"
    assert settings.status_topic == "floor/harbour/gw-01/status"


def test_the_environment_wins_over_the_file(file: Path) -> None:
    settings = load(file, EDGE_AGENT_UPLINK__PORT="443", EDGE_AGENT_SITE="pier", HOME="/root")

    assert settings.uplink is not None
    assert settings.uplink.port == 443
    assert settings.site == "pier"


@pytest.mark.parametrize("thing", ["0123", "17", "0x1F", "1_000", "2024-01-01", "on"])
def test_a_thing_may_be_called_by_what_yaml_takes_for_a_number(file: Path, thing: str) -> None:
    """A recipe hands its name over by the environment; whole floors are numbered."""
    assert load(file, EDGE_AGENT_GATEWAY=thing).gateway == thing


def test_variables_of_the_commands_are_no_settings(file: Path) -> None:
    settings = load(file, EDGE_AGENT_CONFIG="/etc/edge-agent/config.yaml", EDGE_AGENT_TRACEBACK="1")

    assert settings.site == "harbour"


@pytest.mark.parametrize("text", ["site: 2020-99-99", "a: " + "[" * 5000])
def test_yaml_that_trips_its_reader_is_said_to_be_none(file: Path, text: str) -> None:
    file.write_text(text)

    with pytest.raises(ConfigurationError, match="is not YAML"):
        load(file)


def test_a_flag_that_trips_the_reader_is_said_to_be_none(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="--set site has the value '2020-99-99'"):
        load_settings(file, environment={}, overrides=["site=2020-99-99"])


def test_a_flag_wins_over_the_environment(file: Path) -> None:
    settings = load_settings(file, environment={"EDGE_AGENT_SITE": "pier"}, overrides=["site=quay"])

    assert settings.site == "quay"


def test_a_wrong_setting_is_blamed_on_whoever_gave_it(file: Path) -> None:
    environment = {"EDGE_AGENT_UPLINKS": "none", "EDGE_AGENT_UPLINK__PORT": "many"}

    with pytest.raises(ConfigurationError) as raised:
        load_settings(file, environment=environment, overrides=["site="])

    said = raised.value.what
    assert "EDGE_AGENT_UPLINKS: not known here" in said
    assert "EDGE_AGENT_UPLINK__PORT: not a whole number" in said
    assert "--set site: not text" in said
    assert str(file) not in said


def test_settings_are_frozen(file: Path) -> None:
    settings = load(file)

    with pytest.raises(ValueError, match="frozen"):
        settings.site = "elsewhere"  # type: ignore[misc]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("port: /dev/ttyUSB0", "prot: /dev/ttyUSB0"), r"lines\.slot-001\.port: missing"),
        (("site: harbour", "site: har/bour"), "site: should match pattern"),
        (("site: harbour", "site: 7"), "site: not text"),
        (("key: device.key", "keys: device.key"), r"uplink\.keys: not known here"),
        ((", key: device.key", ""), "kind iot_core needs key"),
        (("site: harbour", "sites: harbour"), "site: missing"),
        (
            ("ca: ca.pem", "ca: ca.pem, max_reconnect_ms: 500"),
            "min_reconnect_ms is more than max_reconnect_ms",
        ),
        (
            ("ca: ca.pem", "ca: ca.pem, ack_timeout_seconds: 8"),
            "ack_timeout_seconds is not more than ack_watchdog_seconds",
        ),
        (
            ("ca: ca.pem", "ca: ca.pem, proxy: 'http://me:secret@proxy:3128'"),
            r"uplink\.proxy: should match pattern",
        ),
        (
            ("ca: ca.pem", "ca: ca.pem, proxy_credentials: proxy"),
            "proxy_credentials are given, and no proxy",
        ),
        (("gateway: gw-01", "gateway: gw.01"), "gateway: should match pattern"),
    ],
)
def test_a_wrong_setting_is_named(file: Path, change: tuple[str, str], said: str) -> None:
    file.write_text(MINIMAL.replace(*change))

    with pytest.raises(ConfigurationError, match=said) as refused:
        load(file)

    assert str(file) in refused.value.what
    assert "\n" not in str(refused.value)


def test_two_lines_on_one_port_are_refused(file: Path) -> None:
    second = "\n  - {name: slot-002, port: /dev/ttyUSB0}\nuplink"
    file.write_text(MINIMAL.replace("\nuplink", second))

    with pytest.raises(ConfigurationError, match="two lines have the port '/dev/ttyUSB0'"):
        load(file)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("site: [", "is not YAML"),
        ("- one", "holds no settings"),
        ("", "holds no settings"),
        ("\x00", "is not YAML"),
    ],
)
def test_a_file_that_holds_no_settings_is_named(file: Path, text: str, said: str) -> None:
    file.write_text(text)

    with pytest.raises(ConfigurationError, match=said):
        load(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml cannot be read: No such file"):
        load(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("site", "has no '='"),
        ("site.name=x", "reaches into 'site'"),
        ("site=[", "no YAML scalar"),
    ],
)
def test_a_wrong_flag_is_named(file: Path, override: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        load_settings(file, environment={}, overrides=[override])


def test_a_file_uplink_needs_a_path(file: Path) -> None:
    with pytest.raises(ConfigurationError, match="kind file needs path"):
        load_settings(file, environment={}, overrides=["uplink={kind: file}"])


def test_the_schema_documents_every_setting() -> None:
    schema = Settings.model_json_schema()

    assert schema["properties"]["gateway"]["description"]
    assert set(schema["required"]) == {"site", "gateway", "state"}


def test_lines_may_be_a_group_by_name() -> None:
    """A deployment merges groups key by key; a list it could only replace whole."""
    grouped = read_settings(
        {
            "site": "s",
            "gateway": "g",
            "state": "/s",
            "lines": {"a": {"port": "/dev/a"}, "b": {"port": "/dev/b"}},
        },
        "deployment",
        environment={},
    )

    assert [(line.name, line.port) for line in grouped.lines] == [("a", "/dev/a"), ("b", "/dev/b")]


def test_numbers_may_come_as_text_or_as_whole_floats() -> None:
    """The Greengrass nucleus hands numbers over as floats, nucleus lite as text."""
    settings = read_settings(
        {
            "site": "s",
            "gateway": "g",
            "state": "/s",
            "minor_units": "3",
            "journal": {"minimum_free_mb": 128.0},
        },
        "deployment",
        environment={},
    )

    assert (settings.minor_units, settings.journal.minimum_free_mb) == (3, 128)


def test_a_line_may_be_one_text() -> None:
    settings = read_settings(
        {
            "site": "s",
            "gateway": "g",
            "state": "/s",
            "lines": {
                "a": "/dev/serial/by-id/usb-FTDI-if00-port0",
                "b": "/dev/ttyS1?driver=tdl1&subject=shuffler-7&address=2",
                "c": "tcp:ds-7:4001?marks=none&address=3",
            },
        },
        "deployment",
        environment={},
    )

    a, b, c = settings.lines
    assert (c.port, c.options) == ("tcp:ds-7:4001?marks=none", {"address": "3"})
    assert (a.port, a.driver, a.options) == ("/dev/serial/by-id/usb-FTDI-if00-port0", "sas", {})
    assert (b.port, b.driver, b.device, b.options) == ("/dev/ttyS1", "tdl1", "shuffler-7", {"address": "2"})


@pytest.mark.parametrize("line", [None, 7, ["/dev/a"], ""])
def test_a_line_that_is_neither_text_nor_group_is_refused_by_its_name(line: object) -> None:
    document = {"site": "s", "gateway": "g", "state": "/s", "lines": {"a": line}}

    with pytest.raises(ConfigurationError, match=r"lines\.a: |lines\.a\.port: "):
        read_settings(document, "deployment", environment={})
