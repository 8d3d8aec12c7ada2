"""Uplink: a way for records to leave, as bytes, and the receipt the far side gives for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class TokenKey:
    """A private key in a token (PKCS#11)."""

    library: Path
    token_label: str
    key_label: str
    pin_file: Path

    def __str__(self) -> str:
        return f"key {self.key_label} in token {self.token_label}"


class Promise(Enum):
    """What a successful receipt is worth."""

    DELIVERED = "delivered"  # a PUBACK: the cloud has it
    ACCEPTED = "accepted"  # a local broker or nucleus took it: not yet delivered


@dataclass(frozen=True, slots=True)
class Message:
    """One publish at QoS 1."""

    topic: str
    payload: bytes
    content_type: str = "application/cloudevents-batch+json"
    user_properties: tuple[tuple[str, str], ...] = ()
    retain: bool = False
    correlation_data: bytes = b""  # an answer carries that of its question


@dataclass(frozen=True, slots=True)
class Received:
    """One publish that came in."""

    topic: str
    payload: bytes
    response_topic: str = ""
    correlation_data: bytes = b""
    user_properties: tuple[tuple[str, str], ...] = ()
    acknowledge: Callable[[], None] = lambda: None  # tells whoever sent it that we have it; once


# Called in the uplink's event loop; returns at once.
OnReceived = Callable[[Received], None]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the far side answered: an MQTT 5 PUBACK reason code and its text."""

    reason_code: int
    reason: str = ""
    promise: Promise = Promise.DELIVERED


@dataclass(slots=True)
class UplinkState:
    """How the uplink is, for health and the live view."""

    connected: bool = False
    connects: int = 0
    last_reason: str = ""
    receive_maximum: int = 0
    changed_at: float = field(default=0.0)
    refused_filters: tuple[str, ...] = ()  # what the far side does not let us subscribe to
    promise: Promise = Promise.DELIVERED  # what its successful receipts are worth
    payload_maximum: int = 0  # bytes of a payload; 0 when only the service itself limits them
    carries_properties: bool = True  # user properties arrive: a payload need not say how it is encoded
    renewals: int = 0  # sessions ended by this side, because receipts did not come
    cut_off: bool = False  # connected with a nucleus that has no way on, or no room

    @property
    def reachable(self) -> bool:
        """Whether there is a way to the cloud, as far as this side can tell."""
        return self.connected and not self.cut_off


class CloudBehindNucleus(Protocol):
    """What of `Nucleus` an uplink needs. Any thread may call."""

    asks_first: bool

    def publish(
        self,
        topic: str,
        payload: bytes,
        *,
        retain: bool = False,
        content_type: str = "",
        user_properties: Sequence[tuple[str, str]] = (),
    ) -> Future[Any]:
        """See Nucleus."""

    def subscribe(self, topic_filter: str, received: Callable[[str, bytes], object]) -> Callable[[], object]:
        """See Nucleus."""


class Uplink(Protocol):
    """A way for records to leave. asyncio; one user."""

    state: UplinkState

    async def start(self) -> None:
        """Begin connecting, and keep doing so with full jitter. Raises CredentialError on unusable files."""

    async def wait_connected(self) -> None:
        """Return once there is a session. Raises UplinkError when trying further would be wrong."""

    async def publish(self, message: Message) -> Receipt:
        """Publish and wait for the receipt; a refusal is a receipt too.

        Raises NotConnected when there is no session or it ended before the receipt: the
        message may or may not have arrived, and is the caller's to send again.
        """

    async def subscribe(self, topic_filter: str, on_received: OnReceived) -> None:
        """Have what matches handed to `on_received`, for as long as the uplink lives, over every reconnect.

        May be called before there is a session. What the far side refuses is logged and named in
        `state.refused_filters`, and asked for again after the next connect.
        """

    async def stop(self) -> None:
        """End the session in an orderly way and free what it holds."""
