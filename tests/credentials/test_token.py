"""Keys in a token, with a real PKCS#11 module."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from edge_agent.credentials.certificate import Certificate, parse_pem
from edge_agent.credentials.dev_pki import issue, make_ca
from edge_agent.credentials.identity import Generation, IdentityStore
from edge_agent.credentials.token import TokenKeys, check_token_key, sign_with_token
from edge_agent.errors import CredentialError
from edge_agent.settings import TokenSettings
from edge_agent.testing.softhsm import PIN, softhsm, softhsm_library

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(softhsm_library() is None, reason="needs SoftHSM (apt install softhsm2)"),
]


@pytest.fixture
def token(tmp_path: Path) -> Iterator[TokenSettings]:
    with softhsm(tmp_path / "hsm") as token:
        yield token


@pytest.fixture
def store(tmp_path: Path, token: TokenSettings) -> IdentityStore:
    return IdentityStore(tmp_path / "identity", forget=TokenKeys(token).forget)


def begin(store: IdentityStore, keys: TokenKeys) -> Generation:
    with store.lock():
        generation = store.begin()
        keys.make(store, generation)
    return generation


def certificate_of(request: bytes) -> Certificate:
    """What a certificate for the request would say, as far as the key goes."""
    (any_certificate,) = parse_pem(issue(make_ca(), "gw-07").certificate)
    public_key = x509.load_pem_x509_csr(request).public_key()
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return Certificate(
        any_certificate.subject,
        any_certificate.issuer,
        any_certificate.serial_number,
        any_certificate.not_before,
        any_certificate.not_after,
        der,
        any_certificate.fingerprint,
    )


def test_a_request_is_made_and_signed_in_the_token(token: TokenSettings, store: IdentityStore) -> None:
    keys = TokenKeys(token)
    generation = begin(store, keys)

    request = x509.load_pem_x509_csr(keys.request(generation, "gw-07"))

    assert request.is_signature_valid
    assert request.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value == "gw-07"
    assert [path.name for path in generation.folder.iterdir()] == ["device.token"]


def test_the_key_in_the_token_is_its_certificates(token: TokenSettings, store: IdentityStore) -> None:
    keys = TokenKeys(token)
    generation = begin(store, keys)
    request = keys.request(generation, "gw-07")

    keys.check(generation, certificate_of(request))
    with pytest.raises(CredentialError, match="is not the key of the certificate of gw-07"):
        keys.check(generation, parse_pem(issue(make_ca(), "gw-07").certificate)[0])


def test_a_key_that_a_power_cut_left_is_found_again(token: TokenSettings, store: IdentityStore) -> None:
    keys = TokenKeys(token)
    generation = begin(store, keys)

    first, second = keys.request(generation, "gw-07"), keys.request(generation, "gw-07")

    assert certificate_of(first).public_key == certificate_of(second).public_key


def test_a_discarded_generation_takes_its_key_with_it(token: TokenSettings, store: IdentityStore) -> None:
    keys = TokenKeys(token)
    generation = begin(store, keys)
    certificate = certificate_of(keys.request(generation, "gw-07"))

    store.discard(generation)

    lost = token.model_copy(update={"key_label": "gw-000001"})
    with pytest.raises(CredentialError, match="has no key gw-000001 in token floor"):
        check_token_key(lost, certificate)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"token_label": "roof"}, "has no token roof"),
        ({"library": Path("/usr/lib/no-such-module.so")}, "no-such-module"),
        ({"key_label": "other"}, "has no key other"),
    ],
)
def test_what_is_not_there_is_named(token: TokenSettings, change: dict[str, object], complaint: str) -> None:
    (certificate,) = parse_pem(issue(make_ca(), "gw-07").certificate)

    with pytest.raises(CredentialError, match=complaint) as refused:
        check_token_key(token.model_copy(update=change), certificate)

    assert refused.value.mend
    assert "\n" not in str(refused.value)


def test_a_wrong_pin_is_said_without_it(token: TokenSettings) -> None:
    (certificate,) = parse_pem(issue(make_ca(), "gw-07").certificate)
    token.pin_file.write_text("999999\n")

    with pytest.raises(CredentialError, match="refuses the PIN of token floor") as refused:
        check_token_key(token, certificate)

    assert "999999" not in str(refused.value)
    assert PIN not in str(refused.value)


def test_a_pin_that_others_can_read_is_refused(token: TokenSettings) -> None:
    (certificate,) = parse_pem(issue(make_ca(), "gw-07").certificate)
    token.pin_file.chmod(0o640)

    with pytest.raises(CredentialError, match="can be read or changed by others"):
        check_token_key(token, certificate)


LOOK = """
import sys
import pkcs11
from pkcs11 import Attribute, ObjectClass
library, label, pin = sys.argv[1:]
with pkcs11.lib(library).get_token(token_label="floor").open(user_pin=pin) as session:
    key = session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)
    print(key[Attribute.SENSITIVE], key[Attribute.EXTRACTABLE], key[Attribute.NEVER_EXTRACTABLE])
    try:
        print(key[Attribute.VALUE])
    except pkcs11.AttributeSensitive:
        print("the token does not tell")
"""


def test_the_token_does_not_give_the_key_away(token: TokenSettings, store: IdentityStore) -> None:
    keys = TokenKeys(token)
    generation = begin(store, keys)
    keys.request(generation, "gw-07")

    command = [sys.executable, "-c", LOOK, str(token.library), "gw-000001", PIN]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout

    assert told.split("\n")[:2] == ["True False True", "the token does not tell"]


def test_a_token_signs_what_its_certificate_proves(token: TokenSettings, store: IdentityStore) -> None:
    generation = begin(store, TokenKeys(token))
    request = TokenKeys(token).request(generation, "gw-07")
    key = x509.load_pem_x509_csr(request).public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)

    signature = sign_with_token(token.model_copy(update={"key_label": generation.key_label()}), b"a text")

    key.verify(signature, b"a text", ec.ECDSA(SHA256()))
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"another", ec.ECDSA(SHA256()))
