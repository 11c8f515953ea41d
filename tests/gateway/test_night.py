"""The nursery's last day: minutes made of live values, kept for a day across a restart, drawn as a chart with its table."""

import math
import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import night
from gateway.edges.buffer import Buffer
from gateway.edges.changes import Changes
from gateway.edges.nights import Nights, minutes
from gateway.night import KEPT_MINUTES, Gathering, Minute
from tests.gateway.counterpart import Counterpart
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import PASSWORD, browser

KID, OTHER = b"\1\2\3\4", b"othr"
NOON_s = 1_795_345_200.0


def test_a_minute_is_the_mean_of_energy_and_counts_the_crying() -> None:
    """Half a minute of 70 dB beside half of 40 is 67 dB, not 55; fifteen seconds of crying are fifteen."""
    gathering = Gathering()
    for second in range(60):
        loud = second < 30
        gathering.hear(KID, NOON_s + second, 70.0 if loud else 40.0, second < 15, 20.0, 45)
    assert gathering.take(NOON_s + 59.9) == []
    ((kid, minute),) = gathering.take(NOON_s + 60)
    assert kid == KID
    assert minute == Minute(int(NOON_s // 60), pytest.approx(67.0, abs=0.05), 70.0, 15, 20.0, 45.0)
    assert gathering.take(NOON_s + 600) == []


@given(st.lists(st.tuples(st.floats(0, 7200), st.floats(20, 110), st.booleans()), min_size=1, max_size=80))
def test_every_live_value_is_in_one_minute(values: list[tuple[float, float, bool]]) -> None:
    """Whatever the order and the gaps: as many minutes as there were, none twice, each mean between its quietest and its loudest."""
    gathering = Gathering()
    for after_s, dB, crying in values:
        gathering.hear(KID, NOON_s + after_s, dB, crying, None, None)
    taken = [minute for _, minute in gathering.take(NOON_s + 7300)]
    assert [each.minute for each in taken] == sorted({int((NOON_s + after_s) // 60) for after_s, _, _ in values})
    for each in taken:
        its = [dB for after_s, dB, _ in values if int((NOON_s + after_s) // 60) == each.minute]
        assert min(its) - 0.1 <= each.mean_dB <= max(its) + 0.1
        assert each.loudest_dB == max(its)
        assert 0 <= each.crying_s <= 60


def test_a_gap_is_a_gap_and_the_chart_stays_within_its_frame() -> None:
    """Two stretches of minutes are two lines; a shriek beyond the scale stays on the paper."""
    now = int(NOON_s // 60)
    made = [Minute(now - 300 + number, 30.0, 40.0, 0, 19.0, 40.0) for number in range(20)]
    made += [Minute(now - 100 + number, 120.0, 125.0, 30, None, None) for number in range(5)]
    chart = night.chart(made, now)
    assert len(chart.loudness) == 2
    for line in chart.loudness:
        for point in line.split():
            x, y = map(float, point.split(","))
            assert 0 <= x <= night.WIDTH
            assert 0 <= y <= night.HEIGHT
    assert len(chart.crying) == 5
    assert all(second % 3600 == 0 for _, second in chart.hours)
    newest, *_ = night.hours(made)
    assert newest.loudest_dB == 125.0
    assert sum(hour.crying_minutes for hour in night.hours(made)) == 5


@pytest.mark.anyio
async def test_a_day_is_kept_and_no_more(tmp_path: Path) -> None:
    """What was gathered is on disk after a minute, found again by the next life, and gone after 24 hours."""
    changes = Changes()
    buffer = await Buffer.open(tmp_path / "home.db", 64)
    nights = Nights(buffer, changes)
    changes.gathering.hear(KID, NOON_s, 50.0, True, None, None)
    changes.gathering.hear(OTHER, NOON_s, 30.0, False, 18.5, 50)
    await nights.write(NOON_s + 60)
    await buffer.close()
    buffer = await Buffer.open(tmp_path / "home.db", 64)
    nights = Nights(buffer, changes)
    minute = int(NOON_s // 60)
    assert buffer.read(lambda connection: minutes(connection, KID, 0)) == [Minute(minute, 50.0, 50.0, 60, None, None)]
    changes.gathering.hear(KID, NOON_s + 60 * (KEPT_MINUTES + 1), 40.0, False, None, None)
    await nights.write(NOON_s + 60 * (KEPT_MINUTES + 2))
    assert [each.minute for each in buffer.read(lambda connection: minutes(connection, KID, 0))] == [minute + KEPT_MINUTES + 1]
    assert buffer.read(lambda connection: minutes(connection, OTHER, 0)) == []
    await buffer.close()


@pytest.mark.anyio
async def test_the_page_draws_the_night_and_tells_it_as_a_table(tmp_path: Path) -> None:
    """Both languages, times as the home's clock has them, and nothing that the policy would stop."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as running, browser(running) as page:
        await page.set_up()
        assert '<svg class="night"' not in (await page.client.get("/en/nursery")).text
        await running.stop()
    now = int(time.time() // 60)
    with sqlite3.connect(tmp_path / "data/home.db") as connection:
        for number in range(120):
            row = (device.kid, now - 130 + number, 35 + 10 * math.sin(number / 9), 61.0, 20 if number == 60 else 0, 19.4, 44.0)
            connection.execute("INSERT INTO nights VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    async with gateway(configure(tmp_path)) as running, browser(running) as page:
        answer = await page.client.post("/en/sign-in", data={"password": PASSWORD})
        assert answer.status_code == 303
        english = (await page.client.get("/en/nursery")).text
        french = (await page.client.get("/fr/nursery")).text
    assert english.count('<polyline class="loud"') == 1
    assert english.count('<rect class="cried"') == 1
    assert "<td>61</td>" in english
    assert "19,4" in french
    assert "Le dernier jour" in french
