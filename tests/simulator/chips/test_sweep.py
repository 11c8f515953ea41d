"""One sweep for all chips: over each range, what the world says is what the driver reads; and each fault of a part is an error of its kind.

The drivers are the firmware's, the chips the simulator's, written from the same datasheets by themselves; time is virtual.
"""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from firmware.drivers import ad5933 as ad5933_driver
from firmware.drivers import hx711 as hx711_driver
from firmware.drivers import mprls as mprls_driver
from firmware.drivers import nau7802 as nau7802_driver
from firmware.drivers import sht4x as sht4x_driver
from firmware.errors import BusGarbled, ChipAbsent, ChipDoubts, ChipError, ChipSaturated, WrongChip
from simulator.buses.errors import BusStuck, NotAcknowledged
from simulator.buses.i2c import I2CBus
from simulator.chips import ad5933, hx711, mprls, nau7802, sht4x
from simulator.clock import VirtualClock, constant

SEED = 4


class Bus:
    """A simulated I2C bus with machine.I2C's methods; each transaction takes a tenth of a millisecond."""

    def __init__(self, clock: VirtualClock) -> None:
        self.wires = I2CBus()
        self.clock = clock

    def writeto(self, address: int, data: bytes) -> int:
        return self._do(lambda: self.wires.write(address, bytes(data), self.clock.now_s()))

    def writevto(self, address: int, parts: list[bytes]) -> int:
        return self.writeto(address, b"".join(map(bytes, parts)))

    def readfrom_into(self, address: int, into: bytearray) -> None:
        into[:] = self._do(lambda: self.wires.read(address, len(into), self.clock.now_s()))

    def readfrom_mem_into(self, address: int, register: int, into: bytearray) -> None:
        self.writeto(address, bytes([register]))
        self.readfrom_into(address, into)

    def writeto_mem(self, address: int, register: int, data: bytes) -> None:
        self.writeto(address, bytes([register]) + bytes(data))

    def _do(self, work: Callable[[], Any]) -> Any:
        self.clock.advance(0.0001)
        try:
            return work()
        except NotAcknowledged:
            raise OSError(19) from None
        except BusStuck:
            raise OSError(116) from None


class Wired:
    """A chip of each kind with its driver, in virtual time: `read` returns what the driver says of the world."""

    def __init__(self) -> None:
        self.clock = VirtualClock(5.0)
        self.bus = Bus(self.clock)

    def wait_ms(self, ms: float) -> None:
        self.clock.advance(ms / 1000)


def hx711_pair(value: float) -> tuple[Wired, hx711.HX711, Callable[[], float]]:
    wired = Wired()
    chip = hx711.HX711(wired.clock.now_s(), SEED, noise_LSB=0.0)
    chip.follow(constant(value))

    class Line:
        def __init__(self, clocks: bool) -> None:
            self._clocks = clocks

        def value(self, level: int | None = None) -> int:
            wired.clock.advance(1e-6)
            if self._clocks:
                chip.clock_edge(level or 0, wired.clock.now_s(), 1e-6)
                return 0
            return chip.data_level(wired.clock.now_s(), 1e-6)

    driver = hx711_driver.HX711(Line(False), Line(True))

    def read() -> float:
        waited_ms = 0
        while not driver.ready():
            wired.wait_ms(1)
            waited_ms += 1
            absent = driver.absent(waited_ms)
            if absent:
                raise absent
        return driver.read() * hx711.STEP_mV

    return wired, chip, read


def nau7802_pair(value: float) -> tuple[Wired, nau7802.NAU7802, Callable[[], float]]:
    wired = Wired()
    chip = nau7802.NAU7802(SEED, noise_nV=0.0)
    chip.follow(constant(value))
    wired.bus.wires.attach(nau7802.ADDRESS, chip)

    def read() -> float:
        driver = nau7802_driver.NAU7802(wired.bus, wired.wait_ms)
        while not driver.ready():
            wired.wait_ms(5)
        return driver.read() * nau7802.STEP_mV_per_V

    return wired, chip, read


def ad5933_pair(value: float) -> tuple[Wired, ad5933.AD5933, Callable[[], float]]:
    wired = Wired()
    chip = ad5933.AD5933(SEED, noise_LSB=0.0)
    chip.follow(constant(value))
    wired.bus.wires.attach(ad5933.ADDRESS, chip)

    def read() -> float:
        driver = ad5933_driver.AD5933(wired.bus)
        driver.start()
        while not driver.ready():
            wired.wait_ms(1)
        return ad5933_driver.magnitude(*driver.read()) * ad5933.STEP

    return wired, chip, read


def mprls_pair(value: float) -> tuple[Wired, mprls.MPRLS, Callable[[], float]]:
    wired = Wired()
    chip = mprls.MPRLS(SEED, offset_mmHg=0.0, gain=1.0, noise_mmHg=0.0)
    chip.follow(constant(value))
    wired.bus.wires.attach(mprls.ADDRESS, chip)

    def read() -> float:
        driver = mprls_driver.MPRLS(wired.bus)
        driver.start()
        wired.wait_ms(mprls_driver.CONVERSION_MS + 1)
        pressure_mmHg = driver.read()
        assert pressure_mmHg is not None
        return pressure_mmHg

    return wired, chip, read


def sht4x_pair(value: float) -> tuple[Wired, sht4x.SHT4x, Callable[[], float]]:
    wired = Wired()
    chip = sht4x.SHT4x(wired.clock.now_s(), SEED, lambda _Cel, _percent: None)
    chip.follow(constant(value), constant(50.0))
    wired.bus.wires.attach(sht4x.ADDRESS, chip)
    wired.wait_ms(120_000)

    def read() -> float:
        driver = sht4x_driver.SHT4x(wired.bus)
        driver.start()
        wired.wait_ms(sht4x_driver.CONVERSION_MS)
        return driver.read()[0] / 100

    return wired, chip, read


# chip: (its pair, lowest, highest, how far the driver may be off)
CHIPS = {
    "hx711": (hx711_pair, -19.5, 19.5, 2 * hx711.STEP_mV),
    "nau7802": (nau7802_pair, -3.89, 3.89, 2 * nau7802.STEP_mV_per_V),
    "ad5933": (ad5933_pair, 0.01, 1.9, 2 * ad5933.STEP),
    "mprls": (mprls_pair, 0.0, 300.0, 2 * mprls.STEP_mmHg),
    "sht4x": (sht4x_pair, -10.0, 60.0, 0.35),  # its own accuracy of 0.2, and what it scatters
}


def steps() -> Iterator[tuple[str, float]]:
    for name, (_, lowest, highest, _) in CHIPS.items():
        for part in range(9):
            yield name, lowest + (highest - lowest) * part / 8


@pytest.mark.parametrize(("name", "value"), list(steps()))
def test_what_the_world_says_is_what_the_driver_reads(name: str, value: float) -> None:
    """Over the whole range, within a step or the chip's own accuracy."""
    pair, _, _, tolerance = CHIPS[name]
    _, _, read = pair(value)
    assert math.isclose(read(), value, abs_tol=tolerance)


@pytest.mark.parametrize("name", list(CHIPS))
def test_a_chip_that_is_pulled_off_is_absent(name: str) -> None:
    """Whatever the chip, the same kind of error."""
    _, chip, read = CHIPS[name][0](CHIPS[name][1])
    chip.unplug()
    with pytest.raises(ChipAbsent) as raised:
        read()
    assert raised.value.chip.lower().startswith(name)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", [name for name in CHIPS if name != "hx711"])
def test_a_stuck_bus_is_an_error_and_no_endless_wait(name: str) -> None:
    """SDA held low: every driver says so at its first transaction."""
    wired, _, read = CHIPS[name][0](CHIPS[name][1])
    wired.bus.wires.hold_bus_low()
    with pytest.raises(ChipError):
        read()


@pytest.mark.parametrize(("name", "value"), [("hx711", 25.0), ("hx711", -25.0), ("nau7802", 5.0), ("nau7802", -5.0), ("ad5933", 3.0)])
def test_beyond_its_range_a_chip_is_saturated_and_no_value_comes(name: str, value: float) -> None:
    """An extreme code is not a measurement."""
    with pytest.raises(ChipSaturated):
        CHIPS[name][0](value)[2]()


def test_another_chip_at_the_address_is_noticed() -> None:
    """A wrong revision, or registers that do not hold what is written."""
    _, nau, read = nau7802_pair(1.0)
    nau.be_another_revision()
    with pytest.raises(WrongChip):
        read()
    _, analyser, read = ad5933_pair(0.5)
    analyser.forget_writes()
    with pytest.raises(WrongChip):
        read()


def test_a_chip_that_doubts_itself_is_not_believed() -> None:
    """A failed calibration, a failed memory test."""
    _, nau, read = nau7802_pair(1.0)
    nau.fail_calibration()
    with pytest.raises(BusGarbled):
        read()
    _, pressure, read = mprls_pair(100.0)
    pressure.break_memory()
    with pytest.raises(ChipDoubts):
        read()


def test_noise_is_what_the_datasheets_say() -> None:
    """With their noise on, readings of a constant scatter by it: the two converters within 20 %, the analyser by a few counts."""
    chip = nau7802.NAU7802(SEED)
    wired = Wired()
    chip.follow(constant(1.0))
    wired.bus.wires.attach(nau7802.ADDRESS, chip)
    driver = nau7802_driver.NAU7802(wired.bus, wired.wait_ms)
    values = []
    for _ in range(400):
        while not driver.ready():
            wired.wait_ms(5)
        values.append(driver.read() * nau7802.STEP_mV_per_V * 3.0 * 1e6)
    middle = sum(values) / len(values)
    assert 40 < math.sqrt(sum((value - middle) ** 2 for value in values) / len(values)) < 60


def test_an_hx711_is_switched_off_by_its_clock_and_comes_back() -> None:
    """power_down leaves the clock high, which after 60 us is off; the clock's fall starts it anew."""
    wired, chip, read = hx711_pair(2.5)
    read()
    chip.clock_edge(1, wired.clock.now_s(), 1e-6)
    wired.wait_ms(1)
    assert not chip.awake(wired.clock.now_s())
    chip.clock_edge(0, wired.clock.now_s(), 0.001)
    assert chip.awake(wired.clock.now_s())
    assert math.isclose(read(), 2.5, abs_tol=1e-5)


def test_a_powered_down_nau7802_and_ad5933_take_no_current() -> None:
    """Both say so in the registers that switch them off."""
    wired, nau, read = nau7802_pair(1.0)
    read()
    assert nau.awake
    nau7802_driver.NAU7802(wired.bus, wired.wait_ms).power_down()
    assert not nau.awake
    wired, analyser, read = ad5933_pair(0.5)
    read()
    assert analyser.awake
    ad5933_driver.AD5933(wired.bus).power_down()
    assert not analyser.awake


def test_the_frequency_code_is_the_datasheets() -> None:
    """50 kHz at 16.776 MHz is 0x186A73 or 0x186A74, and the chip's own arithmetic finds 50 kHz in it."""
    assert ad5933_driver.frequency_code(50_000) in (0x186A73, 0x186A74)
    wired, chip, _ = ad5933_pair(0.5)
    ad5933_driver.AD5933(wired.bus, 50_000)
    assert math.isclose(chip.frequency_Hz, 50_000, abs_tol=0.1)


def test_every_chip_of_the_simulator_is_in_the_sweep() -> None:
    """A new chip without its range here shows; microphone, amplifier and display have tests of their own."""
    modelled = {path.stem for path in Path(hx711.__file__).parent.glob("*.py")} - {"__init__", "ics43434", "max98357a", "ssd1306"}
    assert set(CHIPS) == modelled
