"""Updates, as far as they are always in memory: the home's order, and whether something about an update is to be done or told.

What does it is `update/life.py`, loaded for as long as it is at work. No device falls asleep meanwhile, unless the home is silent.
"""

import asyncio
import gc

from micropython import const

from firmware import ROOT, once
from firmware.errors import GaveWay
from firmware.flash import replacing
from protocol import faults

# kind and arguments as in `protocol/commands.py`, which is loaded only while a command is read
_UPDATE = const(4)
_SEQUENCE = const(19)
_BYTES = const(20)
_LOOK_MS = const(500)
_AGAIN_MS = const(5000)  # until the home is told again what it has not heard, doubling
_LONGEST_AGAIN_MS = const(600_000)
ALONE = "/state/alone"  # an update's order for the next life
_SWEEP_BYTES = const(4096)  # of garbage, so that what is loaded and let go of lies together, as `boot.py` has it
_NAMES = ("opening", "staging", "fetching", "trying", "slots", "record", "own", "unswept")
_ONCE = ("firmware.crypto.verify", "firmware.crypto.ecdh", "protocol.manifest", "protocol.blocks", "protocol.sign1", "protocol.updates")


class Updating:
    """sending, way_home, calm, chosen (the settings), clock, outbox as in `ground.py`; cells: as in `scale/battery.py`, or None;
    restart(): ends this life in order.
    """

    def __init__(self, commands, sending, way_home, calm, chosen, clock, outbox, cells, restart):
        self.sending = sending
        self.way_home = way_home
        self.calm = calm
        self.chosen = chosen
        self.clock = clock
        self.outbox = outbox
        self.cells = cells
        self.restart = restart
        self.order = None  # number of the release and bytes of its manifest
        self.parts_answer = False
        self.busy = False
        self.alone = False
        self.asleep = _nothing  # called when the device falls asleep
        commands.can(_UPDATE, self._asked)

    def be_alone(self, order: bytes) -> None:
        """Nothing is measured in this life but an update taken, because its code found no room beside what measures."""
        sequence, manifest_bytes = order.split()
        self.order = int(sequence), int(manifest_bytes)
        self.busy = self.alone = True

    def works(self) -> None:
        """Whatever this device measures with has answered in this life."""
        self.parts_answer = True

    async def run(self, alive) -> None:
        """Do what is to be done about an update, for ever; alive(): the task still runs."""
        pending = _unsettled() or replacing.read("/state/update.cbor") is not None
        wait_ms, next_ms = _AGAIN_MS, 0
        while True:
            alive()
            if (self.order or (pending and self.clock.up_ms() >= next_ms)) and not self.calm.disturbed:
                pending = not await self._live(alive)
                next_ms = self.clock.up_ms() + wait_ms
                wait_ms = min(2 * wait_ms, _LONGEST_AGAIN_MS) if pending else _AGAIN_MS
            await asyncio.sleep_ms(_LOOK_MS)

    async def _live(self, alive):
        sweep_bytes = gc.threshold()
        gc.collect()
        gc.threshold(_SWEEP_BYTES)
        short = over = False
        try:
            from firmware.update import life  # these spare memory: seldom in a device's life

            over = await life.Life(self, alive).run()
        except GaveWay:
            pass  # it is not over, and goes on when nobody measures
        except MemoryError:
            if self.alone or not self.order:
                raise
            short = True
        finally:
            gc.threshold(sweep_bytes)
            life = None  # a name that stays keeps the code
            self.busy = self.order is not None
            once.forget("firmware.update.life", *["firmware.update." + name for name in _NAMES], *_ONCE)
        if short:  # the order goes into a life in which nothing is measured, as soon as a restart disturbs nobody
            replacing.replace(ALONE, b"%d %d" % self.order)
            while not self.sending.may_rest or self.calm.disturbed:
                alive()
                await asyncio.sleep_ms(_LOOK_MS)
            self.restart()
        return over

    def _asked(self, command):
        if self.order:
            return faults.COMMAND_NOT_NOW
        self.order = command[_SEQUENCE], command[_BYTES]
        self.busy = True
        return 0


def _unsettled():
    said = replacing.read("/slot")
    return said is not None and said != (ROOT[-1:] + ".").encode()


def _nothing():
    pass
