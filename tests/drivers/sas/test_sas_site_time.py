"""What o'clock it is where the machine stands."""

from __future__ import annotations

from datetime import datetime, time, timedelta, timezone

import pytest

from edge_agent.drivers.sas.site_time import SiteTime, moment_of

SIX = time(6, 0)


def at(hour: int, minute: int = 0, day: int = 4) -> datetime:
    return datetime(2026, 7, day, hour, minute)  # noqa: DTZ001  the time on the wall


def test_monotonic_time_carries_the_time_of_day_on() -> None:
    site = SiteTime()
    assert site.at(100.0) is None

    site.tell(at(12), 100.0)

    assert site.at(190.0) == at(12, 1) + timedelta(seconds=30)


def test_a_clock_with_a_zone_is_read_as_it_shows() -> None:
    site = SiteTime()

    site.tell(datetime(2026, 7, 4, 12, tzinfo=timezone(timedelta(hours=-7))), 100.0)

    assert site.at(100.0) == at(12)


def test_by_how_much_a_machines_clock_is_ahead() -> None:
    site = SiteTime()
    shown = {"date": "07042026", "time": "120130"}
    assert site.ahead(shown, 100.0) is None

    site.tell(at(12), 100.0)

    assert site.ahead(shown, 100.0) == 90
    assert site.ahead(shown, 200.0) == -10


@pytest.mark.parametrize("date", ["00000000", "13012026", "02302026"])
def test_a_date_that_is_none_tells_no_moment(date: str) -> None:
    site = SiteTime()
    site.tell(at(12), 0.0)

    assert moment_of({"date": date, "time": "120000"}) is None
    assert site.ahead({"date": date, "time": "120000"}, 0.0) is None


def test_a_gaming_day_begins_at_its_hour_and_once() -> None:
    site = SiteTime(SIX)
    site.tell(at(5, 59), 0.0)

    began = [site.day_began(moment) for moment in (0.0, 59.9, 60.0, 61.0, 86_459.9, 86_460.0)]

    assert began == [False, False, True, False, False, True]


def test_the_first_gaming_day_began_unseen() -> None:
    site = SiteTime(SIX)
    site.tell(at(7), 0.0)

    assert not site.day_began(0.0)


def test_days_begin_again_when_a_clock_that_was_weeks_ahead_is_set_right() -> None:
    site = SiteTime(SIX)
    site.tell(at(5, 30, day=28), 0.0)
    site.day_began(0.0)

    site.tell(at(5, 30), 60.0)
    began = [site.day_began(60.0), site.day_began(60.0 + 1799), site.day_began(60.0 + 1800)]

    assert began == [False, False, True]


def test_a_clock_that_is_set_back_over_the_hour_does_not_begin_the_day_twice() -> None:
    site = SiteTime(SIX)
    site.tell(at(5, 59), 0.0)
    site.day_began(0.0)
    began = [site.day_began(120.0)]

    site.tell(at(5, 30), 130.0)
    began += [site.day_began(130.0), site.day_began(130.0 + 3600)]

    assert began == [True, False, False]


@pytest.mark.parametrize("site", [SiteTime(), SiteTime(SIX)])
def test_without_an_hour_or_a_clock_no_day_begins(site: SiteTime) -> None:
    if site.at(0.0) is None:
        assert not site.day_began(0.0)

    without_hour = SiteTime()
    without_hour.tell(at(5, 59), 0.0)
    assert not without_hour.day_began(0.0)
    assert not without_hour.day_began(120.0)
