"""What a site may say about a TDL/1 line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edge_agent.errors import ConfigurationError
from edge_agent.words import wrong_with


class Tdl1Options(BaseModel):
    """The options of the driver `tdl1`."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    address: int = Field(default=1, ge=1, le=0xFE, description="the device's address on its line")
    writable: bool = Field(
        default=True,
        description="false where the transmit line is not connected: nothing is written or acknowledged",
    )
    polled: bool = Field(
        default=False, description="true on a shared RS-485 pair, where a device speaks only when polled"
    )

    @classmethod
    def read(cls, options: Mapping[str, object]) -> Self:
        """The options given. Raises ConfigurationError naming the first that makes no sense."""
        try:
            read = cls.model_validate(dict(options), strict=False)
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            known = ", ".join(cls.model_fields)
            raise ConfigurationError(
                f"option {name} of driver tdl1: {wrong_with(first)}", f"mend it; the options are {known}"
            ) from error
        if read.polled and not read.writable:
            raise ConfigurationError(
                "option polled of driver tdl1 needs a line that may be written to", "set writable to true"
            )
        return read
