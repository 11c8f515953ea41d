"""Live listening: for as long as a parent asked for it, the room's sound goes home, closed under a key of that one listening.

The key comes with the command, made by the browser that will hear it, and lies in memory until the end; the home passes on what it cannot
open. No sound leaves before such a command and none after its time. The lamp is lit by whatever sends a packet, and by nothing else.
A packet holds 128 ms as IMA ADPCM at 8 kHz: 13 bytes of nonce (start of the device, number of the command, number of the packet), then,
closed by AES-CCM, the first value (2 bytes), the place in the table of steps (1), and two samples in each byte, the earlier one below.
"""

from micropython import const

from firmware.crypto import ccm
from protocol import faults

PATH = "s"
FORMAT = const(42)  # application/octet-stream
ASSOCIATED = b"foyer sound 1"
LONGEST_S = const(600)
# as in `protocol/commands.py`, which is loaded only while a command is read
_NUMBER = const(1)
_SECONDS = const(11)
_KEY = const(18)
_HEAD = const(3)
_FRAME_BYTES = const(128)  # 32 ms
_PACKET_BYTES = const(515)


class Audible:
    """lamp: an output; link: the way home, as in `radio/wifi.py`; clock, boot: as in `ground.py`.

    A link that was lost ends it: nobody hears, and making a new one needs the heap.
    """

    def __init__(self, lamp, link, clock, boot: int):
        self._lamp = lamp
        self._link = link
        self._clock = clock
        self._boot = boot
        self._packet = bytearray(_PACKET_BYTES)
        self._key = None
        self._put = 0
        self._number = self._count = self._until_ms = 0
        self._lamp.value(0)

    @property
    def heard(self) -> bool:
        """Whether somebody listens."""
        return self._key is not None

    def listen(self, command) -> int:
        """A parent wants to hear the room for some seconds; 0 ends it. Returns 0, or the fault that says why not."""
        self.end()
        seconds = command[_SECONDS]
        if seconds:
            if _KEY not in command:
                return faults.COMMAND_UNFIT
            self._key = command[_KEY]
            self._number = command[_NUMBER]
            self._until_ms = self._clock.up_ms() + 1000 * min(seconds, LONGEST_S)
        return 0

    def end(self) -> None:
        """Nobody hears anything any more."""
        self._key = None
        self._put = self._count = 0
        self._lamp.value(0)

    def take(self, listening) -> None:
        """Take the frame that was just fed to `listening`, if somebody listens."""
        if self._key is None:
            return
        if self._clock.up_ms() >= self._until_ms or not self._link.observes:
            self.end()
            return
        packet = self._packet
        if not self._put:
            listening.head(packet)
            self._put = _HEAD
        listening.compress(packet, self._put)
        self._put += _FRAME_BYTES
        if self._put >= _PACKET_BYTES:
            self._put = 0
            self._lamp.value(1)
            nonce = self._boot.to_bytes(4, "big") + self._number.to_bytes(5, "big") + self._count.to_bytes(4, "big")
            self._count += 1
            self._link.say(PATH, nonce + ccm.seal(self._key, nonce, ASSOCIATED, packet), FORMAT)
