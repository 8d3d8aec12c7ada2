"""Keys in a token: made there, used there, never anywhere else (PKCS#11).

This end needs no PKCS#11: every task is done by a process of its own, for the reason
that `edge_agent.credentials.token_worker` gives.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from typing import Any

from edge_agent.credentials.certificate import Certificate
from edge_agent.credentials.identity import Generation, IdentityStore
from edge_agent.errors import CredentialError
from edge_agent.settings import TokenSettings

# A TPM takes some seconds to make a key; beyond this a token is taken for stuck.
TASK_SECONDS = 60.0
WORKER = "edge_agent.credentials.token_worker"


class TokenKeys:
    """Keys in a token, one for each generation, by its number."""

    def __init__(self, token: TokenSettings) -> None:
        self._token = token

    def make(self, store: IdentityStore, generation: Generation) -> None:
        """Say where the key will be: then one that a power cut left there is found again."""
        store.keep_key_label(generation, f"{self._token.key_label}-{generation.name}")

    def request(self, generation: Generation, common_name: str) -> bytes:
        """Make the key, unless it is there, and a signing request of it."""
        answer = _do("request", self._of(generation), common_name=common_name)
        return str(answer["request"]).encode("ascii")

    def check(self, generation: Generation, certificate: Certificate) -> None:
        """Let the key sign something, and verify it by the certificate."""
        check_token_key(self._of(generation), certificate)

    def forget(self, generation: Generation) -> None:
        """Destroy the key."""
        _do("forget", self._of(generation))

    def _of(self, generation: Generation) -> TokenSettings:
        return self._token.model_copy(update={"key_label": generation.key_label()})


def check_token_key(token: TokenSettings, certificate: Certificate) -> None:
    """Raise CredentialError unless the key in the token is the certificate's."""
    public_key = base64.b64encode(certificate.public_key).decode("ascii")
    if not _do("check", token, public_key=public_key)["belongs"]:
        raise CredentialError(
            f"key {token.key_label} in token {token.token_label} is not the key of the certificate of "
            f"{certificate.subject or certificate.serial_number}",
            "point both at one identity",
        )


def sign_with_token(token: TokenSettings, text: bytes) -> bytes:
    """The signature of `text` by the key in the token: ECDSA with SHA-256, in DER. Raises CredentialError."""
    answer = _do("sign", token, text=base64.b64encode(text).decode("ascii"))
    return base64.b64decode(answer["signature"])


def _do(task: str, token: TokenSettings, **more: str) -> dict[str, Any]:
    """Have a task done. Raises CredentialError."""
    asked = {"task": task, **token.model_dump(mode="json"), **more}
    try:
        worker = subprocess.run(  # noqa: S603  our own module, no shell
            [sys.executable, "-P", "-m", WORKER],  # -P: nothing is imported from the folder we are in
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=TASK_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CredentialError(
            f"token {token.token_label} does not answer within {TASK_SECONDS:g} s", "look at the token"
        ) from error
    answer = _answer(worker, token)
    if "what" in answer:
        raise CredentialError(answer["what"], answer["mend"])
    return answer


def _answer(worker: subprocess.CompletedProcess[str], token: TokenSettings) -> dict[str, Any]:
    try:
        answer: dict[str, Any] = json.loads(worker.stdout)
    except ValueError as error:
        said = worker.stderr.strip().splitlines()
        if said and said[-1].startswith("ModuleNotFoundError"):
            raise CredentialError(
                "a key in a token needs the package python-pkcs11", "pip install 'casino-edge-agent[hsm]'"
            ) from error
        reason = said[-1] if said else f"its process ended with status {worker.returncode}"
        raise CredentialError(
            f"PKCS#11 module {token.library} fails: {reason}", "check uplink.token.library"
        ) from error
    return answer
