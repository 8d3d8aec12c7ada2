"""Diagnosis: why a TLS connection to the broker fails, as one sentence with its mend.

The MQTT client knows that TLS failed, and says so late: it waits 10 to 30 seconds on purpose
before it reports an untrusted server. One handshake with OpenSSL says which side
refused which certificate, at once.

Under TLS 1.3 the client has finished before the server has looked at its certificate; a refusal
of ours therefore arrives with the first read.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from pathlib import Path

from edge_agent.credentials.device import load_pair
from edge_agent.credentials.tunnel import TunnelRefused, open_tunnel
from edge_agent.errors import AgentError
from edge_agent.proxy import Proxy

HTTPS_PORT = 443
# AWS IoT Core: MQTT on 443 is asked for by this name.
ALPN = "x-amzn-mqtt-ca"
# A server that refuses us says so within a round trip; one that accepts us waits for our CONNECT.
REFUSAL_SECONDS = 1.0

Sentence = tuple[str, str]  # what is wrong, and what to do about it

HUNG_UP = (
    "it hangs up on our certificate without a word",
    "check that it is registered, active and has a policy",
)

# What the operating system says, before there is any TLS or instead of it.
UNREACHABLE: dict[type[OSError], Sentence] = {
    socket.gaierror: ("the name cannot be resolved", "check uplink.endpoint, and DNS on this network"),
    TimeoutError: ("no answer", "check the firewall and the network"),
    ConnectionRefusedError: ("the connection is refused", "check uplink.port, and that the broker is up"),
    ConnectionError: HUNG_UP,
    ssl.SSLEOFError: HUNG_UP,
}

# openssl/x509_vfy.h, X509_V_ERR_…: what we say of the server's certificate.
SERVER_REFUSED: dict[int, Sentence] = {
    9: ("its certificate is not yet valid", "set the gateway's clock"),
    10: ("its certificate has expired", "renew the server's certificate, or set the gateway's clock"),
    18: ("its certificate is not signed by our CA", "check uplink.ca and uplink.endpoint"),
    19: ("its certificate is not signed by our CA", "check uplink.ca and uplink.endpoint"),
    20: ("its certificate is not signed by our CA", "check uplink.ca and uplink.endpoint"),
    21: ("its certificate is not signed by our CA", "check uplink.ca and uplink.endpoint"),
    62: ("its certificate is for another name", "check uplink.endpoint"),
    64: ("its certificate is for another address", "check uplink.endpoint"),
}

# RFC 8446, 6.2 error alerts: what the server says of ours, by the end of OpenSSL's name for it.
WE_WERE_REFUSED: dict[str, Sentence] = {
    "ALERT_UNKNOWN_CA": (
        "it does not know who signed our certificate",
        "register our CA, or check uplink.endpoint",
    ),
    "ALERT_CERTIFICATE_EXPIRED": (
        "it says our certificate has expired",
        "give the gateway a new certificate",
    ),
    "ALERT_CERTIFICATE_REVOKED": ("it says our certificate is revoked", "give the gateway a new certificate"),
    "ALERT_CERTIFICATE_UNKNOWN": (
        "it does not accept our certificate",
        "check that it is registered and active",
    ),
    "ALERT_BAD_CERTIFICATE": ("it does not accept our certificate", "check that it is registered and active"),
    "ALERT_CERTIFICATE_REQUIRED": ("it demands a certificate and got none", "check uplink.certificate"),
    "ALERT_ACCESS_DENIED": ("it does not let our certificate in", "check that it is registered and active"),
    "ALERT_NO_APPLICATION_PROTOCOL": ("it does not speak MQTT there", "check uplink.port"),
    "WRONG_VERSION_NUMBER": ("it does not speak TLS there", "check uplink.port"),
}


def diagnose(
    endpoint: str,
    port: int,
    ca: Path,
    certificate: Path,
    key: Path | None,
    *,
    proxy: Proxy | None = None,
    timeout: float = 3.0,
) -> str:
    """Why connecting fails, as a sentence with its mend; empty if TLS is not the reason.

    Without a key, because it lies in a token, the server alone is looked at.
    Blocks for up to about `timeout` seconds, and longer where name resolution does.
    """
    deadline = time.monotonic() + timeout
    try:
        sentence = _try(endpoint, port, _context(ca, certificate, key, port), proxy, deadline)
        if key is None and sentence == HUNG_UP:
            sentence = None
    except AgentError as error:
        return str(error)
    except TunnelRefused as refused:
        sentence = refused.sentence
    except OSError as error:
        sentence = None if key is None and _is_about_us(error) else _why(error)
    way = f" by proxy {proxy}" if proxy else ""
    return f"{endpoint}:{port}{way}: {sentence[0]} — {sentence[1]}" if sentence else ""


def _try(
    endpoint: str, port: int, context: ssl.SSLContext, proxy: Proxy | None, deadline: float
) -> Sentence | None:
    with _connect(endpoint, port, proxy, deadline) as plain:
        plain.settimeout(_left(deadline))
        with context.wrap_socket(plain, server_hostname=endpoint) as secure:
            return _listen(secure, deadline)


def _connect(endpoint: str, port: int, proxy: Proxy | None, deadline: float) -> socket.socket:
    if proxy is None:
        return socket.create_connection((endpoint, port), timeout=_left(deadline))
    return open_tunnel(endpoint, port, proxy, lambda: _left(deadline))


def _listen(secure: ssl.SSLSocket, deadline: float) -> Sentence | None:
    """After the handshake: silence means we are welcome."""
    secure.settimeout(min(REFUSAL_SECONDS, _left(deadline)))
    with contextlib.suppress(TimeoutError):
        if not secure.recv(1):
            return HUNG_UP
    return None


def _why(error: OSError) -> Sentence:
    """What an error says, for people. Every error of ssl is an OSError."""
    if isinstance(error, ssl.SSLCertVerificationError):
        unknown = f"its certificate is refused: {error.verify_message}", "check uplink.ca"
        return SERVER_REFUSED.get(error.verify_code, unknown)
    for kind, sentence in UNREACHABLE.items():
        if isinstance(error, kind):
            return sentence
    if not isinstance(error, ssl.SSLError):
        return f"it cannot be reached: {error.strerror}", "check the network"
    reason = error.reason or str(error)
    for ending, sentence in WE_WERE_REFUSED.items():
        if reason.endswith(ending):
            return sentence
    return f"TLS fails: {reason.lower().replace('_', ' ')}", "check uplink.port and our certificate"


def _is_about_us(error: OSError) -> bool:
    """Whether the server misses, or dislikes, the certificate that we did not show."""
    hung_up = isinstance(error, ConnectionError | ssl.SSLEOFError) and not isinstance(
        error, ConnectionRefusedError
    )
    return hung_up or (getattr(error, "reason", None) or "").endswith(tuple(WE_WERE_REFUSED))


def _context(ca: Path, certificate: Path, key: Path | None, port: int) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if key is not None:
        load_pair(context, certificate, key)
    if port == HTTPS_PORT:
        context.set_alpn_protocols([ALPN])
    return context


def _left(deadline: float) -> float:
    return max(0.05, deadline - time.monotonic())
