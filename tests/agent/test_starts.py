"""A component ends no more often than a nucleus begins it again."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.agent.starts import WINDOW_SECONDS, Starts


class Gateway:
    """One component, begun again and again within a boot, or after another."""

    def __init__(self, folder: Path) -> None:
        self.now = 100.0
        self.boot_id = "first"
        self.file = folder / "state" / "starts-collector.json"

    def begin(self) -> Starts:
        starts = Starts(self.file, self.boot_id, lambda: self.now)
        starts.record()
        return starts


@pytest.fixture
def gateway(tmp_path: Path) -> Gateway:
    return Gateway(tmp_path)


def test_what_began_once_may_end_at_once(gateway: Gateway) -> None:
    assert gateway.begin().seconds_until_another() == 0.0


def test_what_began_twice_within_an_hour_goes_on_until_the_first_start_is_an_hour_old(
    gateway: Gateway,
) -> None:
    gateway.begin()
    gateway.now += 600
    again = gateway.begin()

    assert again.seconds_until_another() == WINDOW_SECONDS - 600
    gateway.now += WINDOW_SECONDS - 600
    assert again.seconds_until_another() == 0.0


def test_what_is_begun_three_times_by_others_waits_for_the_second(gateway: Gateway) -> None:
    for _ in range(3):
        starts = gateway.begin()
        gateway.now += 100

    assert starts.seconds_until_another() == pytest.approx(WINDOW_SECONDS - 200)


def test_starts_of_another_boot_do_not_count(gateway: Gateway) -> None:
    gateway.begin()
    gateway.boot_id = "second"

    assert gateway.begin().seconds_until_another() == 0.0


@pytest.mark.parametrize("text", ["", "[]", '{"boot_id": "first"}', '{"boot_id": "first", "began": ["x"]}'])
def test_a_file_that_makes_no_sense_counts_for_nothing(gateway: Gateway, text: str) -> None:
    gateway.file.parent.mkdir()
    gateway.file.write_text(text)

    assert gateway.begin().seconds_until_another() == 0.0


def test_a_folder_that_cannot_be_made_stops_nothing(gateway: Gateway) -> None:
    gateway.file.parent.write_text("a file where the folder belongs")

    assert gateway.begin().seconds_until_another() == 0.0
