"""Which time a page shows: midnights where the person is, a period before each of the same length, and days that are none."""

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.site import periods
from cloud.site.languages import zone_or_utc
from tests.cloud.counterpart import Device, Person, climate, pressure, weight
from tests.cloud.site.conftest import Premises

NOON_UTC_S = 1_795_348_800  # 22 November 2026, 12:00 UTC
DAYS = st.dates(datetime.date(2000, 1, 1), datetime.date(2026, 11, 22))
ZONES = st.sampled_from(["Europe/Paris", "Pacific/Auckland", "America/St_Johns", "UTC"])


@given(st.sampled_from(list(periods.DAYS)), DAYS, ZONES)
def test_a_chosen_day_ends_its_period_at_midnight_where_the_person_is(name: str, day: datetime.date, zone: str) -> None:
    """From one local midnight to another, as many days as the period has, and the one before touches it and has as many."""
    found = periods.chosen(name, day.isoformat(), zone, NOON_UTC_S)
    assert found.window.until_minute is not None
    ends = [found.before.since_minute, found.window.since_minute, found.window.until_minute]
    local = [datetime.datetime.fromtimestamp(minute * 60, zone_or_utc(zone)) for minute in ends]
    assert {moment.time() for moment in local} == {datetime.time()}
    length = datetime.timedelta(periods.DAYS[name])
    assert [moment.date() for moment in local] == [day + datetime.timedelta(1) - number * length for number in (2, 1, 0)]
    assert found.before.until_minute == found.window.since_minute


@given(st.sampled_from(list(periods.DAYS)), DAYS, ZONES)
def test_earlier_and_later_lead_back_to_where_one_was(name: str, day: datetime.date, zone: str) -> None:
    """A step back and a step forward show the same time; forward from the last chosen one is now, and from now there is no later."""
    found = periods.chosen(name, day.isoformat(), zone, NOON_UTC_S)
    if found.earlier:
        there = periods.chosen(name, found.earlier, zone, NOON_UTC_S)
        if there.on is not None:
            assert there.window == found.before
            back = periods.chosen(name, there.later or "", zone, NOON_UTC_S)
            assert back.on in (found.on, None)
    assert periods.chosen(name, "", zone, NOON_UTC_S).later is None


@pytest.mark.parametrize(
    "on", ["", "2026-11-23", "1999-12-31", "2026-02-30", "20261122", "2026-W47-1", "9999-99-99", "' OR 1=1", "²026-11-22"]
)
def test_a_day_that_is_none_or_to_come_is_now(on: str) -> None:
    """The period that ends now, and the one before it."""
    found = periods.chosen("week", on, "UTC", NOON_UTC_S)
    assert found.window == periods.Window(NOON_UTC_S // 60 - 7 * 1440)
    assert found.before == periods.Window(NOON_UTC_S // 60 - 14 * 1440, NOON_UTC_S // 60 - 7 * 1440)


@pytest.mark.parametrize("kind", ["weight", "pressure", "climate"])
def test_a_day_is_shown_alone_and_beside_the_one_before(site: Premises, kind: str) -> None:
    """A chosen day shows its own readings and no others; beside it, the day before in figures and in a chart of its own."""
    browser, device = site.browser(zone="UTC"), Device()
    person = Person("Ada") if kind != "climate" else Person("Nursery", 1)
    browser.register()
    browser.link(person)
    day_utc_s = NOON_UTC_S - 40 * 86400
    made = {
        "weight": lambda n: weight(70_000 + 1000 * n),
        "pressure": lambda n: pressure(120 + 10 * n, 80),
        "climate": lambda n: climate(2000 + 100 * n, 50),
    }
    site.store(person, [person.row(device, made[kind](number), day_utc_s + 86400 * number) for number in (-1, 0, 1)])
    chosen = datetime.datetime.fromtimestamp(day_utc_s, datetime.UTC).date().isoformat()
    alone = browser.get(f"/en/{kind}?period=day&on={chosen}").text
    assert alone.count("data-verified") == 1
    assert "data-live" not in alone
    both = browser.get(f"/en/{kind}?period=day&on={chosen}&beside=before").text
    assert (both.count("data-chart"), both.count("data-table")) == (2, 2)
    assert {"weight": "<td>+1.0</td>", "pressure": "<td>+10</td>", "climate": "<td>+1.0</td>"}[kind] in both
    empty = browser.get(f"/fr/{kind}?period=week&on=2024-01-01&beside=before").text
    assert "Rien n’a été mesuré pendant cette période." in empty
    assert "data-chart" not in empty


def test_a_long_time_of_a_room_is_thinned_and_says_so(site: Premises) -> None:
    """More rows than a page opens: every few are shown, the newest among them, in words; as JSON all are given."""
    browser, device, room = site.browser(zone="UTC"), Device(), Person("Nursery", 1)
    browser.register()
    browser.link(room)
    now_utc_s = int(datetime.datetime.now(datetime.UTC).timestamp())
    site.store(room, [room.row(device, climate(2000 + number % 300, 50), now_utc_s - 900 * number) for number in range(1, 1002)])
    page = browser.get("/en/climate?period=month&rows=all").text
    assert page.count("data-verified") == 501
    assert "one of every 2 is shown" in page
    assert f'data-utc="{now_utc_s - 900}"' in page
    assert len(browser.get("/en/climate.json?period=month").json()["readings"]) == 1001
