"""What the package's scripts do however a gateway may be, run by dpkg, with a Python that answers at once."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.packaging.conftest import NEEDS_DPKG, Checkout, Gateway

pytestmark = NEEDS_DPKG

STUB = Path(__file__).parent / "stub_python.sh"


@pytest.fixture(scope="session")
def packages(checkout: Checkout, package: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Three versions."""
    folder = tmp_path_factory.mktemp("versions")
    later = {version: checkout.next_version(folder / version, version) for version in ("0.2.0", "0.3.0")}
    return {"0.1.0": package, **{version: each.package() for version, each in later.items()}}


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path / "gateway", str(STUB))


def version(gateway: Gateway, link: str = "current") -> str:
    return (gateway.versions / link / "version").read_text().strip()


def install(gateway: Gateway, package: Path) -> subprocess.CompletedProcess[str]:
    done = gateway.install(package)
    assert done.returncode == 0, done.stderr
    return done


def test_a_fresh_gateway_gets_its_user_its_folders_and_an_example(
    gateway: Gateway, packages: dict[str, Path]
) -> None:
    install(gateway, packages["0.1.0"])

    config = gateway.root / "etc/edge-agent/config.yaml"
    assert "edge-agent:" in (gateway.root / "etc/passwd").read_text()
    assert (
        "dialout:x:20:\n" in (gateway.root / "etc/group").read_text()
        or "dialout:" in (gateway.root / "etc/group").read_text()
    )
    assert stat.S_IMODE(config.stat().st_mode) == 0o640
    assert config.stat().st_gid == config.parent.stat().st_gid != 0
    assert stat.S_IMODE(config.parent.stat().st_mode) == 0o750
    assert stat.S_IMODE(gateway.state.stat().st_mode) == 0o700
    assert gateway.state.stat().st_uid != 0
    wanted = gateway.root / "etc/systemd/system"
    assert (wanted / "multi-user.target.wants/edge-agent.target").is_symlink()
    assert (wanted / "edge-agent.target.wants/edge-agent-collector.service").is_symlink()


def test_settings_that_are_there_stay_as_they_are(gateway: Gateway, packages: dict[str, Path]) -> None:
    install(gateway, packages["0.1.0"])
    config = gateway.root / "etc/edge-agent/config.yaml"
    config.write_text("site: ours\n")

    install(gateway, packages["0.2.0"])

    assert config.read_text() == "site: ours\n"


def test_only_the_version_before_is_kept(gateway: Gateway, packages: dict[str, Path]) -> None:
    for package in packages.values():
        install(gateway, package)

    assert (version(gateway), version(gateway, "previous")) == ("0.3.0", "0.2.0")
    assert len([each for each in gateway.versions.iterdir() if not each.is_symlink()]) == 2


def test_a_version_that_refuses_the_settings_is_not_switched_to_until_they_are_mended(
    gateway: Gateway, packages: dict[str, Path]
) -> None:
    install(gateway, packages["0.1.0"])
    config = gateway.root / "etc/edge-agent/config.yaml"
    config.write_text("refused-by: 0.2.0\n")

    refused = gateway.install(packages["0.2.0"])
    meanwhile = version(gateway)
    config.write_text("mended: yes\n")
    mended = gateway.dpkg("--configure", "casino-edge-agent")

    assert refused.returncode != 0
    assert "it is refused" in refused.stderr
    assert "still runs" in refused.stderr
    assert meanwhile == "0.1.0"
    assert mended.returncode == 0, mended.stderr
    assert version(gateway) == "0.2.0"


def test_a_version_that_cannot_read_the_journal_is_not_switched_to(
    gateway: Gateway, packages: dict[str, Path]
) -> None:
    """Installing the older package is no way around what a rollback refuses."""
    install(gateway, packages["0.2.0"])
    (gateway.root / "etc/edge-agent/config.yaml").write_text("journal-newer-than: 0.1.0\n")

    downgraded = gateway.install(packages["0.1.0"])

    assert downgraded.returncode != 0
    assert "the journal is newer" in downgraded.stderr
    assert version(gateway) == "0.2.0"


def test_an_installation_that_is_cut_leaves_what_runs_and_can_be_repeated(
    gateway: Gateway, packages: dict[str, Path]
) -> None:
    install(gateway, packages["0.1.0"])
    (gateway.root / "no-room").touch()

    cut = gateway.install(packages["0.2.0"])
    meanwhile = version(gateway)
    left = [each.name for each in gateway.versions.iterdir() if each.name.startswith("0.2.0")]
    (gateway.root / "no-room").unlink()
    repeated = gateway.dpkg("--configure", "casino-edge-agent")

    assert cut.returncode != 0
    assert "No space left" in cut.stderr
    assert (meanwhile, left) == ("0.1.0", [])
    assert repeated.returncode == 0, repeated.stderr
    assert version(gateway) == "0.2.0"


def test_a_version_whose_interpreter_went_is_made_again_and_one_that_answers_is_left(
    gateway: Gateway, packages: dict[str, Path]
) -> None:
    """What dpkg's trigger asks for, whenever the system's Python is replaced."""
    install(gateway, packages["0.1.0"])
    install(gateway, packages["0.2.0"])
    assert gateway.rollback().returncode == 0
    control = gateway.root / "var/lib/dpkg/info/casino-edge-agent.postinst"

    def triggered() -> str:
        environment = {"PATH": "/usr/bin:/bin", "DPKG_ROOT": str(gateway.root), "EDGE_PYTHON": gateway.python}
        subprocess.run([control, "triggered", "/usr/bin/python3"], check=True, env=environment)
        return version(gateway)

    untouched = triggered()
    (gateway.versions / "current" / "interpreter-gone").touch()

    assert (untouched, triggered()) == ("0.1.0", "0.2.0")


def test_a_rollback_without_a_version_before_is_refused(gateway: Gateway, packages: dict[str, Path]) -> None:
    install(gateway, packages["0.1.0"])

    done = gateway.rollback()

    assert done.returncode == 1
    assert done.stderr.startswith("edge-agent-rollback: there is no version before 0.1.0-")


def test_rolling_back_twice_runs_the_newer_one_again(gateway: Gateway, packages: dict[str, Path]) -> None:
    install(gateway, packages["0.1.0"])
    install(gateway, packages["0.2.0"])

    back = gateway.rollback(), version(gateway)
    forth = gateway.rollback(), version(gateway)

    assert (back[0].returncode, back[1]) == (0, "0.1.0")
    assert back[0].stdout.startswith("edge-agent-rollback: 0.1.0-")
    assert " runs; 0.2.0-" in back[0].stdout
    assert (forth[0].returncode, forth[1]) == (0, "0.2.0")


def test_a_rollback_to_a_version_that_refuses_the_settings_changes_nothing(
    gateway: Gateway, packages: dict[str, Path]
) -> None:
    install(gateway, packages["0.1.0"])
    install(gateway, packages["0.2.0"])
    (gateway.root / "etc/edge-agent/config.yaml").write_text("refused-by: 0.1.0\n")

    done = gateway.rollback()

    assert done.returncode == 1
    assert "cannot go on here; 0.2.0-" in done.stderr
    assert version(gateway) == "0.2.0"


def test_what_was_removed_and_is_installed_again_is_enabled_again(
    gateway: Gateway, packages: dict[str, Path]
) -> None:
    wanted = gateway.root / "etc/systemd/system/multi-user.target.wants/edge-agent.target"
    install(gateway, packages["0.1.0"])
    assert gateway.dpkg("--remove", "casino-edge-agent").returncode == 0
    removed = wanted.is_symlink()

    install(gateway, packages["0.1.0"])

    assert (removed, wanted.is_symlink()) == (False, True)


def test_what_somebody_disabled_stays_so_over_an_upgrade(gateway: Gateway, packages: dict[str, Path]) -> None:
    wanted = gateway.root / "etc/systemd/system/multi-user.target.wants/edge-agent.target"
    install(gateway, packages["0.1.0"])
    wanted.unlink()

    install(gateway, packages["0.2.0"])

    assert not wanted.is_symlink()


def test_a_purge_keeps_the_journal_and_the_keys(gateway: Gateway, packages: dict[str, Path]) -> None:
    install(gateway, packages["0.1.0"])
    (gateway.state / "journal").mkdir()
    (gateway.state / "journal").touch()
    (gateway.root / "etc/edge-agent/device.key").touch()

    purged = gateway.dpkg("--purge", "casino-edge-agent")

    assert purged.returncode == 0, purged.stderr
    assert "var/lib/edge-agent is kept: the journal is evidence" in purged.stderr
    assert (gateway.state / "journal").exists()
    assert [each.name for each in (gateway.root / "etc/edge-agent").iterdir()] == ["device.key"]
    assert not gateway.versions.exists()
    assert not list((gateway.root / "etc/systemd/system").rglob("edge-agent*.service"))


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="shellcheck is not here")
def test_the_scripts_are_sound_shell() -> None:
    packaging = Path(__file__).parents[2] / "packaging"
    scripts = [*packaging.glob("debian/p*"), *packaging.glob("gateway/*"), STUB]

    done = subprocess.run(
        ["shellcheck", "--external-sources", *scripts],
        check=False,
        cwd=packaging.parent,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout
