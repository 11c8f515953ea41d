"""Alarm limits are the parents' to choose, within limits of their own, and stay chosen; light and sound are asked for beside them."""

from pathlib import Path

import pytest

from gateway import alarms
from gateway.alarms import Rules
from gateway.edges import thresholds
from protocol import commands
from tests.gateway.counterpart import Counterpart
from tests.gateway.ground import database
from tests.gateway.process import configure, gateway
from tests.gateway.test_listening import nursery
from tests.gateway.test_pages import PASSWORD, browser

pytestmark = pytest.mark.anyio
CHOSEN = {"too_cold_Cel": "16,5", "too_warm_Cel": "22", "crying_windows": "1"}


def test_what_is_chosen_is_read_back_and_nothing_else_changes() -> None:
    """Until somebody chooses, the rules are those of `alarms.py`; what cannot be chosen is as it was, whatever was given."""
    connection = database()
    assert thresholds.of(connection, b"crib") == Rules()
    thresholds.choose(connection, b"crib", Rules(too_cold_Cel=12.0, too_warm_Cel=30.0, crying_windows=3, no_life_s=9999.0), 0)
    assert thresholds.of(connection, b"crib") == Rules(too_cold_Cel=12.0, too_warm_Cel=30.0, crying_windows=3)
    assert thresholds.of(connection, b"other") == Rules()


async def test_limits_are_chosen_at_the_page_and_hold_after_a_restart(tmp_path: Path) -> None:
    """With a comma or a point; the page shows them, and a gateway that starts again rings by them."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    configuration = configure(tmp_path)
    async with gateway(configuration) as running, browser(running) as page:
        await page.set_up()
        assert (await page.post(f"/en/nursery/{device.kid.hex()}/limits", **CHOSEN)).status_code == 303
        assert 'value="16.5"' in (await page.client.get("/en/nursery")).text
        assert 'value="16,5"' in (await page.client.get("/fr/nursery")).text
        assert await running.stop() == 0
    async with gateway(configuration) as running, browser(running) as page:
        await page.client.post("/en/sign-in", data={"password": PASSWORD})
        assert 'value="16.5"' in (await page.client.get("/en/nursery")).text


async def test_a_limit_beyond_its_own_is_refused(tmp_path: Path) -> None:
    """Nobody can choose an alarm that never comes; that a device is silent is not theirs to loosen at all."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    assert "no_life_s" not in alarms.CHOOSABLE
    cold, warm, windows = "too_cold_Cel", "too_warm_Cel", "crying_windows"
    async with gateway(configure(tmp_path)) as running, browser(running) as page:
        await page.set_up()
        address = f"/en/nursery/{device.kid.hex()}/limits"
        for change in ({cold: "9.9"}, {cold: "19.1"}, {warm: "40"}, {warm: "nan"}, {windows: "0"}, {windows: ""}, {cold: "1e1000"}):
            assert (await page.post(address, **{**CHOSEN, **change})).status_code == 400, change
        assert (await page.client.post(address, data=CHOSEN)).status_code == 403
        assert 'value="15.0"' in (await page.client.get("/en/nursery")).text


async def test_light_and_sound_are_asked_for_answered_and_shown(tmp_path: Path) -> None:
    """Each form of the page becomes its command with its arguments, and the page says that it was done."""
    async with nursery(tmp_path) as (running, page, cradle, device):
        address = f"/en/devices/{device.kid.hex()}/orders"
        forms = [
            ({"kind": commands.LIGHT, "level": 25, "minutes": ""}, {commands.LEVEL: 25}),
            (
                {"kind": commands.PLAY, "sound": 2, "loudness": 30, "minutes": 60},
                {commands.SOUND: 2, commands.LOUDNESS: 30, commands.MINUTES: 60},
            ),
            ({"kind": commands.VOLUME, "loudness": 10}, {commands.LOUDNESS: 10}),
            ({"kind": commands.STOP}, {}),
        ]
        for number, (form, arguments) in enumerate(forms, 1):
            answer = await page.post(address, **form, back="nursery")
            assert (answer.status_code, answer.headers["location"]) == (303, "/en/nursery")
            await running.event("order.answered", number=number)
            told = cradle.told[-1]
            assert told[commands.KIND] == form["kind"]
            assert {key: value for key, value in told.items() if key >= commands.FIRST_ARGUMENT} == arguments
        shown = (await page.client.get("/en/nursery")).text
        assert shown.count("Done today at") == 3, "the last three are shown"
        for wrong in ({"kind": commands.LIGHT, "level": 101}, {"kind": commands.PLAY, "sound": 3}, {"kind": commands.LIGHT}):
            assert (await page.post(address, **wrong)).status_code == 400
        way = cradle.way
        way.live({0: 2, 2: [1, 9000], 16: 80, 32: 25, 33: 2, 34: 30, 35: 60, 36: 1})
        for _ in range(50):
            shown = (await page.client.get("/en/nursery")).text
            if "White noise 30 %, 60 min" in shown:
                break
        assert "Night light 25 % · White noise 30 %, 60 min · Somebody listens" in shown
