"""Orders: how an accepted command is carried out from the forwarder's process.

The lines are the collector's: it is asked at its desk, and looked at again until it has what was
wanted. A bundle is made here, from what any technician may read.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from edge_agent.commands import BundleCommand, CaptureCommand, Command, Doer, DoneBadly, MetersCommand
from edge_agent.desk import ask, desk_path
from edge_agent.errors import JournalError
from edge_agent.settings import Settings

LOOK_AGAIN_SECONDS = 0.25
# The desk answers at once; a process that is asked to stop must not wait longer than this for it.
ASK_SECONDS = 3.0
# A reading waits half a minute for a game to end, and is tried again twice if a bill cuts it short.
METERS_SECONDS = 45.0
# The last piece of a capture is journalled within a second of its end.
CAPTURE_GRACE_SECONDS = 10.0

NOT_IN_TIME = "not read in time: the device is silent, its line is down, or a game goes on"

MakeBundle = Callable[[], bytes]


def doers(settings: Settings, journal_id: str, make_bundle: MakeBundle) -> Mapping[str, Doer]:
    """What carries out each verb that is allowed."""
    orders = Orders(desk_path(settings.state), journal_id, make_bundle)
    known: Mapping[str, Doer] = {
        "meters": orders.meters,
        "capture": orders.capture,
        "bundle": orders.bundle,
    }
    return {verb: known[verb] for verb in settings.commands.allow}


class Orders:
    """Carries commands out.

    Args:
        desk: the collector's.
        journal_id: names its records.
        make_bundle: may block; called in a thread.
    """

    def __init__(self, desk: Path, journal_id: str, make_bundle: MakeBundle) -> None:
        self._desk = desk
        self._journal_id = journal_id
        self._make_bundle = make_bundle

    async def meters(self, command: Command) -> Mapping[str, Any]:
        """Have meters read; what they are, and the events that say so. Raises DoneBadly if none were."""
        assert isinstance(command, MetersCommand)  # noqa: S101  see doers
        subjects = [command.subject] if command.subject else []
        asked = await self._ask({"verb": "meters", "subjects": subjects})
        found: dict[str, Any] = {}
        missing: dict[str, str] = dict(asked["cannot"])
        waiting: list[str] = list(asked["asked"])
        give_up_at = _now() + METERS_SECONDS
        while waiting and _now() < give_up_at:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            for subject in tuple(waiting):
                reading = await self._look({"verb": "reading", "subject": subject, "after": asked["after"]})
                if reading:
                    waiting.remove(subject)
                    found[subject] = {
                        "event": self._event(int(reading["sequence"])),
                        "data": reading["data"],
                    }
        missing |= dict.fromkeys(waiting, NOT_IN_TIME)
        if not found:
            raise DoneBadly("; ".join(f"{subject}: {why}" for subject, why in missing.items())[:300])
        return {"subjects": found, "missing": missing}

    async def capture(self, command: Command) -> Mapping[str, Any]:
        """Record a line until the time is over; which events hold it."""
        assert isinstance(command, CaptureCommand)  # noqa: S101  see doers
        request = {"verb": "capture", "subject": command.subject, "id": command.id}
        await self._ask({**request, "seconds": command.seconds})
        give_up_at = _now() + command.seconds + CAPTURE_GRACE_SECONDS
        while True:
            await asyncio.sleep(LOOK_AGAIN_SECONDS)
            result = await self._look({"verb": "captured", "id": command.id})
            if result.get("over"):
                break
            if _now() > give_up_at:
                raise DoneBadly("the collector did not say in time that the capture is over")
        if result.get("trouble"):
            raise DoneBadly(str(result["trouble"]))
        return {
            "first_event": self._event(int(result["first"])),
            **{name: result[name] for name in ("pieces", "frames", "cut")},
        }

    async def bundle(self, command: Command) -> Mapping[str, Any]:
        """Make a diagnostics bundle."""
        assert isinstance(command, BundleCommand)  # noqa: S101  see doers
        made = await asyncio.to_thread(self._make_bundle)
        return {"name": f"edge-agent-{command.id}.zip", "zip_base64": base64.b64encode(made).decode("ascii")}

    def _event(self, sequence: int) -> str:
        return f"{self._journal_id}/{sequence}"

    async def _ask(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        return await asyncio.to_thread(ask, self._desk, {"command": command}, ASK_SECONDS)

    async def _look(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ask for what has become of it; a collector that is restarting has nothing to say yet."""
        try:
            return await self._ask(command)
        except JournalError:
            return {}


def _now() -> float:
    return asyncio.get_running_loop().time()
