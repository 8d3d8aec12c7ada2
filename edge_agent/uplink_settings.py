"""Settings of the way to the cloud: which one, as whom, and how patiently."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from edge_agent.topics import RULE_NAME


class _Model(BaseModel):
    # Not strict, as all settings.
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenSettings(_Model):
    """A private key that lives in a TPM or an HSM and never leaves it (PKCS#11)."""

    library: Path = Field(description="the PKCS#11 module, e.g. /usr/lib/softhsm/libsofthsm2.so")
    token_label: str = Field(min_length=1, max_length=32)
    key_label: str = Field(
        min_length=1,
        max_length=48,
        description="the key's; with `identity` the beginning of it: each renewed key gets a number",
    )
    pin_file: Path = Field(description="holds the user PIN; readable by the agent alone")


class EnrolmentSettings(_Model):
    """How a gateway without an identity gets one: fleet provisioning by claim."""

    template: str = Field(pattern=r"^[A-Za-z0-9_-]{1,36}$", description="the fleet provisioning template")
    claim_certificate: Path = Field(description="PEM; the same on every new gateway, good for this")
    claim_key: Path = Field(description="PEM, readable by the agent alone; wiped once enrolled")
    serial_number: str = Field(default="", description="what the allow-list knows; default: gateway")


class UplinkSettings(_Model):
    """The way to IoT Core."""

    kind: Literal["iot_core", "greengrass", "file"] = Field(
        default="iot_core", description="greengrass: through the nucleus, which accepts and does not deliver"
    )
    receipt: Literal["cloud", "nucleus"] | None = Field(
        default=None,
        description="kind greengrass: when to forget a record: confirmed, or taken by the nucleus",
    )
    endpoint: str = Field(default="", description="<prefix>-ats.iot.<region>.amazonaws.com")
    port: int = Field(default=8883, ge=1, le=65535, description="8883, or 443 with ALPN")
    proxy: str | None = Field(
        default=None,
        pattern=r"^http://[^@/\s]+:[0-9]{1,5}$",
        description="http://host:port, by CONNECT",
    )
    proxy_credentials: Path | None = Field(
        default=None, description="holds user:password for the proxy; readable by the agent alone"
    )
    ca: Path | None = Field(default=None, description="the roots the server's certificate must chain to")
    identity: Path | None = Field(
        default=None,
        description="folder of `certs enrol` and `rotate`, in place of certificate and key",
    )
    enrolment: EnrolmentSettings | None = None
    rotation_template: str = Field(
        default="edge-agent-rotate",
        pattern=r"^[A-Za-z0-9_-]{1,36}$",
        description="the provisioning template that registers a renewed key",
    )
    certificate: Path | None = Field(default=None, description="the device certificate, PEM")
    key: Path | None = Field(default=None, description="its private key, PEM, readable by the agent alone")
    token: TokenSettings | None = Field(default=None, description="in place of key")
    client_id: str | None = Field(default=None, max_length=128, description="default: <gateway>-events")
    path: Path | None = Field(default=None, description="kind file: where the records go")
    keep_alive_seconds: int = Field(default=45, ge=30, le=1200)
    ack_timeout_seconds: int = Field(
        default=20,
        ge=1,
        le=600,
        description="the SDK gives a publish up then; more than ack_watchdog_seconds",
    )
    ack_watchdog_seconds: float = Field(
        default=8.0,
        ge=2,
        le=600,
        description="a session in which a receipt takes longer is renewed; more than a round trip",
    )
    min_reconnect_ms: int = Field(default=1_000, ge=100, description="IoT Core takes one CONNECT a second")
    max_reconnect_ms: int = Field(default=120_000, ge=100)
    cloud_limits: bool = Field(default=True, description="keep to 100 publishes/s and 512 KiB/s")
    basic_ingest_rule: str | None = Field(
        default=None,
        pattern=RULE_NAME,
        description="the IoT rule that takes events past the broker, by $aws/rules/<rule>/<topic>",
    )
    canary_minutes: int | None = Field(
        default=None,
        ge=0,
        le=1440,
        description="0 for never; default: 60 with basic_ingest_rule, else 0, for somebody must answer",
    )

    @model_validator(mode="after")
    def _complete(self) -> UplinkSettings:
        missing = [name for name in self._needed() if not getattr(self, name)]
        if missing:
            raise ValueError(f"kind {self.kind} needs {', '.join(missing)}")
        if self.enrolment is not None and self.identity is None:
            raise ValueError("enrolment needs identity, the folder that the new identity goes into")
        if self.proxy_credentials is not None and self.proxy is None:
            raise ValueError("proxy_credentials are given, and no proxy")
        if self.min_reconnect_ms > self.max_reconnect_ms:
            raise ValueError("min_reconnect_ms is more than max_reconnect_ms")
        if self.ack_timeout_seconds <= self.ack_watchdog_seconds:
            raise ValueError(
                "ack_timeout_seconds is not more than ack_watchdog_seconds, which would never see it"
            )
        return self

    def _needed(self) -> tuple[str, ...]:
        match self.kind:
            case "greengrass":
                return ("receipt",)
            case "file":
                return ("path",)
            case _ if self.identity is not None:
                return ("endpoint", "ca")
            case _:
                return ("endpoint", "ca", "certificate", "key" if self.token is None else "token")
