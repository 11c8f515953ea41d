"""A device's power, resets and watchdog, with the real MicroPython inside."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from simulator.device import Device
from simulator.errors import DeviceNotRunning

ROOT = Path(__file__).parents[2]

COUNTING = """
import os, machine, time
try:
    count = int(open("/count").read())
except OSError:
    count = 0
print("start", count, machine.reset_cause(), bytes(machine.RTC().memory()))
while True:
    count += 1
    with open("/new", "w") as file:
        file.write(str(count))
    os.rename("/new", "/count")
    print("written", count)
"""


async def after(device: Device, line: str) -> None:
    await device.wait_for("console", 20, line=line)


def told_of(console: list[str]) -> int:
    """Return the highest count that was told; a line that the cut tore says less, never more."""
    return max((int(words[1]) for words in map(str.split, console) if words[0] == "written" and len(words) == 2), default=0)


def starts(console: list[str]) -> list[list[str]]:
    return [line.split() for line in console if line.startswith("start")]


def test_a_power_cut_keeps_what_was_committed(bench) -> None:
    """SIGKILL in the middle of writing: after the power is back the count is one that was renamed into place, never less than was told."""

    async def work(device: Device) -> None:
        for _ in range(3):
            await asyncio.sleep(0.15)
            await device.cut_power()
            assert not device.powered
            with pytest.raises(DeviceNotRunning):
                _ = device.process_id
            told = told_of(list(device.console))
            started = asyncio.ensure_future(device.wait_for("console", 20))
            await device.restore_power()
            line = str((await started).facts["line"]).split()
            assert told <= int(line[1]) <= told + 1
            assert line[2] == "1"

    bench.run("scale", COUNTING, work)


@pytest.mark.parametrize("torn_percent", [0, 50, 100])
def test_the_power_can_be_cut_at_any_flash_operation(bench, torn_percent: int) -> None:
    """A cut in the middle of the 1st, 2nd … erase or program leaves a file system that mounts, and a count that was committed."""

    async def work(device: Device) -> None:
        await device.cut_power()
        for operation in (1, 2, 5, 9, 14):
            told = told_of(list(device.console))
            device.cut_power_at_flash_operation(operation, torn_percent)
            off = asyncio.ensure_future(device.wait_for("power", 20, on=False))
            await device.restore_power()
            await off
            assert device.flash_cut_at == operation
            assert int(starts(list(device.console))[-1][1]) >= told

    bench.run("scale", COUNTING, work)


def test_a_starved_watchdog_restarts_the_device(bench) -> None:
    """The next start says why, and flash is as it was."""
    program = """
import machine, time
print("start", machine.reset_cause())
if machine.reset_cause() == machine.WDT_RESET:
    print("end")
dog = machine.WDT(timeout=400)
for _ in range(6):
    time.sleep_ms(100)
    dog.feed()
print("starving")
time.sleep(10)
"""
    console = bench.run("scale", program)
    assert console[:4] == ["start 1", "starving", "start 3", "end"]


def test_reset_and_deep_sleep_start_from_the_beginning_with_their_cause(bench) -> None:
    """RTC memory outlives both, a power cut empties it."""
    program = """
import machine
memory = machine.RTC()
seen = memory.memory()
print(machine.reset_cause(), machine.wake_reason(), seen)
memory.memory(seen + bytes((machine.reset_cause(),)))
if len(seen) == 0:
    machine.reset()
elif len(seen) == 1:
    machine.deepsleep(50)
elif len(seen) == 2:
    machine.soft_reset()
print("end")
"""

    async def work(device: Device) -> None:
        await after(device, "end")
        await device.cut_power()
        ended = asyncio.ensure_future(after(device, "end"))
        await device.restore_power()
        await ended

    console = bench.run("scale", program, work)
    assert console[:5] == ["1 0 b''", "2 0 b'\\x01'", "4 4 b'\\x01\\x02'", "5 0 b'\\x01\\x02\\x04'", "end"]
    assert console[5] == "1 0 b''"


def test_power_can_be_cut_and_restored_at_any_moment(bench) -> None:
    """Switched faster than it can start, a device ends up in the state that was asked for last, with one process at most."""

    async def work(device: Device) -> None:
        for _ in range(5):
            await asyncio.gather(device.cut_power(), device.restore_power())
            await device.cut_power()
            await device.restore_power()
        assert device.powered
        assert Path(f"/proc/{device.process_id}").exists()

    bench.run("scale", COUNTING, work)


def test_a_device_dies_with_the_simulator(interpreter_command: tuple[str, ...], make_image, tmp_path: Path) -> None:
    """When the simulator is killed, which leaves it no time to stop anything, its devices are gone at once."""
    image = make_image({"main.py": "import time\nwhile True:\n    time.sleep(1)\n"})
    program = f"""
import asyncio, pathlib
from simulator.house import House
async def main():
    async with House(pathlib.Path({str(tmp_path / "house")!r}), {interpreter_command!r}) as house:
        device = house.add("tried", "scale", pathlib.Path({str(image)!r}), ("127.0.0.1", 9))
        await device.start()
        print(device.process_id, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    house = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert house.stdout is not None
    device = int(house.stdout.readline())
    assert Path(f"/proc/{device}").exists()
    os.kill(house.pid, signal.SIGKILL)
    house.wait()
    house.stdout.close()
    for _ in range(200):
        if not _runs(device):
            break
        asyncio.run(asyncio.sleep(0.01))
    assert not _runs(device)


def _runs(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
