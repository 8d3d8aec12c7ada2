"""What a frame costs: its CRC, and finding and decoding it among the characters of a line.

    python benchmarks/crc_and_decode.py

Prints medians of repeated runs in microseconds. The CRC is measured beside the usual table-driven loop in
Python, in the same run, so that the ratio holds on any machine.
"""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable

from edge_agent.sas.crc import append_crc, crc16, crc_is_good
from edge_agent.sas.framing import PollReader, ReplyReader
from edge_agent.sas.messages import GeneralPoll, LongPollRequest, decode_reply, encode_poll
from edge_agent.sas.wakeup import WakeupDecoder, encode_host_message, stuff

REPEATS = 15
SECONDS_A_REPEAT = 0.05

CRC_TARGET_US = 0.5
DECODE_TARGET_US = 15.0

EVENT = bytes.fromhex("01 FF 7E 00 02 00 00 01 02 41 00 3A 81")
DATA = bytes.fromhex("01 1A 00 00 01 03 80 D7")
CREDITS = LongPollRequest(1, 0x1A)
GENERAL = GeneralPoll(1)


def table_of_the_polynomial() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x8408 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


TABLE = table_of_the_polynomial()


def table_driven(data: bytes) -> int:
    """CRC-16/KERMIT as it is usually written in Python."""
    crc = 0
    for byte in data:
        crc = crc >> 8 ^ TABLE[(crc ^ byte) & 0xFF]
    return crc


def microseconds(call: Callable[[], object]) -> float:
    """The median cost of one call."""
    timer = timeit.Timer(call)
    number, taken = timer.autorange()
    number = max(1, int(number * SECONDS_A_REPEAT / taken))
    return statistics.median(timer.repeat(REPEATS, number)) / number * 1e6


def hear(stream: bytes, poll: GeneralPoll | LongPollRequest) -> Callable[[], object]:
    """From the stream of a link to the message: ninth bit, framing, CRC, fields."""
    decoder, reader = WakeupDecoder(), ReplyReader(1)

    def once() -> object:
        reader.expect(poll, real_time=True)
        return reader.feed(decoder.feed(stream))

    assert len(hear_once := once()) == 1, hear_once  # type: ignore[arg-type]
    return once


def main() -> None:
    frame = bytes(range(62))
    whole = append_crc(frame)
    assert crc16(whole) == table_driven(whole) == 0
    poll_stream = WakeupDecoder().feed(encode_host_message(encode_poll(CREDITS)))
    polls = PollReader()

    fast, plain = microseconds(lambda: crc16(whole)), microseconds(lambda: table_driven(whole))
    print(f"CRC of a 64-byte frame           {fast:8.2f} us   (target {CRC_TARGET_US} us)")
    print(f"  the same, table-driven loop    {plain:8.2f} us   {plain / fast:.0f} times as long")
    print(f"  checking it                    {microseconds(lambda: crc_is_good(whole)):8.2f} us")
    event = microseconds(lambda: decode_reply(EVENT, GENERAL))
    print(f"decode of a 13-byte event frame  {event:8.2f} us   (target {DECODE_TARGET_US} us)")
    print(f"  from the marked stream         {microseconds(hear(stuff(EVENT), GENERAL)):8.2f} us")
    print(f"decode of a current-credits frame{microseconds(lambda: decode_reply(DATA, CREDITS)):8.2f} us")
    print(f"  from the marked stream         {microseconds(hear(stuff(DATA), CREDITS)):8.2f} us")
    print(f"encode of a type R poll          {microseconds(lambda: encode_poll(CREDITS)):8.2f} us")
    print(f"a machine reading it             {microseconds(lambda: polls.feed(poll_stream, 0.0)):8.2f} us")


if __name__ == "__main__":
    main()
