"""What happens inside a token's process stays there: it ends as one line, however it ends."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.credentials.certificate import parse_pem
from edge_agent.credentials.dev_pki import issue, make_ca
from edge_agent.credentials.token import check_token_key
from edge_agent.errors import CredentialError
from edge_agent.settings import TokenSettings

pytestmark = pytest.mark.integration

CERTIFICATE = parse_pem(issue(make_ca(), "gw-07").certificate)[0]


def refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pkcs11: str) -> CredentialError:
    """What is said when `import pkcs11` does this."""
    (tmp_path / "pkcs11.py").write_text(pkcs11)
    path = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(tmp_path), path])))
    library, pin_file = Path("/usr/lib/some-module.so"), tmp_path / "pin"
    token = TokenSettings(library=library, token_label="floor", key_label="gw", pin_file=pin_file)  # noqa: S106  a label
    with pytest.raises(CredentialError) as caught:
        check_token_key(token, CERTIFICATE)
    assert "\n" not in str(caught.value)
    assert caught.value.mend
    return caught.value


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refusal(tmp_path, monkeypatch, "raise ModuleNotFoundError(\"No module named 'pkcs11'\")")

    assert error.what == "a key in a token needs the package python-pkcs11"
    assert error.mend == "pip install 'casino-edge-agent[hsm]'"


def test_a_module_that_crashes_takes_nobody_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    error = refusal(tmp_path, monkeypatch, "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")

    assert error.what == "PKCS#11 module /usr/lib/some-module.so fails: its process ended with status -11"


def test_a_module_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edge_agent.credentials.token.TASK_SECONDS", 0.5)

    error = refusal(tmp_path, monkeypatch, "import time\ntime.sleep(60)")

    assert error.what == "token floor does not answer within 0.5 s"
