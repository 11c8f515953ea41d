"""The cells: how full they are is told, and on empty ones nothing is written to flash."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from protocol import readings
from simulator.boards import ScaleBoard
from simulator.errors import OutOfRange
from simulator.house import Device, House, Person
from simulator.parts.battery import Cells
from tests.firmware.home import Home
from tests.firmware.living import live, said, until
from tests.firmware.scale import bodies
from tests.on_micropython import both_pythons

ADA = Person("Ada", 61.3, seed=5)
SOON = (
    ("firmware/main.py", "_BEFORE_RESTART_MS = const(5000)", "_BEFORE_RESTART_MS = const(300)"),
    ("firmware/scale/main.py", "_LAST_WORDS_MS = const(4000)", "_LAST_WORDS_MS = const(500)"),
)


def cells(device: Device) -> Cells:
    assert isinstance(device.board, ScaleBoard)
    return device.board.cells


@both_pythons
def test_what_is_left_is_told_within_fifteen_points_and_never_too_much(call: Callable[..., list[int]]) -> None:
    """The device's curve against the part's, each typed for itself; the load of a start pulls a cell down, so less is told."""
    shares = [share / 100 for share in range(0, 101, 5)]
    found = call(bodies.percents, [round(_pin_uV(share)) for share in shares])
    assert all(-15 <= percent - 100 * share < 1 for percent, share in zip(found, shares, strict=True))
    assert found == sorted(found)
    assert call(bodies.percents, [0, 900_000 * 4 // 3, 3_100_000]) == [0, 0, 100]


@both_pythons
def test_empty_is_below_950_mV_a_cell(call: Callable[..., list[bool]]) -> None:
    """Four cells of 0.95 V are 3.8 V, of which the pin sees a third."""
    assert call(bodies.are_empty, [1_270_000, 1_265_000]) == [False, True]


def test_cells_hold_a_share_of_their_charge() -> None:
    """No more than all and no less than nothing."""
    for share in (-0.1, 1.1):
        with pytest.raises(OutOfRange):
            Cells().put_in(share)


def _pin_uV(share: float) -> float:
    there = Cells()
    there.put_in(share)
    return there.pin_V(0.0) * 1e6


def test_cells_that_run_empty_are_said_in_words_and_nothing_is_written_until_there_are_new_ones(tmp_path: Path) -> None:
    """The reading before tells what is left; on empty cells a weight is shown and not kept, and no byte of the flash changes, also over
    further starts; with new cells the next weight is kept and sent under a number never used before."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        scale, home = devices["scale"], homes["scale"]
        cells(scale).put_in(0.5)
        await scale.cut_power()
        await scale.restore_power()
        await until(lambda: scale.display[1] == "step on", 20)
        await house.step_on("scale", ADA, 9.0)
        await until(lambda: len(home.got) == 1, 10)
        assert abs(int(str(home.got[0][readings.BATTERY])) - 43) <= 8
        await until(lambda: scale.display[1] == "arrived", 10)

        await asyncio.sleep(1.5)  # the plate is seen to be empty
        cells(scale).put_in(0.02)
        before = scale.image.read_bytes()
        await house.step_on("scale", ADA, 9.0)
        await until(lambda: said(scale, 'kg" "batteries empty"'), 10)
        await until(lambda: said(scale, 'foyer display "! 9" "batteries empty"'), 10)
        for _ in range(2):
            scale.console.clear()
            await scale.cut_power()
            await scale.restore_power()
            await until(lambda: said(scale, 'foyer display "! 9" "batteries empty"'), 20)
        await asyncio.sleep(0.6)
        assert scale.display == ("", "")
        scale.console.clear()
        await house.step_on("scale", ADA, 4.0)  # whoever steps on is told
        assert said(scale, 'foyer display "! 9" "batteries empty"')
        assert scale.image.read_bytes() == before
        assert len(home.got) == 1

        cells(scale).put_in(1.0)
        await scale.cut_power()
        await scale.restore_power()
        await until(lambda: scale.display[1] == "step on", 20)
        await house.step_on("scale", ADA, 9.0)
        await until(lambda: len(home.got) == 2, 15)
        assert home.got[1][readings.BATTERY] == 99
        assert int(str(home.got[1][readings.SEQUENCE])) > int(str(home.got[0][readings.SEQUENCE]))

    live(tmp_path, {"scale": "scale"}, script, SOON)
