"""The proxy between a gateway and the cloud: it is told names and ports, and sees nothing within.

It is asked to CONNECT, and TLS goes through it end to end: the server's name is checked as without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from edge_agent.errors import CredentialError
from edge_agent.private_file import read_secret


@dataclass(frozen=True, slots=True)
class Proxy:
    """Where the proxy is, and the file that says who we are to it."""

    host: str
    port: int
    credentials: Path | None = None

    @classmethod
    def at(cls, url: str, credentials: Path | None = None) -> Self:
        """The proxy of `http://host:port`, a form the settings have made sure of."""
        parts = urlsplit(url)
        return cls(parts.hostname or "", parts.port or 0, credentials)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    def user_and_password(self) -> tuple[str, str] | None:
        """What the proxy is told of us; None if nothing. Raises CredentialError."""
        if self.credentials is None:
            return None
        user, colon, password = read_secret("proxy credentials", self.credentials).partition(":")
        if not (user and colon):
            raise CredentialError(
                f"proxy credentials {self.credentials} do not hold user:password", "write them in one line"
            )
        return user, password
