"""The scale sleeps, is woken by feet, and weighs at once with the zero it kept; and its display shows what the words say."""

import asyncio
from pathlib import Path

import pytest

from protocol import readings
from simulator.boards import ScaleBoard
from simulator.house import Device, House, Person
from tests.firmware.home import Home
from tests.firmware.living import live, said, until

ADA = Person("Ada", 61.3, seed=5, impedance_ohm=540.0)
TOM = Person("Tom", 82.7, seed=6, barefoot=False)
SOON = (("firmware/scale/main.py", "_AFTER_POWER_ON_MS = const(120_000)", "_AFTER_POWER_ON_MS = const(1000)"),)


def board(device: Device) -> ScaleBoard:
    assert isinstance(device.board, ScaleBoard)
    return device.board


def asleep(device: Device) -> int:
    return sum(line.startswith("foyer asleep") for line in device.console)


@pytest.mark.parametrize("converter", ["s3", pytest.param("s3n", marks=pytest.mark.long)])
def test_feet_wake_the_scale_which_weighs_with_the_zero_it_kept(tmp_path: Path, converter: str) -> None:
    """Asleep, converter and display are off; a person who steps on is weighed and sent, barefoot with impedance, in shoes without."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        scale, home = devices["scale"], homes["scale"]
        parts = board(scale)
        await until(lambda: asleep(scale) == 1, 30)
        await asyncio.sleep(0.3)
        assert not parts.display.lit
        assert not parts.ad5933.awake
        assert not (parts.nau7802.awake if converter == "s3n" else parts.hx711.awake(house._clock.now_s()))
        await house.step_on("scale", ADA, 11.0)
        await until(lambda: len(home.got) == 1, 10)
        await until(lambda: asleep(scale) == 2, 20)
        await house.step_on("scale", TOM, 11.0)
        await until(lambda: len(home.got) == 2, 10)
        for reading, person in zip(home.got, (ADA, TOM), strict=True):
            assert reading[readings.KIND] == readings.SCALE
            assert abs(int(str(reading[readings.GRAMS])) / 1000 - person.weight_kg) <= 0.1
        assert abs(int(str(home.got[0][readings.IMPEDANCE])) - 540) <= 10
        assert (readings.IMPEDANCE in home.got[1], home.got[1][readings.BARE_FEET]) == (False, 0)
        assert said(scale, "arrived, no bare feet")
        assert not said(scale, "fault")
        assert not any("fault" in line or "Traceback" in line for line in scale.console)

    live(tmp_path, {"scale": "scale"}, script, SOON, {"sleep_ms": 5000, "board": converter})


@pytest.mark.long
def test_what_is_left_lying_neither_is_weighed_nor_keeps_the_scale_awake(tmp_path: Path) -> None:
    """A parcel: no reading, sleep although the switch stays closed, no wake until it is taken away, and then the plate is empty again."""
    lying = ("firmware/scale/main.py", "_LEFT_LYING_MS = const(60_000)", "_LEFT_LYING_MS = const(4000)")

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        scale = devices["scale"]
        await until(lambda: scale.display[1] == "step on", 20)
        board(scale).plate.lay(14.0)
        await until(lambda: asleep(scale) == 1, 40)
        assert said(scale, "a moment more")
        await asyncio.sleep(3)
        assert asleep(scale) == 1
        assert scale.display == ("", "")
        board(scale).plate.lay(0)
        await until(lambda: scale.display[1] == "step on", 20)
        assert homes["scale"].got == []

    live(tmp_path, {"scale": "scale"}, script, (*SOON, lying), {"sleep_ms": 5000})
