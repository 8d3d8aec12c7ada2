"""`ask`, at a simulated machine on a pseudo-terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from edge_agent.drivers.sas.driver import SERIAL_FORMAT
from edge_agent.links.uart import UartLink
from tests.integration.conftest import machine, run

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A machine that nobody plays, at address 1."""
    with machine(tmp_path_factory.mktemp("machine") / "sas") as served:
        yield served


def test_the_answer_is_explained(port: str) -> None:
    asked = run("ask", port, "machine_information")

    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.startswith("machine 01: answer to 1F machine_information\n")
    assert "0.01 a credit" in asked.stdout
    assert asked.stdout.endswith("good\n")
    assert asked.stderr == ""


def test_the_answer_is_json_for_a_program(port: str) -> None:
    asked = run("ask", port, "2F", "game=0", "meter_codes=00,coin_out", "--address", "1", "--json")

    answer = json.loads(asked.stdout)
    assert (asked.returncode, answer["verdict"], answer["address"]) == (0, "answered", 1)
    assert [field["name"] for field in answer["answer"]["fields"]][4:] == ["coin_in", "coin_out"]


def test_what_the_machine_does_not_know_has_a_status_of_its_own(port: str) -> None:
    asked = run("ask", port, "5A")

    assert asked.returncode == 21
    assert asked.stdout == "machine 01 does not know 5A supported_bills: it left three tries unanswered\n"


def test_nobody_there_has_a_status_of_its_own(port: str) -> None:
    asked = run("ask", port, "1F", "--address", "9")

    assert asked.returncode == 20
    assert asked.stdout == "nobody answers there, and address 01 chirps — ask with --address 1\n"


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["/nowhere", "1F"], 4, "port /nowhere does not exist — "),
        (["/dev/null", "1F"], 4, "port /dev/null is not a serial port — "),
        (["somewhere", "1F"], 2, "port 'somewhere' names no known kind of link — "),
        (
            ["/nowhere", "01"],
            2,
            "long poll 01 shutdown changes something, or nobody knows that it does not — ",
        ),
        (["/nowhere", "1F", "--address", "200"], 2, "address 200 is out of range — "),
    ],
)
def test_what_cannot_be_asked_is_one_line(arguments: list[str], status: int, complaint: str) -> None:
    asked = run("ask", *arguments)

    assert asked.returncode == status
    assert asked.stderr.startswith(f"edge-agent: {complaint}")
    assert asked.stderr.count("\n") == 1


def test_a_port_that_somebody_holds_is_not_asked(port: str) -> None:
    holder = UartLink(port, SERIAL_FORMAT)
    holder.open()
    try:
        asked = run("ask", port, "1F")
    finally:
        holder.close()

    assert asked.returncode == 6
    assert "is held by another program" in asked.stderr
