"""The one exception tree: whose fault it was, what to do about it, and how the process ends.

    AgentError                 exit status 1
    ├── ConfigurationError     2  a setting, an argument or a file we were given
    ├── CredentialError        3  a certificate or a private key
    ├── LinkError              4  a port or a socket: retried by its line
    ├── JournalError           5  the durable log
    │   ├── JournalFull           the disk or the budget; what `append` returned for is safe
    │   └── JournalDamaged        the file is not a journal we can read
    ├── InUseError             6  another run holds the state folder, the journal or the port
    ├── UplinkError            7  the way to the cloud
    │   ├── NotConnected          wait; nothing is lost
    │   └── Refused               it answered, and said no
    └── ProtocolError             abstract: never leaves the protocol rooms
        ├── LocalProtocolError    ours: fix the code
        └── RemoteProtocolError   theirs: count it and carry on

Every message is one line that names the thing, and `mend` says what to do about it.
"""

from __future__ import annotations

from typing import ClassVar


class AgentError(Exception):
    """Something went wrong that a person can read about in one line.

    Args:
        what: one line that names the thing.
        mend: what to do about it, as an imperative; empty when nothing needs doing.
    """

    exit_status: ClassVar[int] = 1

    def __init__(self, what: str, mend: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.mend = mend

    def __str__(self) -> str:
        return f"{self.what} — {self.mend}" if self.mend else self.what


class ConfigurationError(AgentError):
    """A setting, an argument or a file we were given does not make sense."""

    exit_status = 2


class CredentialError(AgentError):
    """A certificate or a private key cannot be used."""

    exit_status = 3


class LinkError(AgentError):
    """A port or a socket cannot be opened, or was lost. Its line tries again."""

    exit_status = 4


class JournalError(AgentError):
    """The durable log cannot do what was asked."""

    exit_status = 5


class JournalFull(JournalError):  # noqa: N818  the condition, as operators call it
    """Nothing more fits. What `append` returned for is safe; the machine is not acknowledged."""


class JournalDamaged(JournalError):  # noqa: N818  as JournalFull
    """The file is not a journal this version can read. It is left as it is."""


class InUseError(AgentError):
    """Another run holds the state folder, the journal or the port."""

    exit_status = 6


class UplinkError(AgentError):
    """The far side cannot be reached or will not have us."""

    exit_status = 7


class NotConnected(UplinkError):  # noqa: N818  a state to wait out, not a fault
    """There is no session now. Wait; nothing is lost."""


class Refused(UplinkError):  # noqa: N818  as NotConnected
    """The far side answered and said no. `code` is what it calls the reason."""

    def __init__(self, what: str, mend: str = "", code: str = "") -> None:
        super().__init__(what, mend)
        self.code = code


class ProtocolError(AgentError):
    """Abstract: a rule of a wire protocol was broken."""


class LocalProtocolError(ProtocolError):
    """We asked for something the protocol does not allow: fix the code."""


class RemoteProtocolError(ProtocolError):
    """The other side sent something the protocol does not allow: count it and carry on."""
