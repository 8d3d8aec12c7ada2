"""The chain of the journal is signed with the key the gateway proves itself with."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from edge_agent.agent.notary import Notary
from edge_agent.chain import from_written
from edge_agent.credentials.checkpoint_signature import checker_of
from edge_agent.credentials.in_use import Identity
from edge_agent.errors import CredentialError, JournalError
from edge_agent.events import EventBody
from edge_agent.events.of_journal import JournalCheckpoint
from edge_agent.journal import Journal, open_journal
from edge_agent.verify.checkpoints import signed_text

KEYS: dict[str, Callable[[], ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-384": lambda: ec.generate_private_key(ec.SECP384R1()),
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
}
FORMS = {"PKCS #8": PrivateFormat.PKCS8, "the key's own": PrivateFormat.TraditionalOpenSSL}


def make_identity(folder: Path, kind: str = "P-256", form: str = "PKCS #8") -> Identity:
    key, now = KEYS[kind](), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "gw-07")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )
    identity = Identity(folder / "certificate.pem", folder / "key.pem")
    identity.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, FORMS[form], NoEncryption()))
    return identity


@dataclass
class Bench:
    """A journal, and what its notary said."""

    journal: Journal
    identity: Identity | None = None
    said: list[JournalCheckpoint] = field(default_factory=list)
    refuses: bool = False

    def __post_init__(self) -> None:
        self.notary = Notary(self.journal, lambda: self.identity, self._say)

    def _say(self, body: EventBody) -> None:
        if self.refuses:
            raise JournalError("the collector does not answer")
        assert isinstance(body, JournalCheckpoint)
        self.said.append(body)
        self.journal.append([body.model_dump_json().encode()])


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with open_journal(tmp_path / "journal", role="collect", housekeeping=False) as journal:
        journal.append([b"one", b"two"])
        yield Bench(journal)


@pytest.mark.parametrize("form", [*FORMS])
@pytest.mark.parametrize("kind", [*KEYS])
def test_a_checkpoint_is_signed_and_the_certificate_proves_it(
    bench: Bench, tmp_path: Path, kind: str, form: str
) -> None:
    bench.identity = make_identity(tmp_path, kind, form)
    sequence, link = bench.journal.head_chain()

    assert bench.notary.look()

    (said,) = bench.said
    check = checker_of([tmp_path / "certificate.pem"])
    signature = base64.b64decode(said.signature)
    assert (said.sequence, from_written(said.chain)) == (sequence, link)
    assert check(signed_text(bench.journal.id, sequence, link), signature, said.certificate) is True
    assert check(signed_text(bench.journal.id, sequence + 1, link), signature, said.certificate) is False


def test_where_nothing_is_new_nothing_is_signed(bench: Bench) -> None:
    bench.notary.look()

    assert not bench.notary.look()

    bench.journal.append([b"three"])
    assert bench.notary.look()
    assert [said.sequence for said in bench.said] == [2, 4]


def test_without_a_key_the_chain_is_told_unsigned(bench: Bench) -> None:
    bench.notary.look()

    assert (bench.said[0].signature, bench.said[0].certificate) == ("", "")


def test_what_could_not_be_said_is_said_the_next_time(bench: Bench) -> None:
    bench.refuses = True
    with pytest.raises(JournalError):
        bench.notary.look()
    bench.refuses = False

    assert bench.notary.look()


@pytest.mark.parametrize("content", ["", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_a_key_that_is_none_is_one_line(bench: Bench, tmp_path: Path, content: str) -> None:
    bench.identity = make_identity(tmp_path)
    (tmp_path / "key.pem").write_text(content)

    with pytest.raises(CredentialError, match=r"key\.pem signs nothing"):
        bench.notary.look()


def test_a_key_that_is_not_there_is_one_line(bench: Bench, tmp_path: Path) -> None:
    bench.identity = make_identity(tmp_path)
    (tmp_path / "key.pem").unlink()

    with pytest.raises(CredentialError, match=r"key\.pem cannot be read"):
        bench.notary.look()
