"""Updates of all kinds in a whole home: readings arrive before, during and after; a broken release is given back and halts by itself."""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.people.person import Person
from tests.firmware.living import Alterations, altered, until
from tools import release
from tools.household import DEVICE_KINDS, Household, Ports
from tools.visitor import Visitor

ADA = Person("Ada", 61.3, 121.0, 79.0, 66.0, seed=5)
GOOD: Alterations = (("firmware/console.py", "foyer ready device", "foyer ready release=new device"),)
QUICK: Alterations = (("firmware/main.py", "_BEFORE_RESTART_MS = const(5000)", "_BEFORE_RESTART_MS = const(50)"),)


def noon() -> str:
    """Return a time zone in which it is about noon now: the nursery is updated by day only."""
    hour = time.gmtime().tm_hour
    return f"NOON{hour - 12}"  # POSIX counts westwards: UTC is local time plus this


def lay(household: Household, version: str, alterations: dict[str, Alterations]) -> None:
    """Bring a release of each kind by hand, as its owner may."""
    for kind, changes in alterations.items():
        files = release.with_keys(altered(kind, (*QUICK, *changes)))
        said = release.Facts(version, release.sequence_of(version), "Brings calm.", "Apporte le calme.")
        data = release.pack(kind, files, release.signing_key(), said)
        folder = household.folder / "home/releases"
        (folder / f"{kind}.new").write_bytes(data)
        (folder / f"{kind}.new").rename(folder / f"{kind}-{version}.foyer")


async def page_until(home: Visitor, holds: Callable[[str], bool], seconds: float) -> str:
    """Return the devices' page once it holds something. Raises AssertionError with it."""
    end = time.monotonic() + seconds
    while True:
        text = (await home.get("/en/devices")).text
        if holds(text):
            return text
        assert time.monotonic() < end, text[text.find("<main") :]
        await asyncio.sleep(1)


def receipted(household: Household, kind: str) -> int:
    return sum(way.key.device == kind and "receipted" in way.stops for way in household.ways.ways.values())


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_three_kinds_take_a_good_release_and_give_a_broken_one_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The household says now; each device fetches, tries and keeps it while the nursery's climate goes on arriving and somebody weighs.

    Of the next, which dies as soon as it measures, each device runs the version before again, and nobody is offered it any more.
    """
    monkeypatch.setenv("TZ", noon())

    async def life() -> None:
        async with Household(tmp_path, Ports.free(), [ADA], climate_ms=2000) as household, household.page_visitor() as home:
            await household.sign_in_at_home(home)
            page = await page_until(home, lambda text: text.count("0.1.0") >= 3, 120)
            assert 'action="/en/updates"' in page
            await household.house.step_on("scale", ADA, 8.0)
            before = receipted(household, "babyphone")
            await home.submit((await home.get("/en/devices")).form("updates"), choice="now")
            lay(household, "0.1.1", dict.fromkeys(DEVICE_KINDS, GOOD))
            await household.house.step_on("scale", ADA, 8.0)
            page = await page_until(home, lambda text: text.count("0.1.1: installed") >= 3, 420)
            assert receipted(household, "babyphone") > before + 2
            await household.house.step_on("scale", ADA, 8.0)
            assert all(any("release=new" in line for line in device.console) for device in household.house.devices.values())
            broken = "async def measure(ground) -> None:\n"
            bad: dict[str, Alterations] = {
                kind: ((f"firmware/{kind}/main.py", broken, broken + "    raise ValueError\n"),) for kind in DEVICE_KINDS
            }
            lay(household, "0.1.2", bad)
            page = await page_until(home, lambda text: text.count("0.1.2: given back") >= 3, 600)
            assert page.count("offered to no other by itself") == 3
            before = receipted(household, "babyphone")
            await asyncio.sleep(20)
            assert receipted(household, "babyphone") > before
            page = (await home.get("/en/devices")).text
            assert page.count("0.1.2: given back") == 3, "nobody is offered it again"
            log = (await home.get("/fr/log")).text
            assert log.count("Un appareil garde une mise à jour") == 3
            assert log.count("Un appareil a rendu une mise à jour") == 3
            sequences = [way.key for way in household.ways.ways.values() if "kept" in way.stops]
            assert len(sequences) == len(set(sequences))

    assert os.environ["TZ"].startswith("NOON")
    asyncio.run(life())


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", ["cuff", "scale"])
def test_a_device_that_has_bluetooth_alone_takes_an_update(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same blocks in fragments over GATT: it fetches, tries and keeps the release.

    A scale sleeps when it is told of it; the next weighing wakes it and is kept, and then the update comes. The weighing after it arrives.
    """
    monkeypatch.setenv("TZ", noon())

    async def life() -> None:
        async with Household(tmp_path, Ports.free(), [ADA], radio="ble") as household, household.page_visitor() as home:
            await household.sign_in_at_home(home)
            device = household.house.devices[kind]
            await household.house.step_on("scale", ADA, 8.0)
            await page_until(home, lambda text: text.count("0.1.0") >= 3, 240)
            if kind == "scale":
                await until(lambda: device.console[-1].startswith("foyer asleep"), 120)
            await home.submit((await home.get("/en/devices")).form("updates"), choice="now")
            lay(household, "0.1.1", {kind: GOOD})
            weighed = receipted(household, "scale")
            if kind == "scale":
                await page_until(home, lambda text: "Look for an update" in text, 120)
                await household.house.step_on("scale", ADA, 8.0)
            await page_until(home, lambda text: "0.1.1: installed" in text, 1200)
            assert any("release=new" in line for line in device.console)
            await household.house.step_on("scale", ADA, 8.0)
            await until(lambda: receipted(household, "scale") >= weighed + (2 if kind == "scale" else 1), 240)

    asyncio.run(life())
