"""The proxy's settings: where it is, and who we are to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.errors import CredentialError
from edge_agent.proxy import Proxy


def secret(folder: Path, text: str, mode: int = 0o600) -> Path:
    file = folder / "proxy"
    file.touch(mode=0o600)
    file.write_text(text, encoding="utf-8")
    file.chmod(mode)
    return file


def test_a_proxy_is_read_from_its_url() -> None:
    proxy = Proxy.at("http://proxy.floor:3128")

    assert (proxy.host, proxy.port, str(proxy)) == ("proxy.floor", 3128, "proxy.floor:3128")
    assert proxy.user_and_password() is None


def test_a_password_may_have_colons(tmp_path: Path) -> None:
    proxy = Proxy.at("http://proxy.floor:3128", secret(tmp_path, "gw-07:a:b\n"))

    assert proxy.user_and_password() == ("gw-07", "a:b")


@pytest.mark.parametrize("text", ["gw-07", ":secret", "gw-07:a\nsecond"])
def test_what_is_no_user_and_password_is_refused_without_saying_it(tmp_path: Path, text: str) -> None:
    proxy = Proxy.at("http://proxy.floor:3128", secret(tmp_path, text))

    with pytest.raises(CredentialError, match=r"proxy credentials .* do") as refused:
        proxy.user_and_password()

    assert "gw-07" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_credentials_that_others_can_read_are_refused(tmp_path: Path) -> None:
    proxy = Proxy.at("http://proxy.floor:3128", secret(tmp_path, "gw-07:secret", mode=0o640))

    with pytest.raises(CredentialError, match=r"can be read or changed by others \(mode 0640\)"):
        proxy.user_and_password()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    proxy = Proxy.at("http://proxy.floor:3128", tmp_path / "missing")

    with pytest.raises(CredentialError, match=r"proxy credentials .*missing cannot be read: No such file"):
        proxy.user_and_password()


def test_a_proxy_shows_no_password(tmp_path: Path) -> None:
    proxy = Proxy.at("http://proxy.floor:3128", secret(tmp_path, "gw-07:secret"))

    assert "secret" not in f"{proxy} {proxy!r}"
