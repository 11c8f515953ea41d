"""Whole lives: the compiled firmware in 32-bit MicroPython with a heap of 160 KiB, on the simulator's parts, against a small home."""

import asyncio
from itertools import pairwise
from pathlib import Path

import pytest

from protocol import commands, readings
from simulator.house import Device, House, Person
from tests.firmware.home import Home
from tests.firmware.living import live, ready, until

ADA = Person("Ada", 61.3, 121.0, 79.0, 66.0, seed=5)
LARGEST_PIECE_BYTES = 40_000
CRY = Path(__file__).parents[1] / "vectors/cries/cry06.wav"


def test_every_device_has_room_left_when_it_is_ready(tmp_path: Path) -> None:
    """All code and buffers within 160 KiB, and what remains is one large piece; nothing faults."""

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        await until(lambda: all(any("foyer ready" in line for line in device.console) for device in devices.values()), 20)
        await until(lambda: len(homes["babyphone"].live) >= 2 and bool(homes["babyphone"].got), 10)
        for device in devices.values():
            assert ready(device)["largest"] >= LARGEST_PIECE_BYTES, device.name
            assert not [line for line in device.console if "fault" in line]
        climate = homes["babyphone"].got[0]
        assert (climate[readings.KIND], climate[readings.SEQUENCE]) == (readings.CLIMATE, 0)
        assert readings.LOUDNESS in homes["babyphone"].live[0]

    live(tmp_path, {kind: kind for kind in ("scale", "cuff", "babyphone")}, script)


def test_a_crying_baby_is_told_within_seconds_and_a_quiet_room_is_not(tmp_path: Path) -> None:
    """The same device hears a recording played in its room, says so in its live values, and says when it is over; its heap stays whole.

    The watch asks for its large piece of heap every three seconds here, and not once a minute: without it the device would restart.
    """

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        live = homes["babyphone"].live
        await until(lambda: len(live) >= 4, 25)
        assert not any(value[readings.CRYING] for value in live)
        assert all(int(str(value[readings.LOUDNESS])) < 2 * 40 for value in live)
        seconds = house.play_wav(CRY, full_scale_dB=100.0)
        await until(lambda: bool(live[-1][readings.CRYING]), seconds + 2)
        assert max(int(str(value[readings.LOUDNESS])) for value in live) > 2 * 60
        await until(lambda: not live[-1][readings.CRYING], 12)
        times_ms = [int(str(value[readings.UPTIME][1])) for value in live]  # type: ignore[index]
        gaps_ms = [after - before for before, after in pairwise(times_ms)]
        assert max(gaps_ms) < 2500
        assert ready(devices["babyphone"])["boot"] == 1
        assert not [line for line in devices["babyphone"].console if "fault" in line]

    often = ("firmware/watch.py", "_HEAP_LOOKS = const(60)", "_HEAP_LOOKS = const(3)")
    live(tmp_path, {"babyphone": "babyphone"}, script, [often], {"climate_ms": 10_000})


def test_a_weight_survives_silence_and_a_power_cut_and_arrives_once(tmp_path: Path) -> None:
    """The home is silent, the power goes, the home has lost its replay window: one reading, unaltered, and no nonce twice."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        scale, home = devices["scale"], homes["scale"]
        home.silent = True
        await until(lambda: scale.display[1] == "step on", 20)
        visit = asyncio.create_task(house.step_on("scale", ADA, 8.0))
        await scale.wait_for("stop", 15, stop="sent")
        await scale.cut_power()
        await visit
        assert home.got == []
        home.silent, home.forgetful = False, True
        await scale.restore_power()
        await scale.wait_for("stop", 15, stop="receipted")
        await until(lambda: scale.display[1] == "step on", 20)
        assert [len(digests) for digests in home.digests.values()] == [1]
        (reading,) = home.got
        assert abs(int(str(reading[readings.GRAMS])) - 61_300) <= 100
        assert reading[readings.UPTIME][0] == 1  # type: ignore[index]
        assert ready(scale)["boot"] == 2
        assert all(len(sealed) == 1 for sealed in home.datagrams.values())
        await asyncio.sleep(0.5)
        assert len(home.got) == 1

    live(tmp_path, {"scale": "scale"}, script)


def test_a_device_without_wifi_keeps_and_says_so(tmp_path: Path) -> None:
    """Readings wait in flash, the display says why, and all arrive when the network is back."""

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        babyphone, home = devices["babyphone"], homes["babyphone"]
        await until(lambda: bool(home.got), 20)
        babyphone.wifi = False
        arrived = len(home.got)
        await until(lambda: any("foyer fault code=80" in line for line in babyphone.console), 30)
        assert len(home.got) <= arrived + 1
        babyphone.wifi = True
        await until(lambda: len(home.got) >= arrived + 3, 30)
        sequences = [int(str(reading[readings.SEQUENCE])) for reading in home.got]
        assert sequences == sorted(set(sequences))
        assert sequences == list(range(len(sequences)))

    live(tmp_path, {"babyphone": "babyphone"}, script)


def test_a_home_whose_name_leads_nowhere_is_a_silent_home(tmp_path: Path) -> None:
    """After a power cut a device is up before its home: it keeps what it measures, says that the home is silent, and lives on."""

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        babyphone = devices["babyphone"]
        await until(lambda: any("foyer fault code=82" in line for line in babyphone.console), 60)
        await until(lambda: sum("stop=kept" in line for line in babyphone.console) >= 12, 60)
        assert not [line for line in babyphone.console if "Traceback" in line or "code=1" in line.split()]
        assert sum("foyer ready" in line for line in babyphone.console) == 1
        assert not homes["babyphone"].got

    live(tmp_path, {"babyphone": "babyphone"}, script, settings={"gateway": ["nobody.invalid", 5683]})


@pytest.mark.long
def test_the_cuff_measures_a_simulated_person(tmp_path: Path) -> None:
    """Within 3 mmHg on the simulator, which proves code, not accuracy."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        await until(lambda: devices["cuff"].display[1] == "press start", 20)
        await house.wrap_and_press("cuff", ADA)
        await until(lambda: bool(homes["cuff"].got), 10)
        reading = homes["cuff"].got[0]
        for key, truth in ((readings.SYSTOLIC, 121), (readings.DIASTOLIC, 79), (readings.PULSE, 66)):
            assert abs(int(str(reading[key])) - truth) <= 3

    live(tmp_path, {"cuff": "cuff"}, script)


def test_every_device_hears_does_and_answers_what_its_home_asks(tmp_path: Path) -> None:
    """Over the real link: it shows itself, says its status, speaks French, starts again with its result told, and does nothing twice."""

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["scale"], homes["scale"]
        await until(lambda: bool(home.presences), 30)

        async def ask(number: int, kind: int, **arguments: int) -> dict[int, object]:
            home.ask({commands.KIND: kind, commands.NUMBER: number, **{int(key[1:]): value for key, value in arguments.items()}})
            await until(lambda: any(result[commands.NUMBER] == number for result in home.results), 15)
            return home.results[-1]

        assert (await ask(1, commands.IDENTIFY, _11=2))[commands.OUTCOME] == commands.DONE
        await until(lambda: device.display[1] == "here I am", 5)
        await until(lambda: device.display[1] != "here I am", 8)
        assert (await ask(2, commands.REPORT))[commands.OUTCOME] == commands.DONE
        await until(lambda: any(reading[readings.KIND] == readings.STATUS for reading in home.got), 15)
        assert (await ask(3, commands.CHOOSE, _12=1, _13=1))[commands.OUTCOME] == commands.DONE
        assert (await ask(4, 99))[commands.OUTCOME] == commands.NOT_UNDERSTOOD
        before = len(home.results)
        home.ask({commands.KIND: commands.IDENTIFY, commands.NUMBER: 2, 11: 2})
        await until(lambda: len(home.results) > before, 15)
        assert (home.results[-1][commands.OUTCOME], home.results[-1][commands.HIGHEST]) == (commands.REFUSED, 3)
        assert (await ask(5, commands.RESTART))[commands.OUTCOME] == commands.DONE
        await until(lambda: home.presences[-1][0] == 2, 30)
        assert ready(device)["boot"] == 2
        await until(lambda: device.display[1] == "montez", 20)
        home.ask({commands.KIND: commands.RESTART, commands.NUMBER: 5})
        before = len(home.results)
        await until(lambda: len(home.results) > before, 15)
        await asyncio.sleep(1)
        assert ready(device)["boot"] == 2, "it starts again once for one command"

    live(tmp_path, {"scale": "scale"}, script, settings={"sleep_ms": 0})
