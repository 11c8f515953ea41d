"""Bus transactions of the drivers, step by step, under both Pythons. Each body returns what came of it."""

from array import array

from firmware.drivers.hx711 import HX711
from firmware.drivers.ics43434 import check_life
from firmware.drivers.mprls import ADDRESS as MPRLS_ADDRESS
from firmware.drivers.mprls import MPRLS
from firmware.drivers.sht4x import ADDRESS as SHT4X_ADDRESS
from firmware.drivers.sht4x import SHT4x, checksum
from firmware.errors import DeviceError
from tests.firmware.drivers.scripts import Bus, Cell, Pin


def named(error: DeviceError) -> list[object]:
    """Return an error as its kind and fault code."""
    return [type(error).__name__, error.fault]


def hx711(raw: int, stuck: int | None = None) -> list[object]:
    """Read one conversion; return [value or error, pulses, interrupts held off and let on again as often as there were pulses]."""
    cell = Cell(raw, stuck)
    held = []
    converter = HX711(Pin(cell.data), Pin(write=cell.clock), lambda: held.append(1) or 7, lambda state: held.append(state))
    ready = converter.ready()
    try:
        value: object = converter.read()
    except DeviceError as error:
        value = named(error)
    return [ready, value, cell.pulses, held.count(1) == held.count(7) == cell.pulses]


def mprls(answer: bytes | None) -> object:
    """Start and read one measurement; return mmHg in thousandths, None while busy, or the error."""
    bus = Bus(MPRLS_ADDRESS, ("read", b"\x40"), ("write", b"\xaa\x00\x00"), ("read", answer))
    sensor = MPRLS(bus)
    sensor.start()
    try:
        pressure = sensor.read()
        result: object = None if pressure is None else round(pressure * 1000)
    except DeviceError as error:
        result = named(error)
    return result if bus.done() else "script not used"


def mprls_absent() -> object:
    """Make a driver for a chip that is not there."""
    try:
        MPRLS(Bus(MPRLS_ADDRESS, ("read", None)))
    except DeviceError as error:
        return named(error)
    return "no error"


def sht4x(answer: bytes | None, command: bytes = b"\xfd") -> object:
    """Measure once; return [hundredths of a degree, hundredths of a percent] or the error."""
    bus = Bus(SHT4X_ADDRESS, ("write", command), ("read", answer))
    sensor = SHT4x(bus)
    try:
        sensor.start()
        result: object = list(sensor.read())
    except DeviceError as error:
        result = named(error)
    return result if bus.done() else "script not used"


def sht4x_serial() -> int:
    """Ask for the serial number 0x12345678."""
    words = [b"\x12\x34", b"\x56\x78"]
    sensor = SHT4x(Bus(SHT4X_ADDRESS, ("write", b"\x89"), ("read", b"".join([word + bytes([checksum(word)]) for word in words]))))
    sensor.ask_serial()
    return sensor.serial()


def crc(two: bytes) -> int:
    """The checksum of two bytes."""
    return checksum(two)


def ics43434(slots: list[int]) -> object:
    """Look at slots; return True or the error."""
    held = array("i", slots)
    try:
        check_life(held, len(held))
        return True
    except DeviceError as error:
        return named(error)
