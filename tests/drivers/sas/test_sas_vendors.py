"""Vendor profiles: chosen from what a machine says, or by the site; and what each of them changes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edge_agent.cli import main
from edge_agent.drivers.sas import DRIVER
from edge_agent.drivers.sas.acquaintance import Acquaintance
from edge_agent.drivers.sas.profile import MachineProfile
from edge_agent.drivers.sas.vendors import NO_QUIRKS, Quirks, Vendor, Vendors, vendor_names, vendors_of
from edge_agent.drivers.sas.vendors.quirks import Sign
from edge_agent.errors import ConfigurationError
from edge_agent.events.agent import ProtocolErrors
from edge_agent.events.slot import MetersRead

OWN = """
about: own
recognise: [{game_id: AC, serial_number: "SN*"}]
quirks: {settle_seconds: 2.5, avoided_polls: [0x2F, 0x46]}
why: {settle_seconds: seen on the bench, avoided_polls: seen on the bench}
"""

Start = Callable[..., Any]


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A folder with a site's own profile."""
    (tmp_path / "reels.yaml").write_text(OWN)
    return tmp_path


def certain(**quirks: Any) -> Vendors:
    """A vendor the site is sure of."""
    return Vendors(certain=Vendor("own", Quirks(**quirks)))


# -- which one ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sign", "fits"),
    [
        (Sign(), True),
        (Sign(game_id="AT"), True),
        (Sign(game_id="A?", serial_number="12*"), True),
        (Sign(game_id="AT", serial_number="2*"), False),
        (Sign(game_id="at"), False),
        (Sign(additional_id="0*"), False),
        (Sign(sas_version="602"), True),
    ],
)
def test_a_sign_fits_when_all_of_its_patterns_do(sign: Sign, *, fits: bool) -> None:
    machine = MachineProfile(game_id="AT", serial_number="1234", sas_version="602")

    assert sign.fits(machine) is fits


def test_a_machine_is_recognised_by_its_own_answers() -> None:
    vendors = vendors_of("auto")

    assert vendors.vendor_of(MachineProfile(game_id="AT")).name == "aristocrat"
    assert vendors.vendor_of(MachineProfile(game_id="ZZ")).quirks == NO_QUIRKS
    assert vendors.vendor_of(MachineProfile()).quirks == NO_QUIRKS


@pytest.mark.parametrize("name", vendor_names())
def test_the_site_may_name_the_vendor(name: str) -> None:
    vendor = vendors_of(name).vendor_of(MachineProfile(game_id="AT"))

    assert vendor.name == name
    assert vendor.quirks != NO_QUIRKS


def test_the_site_may_want_none() -> None:
    assert vendors_of("none").vendor_of(MachineProfile(game_id="AT")).quirks == NO_QUIRKS


def test_a_sites_own_file_is_certain_and_its_folder_is_looked_through_first(own: Path) -> None:
    one = vendors_of(str(own / "reels.yaml"))
    several = vendors_of(f"{own}/")

    assert one.vendor_of(MachineProfile()).name == "reels"
    assert several.vendor_of(MachineProfile(game_id="AC", serial_number="SN1")).name == "reels"
    assert several.vendor_of(MachineProfile(game_id="AT")).name == "aristocrat"


@pytest.mark.parametrize(
    ("document", "wrong"),
    [
        ("quirks: {settle: 1}\nwhy: {}", "quirks.settle: not known here — mend the field"),
        ("quirks: {settle_seconds: soon}\nwhy: {}", "quirks.settle_seconds: not a number"),
        (
            "quirks: {settle_seconds: 1}\nwhy: {}",
            "why.settle_seconds: missing; say where quirks.settle_seconds is known from",
        ),
        (
            "quirks: {}\nwhy: {settle_seconds: x}",
            "why.settle_seconds: quirks.settle_seconds is as usual, or not known here",
        ),
        ("quirks: {settle_seconds: 61}\nwhy: {}", "quirks.settle_seconds: 61 s — use 0 to 60 s"),
        ("quirks: {reply_window: -0.1}\nwhy: {}", "quirks.reply_window: -0.1 s — use 0 to 1 s"),
        ("quirks: {poll_seconds: 5.1}\nwhy: {}", "quirks.poll_seconds: 5.1 s — use 0 to 5 s"),
        ("quirks: {refusals: often}\nwhy: {}", "quirks.refusals: should be 'never', 'in_bursts' or 'always'"),
        ("quirks: {}\nwhy: {}\nrecognise: [{vendor: x}]", "recognise.0.vendor: not known here"),
        ("why: {}", "quirks: missing"),
    ],
)
def test_a_wrong_profile_is_refused_before_a_port_is_opened(
    tmp_path: Path, document: str, wrong: str
) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(f"about: own\n{document}")

    with pytest.raises(ConfigurationError) as refused:
        DRIVER.check({"vendor": str(own)})

    assert str(refused.value).startswith(f"vendor profile {own}: ")
    assert wrong in str(refused.value)


@pytest.mark.parametrize("option", ["/nowhere/", "nobody", "/nowhere/own.yaml"])
def test_a_profile_that_is_not_there_is_refused(option: str) -> None:
    with pytest.raises(ConfigurationError, match="vendor profile"):
        DRIVER.check({"vendor": option})


# -- what it changes ---------------------------------------------------------------------------


def test_avoided_polls_are_never_asked_and_the_meters_are_read_otherwise(start: Start, own: Path) -> None:
    talk = start(vendor=str(own / "reels.yaml"))

    talk.run_for(30)

    assert not {0x2F, 0x46} & set(talk.cabinet.asked)
    assert {0x0F, 0x20, 0x6F} <= set(talk.cabinet.asked)
    assert talk.of(MetersRead)[0].settled


def test_a_vendor_that_is_recognised_is_heeded_from_then_on(start: Start, own: Path) -> None:
    talk = start(vendor=f"{own}/")
    talk.run_for(30)
    talk.raise_exception(0x7F, win=0)
    talk.run_for(0.5)
    heard_at = talk.journal[-1].at

    talk.run_for(10)

    assert not {0x2F, 0x46} & set(talk.cabinet.asked)
    assert talk.of(MetersRead)[-1].reason == "game_end"
    assert talk.journal[-1].at - heard_at > 2.5


def test_a_slow_pace_and_real_time_events_are_the_vendors_to_refuse(start: Start) -> None:
    talk = start(vendor="patient")
    talk.run_for(30)
    talk.written.clear()

    talk.run_for(10)

    assert not talk.machine.real_time
    assert 40 <= len([data for data in talk.written if not data.endswith(b"\x80")]) <= 10 / 0.2 + 1


def test_a_restarted_host_avoids_what_it_avoided(start: Start, own: Path) -> None:
    talk = start(vendor=f"{own}/")
    talk.meet()

    talk.restart()
    talk.run_for(20)

    assert talk.cabinet.asked
    assert not {0x2F, 0x46} & set(talk.cabinet.asked)


def test_a_change_of_options_is_waited_out_as_long_as_the_vendor_needs() -> None:
    machine = Acquaintance(
        1,
        MachineProfile(),
        serial_check=1,
        may_real_time=False,
        vendors=certain(options_seconds=10.0),
    )
    while (request := machine.next_request(0.0, real_time=False, quiet=True)) is not None:
        if "enable" in request.values:
            machine.mode_confirmed(request.values["enable"], 0.0)
        else:
            machine.unsupported(request, 0.0)
    machine.look_after(0.0)

    machine.ask_again_soon(100.0)

    machine.look_after(109.9)
    assert not machine.interrogating
    machine.look_after(110.0)
    assert machine.interrogating


# -- 81 ----------------------------------------------------------------------------------------


def say_81(start: Start, seconds: float, *, hopper: bool, **options: Any) -> Any:
    """A machine that says 81 to general polls for a while."""
    talk = start(real_time_events="off", **options)
    if not hopper:
        talk.cabinet.silent.add(0x4F)
    talk.meet()
    talk.raise_exception(0x11)
    talk.refuse_for(seconds)
    talk.run_for(seconds + 5)
    return talk


@pytest.mark.parametrize(
    ("vendor", "hopper", "seconds", "journalled"),
    [
        ("auto", False, 1.0, []),
        ("auto", False, 2.5, ["slot.hopper_level_low"]),
        ("wms-bb2", False, 1.0, []),
        ("wms-bb2", False, 2.5, []),
    ],
)
def test_81_is_a_refusal_where_there_is_no_hopper(
    start: Start, vendor: str, seconds: float, journalled: list[str], *, hopper: bool
) -> None:
    talk = say_81(start, seconds, hopper=hopper, vendor=vendor)

    said = [kind for kind in talk.types if kind.startswith("slot.")]
    assert [kind for kind in said if kind == "slot.hopper_level_low"] == journalled
    assert said.count("slot.slot_door_opened") == 1
    assert talk.of(ProtocolErrors)[0].last == "81 in place of an answer: not now"
    assert talk.station.counters.protocol_errors > 5
    assert not talk.station._mishaps.is_rough(talk.now)


@pytest.mark.parametrize(
    ("said", "refuses_with", "never_reports"),
    [
        (MachineProfile(), 0x81, False),
        (MachineProfile(hopper="ok"), None, False),
        (MachineProfile(unsupported=frozenset({0x4F})), 0x81, True),
    ],
    ids=["nobody knows", "a hopper", "no hopper"],
)
def test_81_may_be_a_refusal_where_no_hopper_is_known(
    said: MachineProfile, refuses_with: int | None, *, never_reports: bool
) -> None:
    vendors = vendors_of("wms-bb2")
    machine = Acquaintance(1, said, serial_check=0, may_real_time=False, vendors=vendors)

    assert machine.refuses_with == refuses_with
    assert machine.never_reports(0x81) is never_reports
    assert not machine.never_reports(0x80)


def test_81_from_a_machine_with_a_hopper_is_what_it_reports(start: Start) -> None:
    talk = say_81(start, 1.0, hopper=True, vendor="wms-bb2")

    assert talk.types.count("slot.hopper_level_low") > 5
    assert talk.types.count("slot.slot_door_opened") == 1


def test_81_is_an_exception_where_the_site_says_that_it_always_is(start: Start, tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("about: own\nquirks: {refusals: never}\nwhy: {refusals: they have hoppers}")

    talk = say_81(start, 1.0, hopper=False, vendor=str(own))

    assert talk.types.count("slot.hopper_level_low") > 5


def test_81_as_an_event_frame_is_an_exception(start: Start) -> None:
    talk = start(vendor="wms-bb2")
    talk.cabinet.silent.add(0x4F)
    talk.meet()

    talk.raise_exception(0x81)
    talk.run_for(5)

    assert "slot.hopper_level_low" in talk.types


def test_the_check_of_a_configuration_names_line_file_and_field(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    own, settings = tmp_path / "own.yaml", tmp_path / "agent.yaml"
    own.write_text("about: own\nquirks: {settle: 1}\nwhy: {}")
    settings.write_text(
        "{site: harbour, gateway: gw-01, state: /tmp, lines: [{name: slot-7, port: /dev/ttyS7, "
        f"options: {{vendor: {own}}}}}]}}"
    )

    assert main(["config", "check", str(settings)]) == 2

    said = capsys.readouterr().err
    assert f"line slot-7: vendor profile {own}: quirks.settle: not known here — mend the field" in said
    assert said.count("\n") == 1
