"""Component: a role of the agent as the Greengrass nucleus runs it.

Settings are the component's configuration. A deployment that changes them is heeded while the role
runs; one that makes no sense is vetoed where the nucleus asks first, and refused where it does not. If it
is started with such settings, it begins with those it last accepted.

A nucleus gives a component up that ends too often: three times in an hour. So whatever may pass, a
setting that is missing, a certificate that has yet to be made, a journal another process holds, a disk
that is full, a fault of ours, is waited out in here, with growing pauses that a deployment cuts short.
The process ends of itself only when the nucleus' socket is lost for good, because a new process gets a
new one; and not even then while it has begun too often of late, but goes on with the settings it has.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import ValidationError

from edge_agent.agent.accepted import AcceptedSource
from edge_agent.agent.checks import check_lines, uplink_of
from edge_agent.agent.collector import collect_until
from edge_agent.agent.deferral import Deferral
from edge_agent.agent.forwarding import forward_until
from edge_agent.agent.reasons_to_wait import reason_to_wait
from edge_agent.agent.starts import ALL_STARTS, Starts
from edge_agent.agent.wishes import Wish, Wishes, asked_by_signals
from edge_agent.clock import Clock
from edge_agent.errors import AgentError, ConfigurationError, UplinkError
from edge_agent.logs import set_up_logs, speak_for_the_process
from edge_agent.nucleus import Nucleus, NucleusError
from edge_agent.settings import LogSettings, Settings, read_settings
from edge_agent.words import describe

if TYPE_CHECKING:
    from edge_agent.trial.gateway_floor import FloorSettings

ORIGIN = "deployment"
FAULT = 70  # sysexits.h, EX_SOFTWARE
THING_VARIABLE, STATE_VARIABLE = "AWS_IOT_THING_NAME", "EDGE_AGENT_STATE"

FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 5.0, 300.0
# A role that ran for this long had begun well: its next failure is a new one.
GOOD_RUN_SECONDS = 60.0
# A nucleus that did not let us in may have been too busy, or not begun: while we wait it is asked again.
LET_IN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class NucleusSource:
    """The component's configuration, and the environment that its recipe sets."""

    nucleus: Nucleus

    def load(self) -> Settings:
        """Ask the nucleus. Raises ConfigurationError or NucleusError."""
        return settings_of(self.nucleus.configuration(tuple(Settings.model_fields)))


def settings_of(configuration: Mapping[str, Any]) -> Settings:
    """Settings of a component's configuration, the environment and what the nucleus says of itself."""
    thing = os.environ.get(THING_VARIABLE)
    return read_settings(({"gateway": thing} if thing else {}) | dict(configuration), ORIGIN)


@dataclass(frozen=True, slots=True)
class Role:
    """What a component does until asked to stop, and what its configuration must not be."""

    run: Callable[[Nucleus, Wishes], None]
    check: Callable[[Mapping[str, Any]], object]  # raises AgentError


def _collect(nucleus: Nucleus, wishes: Wishes) -> None:
    collect_until(_accepted("collector", check_lines, nucleus, wishes), wishes)


def _forward(nucleus: Nucleus, wishes: Wishes) -> None:
    forward_until(_accepted("forwarder", uplink_of, nucleus, wishes), wishes, nucleus)


def _accepted(
    role: str, check: Callable[[Settings], object], nucleus: Nucleus, wishes: Wishes
) -> AcceptedSource:
    """What is deployed; and if it makes no sense when the role begins, what last did."""
    file = _state_folder() / f"accepted-{role}.json"
    return AcceptedSource(NucleusSource(nucleus), check, file, wishes.read_again)


def _state_folder() -> Path:
    return Path(os.environ.get(STATE_VARIABLE, "state"))


def _simulate(nucleus: Nucleus, wishes: Wishes) -> None:
    """Serve simulated machines; other settings make another floor, and only those."""
    # The roles that every gateway runs load no simulator.
    from edge_agent.trial.gateway_floor import serve_floor  # noqa: PLC0415

    state = _state_folder()
    while not wishes.stopping:
        configuration = nucleus.configuration()
        settings, log = _floor_of(configuration), _log_of(configuration)
        set_up_logs(log)
        structlog.get_logger().info("simulated floor", ports=str(state / "ports"), **settings.model_dump())
        serve_floor(settings, state, partial(_end_when_due, nucleus, wishes, settings))
        wishes.listen(None)


def _end_when_due(
    nucleus: Nucleus, wishes: Wishes, settings: FloorSettings, end: Callable[[], object]
) -> None:
    def heed() -> None:
        if wishes.stopping or _other_floor(nucleus, settings):
            end()

    wishes.listen(heed)
    if wishes.stopping:  # asked before anybody listened
        end()


def _other_floor(nucleus: Nucleus, settings: FloorSettings) -> bool:
    try:
        configuration = nucleus.configuration()
        set_up_logs(_log_of(configuration))
        return _floor_of(configuration) != settings
    except AgentError as error:
        structlog.get_logger().error("settings refused; the floor stays", reason=error.what, mend=error.mend)
        return False


def _floor_of(configuration: Mapping[str, Any]) -> FloorSettings:
    from edge_agent.trial.gateway_floor import read_floor_settings  # noqa: PLC0415  as _simulate

    return read_floor_settings(configuration.get("floor", {}), ORIGIN)


def _log_of(configuration: Mapping[str, Any]) -> LogSettings:
    try:
        return LogSettings.model_validate(configuration.get("log", {}))
    except ValidationError as invalid:
        problems = "; ".join(f"{ORIGIN}: log.{problem}" for problem in describe(invalid))
        raise ConfigurationError(problems, "see `edge-agent config schema`") from invalid


ROLES: Mapping[str, Role] = {
    "collector": Role(_collect, lambda configuration: check_lines(settings_of(configuration))),
    "forwarder": Role(_forward, lambda configuration: uplink_of(settings_of(configuration))),
    "simulator": Role(_simulate, lambda configuration: (_floor_of(configuration), _log_of(configuration))),
}


def main(role: str) -> int:
    """Run a role until the nucleus stops it; the exit status."""
    os.dup2(1, 2)  # the nucleus takes whatever is on standard error for a warning
    set_up_logs(LogSettings(form="json"))
    speak_for_the_process()
    try:
        with asked_by_signals() as wishes:
            starts = Starts(_state_folder() / f"starts-{role}.json", Clock().boot_id)
            starts.record()
            return _run(ROLES[role], starts, wishes)
    except AgentError as error:
        structlog.get_logger().error("the component ends", reason=error.what, mend=error.mend)
        return error.exit_status
    except Exception as fault:  # noqa: BLE001  ours, whatever it is: it is said in one entry
        structlog.get_logger().error(
            "fault of the agent; the component ends", mend="report it with this entry", exc_info=fault
        )
        return FAULT


def _run(role: Role, starts: Starts, wishes: Wishes) -> int:
    """Run it with a nucleus; the exit status. Raises AgentError, and not so soon that it is given up."""
    while True:
        try:
            with Nucleus.connect() as nucleus:
                return Component(role, nucleus, wishes, starts).run()
        except NucleusError as error:
            seconds = starts.seconds_until_another(ALL_STARTS)
            structlog.get_logger().error(
                "waiting", reason=error.what, mend=error.mend, seconds=round(seconds)
            )
            if wishes.stopped_within(min(seconds, LET_IN_SECONDS)):
                return 0
            if seconds <= LET_IN_SECONDS:
                raise


def _said(error: Exception) -> tuple[AgentError, Exception | None]:
    """What ended a role, as a person can read it; and the fault of ours to be logged whole, if it is one."""
    match error:
        case AgentError():
            return error, None
        case OSError(strerror=str(reason)):
            where = "the system" if error.filename is None else str(error.filename)
            return AgentError(f"{where}: {reason}", "make room, or mend who may write there"), None
        case _:
            what = f"fault of the agent: {type(error).__name__}: {error}"
            return AgentError(what, "report this entry"), error


class Component:
    """A role, the nucleus that runs it, and the patience between them."""

    def __init__(self, role: Role, nucleus: Nucleus, wishes: Wishes, starts: Starts) -> None:
        self._role = role
        self._nucleus = nucleus
        self._wishes = wishes
        self._starts = starts
        self._ending = False
        self._over = False
        self._mutex = threading.Lock()  # a socket may be lost at the moment at which we are asked to stop
        self._timer: threading.Timer | None = None
        self._deferral = Deferral()
        self._log = structlog.get_logger()

    def run(self) -> int:
        """Run the role, however often it has to begin again; the exit status."""
        self._nucleus.on_lost(self._end_in_time)
        try:
            return self._run()
        except NucleusError:
            if self._ending:  # lost while we began: that is why we stop, nobody has asked
                return UplinkError.exit_status
            raise
        finally:
            with self._mutex:
                self._over = True
            if self._timer is not None:
                self._timer.cancel()
                self._timer.join()

    def _run(self) -> int:
        self._nucleus.on_configuration_changed(self._wishes.read_again)
        self._nucleus.on_validate(self._objection)
        self._nucleus.on_update(self._defer)
        self._nucleus.report_state("RUNNING")
        pause = FIRST_PAUSE_SECONDS
        while not self._wishes.stopping:
            began = time.monotonic()
            try:
                self._role.run(self._nucleus, self._wishes)
            except Exception as error:  # noqa: BLE001  whatever it is, ending would not mend it
                well = time.monotonic() - began > GOOD_RUN_SECONDS
                pause = self._wait_out(error, FIRST_PAUSE_SECONDS if well else pause)
        return UplinkError.exit_status if self._ending else 0

    def _wait_out(self, error: Exception, pause: float) -> float:
        """Say what is wrong and wait; the next pause. A deployment may have mended it and ends the wait."""
        said, fault = _said(error)
        self._log.error("waiting", reason=said.what, mend=said.mend, seconds=pause, exc_info=fault)
        mended = self._wishes.next(pause) is Wish.READ_AGAIN
        return FIRST_PAUSE_SECONDS if mended else min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _end_in_time(self) -> None:
        """End for a new socket; where that may be once too often, go on without any until it is not."""
        if self._over or self._wishes.stopping:
            return
        seconds = 0.0 if self._nucleus.asks_first else self._starts.seconds_until_another()
        if not seconds:
            self._end_for_a_new_socket()
            return
        self._log.warning(
            "going on without the nucleus: ended once more, it would not begin again", seconds=round(seconds)
        )
        timer = threading.Timer(seconds, self._end_for_a_new_socket)
        timer.name, timer.daemon = "new-socket", True  # a process that ends meanwhile waits for no timer
        timer.start()
        self._timer = timer

    def _end_for_a_new_socket(self) -> None:
        with self._mutex:
            if not self._over:
                self._ending = True
                self._wishes.stop()

    def _objection(self, configuration: dict[str, Any]) -> str | None:
        """Why the nucleus should not apply a configuration; None if it may."""
        try:
            self._role.check(configuration)
        except AgentError as error:
            self._log.error("deployment vetoed", reason=error.what, mend=error.mend)
            return str(error)
        return None

    def _defer(self, deployment: str) -> int | None:
        """Milliseconds until the nucleus should ask again; None if an update may go ahead."""
        try:
            settings = NucleusSource(self._nucleus).load()
        except AgentError:
            return None  # what waits for an update must not hold it up
        reason = reason_to_wait(settings)
        return self._deferral.answer(deployment, reason, settings.deployments.defer_seconds)
