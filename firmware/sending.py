"""The task that speaks with the home: it empties the outbox, oldest first, again and again, until the home's receipt lets a reading go; it
asks what the home wants done, stays to be told, and takes back how it went.

A silent home is asked again after a wait that doubles from `retry_ms` to a minute, with jitter, so that devices which lost the same
home do not come back together. A reading that the home refuses is neither lost nor in the way: the next one is sent, and the refused
one tried again later. Receipts also bring the time.
"""

import asyncio
import os

from micropython import const

from firmware import commanding, console
from firmware.errors import GatewayBusy, GatewayRefused, LinkError, WrongReceipt
from protocol import errors, faults, link, receipts

PATH = "r"
CONTENT_FORMAT = const(18)  # application/cose
_CHANGED = const(0x44)  # CoAP 2.04
_CONTENT = const(0x45)  # CoAP 2.05
_SERVER_ERROR = const(0xA0)  # CoAP 5.00 and above: the home's trouble, not the reading's
LONGEST_WAIT_MS = const(60_000)
REFUSED_WAIT_MS = const(600_000)
_PATIENCE_MS = const(5000)
_LOOK_MS = const(20)
_LOOKS = const(5)  # between looks at what the home says of its own accord
_PRESENT_MS = const(60_000)  # RFC 7641 section 3.3.1: an observation is renewed after the answer's Max-Age, by default this long
_UNSERVED_MS = const(3_600_000)  # a home that knows no commands
# A device that sleeps gives the home this long; what is unsent then waits for the next wake.
PATIENT_MS = const(20_000)
_WAY = {
    faults.WIFI_ABSENT: "no_wifi",
    faults.BLUETOOTH_ABSENT: "not_near",
    faults.WIFI_REFUSED: "wifi_refused",
    faults.WIFI_NO_ADDRESS: "no_address",
    faults.STORE_FULL: "home_busy",
    faults.LINK_BROKEN: "home_strange",
}


class Sending:
    """way_home: as in `radio/wifi.py`; tell(name, sequence): says that reading's way, or (None) that of all, in the words of that name;
    alive(): the task still runs; know(sequence, initials, trend): the home said whose the reading is.
    """

    def __init__(self, outbox, way_home, clock, retry_ms: int, tell, alive, commands, know=lambda _sequence, _initials, _trend: None):
        """commands: as in `commanding.py`."""
        self._outbox = outbox
        self._way_home = way_home
        self._clock = clock
        self._retry_ms = retry_ms
        self._tell = tell
        self._alive = alive
        self._commands = commands
        self._know = know
        self._present_ms = None  # when the home was last told that the device is here
        self._served = True  # the home knows commands
        self._new = False  # an event of asyncio's, waited for with an end, would leave a task's garbage at each look
        self._refused: dict[int, int] = {}  # sequence: when it may be tried again
        self._news_ms = clock.up_ms()
        self.failures = 0  # in a row
        self.turn = asyncio.Lock()  # one asks the home at a time: this task, or an update's

    def wake(self) -> None:
        """Something new is in the outbox."""
        self._news_ms = self._clock.up_ms()
        self._new = True

    def hurried(self) -> bool:
        """Whether a reading wants to go out now."""
        return self._new

    @property
    def heard(self) -> bool:
        """Whether the home has answered in this life."""
        return self._present_ms is not None

    @property
    def may_rest(self) -> bool:
        """Whether nothing is lost by sleeping now: all is sent, the home has not answered, or it was given its time."""
        idle = not self._due() and not self._commands.result and not self._absent()
        return idle or self.failures > 0 or self._clock.up_ms() - self._news_ms > PATIENT_MS

    async def run(self) -> None:
        """Send for ever."""
        while True:
            self._alive()
            if self.failures:
                await self._rest(link.backoff_ms(self.failures, os.urandom(1)[0], self._retry_ms, LONGEST_WAIT_MS))
            elif not self._due() and not self._commands.result and not self._absent():
                await self._rest(_PATIENCE_MS)
            try:
                await self._tell_result()
                if self._present_ms is None:
                    await self._be_present()  # it says this device's uptime, and from then on the home knows how old a reading is
                await self._send_all()
                await self._be_present()
                self.failures = 0
            except LinkError as error:
                console.fault(error.fault)
                self._tell(_WAY.get(error.fault, "home_silent"), None)
                self.failures += 1

    async def _rest(self, wait_ms):
        """Wait, or until there is something new here or from the home."""
        until_ms = self._clock.up_ms() + wait_ms
        self._new = False
        while self._clock.up_ms() < until_ms:
            self._alive()
            for _ in range(_LOOKS):
                if self._new:
                    return
                await asyncio.sleep_ms(_LOOK_MS)
            self._way_home.hear()
            if not self.failures and (self._commands.result or self._absent()):
                return

    def _due(self):
        now_ms = self._clock.up_ms()
        return [sequence for sequence in self._outbox.sequences() if self._refused.get(sequence, 0) <= now_ms]

    def _absent(self):
        """Whether to ask the home what it wants: never asked yet, not for a minute, or the link is a new one."""
        if not self._way_home.awake:
            return False
        if self._present_ms is None:
            return True
        since_ms = self._clock.up_ms() - self._present_ms
        if not self._served:
            return since_ms > _UNSERVED_MS
        return since_ms > _PRESENT_MS or not self._way_home.observes

    async def _be_present(self):
        if not self._absent():
            return
        self._new = False
        async with self.turn:
            answer = await self._way_home.fetch(commanding.PATH, self._commands.presence, commanding.FORMAT, self.hurried)
        if answer is None:
            return  # a reading does not wait for this
        self._present_ms = self._clock.up_ms()
        self._served = answer.code == _CONTENT and self._way_home.observes
        if answer.code == _CONTENT:
            self._commands.hear(answer.payload)

    async def _tell_result(self):
        result = self._commands.result
        if not result:
            return
        async with self.turn:
            answer = await self._way_home.post(commanding.PATH, result, commanding.FORMAT)
        if answer.code >= _SERVER_ERROR:
            raise GatewayBusy(code=answer.code, reason=_reason(answer.payload))
        if self._commands.result is result:  # not another's, of a command that came meanwhile
            self._commands.result = None
        self._commands.told()

    async def _send_all(self):
        for sequence in self._due():
            self._alive()
            kept = self._outbox.read(sequence)
            if kept is None:
                console.fault(faults.RECORD_BROKEN)
                continue
            try:
                await self._send(kept)
            except GatewayRefused as error:
                self._refused[sequence] = self._clock.up_ms() + REFUSED_WAIT_MS
                console.stop("refused", kept.kind, sequence, self._clock.up_ms(), error.reason)
                self._tell("refused", sequence)

    async def _send(self, kept):
        console.stop("sent", kept.kind, kept.sequence, self._clock.up_ms())
        async with self.turn:
            answer = await self._way_home.post(PATH, kept.signed, CONTENT_FORMAT)
        if answer.code != _CHANGED:
            reason = _reason(answer.payload)
            if answer.code >= _SERVER_ERROR:
                raise GatewayBusy(code=answer.code, reason=reason)
            raise GatewayRefused(code=answer.code, reason=reason)
        try:
            receipt = receipts.decode(answer.payload)
        except errors.ProtocolError:
            raise WrongReceipt(expected=kept.sequence, got=None) from None
        self._outbox.forget(kept, receipt.sequence, receipt.digest)
        self._refused.pop(kept.sequence, None)
        self._clock.learn(receipt.utc_ms)
        console.stop("receipted", kept.kind, kept.sequence, self._clock.up_ms())
        if receipt.initials or receipt.trend:
            self._know(kept.sequence, receipt.initials, receipt.trend)
        self._tell("arrived", kept.sequence)


def _reason(payload):
    try:
        return receipts.decode_refusal(payload)
    except errors.ProtocolError:
        return None
