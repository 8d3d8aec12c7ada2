"""The stand-in as a process: starting, ending, being killed, being in the way."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import pytest

from edge_agent.credentials.dev_pki import PkiPaths
from edge_agent.errors import AgentError, ConfigurationError, CredentialError, InUseError, UplinkError
from edge_agent.standin import Standin, StandinConfig, StandinControl, StandinThread, read_ledger
from edge_agent.standin.decoding import PacketReader
from edge_agent.standin.encoding import encode
from edge_agent.standin.packets import (
    Connack,
    Connect,
    Disconnect,
    Packet,
    Properties,
    Puback,
    Publish,
    Reason,
    Subscribe,
    Subscription,
)
from edge_agent.testing.patience import PATIENCE_SECONDS, wait_until

pytestmark = pytest.mark.integration

EVENTS = "floor/lab/gw-07/ev/batch"
SOON = PATIENCE_SECONDS


@contextmanager
def running(state: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """The command, once it is ready."""
    command = [sys.executable, "-m", "edge_agent.standin", "--state", str(state), "--thing", "gw-07"]
    process = subprocess.Popen(
        [*command, "--site", "lab", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        yield process, json.loads(process.stdout.readline() or "{}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


class Wire:
    """A gateway made of a TLS socket and the codec."""

    def __init__(self, pki: PkiPaths, port: int, *alpn: str) -> None:
        context = ssl.create_default_context(cafile=str(pki.ca))
        if alpn:
            context.set_alpn_protocols(alpn)
        context.load_cert_chain(pki.device_certificate, pki.device_key)
        raw = socket.create_connection(("127.0.0.1", port), timeout=SOON)
        self.socket = context.wrap_socket(raw, server_hostname="localhost")
        self._reader = PacketReader(1 << 20)
        self._packets: list[Packet] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def say(self, *packets: Packet) -> None:
        self.socket.sendall(b"".join(encode(packet) for packet in packets))

    def hear(self) -> Packet | None:
        """The next packet, or None when the other side has hung up."""
        while not self._packets:
            try:
                data = self.socket.recv(65_536)
            except (ConnectionError, ssl.SSLError):
                return None
            if not data:
                return None
            self._reader.receive_data(data)
            self._packets += [packet for packet, _ in self._reader.packets()]
        return self._packets.pop(0)

    def connect(self) -> None:
        self.say(Connect("gw-07-events", keep_alive=60))
        connack = self.hear()
        assert isinstance(connack, Connack)
        assert connack.reason == Reason.SUCCESS


def test_one_line_says_that_it_is_ready_and_where(tmp_path: Path) -> None:
    with running(tmp_path, "--ledger", str(tmp_path / "received.jsonl")) as (process, ready):
        with StandinControl(tmp_path) as control:
            status = control.status()
        process.send_signal(signal.SIGTERM)
        rest, errors = process.communicate(timeout=SOON)

    assert ready == {
        "ready": True,
        "port": status["port"],
        "control": str(tmp_path / "control.sock"),
        "ledger": str(tmp_path / "received.jsonl"),
        "pid": process.pid,
    }
    assert (process.returncode, rest, errors) == (0, "", "")
    assert not (tmp_path / "control.sock").exists()


def test_it_listens_on_loopback_alone(tmp_path: Path) -> None:
    with running(tmp_path) as (process, ready):
        table = Path(f"/proc/{process.pid}/net/tcp").read_text(encoding="ascii")
        table6 = Path(f"/proc/{process.pid}/net/tcp6").read_text(encoding="ascii")

    port = f"{ready['port']:04X}"
    listening = [row.split()[1] for row in (table + table6).splitlines() if row.split()[3] == "0A"]
    assert [address for address in listening if address.endswith(port)] == [f"0100007F:{port}"]


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    acknowledged = set()
    with running(tmp_path, "--no-rates") as (process, ready):
        killer = threading.Timer(0.5, process.kill)
        with Wire(PkiPaths.within(tmp_path / "pki"), ready["port"]) as wire:
            wire.connect()
            killer.start()
            number = 0
            while True:
                number = number % 65_535 + 1
                try:
                    wire.say(Publish(EVENTS, b"x" * 8000 + str(number).encode(), 1, number))
                except (ConnectionError, ssl.SSLError):
                    break
                answer = wire.hear()
                if not isinstance(answer, Puback):
                    break
                acknowledged.add(b"x" * 8000 + str(number).encode())
        killer.join()
        process.wait(SOON)

    received = {entry.payload for entry in read_ledger(tmp_path / "ledger.jsonl")}
    assert len(acknowledged) > 10
    assert acknowledged <= received


def test_after_kill_9_it_starts_again_on_the_same_port_and_ledger(tmp_path: Path) -> None:
    with running(tmp_path) as (first, ready):
        with Wire(PkiPaths.within(tmp_path / "pki"), ready["port"]) as wire:
            wire.connect()
            wire.say(Publish(EVENTS, b"1", 1, 1))
            before = wire.hear()
            first.kill()
            first.wait()
        with (
            running(tmp_path, "--port", str(ready["port"])) as (_, again),
            Wire(PkiPaths.within(tmp_path / "pki"), again["port"]) as wire,
        ):
            wire.connect()
            wire.say(Publish(EVENTS, b"2", 1, 1))
            after = wire.hear()

    assert (before, after) == (Puback(1, 16), Puback(1, 16))
    assert again["port"] == ready["port"]
    assert [entry.payload for entry in read_ledger(tmp_path / "ledger.jsonl")] == [b"1", b"2"]


def test_a_second_stand_in_in_the_same_folder_is_refused_in_one_line(tmp_path: Path) -> None:
    with running(tmp_path), running(tmp_path) as (second, ready):
        _, errors = second.communicate(timeout=SOON)

    assert ready == {}
    assert second.returncode == InUseError.exit_status
    assert errors.count("\n") == 1
    assert "is in use by another stand-in — stop it" in errors


def test_a_client_without_a_certificate_does_not_get_through_tls(
    config: StandinConfig, pki: PkiPaths
) -> None:
    context = ssl.create_default_context(cafile=str(pki.ca))

    with StandinThread(config) as standin, standin.control() as control:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask_over_tls(context, standin.port)
        connected = control.status()["connected"]

    assert connected == 0


def test_tls_older_than_1_2_is_refused(config: StandinConfig, pki: PkiPaths) -> None:
    context = ssl.create_default_context(cafile=str(pki.ca))
    context.load_cert_chain(pki.device_certificate, pki.device_key)
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    with pytest.warns(DeprecationWarning, match="deprecated"):
        context.maximum_version = ssl.TLSVersion.TLSv1_1

    with StandinThread(config) as standin, pytest.raises((ssl.SSLError, ConnectionError)):
        ask_over_tls(context, standin.port)


def test_port_443_wants_to_be_told_that_this_is_mqtt(config: StandinConfig, pki: PkiPaths) -> None:
    with StandinThread(replace(config, alpn_demanded=True)) as standin:
        for wrong in ((), ("http/1.1",)):
            with Wire(pki, standin.port, *wrong) as silent:
                silent.say(Connect("gw-07-events"))
                assert silent.hear() is None
        with Wire(pki, standin.port, "http/1.1", "x-amzn-mqtt-ca") as wire:
            wire.connect()
            agreed = wire.socket.selected_alpn_protocol()

    assert agreed == "x-amzn-mqtt-ca"


def test_other_ports_take_it_and_do_not_ask_for_it(config: StandinConfig, pki: PkiPaths) -> None:
    with StandinThread(config) as standin:
        for offered in ((), ("x-amzn-mqtt-ca",), ("http/1.1",)):
            with Wire(pki, standin.port, *offered) as wire:
                wire.connect()


def test_a_watcher_that_never_reads_is_let_go(config: StandinConfig, pki: PkiPaths) -> None:
    """What waits for it is bounded: it is hung up on before the broker's memory pays."""
    unpaced = replace(config, rates=False, observer="watcher")
    with StandinThread(unpaced) as standin, standin.control() as control, Wire(pki, standin.port) as watcher:
        watcher.say(Connect("watcher"), Subscribe(1, (Subscription("floor/#"),)))
        wait_until(lambda: "watcher" in control.status()["subscriptions"])
        with Wire(pki, standin.port) as gateway:
            gateway.connect()
            for number in range(1, 200):
                gateway.say(Publish(EVENTS, bytes(100_000), 1, number))
                gateway.hear()
            clients = control.status()["clients"]

    assert clients == ["gw-07-events"]


def test_rubbish_is_answered_with_a_reason_and_the_others_go_on(config: StandinConfig, pki: PkiPaths) -> None:
    with StandinThread(config) as standin, Wire(pki, standin.port) as wire:
        wire.connect()
        wire.socket.sendall(b"\x32\x08\x00\x03a\xffb\x00\x01\x00")
        answers = [wire.hear(), wire.hear()]
        with Wire(pki, standin.port) as other:
            other.connect()
            other.say(Publish(EVENTS, b"[]", 1, 1))
            accepted = other.hear()

    assert answers == [Disconnect(Reason.MALFORMED_PACKET), None]
    assert accepted == Puback(1, 16)


def test_the_control_is_ours_alone_even_in_a_deep_folder(config: StandinConfig, tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 100) / ("y" * 100)

    with StandinThread(replace(config, state=deep)), StandinControl(deep) as control:
        mode = stat.S_IMODE((deep / "control.sock").stat().st_mode)
        status = control.status()

    assert mode == 0o600
    assert status["up"]


def test_the_control_answers_what_it_does_not_understand_and_goes_on(config: StandinConfig) -> None:
    with StandinThread(config) as standin, standin.control() as control:
        with pytest.raises(ConfigurationError, match="stand-in: no such command"):
            control.ask("explode")
        with pytest.raises(ConfigurationError, match="percent is 200"):
            control.lose(percent=200)

        assert control.status()["accepted"] == 0


def test_the_status_tells_what_was_refused(config: StandinConfig, pki: PkiPaths) -> None:
    with StandinThread(config) as standin, standin.control() as control, Wire(pki, standin.port) as wire:
        wire.connect()
        control.refuse(0x97)
        wire.say(Publish(EVENTS, b"[]", 1, 1))
        answer = wire.hear()
        status = control.status()

    assert answer == Puback(1, 0x97)
    assert status["refused"] == {"0x97": 1}
    assert status["disconnected"] == {}


def test_the_default_certificate_can_be_deactivated_and_stays_so_over_a_restart(
    config: StandinConfig, pki: PkiPaths
) -> None:
    with StandinThread(config) as standin, standin.control() as control, Wire(pki, standin.port) as wire:
        wire.connect()
        (known,) = control.certificates()
        control.deactivate(known["id"])
        told = [wire.hear(), wire.hear()]
    with StandinThread(config) as standin, Wire(pki, standin.port) as wire:
        wire.say(Connect("gw-07-events"))
        refused = wire.hear()

    assert (known["thing"], known["status"], known["common_name"]) == ("gw-07", "ACTIVE", "gw-07")
    assert told == [Disconnect(Reason.NOT_AUTHORISED), None]
    assert refused is None


def test_what_cannot_be_kept_is_said_and_not_done(config: StandinConfig, pki: PkiPaths) -> None:
    with StandinThread(config) as standin, standin.control() as control, Wire(pki, standin.port) as wire:
        wire.connect()
        (known,) = control.certificates()
        (config.state / "registry.json").mkdir()
        for change in (control.deactivate, control.forget):
            with pytest.raises(ConfigurationError, match=r"registry\.json cannot be written"):
                change(known["id"])
        (still,) = control.certificates()

    assert still["status"] == "ACTIVE"


def test_a_registry_that_is_not_ours_is_left_alone(config: StandinConfig) -> None:
    config.state.mkdir()
    config.registry_file.write_text("rubbish")

    with (
        pytest.raises(ConfigurationError, match=r"registry\.json is not what a stand-in kept"),
        StandinThread(config),
    ):
        pass

    assert config.registry_file.read_text() == "rubbish"


def test_a_claim_that_cannot_be_read_is_one_line(config: StandinConfig, pki: PkiPaths) -> None:
    for wrong in (pki.device_key, config.state / "none.pem"):
        with (
            pytest.raises(CredentialError, match=r"claim certificate .* cannot be read"),
            StandinThread(replace(config, claims=(wrong,))),
        ):
            pass


def test_a_control_that_sends_too_much_is_hung_up_on(config: StandinConfig) -> None:
    with StandinThread(config) as standin, standin.control() as control:
        with pytest.raises(UplinkError, match="stand-in"):
            control.ask("drop", client="x" * 1_000_000)
        with standin.control() as other:
            assert other.status()["up"]


def test_a_control_outlives_its_stand_in_with_an_error(config: StandinConfig) -> None:
    with StandinThread(config) as standin:
        control = standin.control()
    with control, pytest.raises(UplinkError):
        control.status()


def test_what_cannot_start_says_why(config: StandinConfig, pki: PkiPaths, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        cases: list[tuple[type[AgentError], str, dict[str, Any]]] = [
            (InUseError, rf"port {port} of 127\.0\.0\.1 cannot be had", {"port": port}),
            (CredentialError, r"cannot use .*server\.pem", {"key": pki.device_key}),
            (CredentialError, "No such file", {"ca": tmp_path / "none.pem"}),
            (ConfigurationError, "policy", {"policy": tmp_path / "none.json"}),
            (ConfigurationError, "state folder /proc/none cannot be used", {"state": Path("/proc/none")}),
        ]
        for kind, message, change in cases:
            with pytest.raises(kind, match=message), StandinThread(replace(config, **change)):
                pass

    with StandinThread(config):
        with pytest.raises(InUseError, match="in use by another stand-in"), StandinThread(config):
            pass
        with StandinControl(config.state) as control:
            assert control.status()["up"]


def test_a_port_that_is_taken_during_an_outage_is_tried_until_it_is_free(
    config: StandinConfig, pki: PkiPaths
) -> None:
    with StandinThread(config) as standin, standin.control() as control:
        control.down(0.3)
        thief = socket.socket()
        thief.bind(("127.0.0.1", standin.port))
        thief.listen()
        wait_until(lambda: not control.status()["up"])
        threading.Timer(1.0, thief.close).start()
        wait_until(lambda: control.status()["up"])

        with Wire(pki, standin.port) as wire:
            wire.connect()


def test_it_can_live_in_a_loop_of_ours(config: StandinConfig) -> None:
    async def live() -> str:
        async with Standin(config) as standin:
            return repr(standin)

    shown = asyncio.run(live())

    assert shown.startswith("<Standin 127.0.0.1:")
    assert shown.endswith("up <Broker nobody accepted:0>>")


def test_ending_during_an_outage_is_clean(config: StandinConfig) -> None:
    with StandinThread(config) as standin, standin.control() as control:
        control.down(3600)

    assert not (config.state / "control.sock").exists()
    assert {path.name for path in config.state.iterdir()} == {"ledger.jsonl", "standin.lock"}


def ask_over_tls(context: ssl.SSLContext, port: int) -> bytes:
    """What a CONNECT is answered. With TLS 1.3 a refused certificate shows at the first read."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=SOON) as raw,
        context.wrap_socket(raw, server_hostname="localhost") as tls,
    ):
        tls.sendall(encode(Connect("gw-07-events")))
        if answer := tls.recv(100):
            return answer
        raise ConnectionError("hung up")


def test_it_can_count_in_place_of_keeping(tmp_path: Path) -> None:
    with running(tmp_path, "--ledger", "counts") as (process, ready):
        with Wire(PkiPaths.within(tmp_path / "pki"), ready["port"]) as wire:
            wire.connect()
            kind = Properties(content_type="application/cloudevents+json; charset=UTF-8")
            wire.say(Publish(EVENTS, b'{"id":"J/1"}', 1, 1, properties=kind))
            wire.hear()
        with StandinControl(tmp_path) as control:
            during = control.counts()
        process.terminate()
        process.wait(SOON)

    after = json.loads(Path(ready["ledger"]).read_text(encoding="utf-8"))
    assert during["journals"] == after["journals"] == {"J": [[1, 1]]}
    assert not (tmp_path / "ledger.jsonl").exists()


def test_one_that_keeps_has_no_counts(config: StandinConfig) -> None:
    with (
        StandinThread(config) as standin,
        standin.control() as control,
        pytest.raises(
            ConfigurationError, match="this stand-in keeps a ledger — start it with --ledger counts"
        ),
    ):
        control.counts()


def test_who_comes_while_the_cable_is_cut_hears_nothing_and_later_everything(
    config: StandinConfig, pki: PkiPaths
) -> None:
    with StandinThread(config) as standin, standin.control() as control:
        with Wire(pki, standin.port) as wire:
            wire.connect()
            control.swallow(1.0)
            wire.say(Publish(EVENTS, b"[]", 1, 1))
            with socket.create_connection(("127.0.0.1", standin.port), timeout=0.5) as newcomer:
                newcomer.sendall(b"\x16\x03\x01")
                with pytest.raises(TimeoutError):
                    newcomer.recv(1)
            wire.socket.settimeout(0.2)
            with pytest.raises(TimeoutError):
                wire.socket.recv(1)
            # The broker has yet to find out.
            assert control.status()["clients"] == ["gw-07-events"]
        time.sleep(1.0)
        with Wire(pki, standin.port) as wire:
            wire.connect()
            wire.say(Publish(EVENTS, b"[1]", 1, 1))
            accepted = wire.hear()
        status = control.status()

    assert accepted == Puback(1, 16)
    assert status["bytes_swallowed"] > 0
    assert status["disconnected"] == {"0x8e": 1}
    assert [entry.payload for entry in read_ledger(config.ledger_file)] == [b"[1]"]


def test_rates_and_rules_are_switched_under_way(config: StandinConfig, pki: PkiPaths) -> None:
    ruled = replace(config, rules=("floor_events",))
    topic = f"$aws/rules/floor_events/{EVENTS}"
    with StandinThread(ruled) as standin, standin.control() as control, Wire(pki, standin.port) as wire:
        wire.connect()
        control.rates("take")
        control.rule("floor_events", enabled=False)
        for _ in range(150):
            wire.say(Publish(topic, b"[]", 1, 1))
            assert wire.hear() == Puback(1, 0)
        control.rates("discard")
        control.rule("floor_events", enabled=True)
        wire.say(Publish(topic, b"[1]", 1, 1))
        assert wire.hear() == Puback(1, 0)
        status = control.status()

    assert (status["rule_not_found"], status["publishes_over_rate"]) == (150, 0)
    assert [entry.payload for entry in read_ledger(config.ledger_file)] == [b"[1]"]
