"""A Linux I2C bus (a Raspberry Pi's, a USB adapter's) with the methods of MicroPython's `machine.I2C`, through smbus2.

The firmware's drivers then run on a computer with real sensors. Whole messages go through `i2c_rdwr`, so reads and writes have any
length; a refusal is the OSError that the kernel raises.
"""

from collections.abc import Sequence
from typing import Protocol

from smbus2 import SMBus, i2c_msg


class Wires(Protocol):
    """What of smbus2.SMBus is used."""

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        """Do these messages as one transaction."""


class I2C:
    """machine.I2C on `wires`."""

    def __init__(self, wires: Wires) -> None:
        self._wires = wires

    @classmethod
    def on_bus(cls, number: int) -> "I2C":
        """Return the bus /dev/i2c-number. Raises OSError: it is not there, or not allowed."""
        return cls(SMBus(number))

    def writeto(self, address: int, data: bytes, stop: bool = True) -> int:
        """Write bytes to a chip; `stop` is always given, as the kernel does it."""
        del stop
        self._wires.i2c_rdwr(i2c_msg.write(address, list(bytes(data))))
        return len(data)

    def writevto(self, address: int, vector: Sequence[bytes], stop: bool = True) -> int:
        """Write several buffers to a chip as one."""
        return self.writeto(address, b"".join(map(bytes, vector)), stop)

    def readfrom_into(self, address: int, into: bytearray | memoryview, stop: bool = True) -> None:
        """Fill `into` from a chip."""
        del stop
        message = i2c_msg.read(address, len(into))
        self._wires.i2c_rdwr(message)
        into[:] = bytes(message)

    def readfrom(self, address: int, count: int, stop: bool = True) -> bytes:
        """Return bytes from a chip."""
        answer = bytearray(count)
        self.readfrom_into(address, answer, stop)
        return bytes(answer)

    def readfrom_mem_into(self, address: int, register: int, into: bytearray) -> None:
        """Fill `into` from a chip's register, in one transaction with a repeated start."""
        message = i2c_msg.read(address, len(into))
        self._wires.i2c_rdwr(i2c_msg.write(address, [register]), message)
        into[:] = bytes(message)

    def readfrom_mem(self, address: int, register: int, count: int) -> bytes:
        """Return bytes from a chip's register."""
        answer = bytearray(count)
        self.readfrom_mem_into(address, register, answer)
        return bytes(answer)

    def writeto_mem(self, address: int, register: int, data: bytes) -> None:
        """Write bytes to a chip's register."""
        self.writeto(address, bytes([register]) + bytes(data))
