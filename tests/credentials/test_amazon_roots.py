"""The root certificates we ship are Amazon's, by the fingerprints Amazon Trust Services publishes."""

from __future__ import annotations

import hashlib
import re
import ssl
from pathlib import Path

import pytest

CERTS = Path(__file__).parents[2] / "certs"
FINGERPRINTS = {
    "AmazonRootCA1.pem": "8ecde6884f3d87b1125ba31ac3fcb13d7016de7f57cc904fe1cb97c6ae98196e",
    "AmazonRootCA3.pem": "18ce6cfe7bf14e60b2e347b8dfe868cb31d02ebb3ada271569f50343b46db3a4",
}


@pytest.mark.parametrize(("name", "fingerprint"), FINGERPRINTS.items())
def test_a_root_has_its_published_fingerprint(name: str, fingerprint: str) -> None:
    pem = (CERTS / name).read_text(encoding="ascii")

    assert hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest() == fingerprint


@pytest.mark.parametrize("fingerprint", FINGERPRINTS.values())
def test_the_page_beside_them_tells_the_same_fingerprint(fingerprint: str) -> None:
    page = (CERTS / "README.md").read_text(encoding="utf-8")

    assert fingerprint in [
        found.replace(":", "").lower() for found in re.findall(r"(?:[0-9A-F]{2}:){31}[0-9A-F]{2}", page)
    ]


def test_no_key_and_no_other_certificate_is_beside_them() -> None:
    shipped = [path for path in CERTS.rglob("*") if path.is_file() and "__pycache__" not in path.parts]

    assert {path.suffix for path in shipped} == {".pem", ".md", ".json", ".py"}
    assert {path.name for path in shipped if path.suffix == ".pem"} == set(FINGERPRINTS)
    assert not [path for path in shipped if b"PRIVATE KEY-----" in path.read_bytes()]
