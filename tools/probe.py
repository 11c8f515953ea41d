"""`foyer device probe`: the firmware's drivers on this computer's own I2C bus, with real sensors: what answers, and what it says.

On a Raspberry Pi or any Linux with an I2C adapter. One line per chip that a device carries; the status is 1 when none answers.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tools.smbus import I2C

_ABSENT = "nothing answers"
_WAIT_s = 1.0


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="./foyer device probe", description="Run the firmware's drivers on this computer's I2C bus.")
    parser.add_argument("--bus", type=int, default=1, help="the number in /dev/i2c-NUMBER (default: 1)")
    chosen = parser.parse_args(arguments)
    try:
        bus = I2C.on_bus(chosen.bus)
    except OSError as error:
        sys.stderr.write(
            f"The bus /dev/i2c-{chosen.bus} cannot be opened ({error.strerror}): switch I2C on, or choose another with --bus.\n"
        )
        return 1
    found = probe(bus)
    for chip, words in found.items():
        sys.stdout.write(f"{'·' if words == _ABSENT else '✓'} {chip:8} {words}\n")
    return 0 if any(words != _ABSENT for words in found.values()) else 1


def probe(bus: I2C, pause_s: Callable[[float], None] = time.sleep) -> dict[str, str]:
    """Return what each chip says, in words, by its name."""
    absent = _driver("firmware.errors").ChipAbsent
    error: Any = _driver("firmware.errors").ChipError
    found = {}
    for chip, ask in _CHIPS.items():
        try:
            found[chip] = ask(bus, pause_s)
        except absent:
            found[chip] = _ABSENT
        except error as doubt:
            found[chip] = f"answers, and is not what it should be: {doubt}"
    return found


def _driver(name: str) -> Any:
    """Return a module of the firmware; what MicroPython has and a computer lacks is put in its place: const(), which is its argument."""
    if "micropython" not in sys.modules:
        stand_in = ModuleType("micropython")
        stand_in.const = lambda value: value  # type: ignore[attr-defined]
        sys.modules["micropython"] = stand_in
    return importlib.import_module(name)


def _until(ready: Callable[[], bool], pause_s: Callable[[float], None]) -> None:
    waited_s = 0.0
    while not ready() and waited_s < _WAIT_s:
        pause_s(0.005)
        waited_s += 0.005


def _mprls(bus: I2C, pause_s: Callable[[float], None]) -> str:
    driver = _driver("firmware.drivers.mprls")
    chip = driver.MPRLS(bus)
    chip.start()
    pause_s(driver.LONGEST_WAIT_MS / 1000)
    return f"{chip.read():.1f} mmHg"


def _sht4x(bus: I2C, pause_s: Callable[[float], None]) -> str:
    driver = _driver("firmware.drivers.sht4x")
    chip = driver.SHT4x(bus)
    chip.start()
    pause_s(driver.CONVERSION_MS / 1000 + 0.002)
    centi_Cel, centi_percent = chip.read()
    return f"{centi_Cel / 100:.2f} °C, {centi_percent / 100:.1f} %"


def _nau7802(bus: I2C, pause_s: Callable[[float], None]) -> str:
    driver = _driver("firmware.drivers.nau7802")
    chip = driver.NAU7802(bus, lambda ms: pause_s(ms / 1000))
    _until(chip.ready, pause_s)
    counts = chip.read()
    chip.power_down()
    return f"{counts} counts"


def _ad5933(bus: I2C, pause_s: Callable[[float], None]) -> str:
    driver = _driver("firmware.drivers.ad5933")
    chip = driver.AD5933(bus)
    chip.start()
    _until(chip.ready, pause_s)
    size = driver.magnitude(*chip.read())
    chip.power_down()
    return f"magnitude {size} at 50 kHz"


def _ssd1306(bus: I2C, pause_s: Callable[[float], None]) -> str:
    chip = _driver("firmware.drivers.ssd1306").SSD1306(bus)
    chip.show(bytearray(b"\xff" * 1024))
    pause_s(_WAIT_s)
    chip.off()
    return "was lit for a second: did you see it?"


_CHIPS: dict[str, Callable[[I2C, Callable[[float], None]], str]] = {
    "MPRLS": _mprls,
    "SHT4x": _sht4x,
    "NAU7802": _nau7802,
    "AD5933": _ad5933,
    "SSD1306": _ssd1306,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
