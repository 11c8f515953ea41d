"""The ESP32-S3's boot ROM in download mode, and the flasher stub that esptool loads into it: packets in, packets out.

Source: esptool's documentation "Serial Protocol" and the ESP32-S3 Technical Reference Manual (registers). The stub's code is received,
checked and "started"; what it then does is done here. Modelled: chip identification, MAC, flash size, reading, erasing, writing (plain and
deflated), MD5, baud rates, the watchdog's reset. Not modelled, and refused: encryption, secure boot, NAND, secure download.
"""

import hashlib
import struct
import zlib
from collections.abc import Callable

from simulator.usb import slip
from simulator.usb.nor import SECTOR_BYTES, NorFlash

ESP32_S3 = 9  # the chip's number in images and in GET_SECURITY_INFO
ESP32_C3 = 5
ROM_BAUD = 115_200

FLASH_BEGIN, FLASH_DATA, FLASH_END, MEM_BEGIN, MEM_END, MEM_DATA, SYNC, WRITE_REG, READ_REG = range(0x02, 0x0B)
SPI_SET_PARAMS, SPI_ATTACH, READ_FLASH_SLOW, CHANGE_BAUDRATE = 0x0B, 0x0D, 0x0E, 0x0F
DEFL_BEGIN, DEFL_DATA, DEFL_END, FLASH_MD5, SECURITY_INFO = 0x10, 0x11, 0x12, 0x13, 0x14
ERASE_FLASH, ERASE_REGION, READ_FLASH, RUN_USER_CODE = 0xD0, 0xD1, 0xD2, 0xD3

# reasons for a refusal
_INVALID, _FAILED, _CHECKSUM, _FLASH_WRITE, _FLASH_READ, _DEFLATE = 0x05, 0x06, 0x07, 0x08, 0x09, 0x0B

_CHECKSUM_SEED = 0xEF
_MEMORY = ((0x3FC88000, 0x3FD00000), (0x40370000, 0x403E0000))  # data and instruction RAM (TRM 4.3)
_LONGEST_READ_SLOW = 64

_MAGIC = 0x4000_1000  # in the ROM: by its value tools that do not ask for the number tell chips apart
_MAGICS = {ESP32_S3: 0x0000_0009, ESP32_C3: 0x6921_506F}
_EFUSE_MAC = 0x6000_7044
_SPI = 0x6000_2000
_SPI_CMD, _SPI_ADDRESS, _SPI_USR2, _SPI_W0 = _SPI, _SPI + 0x04, _SPI + 0x20, _SPI + 0x58
_SPI_USR_COMMAND = 1 << 18
_READ_ID, _READ_PARAMETERS, _READ_STATUS = 0x9F, 0x5A, (0x05, 0x35, 0x15)
_PARAMETERS = {0x00: int.from_bytes(b"SFDP", "little"), 0x10: 0xC8}  # JESD216: the signature, and the maker's own table's number
_RTC = 0x6000_8000
_WATCHDOG_CONFIG = _RTC + 0x98
_WATCHDOG_ON = 1 << 31
_REGISTERS = (
    (0x4000_0000, 0x4006_0000),  # ROM: the chip's magic value
    (0x3FCE_F000, 0x3FCF_0000),  # the ROM's own variables
    (0x6000_0000, 0x6000_0100),  # UART
    (_SPI, _SPI + 0x100),
    (0x6000_4000, 0x6000_4100),  # GPIO straps
    (0x6000_7000, 0x6000_7200),  # eFuse
    (_RTC, _RTC + 0x200),
)


class Refused(Exception):
    """A packet that the ROM answers with a reason instead of a result."""

    def __init__(self, reason: int) -> None:
        super().__init__(f"refused with reason {reason:#04x}")
        self.reason = reason


class BootRom:
    """A chip in download mode.

    mac: six bytes; chip: its number, ESP32_S3 unless a wrong board is wanted; send: takes what goes to the computer; set_baud: the chip
    changes its speed, with 0 to the next that it hears; restart: the chip's watchdog or a command starts it anew.
    """

    def __init__(
        self,
        flash: NorFlash,
        mac: bytes,
        send: Callable[[bytes], None],
        set_baud: Callable[[int], None],
        restart: Callable[[], None],
        chip: int = ESP32_S3,
    ) -> None:
        self.stub_runs = False
        self._flash = flash
        self._chip = chip
        self._send = send
        self._set_baud = set_baud
        self._restart = restart
        self._slip = slip.Decoder()
        self._registers = {
            _MAGIC: _MAGICS.get(chip, 0),
            _EFUSE_MAC: int.from_bytes(mac[2:], "big"),
            _EFUSE_MAC + 4: int.from_bytes(mac[:2], "big"),
        }
        self._at = 0  # where the next byte of a download goes, in flash or memory
        self._past = 0
        self._erased_to = 0
        self._block = 0  # the number of the block that comes next
        self._inflate: zlib._Decompress | None = None
        self._reading: tuple[int, int, int, int] | None = None  # begin, past, sent to, acknowledged to
        self._commands: dict[int, Callable[[bytes, int], tuple[int, bytes]]] = {
            SYNC: self._sync,
            READ_REG: self._read_register,
            WRITE_REG: self._write_register,
            MEM_BEGIN: self._memory_begin,
            MEM_DATA: self._memory_data,
            MEM_END: self._memory_end,
            SPI_ATTACH: lambda _body, _check: (0, b""),
            SPI_SET_PARAMS: lambda _body, _check: (0, b""),
            FLASH_BEGIN: self._flash_begin,
            FLASH_DATA: self._flash_data,
            FLASH_END: self._flash_end,
            DEFL_BEGIN: self._deflated_begin,
            DEFL_DATA: self._deflated_data,
            DEFL_END: self._flash_end,
            FLASH_MD5: self._md5,
            READ_FLASH_SLOW: self._read_slow,
            CHANGE_BAUDRATE: self._change_baud,
            SECURITY_INFO: self._security_info,
        }
        self._stub_commands: dict[int, Callable[[bytes, int], tuple[int, bytes]]] = {
            ERASE_FLASH: self._erase_all,
            ERASE_REGION: self._erase_region,
            READ_FLASH: self._read_begin,
            RUN_USER_CODE: self._run,
        }
        self._afterwards: list[Callable[[], None]] = []

    def feed(self, data: bytes) -> None:
        """Take what came over the line. Raises PowerLost: the power went in the middle of a flash operation."""
        for packet in self._slip.feed(data):
            if self._reading is not None and len(packet) == 4:
                self._read_on(int.from_bytes(packet, "little"))
            else:
                self._serve(packet)

    def _serve(self, packet: bytes) -> None:
        if len(packet) < 8:
            return
        direction, command, size, check = struct.unpack_from("<BBHI", packet)
        body = packet[8:]
        if direction != 0 or size != len(body):
            return
        self._reading = None
        handler = self._commands.get(command) or (self._stub_commands.get(command) if self.stub_runs else None)
        value, answer, status = 0, b"", b"\0\0"
        try:
            if handler is None:
                raise Refused(_INVALID)
            value, answer = handler(body, check)
        except Refused as refused:
            status = bytes((1, refused.reason))
        except (struct.error, ValueError):
            status = bytes((1, _FAILED))
        if not self.stub_runs:
            status += b"\0\0"
        response = slip.encode(struct.pack("<BBHI", 1, command, len(answer) + len(status), value) + answer + status)
        self._send(response * 8 if command == SYNC else response)
        waiting, self._afterwards = self._afterwards, []
        for work in waiting:
            work()

    def _sync(self, body: bytes, _check: int) -> tuple[int, bytes]:
        if body != b"\x07\x07\x12\x20" + 32 * b"\x55":
            raise Refused(_INVALID)
        return (0 if self.stub_runs else 0x20120707), b""

    def _read_register(self, body: bytes, _check: int) -> tuple[int, bytes]:
        (address,) = struct.unpack("<I", body)
        _known(address)
        return self._registers.get(address, 0), b""

    def _write_register(self, body: bytes, _check: int) -> tuple[int, bytes]:
        for address, value, mask, _delay_us in struct.iter_unpack("<IIII", body):
            _known(address)
            self._registers[address] = self._registers.get(address, 0) & ~mask & 0xFFFFFFFF | value & mask
            if address == _SPI_CMD and value & _SPI_USR_COMMAND:
                self._spi_command()
            if address == _WATCHDOG_CONFIG and value & _WATCHDOG_ON:
                self._afterwards.append(self._restart)
        return 0, b""

    def _spi_command(self) -> None:
        """Do what the SPI flash's own commands do, as far as esptool asks: tell its identity and its state."""
        command = self._registers.get(_SPI_USR2, 0) & 0xFF
        if command == _READ_ID:  # maker GigaDevice, family, then the size as a power of two
            answer = 0xC8 | 0x40 << 8 | (self._flash.size_bytes.bit_length() - 1) << 16
        elif command == _READ_PARAMETERS:
            answer = _PARAMETERS.get(self._registers.get(_SPI_ADDRESS, 0), 0xFFFFFFFF)
        elif command in _READ_STATUS:
            answer = 0
        else:
            raise Refused(_INVALID)
        self._registers[_SPI_W0] = answer
        self._registers[_SPI_CMD] = 0

    def _memory_begin(self, body: bytes, _check: int) -> tuple[int, bytes]:
        size, _blocks, _block_bytes, at = struct.unpack("<IIII", body[:16])
        if not any(low <= at <= at + size <= high for low, high in _MEMORY):
            raise Refused(_FAILED)
        self._at, self._past, self._block = at, at + size, 0
        return 0, b""

    def _memory_data(self, body: bytes, check: int) -> tuple[int, bytes]:
        data = self._next_block(body, check)
        if self._at + len(data) > self._past:
            raise Refused(_FAILED)
        self._at += len(data)
        return 0, b""

    def _memory_end(self, body: bytes, _check: int) -> tuple[int, bytes]:
        stays, entry = struct.unpack("<II", body)
        if not stays:
            if not any(low <= entry < high for low, high in _MEMORY):
                raise Refused(_FAILED)
            self._afterwards.append(self._start_stub)
        return 0, b""

    def _start_stub(self) -> None:
        self.stub_runs = True
        self._send(slip.encode(b"OHAI"))

    def _next_block(self, body: bytes, check: int) -> bytes:
        size, number = struct.unpack_from("<II", body)
        data = body[16:]
        if size != len(data) or number != self._block:
            raise Refused(_FAILED)
        if checksum(data) != check & 0xFF:
            raise Refused(_CHECKSUM)
        self._block += 1
        return data

    def _flash_begin(self, body: bytes, _check: int) -> tuple[int, bytes]:
        size, _blocks, _block_bytes, at = struct.unpack_from("<IIII", body)
        self._begin(size, at)
        self._inflate = None
        return 0, b""

    def _deflated_begin(self, body: bytes, _check: int) -> tuple[int, bytes]:
        size, _blocks, _block_bytes, at = struct.unpack_from("<IIII", body)
        self._begin(size, at)
        self._inflate = zlib.decompressobj()
        return 0, b""

    def _begin(self, size: int, at: int) -> None:
        if at + size > self._flash.size_bytes:
            raise Refused(_FLASH_WRITE)
        self._at, self._past, self._block = at, at + size, 0
        self._erased_to = at // SECTOR_BYTES * SECTOR_BYTES
        if not self.stub_runs and size:  # the ROM erases at once, the stub as it goes
            self._flash.erase(at, size)
            self._erased_to = self._flash.size_bytes

    def _flash_data(self, body: bytes, check: int) -> tuple[int, bytes]:
        self._write(self._next_block(body, check))
        return 0, b""

    def _deflated_data(self, body: bytes, check: int) -> tuple[int, bytes]:
        data = self._next_block(body, check)
        if self._inflate is None:
            raise Refused(_FAILED)
        try:
            plain = self._inflate.decompress(data)
        except zlib.error:
            raise Refused(_DEFLATE) from None
        self._write(plain)
        return 0, b""

    def _write(self, data: bytes) -> None:
        # esptool pads the last block of a plain download; what lies past the announced size is not written
        data = data[: max(0, self._past - self._at)] if self._inflate is not None else data
        if self._at + len(data) > self._flash.size_bytes:
            raise Refused(_FLASH_WRITE)
        while self._erased_to < self._at + len(data):
            self._flash.erase(self._erased_to, SECTOR_BYTES)
            self._erased_to += SECTOR_BYTES
        self._flash.program(self._at, data)
        self._at += len(data)

    def _flash_end(self, body: bytes, _check: int) -> tuple[int, bytes]:
        (stays,) = struct.unpack("<I", body)
        if not stays:  # the stub ends with a reset of the processor only, which leaves the straps as they were latched
            self._afterwards.append(self._end_stub if self.stub_runs else self._restart)
        return 0, b""

    def _end_stub(self) -> None:
        self.stub_runs = False
        self._set_baud(0)

    def _md5(self, body: bytes, _check: int) -> tuple[int, bytes]:
        at, size, _, _ = struct.unpack("<IIII", body)
        digest = hashlib.md5(self._flash.read(at, size), usedforsecurity=False)
        return 0, digest.digest() if self.stub_runs else digest.hexdigest().encode()

    def _read_slow(self, body: bytes, _check: int) -> tuple[int, bytes]:
        at, size = struct.unpack("<II", body)
        if size > _LONGEST_READ_SLOW:
            raise Refused(_FLASH_READ)
        return 0, self._flash.read(at, size).ljust(_LONGEST_READ_SLOW, b"\0")

    def _change_baud(self, body: bytes, _check: int) -> tuple[int, bytes]:
        baud, _old = struct.unpack("<II", body)
        self._afterwards.append(lambda: self._set_baud(baud))
        return 0, b""

    def _security_info(self, _body: bytes, _check: int) -> tuple[int, bytes]:
        return 0, struct.pack("<IBBBBBBBBII", 0, 0, 0, 0, 0, 0, 0, 0, 0, self._chip, 0)

    def _erase_all(self, _body: bytes, _check: int) -> tuple[int, bytes]:
        self._flash.erase(0, self._flash.size_bytes)
        return 0, b""

    def _erase_region(self, body: bytes, _check: int) -> tuple[int, bytes]:
        at, size = struct.unpack("<II", body)
        if at % SECTOR_BYTES or size % SECTOR_BYTES or at + size > self._flash.size_bytes:
            raise Refused(_FLASH_WRITE)
        self._flash.erase(at, size)
        return 0, b""

    def _read_begin(self, body: bytes, _check: int) -> tuple[int, bytes]:
        at, size, _block_bytes, _ahead = struct.unpack("<IIII", body)
        self._flash.read(at, size)
        self._afterwards.append(lambda: self._start_reading(at, size))
        return 0, b""

    def _start_reading(self, at: int, size: int) -> None:
        self._reading = (at, at + size, at, at)
        self._send_sector()

    def _read_on(self, count: int) -> None:
        """The computer says how many bytes it has; the next sector goes, or the digest of all."""
        assert self._reading is not None  # noqa: S101 -- feed() looked
        begin, past, sent, _acknowledged = self._reading
        self._reading = (begin, past, sent, begin + count)
        if sent < past:
            self._send_sector()
        elif begin + count >= past:
            self._reading = None
            self._send(slip.encode(hashlib.md5(self._flash.read(begin, past - begin), usedforsecurity=False).digest()))

    def _send_sector(self) -> None:
        assert self._reading is not None  # noqa: S101 -- its callers set it
        begin, past, sent, acknowledged = self._reading
        count = min(SECTOR_BYTES, past - sent)
        self._reading = (begin, past, sent + count, acknowledged)
        self._send(slip.encode(self._flash.read(sent, count)))

    def _run(self, _body: bytes, _check: int) -> tuple[int, bytes]:
        self._afterwards.append(self._restart)
        return 0, b""


def checksum(data: bytes) -> int:
    """Return the ROM's checksum of a block: all bytes and 0xEF, exclusive or."""
    total = _CHECKSUM_SEED
    for byte in data:
        total ^= byte
    return total


def _known(address: int) -> None:
    """Refuse registers that are not modelled, so that a tool which needs one does not go on with nonsense."""
    if address % 4 or not any(low <= address < high for low, high in _REGISTERS):
        raise Refused(_INVALID)
