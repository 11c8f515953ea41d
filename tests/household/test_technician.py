"""From a blank board to a line in the account: flashed by the real esptool, provisioned by the real mpremote, weighed on.

The household is the whole one; the board is one more scale, which nobody prepared.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import pytest

from simulator.usb import standin
from simulator.usb.board import BenchDevice
from tools import build
from tools.evening import PEOPLE
from tools.household import Household, Ports

pytestmark = pytest.mark.timeout(180)
FLASH_BYTES = 8 << 20


async def foyer(*arguments: object, typed: str = "") -> str:
    """Run `foyer device …` as a technician would, beside the running home."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tools.device",
        *map(str, arguments),
        cwd=build.ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate(typed.encode()))[0].decode()
    assert process.returncode == 0, said
    return said


async def weights_in_account(household: Household, count: int, timeout_s: float) -> list[dict[str, object]]:
    """Return the weights on the first person's account once there are `count`, or what there is after the time."""
    until = time.monotonic() + timeout_s
    async with household.site_visitor() as visitor:
        await household.sign_in(household.residents[0], visitor)
        while True:
            answer = await visitor.json("/en/weight.json")
            assert isinstance(answer, dict)
            if len(answer["readings"]) >= count or time.monotonic() > until:
                found: list[dict[str, object]] = answer["readings"]
                return found
            await asyncio.sleep(0.2)


async def from_blank_board_to_account(folder: Path) -> None:
    person = PEOPLE[0]
    async with Household(folder, Ports.free(), [person]) as household:
        house = household.house
        relay = house.reserve_port("bench")
        blank = folder / "blank"
        blank.write_bytes(b"\xff" * FLASH_BYTES)
        device = house.add("bench", "scale", blank, ("127.0.0.1", household.ports.coap), make=BenchDevice)
        device.hold_boot()
        await device.start()
        device.release_boot()

        image = folder / "micropython.bin"
        image.write_bytes(standin.image())
        vouched = ("--firmware", image, "--sha256", standin.sha256(image.read_bytes()))
        await foyer("flash", "--kind", "scale", "--port", device.port, *vouched)
        settings = folder / "settings.json"
        settings.write_text(json.dumps({"calibration": house.calibration("bench", "scale"), "retry_ms": 1000}))
        home = ("--wifi", "home", "--gateway", f"127.0.0.1:{relay}", "--enrol", folder / "home/enrolments")
        records = ("--records", folder / "records")
        await foyer("provision", "--port", device.port, "--settings", settings, *home, *records, typed="password\n")
        assert "✓ Wi-Fi joined, the gateway answers" in await foyer("check", "--port", device.port, *records)
        await device.wait_for("display", 20, words="step on")
        await house.step_on(device, person)
        found = await weights_in_account(household, 1, 30)
    assert len(found) == 1, list(device.console)[-12:]
    values = found[0]["values"]
    assert isinstance(values, dict)
    assert abs(float(values["weight_kg"]) - person.weight_kg) <= 0.1
    assert found[0]["verified"]


def test_a_blank_board_is_flashed_and_its_first_weight_reaches_the_account(tmp_path: Path) -> None:
    """The image that esptool wrote is the one that measures, and the key that the device made is the one that signed."""
    asyncio.run(from_blank_board_to_account(tmp_path))
