"""Records leave into a file."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import stat
from pathlib import Path

import pytest

from edge_agent.errors import NotConnected, UplinkError
from edge_agent.uplink.base import Message, Promise
from edge_agent.uplink.file import FileUplink


async def publish(path: Path, *messages: Message) -> None:
    uplink = FileUplink(path)
    await uplink.start()
    await uplink.wait_connected()
    for message in messages:
        receipt = await uplink.publish(message)
        assert (receipt.reason_code, receipt.promise) == (0, Promise.DELIVERED)
    await uplink.stop()
    await uplink.stop()


def test_every_message_is_a_line(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"

    asyncio.run(
        publish(path, Message("a", b"[1]", retain=True), Message("b", b"\x1f\x8b", "x", (("k", "v"),)))
    )

    first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert (first["topic"], first["payload"], first["retain"]) == ("a", "[1]", True)
    assert (second["payload_base64"], second["user_properties"]) == ("H4s=", [["k", "v"]])


def test_the_file_is_appended_to_and_private(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"

    asyncio.run(publish(path, Message("a", b"1")))
    asyncio.run(publish(path, Message("a", b"2")))

    assert len(path.read_text().splitlines()) == 2
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_publishes_at_the_same_time_do_not_mix(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"

    async def at_once() -> None:
        uplink = FileUplink(path)
        await uplink.start()
        await asyncio.gather(*(uplink.publish(Message("a", b"%d" % number)) for number in range(50)))
        await uplink.stop()

    asyncio.run(at_once())

    assert {json.loads(line)["payload"] for line in path.read_text().splitlines()} == {
        str(n) for n in range(50)
    }


def test_a_file_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    with pytest.raises(UplinkError, match="cannot be written: Is a directory") as caught:
        asyncio.run(FileUplink(tmp_path).start())

    assert "uplink.path" in caught.value.mend


def test_nothing_is_published_before_it_is_open(tmp_path: Path) -> None:
    uplink = FileUplink(tmp_path / "records.jsonl")

    with pytest.raises(UplinkError, match="not open"):
        asyncio.run(uplink.wait_connected())
    with pytest.raises(NotConnected, match="not open"):
        asyncio.run(uplink.publish(Message("a", b"")))


@pytest.mark.parametrize("fault", ["short", "fails"])
def test_a_full_disk_leaves_no_half_line_and_the_record_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    path = tmp_path / "records.jsonl"
    real = os.write

    def full(descriptor: int, data: bytes) -> int:
        if not data.startswith(b'{"topic"'):
            return real(descriptor, data)
        if fault == "fails":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(descriptor, data[:10])

    async def story() -> None:
        uplink = FileUplink(path)
        await uplink.start()
        await uplink.publish(Message("a", b"1"))
        with monkeypatch.context() as patched:
            patched.setattr(os, "write", full)
            with pytest.raises(NotConnected, match="No space left"):
                await uplink.publish(Message("a", b"2"))
        await uplink.publish(Message("a", b"3"))
        await uplink.stop()

    asyncio.run(story())

    assert [json.loads(line)["payload"] for line in path.read_text().splitlines()] == ["1", "3"]
