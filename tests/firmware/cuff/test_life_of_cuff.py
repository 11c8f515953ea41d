"""A whole measurement on the device: real MicroPython, its heap, its pins, a person's arm, and a reading that reaches a home."""

import asyncio
from pathlib import Path

import pytest

from protocol import commands, faults, readings
from simulator.boards import BUTTON_A, CuffBoard
from simulator.house import Device, House, Person
from tests.firmware.home import Home
from tests.firmware.living import live, until

ADA = Person("Ada", 61.3, 121.0, 79.0, 66.0, seed=5)
FAST = Person("Fast", 80.0, 150.0, 85.0, 128.0, seed=7)


@pytest.mark.long
def test_a_cuff_measures_says_who_and_lets_the_arm_rest(tmp_path: Path) -> None:
    """Button A, START, a reading within 5 mmHg that carries A; START again is told to wait; nothing runs out of memory."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        cuff, home = devices["cuff"], homes["cuff"]
        assert isinstance(cuff.board, CuffBoard)
        await until(lambda: cuff.display[1] == "press start", 30)
        cuff.board.choosers[BUTTON_A].press(cuff.board.clock.now_s())
        await until(lambda: cuff.display[1] == "for A: press start", 5)
        await house.wrap_and_press("cuff", ADA)
        await until(lambda: bool(home.got), 20)
        reading = home.got[0]
        assert reading[readings.KIND] == readings.CUFF
        assert abs(int(str(reading[readings.SYSTOLIC])) - 121) <= 5
        assert abs(int(str(reading[readings.DIASTOLIC])) - 79) <= 5
        assert reading[readings.WHO] == 1
        house.press("cuff")
        await until(lambda: cuff.display[1] == "rest a moment first", 5)
        assert not [line for line in cuff.console if "fault" in line]

    live(tmp_path, {"cuff": "cuff"}, script)


@pytest.mark.long
def test_a_fast_pulse_is_measured_in_the_heap_that_is_left(tmp_path: Path) -> None:
    """128 beats a minute make twice the numbers: a reading within 8 mmHg, and no life that ends for want of memory."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        cuff, home = devices["cuff"], homes["cuff"]
        await until(lambda: cuff.display[1] == "press start", 30)
        await house.wrap_and_press("cuff", FAST)
        await until(lambda: bool(home.got), 20)
        reading = home.got[0]
        assert reading[readings.KIND] == readings.CUFF
        assert abs(int(str(reading[readings.SYSTOLIC])) - 150) <= 8
        assert abs(int(str(reading[readings.DIASTOLIC])) - 85) <= 8
        assert not [line for line in cuff.console if "fault" in line]

    live(tmp_path, {"cuff": "cuff"}, script)


@pytest.mark.long
def test_stop_empties_the_cuff(tmp_path: Path) -> None:
    """START once more while the air is in: the arm is free within 10 s, and the home is told why there is no reading."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        cuff = devices["cuff"]
        assert isinstance(cuff.board, CuffBoard)
        await until(lambda: cuff.display[1] == "press start", 30)
        measuring = asyncio.create_task(house.wrap_and_press("cuff", ADA))
        air = cuff.board.pneumatics
        await until(lambda: air.pressure_mmHg(cuff.board.clock.now_s()) > 80, 40)
        house.press("cuff")
        await until(lambda: air.pressure_mmHg(cuff.board.clock.now_s()) < 15, 10)
        await until(lambda: bool(homes["cuff"].got), 20)
        assert homes["cuff"].got[0][readings.KIND] == readings.FAULT
        await measuring

    live(tmp_path, {"cuff": "cuff"}, script)


def test_a_start_from_afar_only_arms_and_a_stop_from_afar_empties(tmp_path: Path) -> None:
    """The armed cuff stays empty until START; stop, by the same link, frees the arm within 10 s; arming a running one is refused."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        cuff, home = devices["cuff"], homes["cuff"]
        assert isinstance(cuff.board, CuffBoard)
        air, clock = cuff.board.pneumatics, cuff.board.clock
        await until(lambda: cuff.display[1] == "press start", 30)
        await until(lambda: bool(home.presences), 20)
        home.ask({commands.KIND: commands.ARM, commands.NUMBER: 1, commands.WHO: 19})
        await until(lambda: cuff.display[1] == "asked: press start", 10)
        await until(lambda: bool(home.results), 10)
        await asyncio.sleep(3)
        assert air.pressure_mmHg(clock.now_s()) < 1
        assert not air.pump_runs
        measuring = asyncio.create_task(house.wrap_and_press("cuff", ADA))
        await until(lambda: air.pressure_mmHg(clock.now_s()) > 80, 40)
        home.ask({commands.KIND: commands.ARM, commands.NUMBER: 2})
        await until(lambda: len(home.results) == 2, 10)
        home.ask({commands.KIND: commands.STOP, commands.NUMBER: 3})
        await until(lambda: air.pressure_mmHg(clock.now_s()) < 15, 10)
        assert not air.pump_runs
        await until(lambda: len(home.results) == 3, 10)
        outcomes = [(result[commands.OUTCOME], result.get(commands.FAULT_CODE)) for result in home.results]
        assert outcomes == [(commands.DONE, None), (commands.REFUSED, faults.COMMAND_NOT_NOW), (commands.DONE, None)]
        await until(lambda: any(each[readings.KIND] == readings.FAULT for each in home.got), 20)
        assert [each[readings.FAULT_CODE] for each in home.got if each[readings.KIND] == readings.FAULT] == [faults.CUFF_STOPPED]
        await measuring

    live(tmp_path, {"cuff": "cuff"}, script)
