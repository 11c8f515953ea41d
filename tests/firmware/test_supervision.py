"""What a device does when a life of it ends badly, when it is full, and when the way home is cut: it goes on, and says so."""

import asyncio
from pathlib import Path

from protocol import faults, readings
from simulator.house import Device, House, Person
from tests.firmware.home import Home
from tests.firmware.living import live, ready, said, until

SOON = (
    ("firmware/main.py", "_BEFORE_RESTART_MS = const(5000)", "_BEFORE_RESTART_MS = const(50)"),
    ("firmware/holding.py", "WARN_MS = const(3000)", "WARN_MS = const(300)"),
    ("firmware/holding.py", "FORGET_MS = const(10_000)", "FORGET_MS = const(1000)"),
)


def statuses(home: Home) -> list[dict[int, object]]:
    return [reading for reading in home.got if reading[readings.KIND] == readings.STATUS]


def test_a_life_that_keeps_ending_badly_becomes_the_safe_mode_which_sends_and_tells(tmp_path: Path) -> None:
    """After five bad ends nothing is measured; what waits is sent, and the home learns count and place. A rest later: one more try."""
    broken = ("firmware/boards/s3_scale.py", "HX711_DATA = 4", "HX711_DATA_PIN = 4")
    rest = ("firmware/ground.py", "SAFE_REST_MS = const(600_000)", "SAFE_REST_MS = const(2000)")

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        scale, home = devices["scale"], homes["scale"]
        await until(lambda: bool(statuses(home)), 40)
        status = statuses(home)[0]
        assert (status[readings.FAULT_CODE], status[readings.STARTS]) == (faults.SAFE_MODE, 6)
        assert str(status[readings.LAST_EXCEPTION]).startswith("b'AttributeError")
        assert ready(scale)["boot"] == 6
        assert scale.display[1] == "resting, have me seen"
        await until(lambda: ready(scale)["boot"] >= 8, 20)  # one more try, and the safe mode again

    live(tmp_path, {"scale": "scale"}, script, (*SOON, broken, rest))


def test_a_hang_is_ended_by_the_watchdog_and_told(tmp_path: Path) -> None:
    """A task that never gives way starves the watchdog; the next life says so, and what was kept before arrives."""
    hang = (
        "firmware/babyphone/main.py",
        "    room = _Room(ground)\n",
        "    room = _Room(ground)\n    while ground.boot == 1:\n        pass\n",
    )
    quick = ("firmware/watch.py", "TIMEOUT_MS = const(30_000)", "TIMEOUT_MS = const(1500)")

    async def script(_house: House, _devices: dict[str, Device], homes: dict[str, Home]) -> None:
        await until(lambda: bool(statuses(homes["babyphone"])), 30)
        (status,) = statuses(homes["babyphone"])
        assert (status[readings.RESET_CAUSE], status[readings.FAULT_CODE]) == (3, faults.WATCHDOG)

    live(tmp_path, {"babyphone": "babyphone"}, script, (*SOON, hang, quick))


def test_a_heap_below_its_floor_ends_in_a_restart_and_is_told(tmp_path: Path) -> None:
    """A floor that no heap can meet: the device starts again in order, and the next life tells the home why."""
    floor = ("firmware/watch.py", "HEAP_FLOOR_BYTES = const(1024)", "HEAP_FLOOR_BYTES = const(150_000)")
    often = ("firmware/watch.py", "_HEAP_LOOKS = const(60)", "_HEAP_LOOKS = const(8)")

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        await until(lambda: bool(statuses(homes["scale"])), 40)
        assert statuses(homes["scale"])[0][readings.FAULT_CODE] == faults.MEMORY_SHORT
        assert said(devices["scale"], f"foyer fault code={faults.MEMORY_SHORT}")

    live(tmp_path, {"scale": "scale"}, script, (*SOON, floor, often))


def test_a_task_that_waits_for_ever_starves_the_watchdog_though_all_others_run(tmp_path: Path) -> None:
    """Each task of a life is waited for, the button's and the reports' too: the device starts again and says so."""
    waits = """    hold = Hold()
    if held.get(memory.SILENCES) == 0:
        held.put(memory.SILENCES, 1)
        await asyncio.Event().wait()
    while True:
"""
    stuck = ("firmware/ground.py", "    hold = Hold()\n    while True:\n", waits)
    quick = ("firmware/watch.py", "TIMEOUT_MS = const(30_000)", "TIMEOUT_MS = const(2000)")

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        await until(lambda: bool(statuses(homes["scale"])), 40)
        (status,) = statuses(homes["scale"])
        assert (status[readings.RESET_CAUSE], status[readings.FAULT_CODE]) == (3, faults.WATCHDOG)
        assert said(devices["scale"], "step on")

    live(tmp_path, {"scale": "scale"}, script, (*SOON, stuck, quick))


def test_a_full_outbox_refuses_says_so_and_the_home_learns_it(tmp_path: Path) -> None:
    """Two fit; the third is refused on the display, the two arrive, and behind them the device's own word with the number refused."""
    small = ("firmware/flash/outbox.py", "CAPACITY = const(128)", "CAPACITY = const(2)")

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        babyphone, home = devices["babyphone"], homes["babyphone"]
        home.silent = True
        await until(lambda: said(babyphone, "full, not saved"), 30)
        await until(lambda: said(babyphone, "stop=kept kind=3"), 10)
        home.silent = False
        await until(lambda: bool(statuses(home)), 30)
        status = statuses(home)[0]
        assert (status[readings.FAULT_CODE], status[readings.WAITING]) == (faults.OUTBOX_FULL, 2)
        assert status[readings.REFUSED] >= 1  # type: ignore[operator]
        assert [reading[readings.KIND] for reading in home.got[:2]] == [readings.CLIMATE, readings.CLIMATE]

    live(tmp_path, {"babyphone": "babyphone"}, script, (*SOON, small), {"climate_ms": 1000, "retry_ms": 50})


def test_a_button_held_long_forgets_the_home_and_keeps_the_device(tmp_path: Path) -> None:
    """Warned first; then settings and secrets of the home are gone, and the device asks to be set up."""

    async def script(house: House, devices: dict[str, Device], _homes: dict[str, Home]) -> None:
        scale = devices["scale"]
        await until(lambda: scale.display[1] == "step on", 20)
        house.press("scale", 0.7)
        await until(lambda: said(scale, "hold to forget all"), 5)
        await asyncio.sleep(1)
        assert not said(scale, "home forgotten")
        house.press("scale", 2)
        await until(lambda: said(scale, "home forgotten"), 5)
        await until(lambda: said(scale, "set me up again"), 10)
        assert said(scale, f"foyer fault code={faults.SETTINGS_BAD}")

    live(tmp_path, {"scale": "scale"}, script, SOON)


def test_each_trouble_on_the_way_home_is_kept_through_said_in_words_and_never_a_busy_loop(tmp_path: Path) -> None:
    """No Wi-Fi, a wrong password, no address, a silent home, another home in its place: the weight is kept, the words say why, and it
    arrives when the trouble is over."""
    join = ("firmware/radio/wifi.py", "JOIN_MS = const(15_000)", "JOIN_MS = const(1500)")
    words = {
        "radio": "kept, no Wi-Fi",
        "password": "kept, Wi-Fi refuses",
        "address": "kept, no address",
        "silent": "kept, home silent",
        "replaced": "kept, pair me again",
    }

    def trouble(devices: dict[str, Device], homes: dict[str, Home], on: bool) -> None:
        devices["radio"].wifi = not on
        devices["password"].station.admits = not on
        devices["address"].station.gives_addresses = not on
        homes["silent"].silent = on
        homes["replaced"].strange = on

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        await until(lambda: all(device.display[1] == "step on" for device in devices.values()), 40)
        trouble(devices, homes, True)
        joins = devices["password"].station.joins
        began_s = asyncio.get_running_loop().time()
        visits = [asyncio.create_task(house.step_on(name, Person("Ada", 61.3, seed=5), 25.0)) for name in devices]
        await until(lambda: all(said(devices[name], text) for name, text in words.items()), 60)
        took_s = asyncio.get_running_loop().time() - began_s
        assert devices["password"].station.joins - joins <= 4 + took_s
        trouble(devices, homes, False)
        await until(lambda: all(home.got for home in homes.values()), 60)
        for visit in visits:
            visit.cancel()
        for home in homes.values():
            assert [reading[readings.KIND] for reading in home.got] == [readings.SCALE]

    live(tmp_path, dict.fromkeys(words, "scale"), script, (*SOON, join), {"retry_ms": 50})
