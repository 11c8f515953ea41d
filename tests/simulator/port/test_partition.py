"""Two application slots and the bootloader before them, met by small programs in the real MicroPython through `esp32.Partition`."""

import ast
import hashlib
import struct
from pathlib import Path

BLOCK_BYTES = 4096
SLOT_BYTES = 4 * BLOCK_BYTES

RUNNING = "Partition(Partition.RUNNING).info()[4]"
LAY = """
import machine
from esp32 import Partition
image = bytes(%r)
other = Partition(Partition.RUNNING).get_next_update()
for at in range(0, len(image), 4096):
    other.writeblocks(at // 4096, image[at : at + 4096])
other.set_boot()
machine.reset()
"""


def image(filling: int) -> bytes:
    """Return an application image: a head, one segment, the checksum's byte at the end of sixteen, the SHA-256."""
    body = b"\xe9\x01" + bytes(21) + b"\x01" + struct.pack("<II", 0, 7000) + bytes([filling]) * 7000
    body += bytes(16 - len(body) % 16)
    return body + hashlib.sha256(body).digest()


def two_slots(folder: Path) -> None:
    """Give the bench's board a second application slot, with an image in the first."""
    flash = b"\xff" * (2 * BLOCK_BYTES) + image(1).ljust(SLOT_BYTES, b"\xff") + b"\xff" * SLOT_BYTES
    folder.mkdir()
    (folder / "tried.flash.slots").write_bytes(flash)


def three_starts(bench, otherwise: str, at_last: str = "pass") -> list[object]:
    """Lay an image in the first start, do `otherwise` in later ones, `at_last` in the fourth; return which slots ran and what was said."""
    two_slots(bench.directory)
    program = f"""
from esp32 import Partition
try:
    starts = open("/starts").read()
except OSError:
    starts = ""
with open("/starts", "w") as file:
    file.write(starts + {RUNNING}[-1])
if len(starts) == 3:
    print(repr(open("/starts").read()))
    {at_last}
    print("end")
elif not starts:
    {LAY.replace(chr(10), chr(10) + "    ") % image(2)}
else:
    import machine
    {otherwise}
    machine.reset()
"""
    return values(bench.run("scale", program))


def values(lines: list[str]) -> list[object]:
    return [ast.literal_eval(line) for line in lines if line != "end"]


def test_a_board_of_the_stock_table_has_one_application_and_no_next_one(bench) -> None:
    """As MicroPython has it: the next slot is an OSError, and marking what runs as good does nothing."""
    program = f"""
from esp32 import Partition
print(({RUNNING}, [each.info()[4] for each in Partition.find(Partition.TYPE_APP)]))
Partition.mark_app_valid_cancel_rollback()
try:
    Partition(Partition.RUNNING).get_next_update()
except OSError as error:
    print(error.errno)
print("end")
"""
    assert values(bench.run("scale", program)) == [("factory", ["factory"]), 2]


def test_flash_is_erased_in_blocks_and_programmed_bits_only_fall(bench) -> None:
    """With an offset nothing is erased, without one the block is; beyond the end is refused, and what is no image cannot be started."""
    two_slots(bench.directory)
    program = """
from esp32 import Partition
other = Partition(Partition.RUNNING).get_next_update()
print((other.ioctl(4, 0), other.ioctl(5, 0), other.info()[:2] + other.info()[3:]))
piece = bytearray(4)
other.writeblocks(0, bytes([0x0F] * 4), 4092)
other.writeblocks(0, bytes([0xF3] * 4), 4092)
other.readblocks(0, piece, 4092)
print(piece[0])
other.writeblocks(0, bytes(16))
other.readblocks(0, piece, 4092)
print(piece[0])
other.ioctl(6, 0)
other.readblocks(0, piece)
print(piece[0])
for wrong in (lambda: other.writeblocks(4, piece, 0), lambda: other.ioctl(6, 4), other.set_boot, lambda: Partition("ota_2")):
    try:
        wrong()
    except OSError as error:
        print(error.errno)
print("end")
"""
    found = values(bench.run("scale", program))
    assert found == [(4, 4096, (0, 0x11, SLOT_BYTES, "ota_1", False)), 0x03, 0xFF, 0xFF, 22, 22, 0x1503, 2]


def test_an_image_that_is_not_kept_in_its_first_start_gives_way_to_the_one_before(bench) -> None:
    """Started once on trial, whatever ends that start, and never again; the one before runs as if nothing had been."""
    assert three_starts(bench, "pass") == ["0100"]


def test_an_image_that_is_kept_goes_on_running(bench) -> None:
    """Marked as good it is started again and again, and the next update goes into the other slot."""
    next_slot = "print(repr(Partition(Partition.RUNNING).get_next_update().info()[4]))"
    assert three_starts(bench, "Partition.mark_app_valid_cancel_rollback()", next_slot) == ["0111", "ota_0"]
