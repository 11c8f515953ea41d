"""From what was measured to a signed reading in flash: numbered, encoded, signed, kept, in this order.

The signature takes long, so it is made in steps with everybody else's turn between. Nobody is told that a reading is kept before
the outbox has it; what a fault interrupts is told as a fault.
"""

import asyncio
import gc
import os
from hashlib import sha256

from firmware import console
from firmware.calm import Calm
from firmware.crypto import p256
from protocol import cose, readings


class Signer:
    """Makes this device's readings; identity, counters, outbox and clock as in `flash/` and `clock.py`; battery: cells, or None;
    calm: as in `calm.py`.
    """

    def __init__(self, identity, counters, outbox, clock, battery, calm=None):
        self._identity = identity
        self._counters = counters
        self._outbox = outbox
        self._clock = clock
        self._battery = battery
        self._calm = calm or Calm()
        self._protected = cose.protected_header(identity.kid)
        self._busy = asyncio.Lock()

    async def keep(self, kind: int, fields: dict, reserve: bool = False):
        """Return the reading of `kind` with these fields once it is signed and in flash; reserve: as in `flash/outbox.py`.

        Raises OutboxFull, BatteryEmpty, OSError (the flash refuses) or BadReading (a bug of ours: a field out of range); then it is not
        kept.
        """
        up_ms = self._clock.up_ms()
        async with self._busy:  # one signature at a time: two at once would hold twice the garbage
            self._outbox.check_room(reserve)
            if self._battery:
                self._battery.check()
            sequence = self._counters.next_reading()
            console.stop("measured", kind, sequence, up_ms)
            reading = {readings.KIND: kind, readings.SEQUENCE: sequence, readings.UPTIME: [self._counters.boot, up_ms]}
            utc_s = self._clock.utc_s()
            if utc_s is not None:
                reading[readings.UTC] = utc_s - (self._clock.up_ms() - up_ms) // 1000
            if self._battery:
                reading[readings.BATTERY] = self._battery.percent
            reading.update(fields)
            payload = readings.encode(reading)
            signed_bytes = cose.sig_structure(self._protected, cose.reading_aad(kind, self._identity.pairing), payload)
            gc.collect()  # a signature makes 221 KB of garbage; what is kept after it shall not lie in between
            digest = sha256(signed_bytes).digest()
            signature = await self._calm.through(p256.sign_steps(self._identity.signing_key, digest, os.urandom(32)))
            console.stop("signed", kind, sequence, self._clock.up_ms())
            gc.collect()
            message = cose.assemble(self._protected, payload, signature)
            kept = self._outbox.keep(sequence, kind, cose.digest8(signed_bytes), message, reserve)
            console.stop("kept", kind, sequence, self._clock.up_ms())
            return kept
