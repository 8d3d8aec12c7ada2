"""What is done inside a token, in a process of its own (PKCS#11, extra `hsm`).

A PKCS#11 module has one state for a whole process: who is logged in, and whether it may be called
from several threads. The MQTT client uses the module for as long as it lives, so nothing else in
its process may. `edge_agent.credentials.token` starts this one for each task, hands it a JSON
object on standard input and reads one from standard output. The PIN travels in neither: it is
read here, from its file.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11
from asn1crypto import csr, keys, pem, x509
from pkcs11 import Attribute, KeyType, Mechanism, ObjectClass
from pkcs11.util.ec import (
    decode_ec_public_key,
    encode_ec_public_key,
    encode_ecdsa_signature,
    encode_named_curve_parameters,
)

from edge_agent.errors import AgentError, CredentialError
from edge_agent.private_file import read_secret

CURVE = "secp256r1"

# What a token answers, for people: what is wrong, and what to do about it.
_ANSWERS: dict[type[Exception], tuple[str, str]] = {
    pkcs11.NoSuchToken: ("has no token {token_label}", "check uplink.token.token_label"),
    pkcs11.MultipleTokensReturned: ("has several tokens {token_label}", "give each token its own label"),
    pkcs11.NoSuchKey: ("has no key {key_label} in token {token_label}", "check uplink.token.key_label"),
    pkcs11.MultipleObjectsReturned: (
        "has several keys {key_label} in token {token_label}",
        "give each key its own label",
    ),
    pkcs11.PinIncorrect: ("refuses the PIN of token {token_label}", "check uplink.token.pin_file"),
    pkcs11.PinLenRange: ("refuses the PIN of token {token_label}", "check uplink.token.pin_file"),
    pkcs11.PinInvalid: ("refuses the PIN of token {token_label}", "check uplink.token.pin_file"),
    pkcs11.PinLocked: ("has locked the PIN of token {token_label}", "unlock it as its security officer"),
    pkcs11.TokenWriteProtected: ("does not let token {token_label} be changed", "lift its protection"),
}


def main() -> int:
    """Do the one task that standard input asks for."""
    asked = json.load(sys.stdin)
    try:
        answer = _TASKS[asked["task"]](asked)
    except AgentError as error:
        answer = {"what": error.what, "mend": error.mend}
    json.dump(answer, sys.stdout)
    return 0


def _request(asked: Mapping[str, Any]) -> dict[str, str]:
    """A signing request of the key, which is made if there is none of that label."""
    with _opened(asked, rw=True) as session:
        public = _public_key(session, asked["key_label"]) or _make(session, asked["key_label"])
        info = csr.CertificationRequestInfo(
            {
                "version": "v1",
                "subject": x509.Name.build({"common_name": asked["common_name"]}),
                "subject_pk_info": keys.PublicKeyInfo.load(public),
                "attributes": [],
            }
        )
        signature = _sign(_private_key(session, asked["key_label"]), info.dump())
    whole = csr.CertificationRequest(
        {
            "certification_request_info": info,
            "signature_algorithm": {"algorithm": "sha256_ecdsa"},
            "signature": encode_ecdsa_signature(signature),
        }
    )
    return {"request": pem.armor("CERTIFICATE REQUEST", whole.dump()).decode("ascii")}


def _check(asked: Mapping[str, Any]) -> dict[str, bool]:
    """Whether the key in the token signs what the certificate's public key verifies."""
    nonce = os.urandom(32)
    with _opened(asked) as session:
        signature = _sign(_private_key(session, asked["key_label"]), nonce)
        try:
            attributes = decode_ec_public_key(base64.b64decode(asked["public_key"]))
        except (AssertionError, ValueError, TypeError):  # a certificate for a key of another kind
            return {"belongs": False}
        public: Any = session.create_object({**attributes, Attribute.TOKEN: False, Attribute.VERIFY: True})
        digest = hashlib.sha256(nonce).digest()
        return {"belongs": bool(public.verify(digest, signature, mechanism=Mechanism.ECDSA))}


def _signature(asked: Mapping[str, Any]) -> dict[str, str]:
    """The key's signature of a text: ECDSA with SHA-256, in DER."""
    with _opened(asked) as session:
        signature = _sign(_private_key(session, asked["key_label"]), base64.b64decode(asked["text"]))
    return {"signature": base64.b64encode(encode_ecdsa_signature(signature)).decode("ascii")}


def _forget(asked: Mapping[str, Any]) -> dict[str, int]:
    """Destroy every key of that label; how many objects there were."""
    with _opened(asked, rw=True) as session:
        found = [*session.get_objects({Attribute.LABEL: asked["key_label"]})]
        for one in found:
            one.destroy()
    return {"destroyed": len(found)}


_TASKS: dict[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "request": _request,
    "check": _check,
    "sign": _signature,
    "forget": _forget,
}


@contextmanager
def _opened(asked: Mapping[str, Any], *, rw: bool = False) -> Iterator[pkcs11.Session]:
    """A session with the token, logged in. Raises CredentialError."""
    pin = read_secret("PIN file", Path(asked["pin_file"]))
    try:
        token = pkcs11.lib(asked["library"]).get_token(token_label=asked["token_label"])
        with token.open(user_pin=pin, rw=rw) as session:
            yield session
    except pkcs11.PKCS11Error as error:
        what, mend = _ANSWERS.get(
            type(error),
            (f"fails: {type(error).__name__} {error}".rstrip(), "check uplink.token and the token"),
        )
        raise CredentialError(f"PKCS#11 module {asked['library']} {what.format_map(asked)}", mend) from error


def _make(session: pkcs11.Session, label: str) -> bytes:
    """Make a key that never leaves the token; its public half."""
    curve = {Attribute.EC_PARAMS: encode_named_curve_parameters(CURVE)}
    public, _private = session.create_domain_parameters(KeyType.EC, curve, local=True).generate_keypair(
        store=True,
        label=label,
        id=hashlib.sha256(label.encode()).digest()[:16],
        private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
    )
    return encode_ec_public_key(public)


def _public_key(session: pkcs11.Session, label: str) -> bytes | None:
    try:
        found: Any = session.get_key(object_class=ObjectClass.PUBLIC_KEY, label=label)
    except pkcs11.NoSuchKey:
        return None
    return encode_ec_public_key(found)


def _private_key(session: pkcs11.Session, label: str) -> Any:  # noqa: ANN401  its type lacks `sign`
    return session.get_key(object_class=ObjectClass.PRIVATE_KEY, label=label)


def _sign(key: Any, data: bytes) -> bytes:  # noqa: ANN401  as _private_key
    """ECDSA with SHA-256: the digest is made here, since not every token hashes."""
    signature: bytes = key.sign(hashlib.sha256(data).digest(), mechanism=Mechanism.ECDSA)
    return signature


if __name__ == "__main__":
    sys.exit(main())
