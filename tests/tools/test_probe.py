"""The firmware's drivers through smbus2's own interface: an emulated bus with every chip on it, with one missing, with a wrong one."""

import pytest
from smbus2 import i2c_msg

from simulator.buses.errors import NotAcknowledged
from simulator.buses.i2c import I2CBus
from simulator.chips import ad5933, mprls, nau7802, sht4x, ssd1306
from simulator.clock import VirtualClock, constant
from tools import probe
from tools.smbus import I2C


class Wires:
    """Takes smbus2's messages as the kernel would, on a simulated bus in virtual time."""

    def __init__(self) -> None:
        self.bus = I2CBus()
        self.clock = VirtualClock(5.0)
        self.chips = {
            "MPRLS": mprls.MPRLS(1, offset_mmHg=0.0, gain=1.0, noise_mmHg=0.0),
            "SHT4x": sht4x.SHT4x(0.0, 1, lambda _Cel, _percent: None),
            "NAU7802": nau7802.NAU7802(1),
            "AD5933": ad5933.AD5933(1),
            "SSD1306": ssd1306.SSD1306(),
        }
        for chip, module in zip(self.chips.values(), (mprls, sht4x, nau7802, ad5933, ssd1306), strict=True):
            self.bus.attach(module.ADDRESS, chip)  # type: ignore[arg-type]
        self.chips["MPRLS"].follow(constant(120.0))  # type: ignore[union-attr]
        self.chips["SHT4x"].follow(constant(21.5), constant(45.0))  # type: ignore[call-arg,union-attr]
        self.chips["NAU7802"].follow(constant(0.5))  # type: ignore[union-attr]
        self.chips["AD5933"].follow(constant(0.5))  # type: ignore[union-attr]
        self.clock.advance(120)

    def i2c_rdwr(self, *messages: i2c_msg) -> None:
        """Do messages as one transaction; a missing acknowledgement is the kernel's EREMOTEIO."""
        for message in messages:
            self.clock.advance(0.0001)
            try:
                if message.flags & 1:
                    for at, value in enumerate(self.bus.read(message.addr, message.len, self.clock.now_s())):
                        message.buf[at] = bytes([value])
                else:
                    self.bus.write(message.addr, bytes(message), self.clock.now_s())
            except NotAcknowledged:
                raise OSError(121, "Remote I/O error") from None

    def found(self) -> dict[str, str]:
        return probe.probe(I2C(self), self.clock.advance)


def test_every_driver_reads_its_chip_through_smbus2() -> None:
    """Pressure, climate, bridge, impedance and display, with the firmware's own code."""
    found = Wires().found()
    assert found["MPRLS"] == "120.0 mmHg"
    assert found["SHT4x"].startswith("21.")
    assert abs(int(found["NAU7802"].split()[0]) - 0.5 * 128 * (1 << 23) / 500) < 2000
    assert abs(int(found["AD5933"].split()[1]) - 8192) < 30
    assert "lit" in found["SSD1306"]


@pytest.mark.parametrize("chip", ["MPRLS", "SHT4x", "NAU7802", "AD5933", "SSD1306"])
def test_a_chip_that_is_not_there_is_said_and_the_others_are_read(chip: str) -> None:
    """One line each."""
    wires = Wires()
    wires.chips[chip].unplug()
    found = wires.found()
    assert [name for name, words in found.items() if words == "nothing answers"] == [chip]


def test_a_wrong_chip_is_said() -> None:
    """Another revision at the address."""
    wires = Wires()
    wires.chips["NAU7802"].be_another_revision()  # type: ignore[union-attr]
    assert "WrongChip" in wires.found()["NAU7802"]


def test_without_a_bus_the_command_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence, the next step, and a status that is not 0."""
    assert probe.main(["--bus", "9999"]) == 1
    assert "--bus" in capsys.readouterr().err
