"""A check-up looks at everything, and says what is wrong in a line with its mend."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from edge_agent.credentials.checkup import Finding, check_up
from edge_agent.credentials.dev_pki import PkiPaths, issue, make_ca, write_private
from edge_agent.credentials.identity import IdentityStore, Issued
from edge_agent.settings import Settings


def settings(tmp_path: Path, ca: Path, **uplink: Any) -> Settings:
    document = {"endpoint": "localhost", "ca": ca, **uplink}
    return Settings.model_validate(
        {"site": "lab", "gateway": "gw-07", "state": tmp_path / "state", "uplink": document}
    )


def by_hand(tmp_path: Path, pki: PkiPaths) -> Settings:
    return settings(tmp_path, pki.ca, certificate=pki.device_certificate, key=pki.device_key)


def bad(findings: Sequence[Finding]) -> list[str]:
    return [finding.text for finding in findings if not finding.good]


def enrolled(folder: Path, pki: PkiPaths, thing: str = "gw-07") -> IdentityStore:
    """A store that holds the development device's identity."""
    store = IdentityStore(folder)
    with store.lock():
        generation = store.begin()
        store.keep_key(generation, pki.device_key.read_bytes())
        store.keep_request(generation, b"the request")
        store.keep_issued(generation, Issued("1f" * 32, pki.device_certificate.read_text(), "the token"))
        store.keep_registration(generation, thing)
        store.switch(generation)
    return store


def test_a_good_identity_by_hand_is_good_throughout(tmp_path: Path, pki: PkiPaths) -> None:
    findings = check_up(by_hand(tmp_path, pki))

    assert bad(findings) == []
    told = "\n".join(finding.text for finding in findings)
    assert "days left" in told
    assert "signed by Trial floor CA" in told
    assert "mode 0600" in told


def test_a_good_identity_in_a_store_is_good_throughout(tmp_path: Path, pki: PkiPaths) -> None:
    enrolled(tmp_path / "identity", pki)

    findings = check_up(settings(tmp_path, pki.ca, identity=tmp_path / "identity"))

    assert bad(findings) == []
    assert any("registered as thing gw-07" in finding.text for finding in findings)


def test_no_identity_yet_says_to_enrol(tmp_path: Path, pki: PkiPaths) -> None:
    (text,) = bad(check_up(settings(tmp_path, pki.ca, identity=tmp_path / "identity")))

    assert text.endswith("enrol: edge-agent certs enrol")


def test_another_things_identity_is_bad(tmp_path: Path, pki: PkiPaths) -> None:
    enrolled(tmp_path / "identity", pki, thing="gw-08")

    (text,) = bad(check_up(settings(tmp_path, pki.ca, identity=tmp_path / "identity")))

    assert text.endswith("registered as thing gw-08, the settings say gw-07 — set gateway: gw-08")


def test_an_open_folder_is_bad(tmp_path: Path, pki: PkiPaths) -> None:
    store = enrolled(tmp_path / "identity", pki)
    store.folder.chmod(0o755)

    (text,) = bad(check_up(settings(tmp_path, pki.ca, identity=store.folder)))

    assert "mode 0755" in text
    assert f"chmod 700 {store.folder}" in text


def test_a_claim_key_left_on_an_enrolled_gateway_is_bad(tmp_path: Path, pki: PkiPaths) -> None:
    store = enrolled(tmp_path / "identity", pki)
    enrolment = {"template": "edge-agent-enrol", "claim_certificate": pki.ca, "claim_key": pki.server_key}

    (text,) = bad(check_up(settings(tmp_path, pki.ca, identity=store.folder, enrolment=enrolment)))

    assert f"claim key {pki.server_key} is still here" in text


def test_an_expired_certificate_is_bad(tmp_path: Path, pki: PkiPaths) -> None:
    later = datetime.now(UTC) + timedelta(days=100)

    texts = bad(check_up(by_hand(tmp_path, pki), later))

    assert any("Trial floor CA" in text and "has expired" in text for text in texts)
    assert any(str(pki.ca) in text and "has expired" in text for text in texts)


def test_a_certificate_that_ends_soon_is_good_and_said(tmp_path: Path, pki: PkiPaths) -> None:
    soon = datetime.now(UTC) + timedelta(days=60)

    findings = check_up(by_hand(tmp_path, pki), soon)

    assert all(finding.good for finding in findings)
    assert any(finding.text.endswith("days left — renew it soon") for finding in findings)


def test_another_certificates_key_is_bad(tmp_path: Path, pki: PkiPaths) -> None:
    write_private(pki.device_key, issue(make_ca(), "gw-07").key)

    (text,) = bad(check_up(by_hand(tmp_path, pki)))

    assert "is not the key of certificate" in text


def test_an_operation_under_way_is_told(tmp_path: Path, pki: PkiPaths) -> None:
    store = enrolled(tmp_path / "identity", pki)
    with store.lock():
        store.keep_key(store.begin(), b"a new key")

    findings = check_up(settings(tmp_path, pki.ca, identity=store.folder))

    assert bad(findings) == []
    assert any("generation 000002 is under way (keyed)" in finding.text for finding in findings)


def test_an_uplink_to_a_file_needs_no_identity(tmp_path: Path) -> None:
    document = {
        "site": "lab",
        "gateway": "gw-07",
        "state": tmp_path,
        "uplink": {"kind": "file", "path": tmp_path / "out"},
    }

    assert [finding.good for finding in check_up(Settings.model_validate(document))] == [True]


def test_the_identity_of_before_is_told_until_it_goes(tmp_path: Path, pki: PkiPaths) -> None:
    store = enrolled(tmp_path / "identity", pki)
    enrolled(store.folder, pki)

    findings = check_up(settings(tmp_path, pki.ca, identity=store.folder))

    assert bad(findings) == []
    assert any("generation 000001 is the one before" in finding.text for finding in findings)
    assert any("000002 is current, not yet used by the forwarder" in finding.text for finding in findings)


def test_a_claim_key_that_others_can_read_is_bad_before_enrolling(tmp_path: Path, pki: PkiPaths) -> None:
    enrolment = {"template": "edge-agent-enrol", "claim_certificate": pki.ca, "claim_key": pki.server_key}
    before = settings(tmp_path, pki.ca, identity=tmp_path / "identity", enrolment=enrolment)
    assert any(finding.text.endswith("is here, for enrolling") for finding in check_up(before))

    pki.server_key.chmod(0o640)

    assert any(f"claim key {pki.server_key} can be read" in text for text in bad(check_up(before)))


def test_the_chain_in_a_certificates_file_is_looked_at(tmp_path: Path, pki: PkiPaths) -> None:
    pki.device_certificate.write_bytes(pki.device_certificate.read_bytes() + pki.ca.read_bytes())

    findings = check_up(by_hand(tmp_path, pki))

    assert any(finding.text.startswith("its chain's Trial floor CA counts until") for finding in findings)


def test_a_certificate_that_is_no_root_is_bad_among_the_roots(tmp_path: Path, pki: PkiPaths) -> None:
    pki.ca.write_bytes(pki.device_certificate.read_bytes())

    assert any(
        f"({pki.ca}) is no root: Trial floor CA signed it" in text
        for text in bad(check_up(by_hand(tmp_path, pki)))
    )


def test_the_same_trouble_is_said_once(tmp_path: Path, pki: PkiPaths) -> None:
    pki.ca.unlink()

    assert len(bad(check_up(by_hand(tmp_path, pki)))) == 1


def test_roots_that_cannot_be_read_are_bad(tmp_path: Path, pki: PkiPaths) -> None:
    pki.ca.write_bytes(b"rubbish")

    assert any(
        "CA" in text and "is not a certificate in PEM" in text
        for text in bad(check_up(by_hand(tmp_path, pki)))
    )
