"""A floor for a gateway without machines: simulated ones on pseudo-terminals with stable names.

The collector reads them as it reads real ones: `STATE/ports/slot-001` and so on are its ports. They
play until asked to stop. After a restart they are the same machines, with meters that begin anew.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from edge_agent.errors import ConfigurationError
from edge_agent.trial.floor import Floor, make_lines
from edge_agent.trial.plan import MOST_LINES, machine_names, table_names
from edge_agent.words import describe


class FloorSettings(BaseModel):
    """What stands on the simulated floor."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    machines: int = Field(default=4, ge=0, le=MOST_LINES, description="gaming machines")
    tables: int = Field(default=1, ge=0, le=MOST_LINES, description="card shufflers")
    seed: int = Field(default=1, ge=0, description="the same seed plays the same story")
    rate: float = Field(default=1.0, ge=0.01, le=1000, description="guests play this many times faster")

    @model_validator(mode="after")
    def _not_too_many(self) -> FloorSettings:
        lines = self.machines + self.tables
        if not 1 <= lines <= MOST_LINES:
            raise ValueError(f"machines and tables make {lines} lines; 1 to {MOST_LINES} can be served")
        return self


def read_floor_settings(document: object, origin: str) -> FloorSettings:
    """The settings of a simulated floor. Raises ConfigurationError naming what is wrong."""
    try:
        return FloorSettings.model_validate(document)
    except ValidationError as invalid:
        problems = "; ".join(f"{origin}: floor.{problem}" for problem in describe(invalid))
        raise ConfigurationError(problems, "set floor.machines, .tables, .seed and .rate") from invalid


def serve_floor(settings: FloorSettings, state: Path, listen: Callable[[Callable[[], object]], None]) -> None:
    """Serve the machines until the one that was given to `listen` is called.

    Raises LinkError when there are not enough pseudo-terminals, OSError when `state` cannot be written.
    """
    ports = state / "ports"
    ports.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in ports.iterdir():  # by a run that was killed
        left.unlink()
    plan = {
        "seed": settings.seed,
        "rate": settings.rate,
        "wire": "perfect",
        "machines": machine_names(settings.machines),
        "tables": table_names(settings.tables),
    }
    with Path(os.devnull).open("w", encoding="utf-8") as ledger:
        floor = Floor(make_lines(plan, state), ledger, state / "floor-status.json")
        listen(lambda: setattr(floor, "ending", True))
        floor.run()
