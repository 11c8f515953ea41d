"""How a device gets a home: the button, two minutes, at most five tries, and six digits that both ends show (threats T20).

It is a life of its own: nothing is measured, and its end is a new start. Nothing is written before the home has said that it has the
device on disk and the person has pressed the button for the digits; then one file is put in place of another, and that is all there is to
be cut in two. A device that has a home already may tell that same home again who it is, when that home was set back to a time before it
knew the device; any other home is refused. A home whose Wi-Fi is another one now tells it in the same way.

A radio is whatever has `post`: the exchange, `protocol/pairing.py`, does not know which.
"""

import asyncio
import gc
import os
from hashlib import sha256

import esp32
import machine
from micropython import const

from firmware import console, memory
from firmware.calm import Calm
from firmware.crypto import ccm, hkdf, known_answer, new_key, p256
from firmware.errors import GatewayStrange, LinkError
from firmware.flash import identity, settings
from firmware.watch import TIMEOUT_MS, Watch
from protocol import coap, errors, exchange, faults, introduction, link, oscore, pairing

_ALIVE_MS = const(20_000)
_IDLE_MS = const(120_000)  # then it sleeps until its button is pressed
_LOOK_MS = const(50)
_ASK_MS = const(700)
_SHOWN_MS = const(4000)
_PIN_WAKE = const(2)  # machine.wake_reason() of the stock port
_CHANGED = const(0x44)
_TIMING = exchange.Timing(1000, 2, 5000)  # a home that was not yet given the label is silent: ask it often


class NotPaired(Exception):
    """This try came to nothing; `fault` says why."""

    def __init__(self, fault):
        super().__init__(fault)
        self.fault = fault


class Acquaintance:
    """The keys of a pairing, in the shape of `radio/session.py`: an introduction under the label's secret, and the link that comes of it.

    met(): somebody proved to know the label. entropy: secret from all who do not know the label, once there is a link. named: what the
    device and the home it may have had call each other.
    """

    def __init__(self, label: bytes, met, named: bytes):
        self.pairing = named
        self.holding = False
        self.link = None
        self.strange = False
        self.disturbed = False
        self.entropy = b""
        self._label = label
        self._met = met
        self._nonce = None
        self._sent = 0

    def forget(self) -> None:
        """Begin anew, with another number."""
        self.link = self._nonce = None

    def doubtful(self, _now_ms) -> bool:
        return False

    renew = doubtful

    async def introduce(self, carry, now_ms, _alive) -> None:
        """Say hello; `link` is there if it was answered by somebody who knows the label."""
        self.strange = False
        if self._nonce is None:
            self._nonce = os.urandom(pairing.NONCE_BYTES)
        nonce, label = self._nonce, self._label
        talk = introduction.Introduction(os.urandom, _TIMING, (pairing.HELLO_PATH,), coap.FORMAT_CBOR)
        hello = {pairing.VERSION: 1, pairing.NONCE: nonce, pairing.TAG: pairing.hello_tag(label, nonce, hkdf.hmac_sha256)}
        talk.begin(pairing.encode(hello, pairing.HELLO), now_ms())
        await carry(talk)
        if talk.answer is None:
            return  # silence; a refusal in clear is anybody's and worth as much
        try:
            answer = pairing.decode(talk.answer, pairing.ANSWER)
        except errors.ProtocolError:
            answer = {pairing.NONCE: b"", pairing.TAG: b""}
        home_nonce = answer[pairing.NONCE]
        right = pairing.answer_tag(label, nonce, home_nonce, hkdf.hmac_sha256)
        if sha256(answer[pairing.TAG]).digest() != sha256(right).digest():  # so that its time tells nothing of where they differ
            self.strange = True
            self._nonce = None
            return
        self._met()
        self._nonce = None  # used: an exchange that breaks off begins with another
        ours, theirs = pairing.names(nonce, home_nonce)
        context = oscore.derive(label, nonce + home_nonce, ours, theirs, hkdf.hkdf)
        self.entropy = hkdf.hkdf(nonce + home_nonce, label, b"foyer pairing keys", 32)
        self._sent = 0
        self.link = link.Link(context, self._take_sequence, ccm.seal, ccm.open_, os.urandom, _TIMING)

    def _take_sequence(self):
        self._sent += 1
        return self._sent - 1


class Presses:
    """The button, looked at again and again; `pressed` is set when it goes down, and whoever asked lowers it again."""

    def __init__(self, board):
        self.pin = machine.Pin(board.BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
        self.pressed = False

    async def run(self) -> None:
        """Look for ever."""
        was_down = True  # what opened the window may still be held
        while True:
            is_down = not self.pin.value()
            if is_down and not was_down:
                self.pressed = True
            was_down = is_down
            await asyncio.sleep_ms(_LOOK_MS)


class Finding:
    """One window. fields: of the identity as they stand; chosen: the settings; radio: which kind looks for a home."""

    def __init__(self, radio, chosen, fields, clock, display, presses, alive):
        self._chosen = chosen
        self._fields = fields
        self._clock = clock
        self._display = display
        self._presses = presses
        self._alive = alive
        self._acquaintance = Acquaintance(fields["label"], self._met, fields.get("pairing", b""))
        self._radio = radio(chosen, self._acquaintance, clock, alive)
        self._until_ms = clock.up_ms() + pairing.WINDOW_MS

    async def run(self) -> int | None:
        """Return None when the device has its home, else the fault that says why not."""
        tries, fault = 0, faults.PAIRING_TOO_LATE
        while self._clock.up_ms() < self._until_ms:
            self._alive()
            self._acquaintance.link = None
            try:
                await self._try()
                return None
            except GatewayStrange:
                fault = faults.PAIRING_NOT_THIS_HOME
            except NotPaired as error:
                fault = error.fault
                if fault in (faults.PAIRING_HAS_HOME, faults.PAIRING_NOT_THE_SAME):
                    return fault
            except errors.ProtocolError:
                fault = faults.PAIRING_REPLAYED
            except LinkError as error:
                console.fault(error.fault)  # nobody answered, which is no try
                await asyncio.sleep_ms(_ASK_MS)
                continue
            tries += 1
            console.fault(fault)
            self._display.show("", "pairing")
            self._acquaintance.forget()
            if tries == pairing.MOST_TRIES:
                return faults.PAIRING_TOO_MANY
        return fault

    async def _try(self):
        fields, display = self._fields, self._display
        await self._post({pairing.PRESSED: 0}, pairing.ASK, pairing.STATE)
        own = await self._keys()
        second = os.urandom(pairing.NONCE_BYTES)
        kind = pairing.KINDS.index(self._chosen["device"])
        public = (own["signing_public"], own["link_public"], fields["serial"], kind)
        home = await self._post({pairing.DIGEST: pairing.digest(second, *public)}, pairing.OPEN, pairing.HOME)
        homeless = identity.homeless(fields)
        if not homeless and home[pairing.HOME_KEY] != fields["gateway_key"]:
            await self._post({pairing.FAULT_CODE: faults.PAIRING_HAS_HOME}, pairing.REFUSAL, pairing.STATE)
            raise NotPaired(faults.PAIRING_HAS_HOME)
        told = {
            pairing.NONCE: second,
            pairing.PAIRING: home[pairing.PAIRING] if homeless else fields["pairing"],
            pairing.SIGNING_KEY: public[0],
            pairing.LINK_KEY: public[1],
            pairing.SERIAL: public[2],
            pairing.DEVICE_KIND: kind,
        }
        transcribed = pairing.transcript(home, told)
        proof = pairing.to_sign(transcribed, told[pairing.PAIRING])
        steps = p256.sign_steps(own["signing_key"], sha256(proof).digest(), os.urandom(32))
        told[pairing.PROOF] = await self._in_steps(steps)
        code = pairing.short_code(transcribed)
        self._presses.pressed = False
        display.show(code, "same")
        await self._post(told, pairing.DEVICE, pairing.STATE)
        state = await self._agree(code)
        learned = self._radio.keep(state)
        if learned:
            settings.save(dict(self._chosen, **learned))
        if homeless:
            self._keep(own, home)

    async def _agree(self, code):
        """Return the home's word once it has it on disk and the person has pressed the button. Raises NotPaired, GatewayStrange."""
        shown = False
        while True:
            self._alive()
            pressed = self._presses.pressed
            if pressed and not shown:
                shown = True
                self._display.show(code, "agreed")
            try:
                state = await self._post({pairing.PRESSED: 1 if pressed else 0}, pairing.ASK, pairing.STATE)
            except GatewayStrange:
                raise
            except LinkError:
                state = {pairing.DECISION: pairing.WAIT}  # as long as the window lasts the answer may still come
            if state[pairing.DECISION] == pairing.NO:
                raise NotPaired(state.get(pairing.FAULT_CODE, faults.PAIRING_NOT_THE_SAME))
            if state[pairing.DECISION] == pairing.TAKE and pressed:
                return state
            if self._clock.up_ms() >= self._until_ms:
                raise NotPaired(faults.PAIRING_TOO_LATE)
            await asyncio.sleep_ms(_ASK_MS)

    def _keep(self, own, home):
        """Put the home into force; whatever else a home needs is there before, for the identity is what makes it so."""
        fields = {name: own[name] for name in ("serial", "label", "signing_key", "link_key", "link_public")}
        fields["kid"] = sha256(own["signing_public"]).digest()[:4]
        fields["pairing"] = home[pairing.PAIRING]
        fields["gateway_key"] = home[pairing.HOME_KEY]
        identity.save(fields)

    async def _keys(self):
        """Return this device's keys: those it has, or new ones, which are nowhere until `_keep`."""
        own = dict(self._fields)
        if "signing_key" in own:
            own["signing_public"] = await self._in_steps(new_key.public_key_steps(own["signing_key"]))
            return own
        for name, public, purpose in (("signing_key", "signing_public", b"sign"), ("link_key", "link_public", b"link")):
            drawn = new_key.draw(self._radio.station, purpose, self._acquaintance.entropy)
            own[name], own[public] = await self._in_steps(new_key.new_key_steps(drawn))
        return own

    async def _post(self, message, rules, expected):
        answer = await self._radio.post(pairing.PATH.decode(), pairing.encode(message, rules), coap.FORMAT_CBOR)
        if answer.code != _CHANGED:
            raise NotPaired(faults.PAIRING_REPLAYED)
        return pairing.decode(answer.payload, expected)

    async def _in_steps(self, steps):
        gc.collect()
        return await Calm().through(steps, self._alive)

    def _met(self):
        self._radio.settle()


async def _radio(chosen, alive):
    """Return the radio that looks for a home; the code of the other would fill the heap."""
    radio = chosen["radio"]
    if radio == "both":
        from firmware.radio import reach  # spares memory

        radio = await reach.radio(chosen, alive)
    if radio == "ble":
        from firmware.radio import meeting  # spares memory

        return meeting.Meeting
    from firmware.radio import seeking  # spares memory

    return seeking.Seeking


async def find_home(chosen, fields, board, clock, display, held, woken) -> None:
    """Live until the window is over, one way or the other; ends in a new start."""
    held.put(memory.PAIRING, 0)
    held.put(memory.STARTS, 0)
    known_answer.check()
    gc.collect()
    gc.threshold(-1)
    watch = Watch(machine.WDT(timeout=TIMEOUT_MS), clock)
    alive = watch.expect("pairing", _ALIVE_MS)
    presses = Presses(board)
    await asyncio.gather(watch.run(), presses.run(), _live(chosen, fields, clock, display, presses, alive, woken))


async def _live(chosen, fields, clock, display, presses, alive, woken):
    if identity.homeless(fields) and woken != _PIN_WAKE:
        await _wait(clock, display, presses, alive)
    display.show("", "pairing")
    fault = await Finding(await _radio(chosen, alive), chosen, fields, clock, display, presses, alive).run()
    if fault is None:
        display.show("", "paired")
    else:
        console.fault(fault)
        display.fault(fault)
    alive()
    await asyncio.sleep_ms(_SHOWN_MS)
    machine.reset()


async def _wait(clock, display, presses, alive):
    """Return when the button is pressed; if nobody does, sleep until it is."""
    display.show("", "homeless")
    until_ms = clock.up_ms() + _IDLE_MS
    while not presses.pressed:
        alive()
        if clock.up_ms() > until_ms:
            display.off()
            esp32.wake_on_ext0(pin=presses.pin, level=0)
            console.asleep(0)
            machine.deepsleep()
        await asyncio.sleep_ms(_LOOK_MS)
