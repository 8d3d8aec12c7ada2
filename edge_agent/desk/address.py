"""Where the desk is: a Unix socket in the state folder, and who may come to it.

A path may be longer than a socket's address can be. Then the address goes by the folder's
descriptor, which is always short.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from edge_agent.errors import ConfigurationError, InUseError

SOCKET_NAME = "collector.sock"
SOCKET_MODE = 0o600

# A request is an event of the agent's own or a command: a few hundred bytes, a certificate at most.
LONGEST_LINE_BYTES = 64 * 1024
# The forwarder's process and a few commands of a technician.
MOST_CLIENTS = 16

# sockaddr_un of Linux holds 108 bytes, the last of them zero.
LONGEST_SOCKET_PATH_BYTES = 107
_UCRED = struct.Struct("iII")  # pid, uid, gid


def desk_path(state: Path) -> Path:
    """Where the desk of a state folder is."""
    return state / SOCKET_NAME


@contextmanager
def address_of(path: Path) -> Iterator[str]:
    """A socket's address, good within the context."""
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH_BYTES:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def listen(path: Path) -> socket.socket:
    """Listen there, in place of what a killed run left.

    Raises InUseError if another collector does, ConfigurationError if nobody can.
    """
    with address_of(path) as address:
        _clear(path, address)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            listener.bind(address)
            path.chmod(SOCKET_MODE)  # before anybody can connect
            listener.listen(MOST_CLIENTS)
        except OSError as error:
            listener.close()
            raise ConfigurationError(
                f"the desk {path} cannot be opened: {error.strerror}",
                "set `state` to a folder the agent may write, on a file system that has sockets",
            ) from error
    listener.settimeout(0)
    return listener


def peer_user(connection: socket.socket) -> int:
    """The user id of the process at the other end."""
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    _pid, uid, _gid = _UCRED.unpack(raw)
    return int(uid)


def may_ask(user: int) -> bool:
    """Whether a user is heard: ourselves, and root, who could be anyone."""
    return user in {0, os.geteuid()}


def _clear(path: Path, address: str) -> None:
    """Take away what a killed run left; refuse to take away anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ConfigurationError(f"{path} is no socket", "move it away; the collector makes its own")
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(address)
        except OSError:  # nobody listens
            path.unlink()
        else:
            raise InUseError(f"a collector serves {path}", "stop it first, or give this one its own `state`")
