"""What a chip starts from its flash: a whole image for itself, and nothing else."""

from pathlib import Path

import pytest

from simulator.usb import standin, starting
from simulator.usb.nor import NorFlash


def look(folder: Path, image: bytes, size: int = 4 << 20) -> starting.Application:
    path = folder / "chip"
    path.write_bytes(image + b"\xff" * (size - len(image)))
    flash = NorFlash(path, size)
    try:
        return starting.look(flash)
    finally:
        flash.close()


def test_a_whole_image_starts_and_its_files_take_the_rest(tmp_path: Path) -> None:
    """MicroPython's file system reaches from the last partition to the end of the chip."""
    found = look(tmp_path, standin.image())
    assert found == ("micropython", standin.VERSION, 0x200000, 0x200000)


def test_a_blank_chip_says_what_the_boot_rom_says(tmp_path: Path) -> None:
    """The line that a technician will search for."""
    with pytest.raises(starting.DoesNotStart, match="invalid header: 0xffffffff"):
        look(tmp_path, b"")


@pytest.mark.parametrize("at", [0, 0x40, 0x8000, 0x8070, 0x10000, 0x10030, 0x11000])
def test_one_flipped_bit_anywhere_keeps_it_from_starting(tmp_path: Path, at: int) -> None:
    """Header, table, checksum and hash each have their guard."""
    image = bytearray(standin.image())
    image[at] ^= 0x10
    with pytest.raises(starting.DoesNotStart):
        look(tmp_path, bytes(image))


def test_another_chips_image_does_not_start(tmp_path: Path) -> None:
    """An ESP32's image on an ESP32-S3 is refused by the chip itself."""
    with pytest.raises(starting.DoesNotStart, match="mismatch chip ID"):
        look(tmp_path, standin.image(chip=0))
