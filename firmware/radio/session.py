"""The keys of the way home: an introduction (EDHOC, RFC 9528) at a cold start, and the protected link that comes of it.

What was agreed outlives deep sleep in the RTC's memory and nothing else: a device that lost power introduces itself anew. The home may
lose the keys, too; then it answers in clear that it does not know us. Anybody can send that, so it costs an introduction only now and
then, and no reading. The code for introductions is large and used once, so it is loaded when needed and forgotten afterwards.
"""

import asyncio
import gc
import os
from hashlib import sha256

from micropython import const

from firmware import once
from firmware.crypto import ccm, hkdf
from protocol import cbor, errors, exchange, link, oscore

_KEY_BYTES = const(48)  # as EDHOC wants for a key without favourites, and more
# The first wait for an acknowledgement is twice the first wait after a silence: RFC 7252's 2 s with the ordinary 1 s.
_ACKNOWLEDGE_FACTOR = const(2)
_LONGEST_WAIT_MS = const(600_000)
_LOOK_MS = const(20)
_ONCE = ("protocol.introduction", "protocol.edhoc", "firmware.crypto.ecdh", "firmware.crypto.new_key")


class Session:
    """identity as in `flash/`; take_sequence(): the next OSCORE sender sequence; kept: what outlives deep sleep, `firmware/memory.py`'s;
    calm: as in `firmware/calm.py`. Whoever must not be kept waiting needs the heap, too: an introduction is then given up, code and all.
    """

    def __init__(self, identity, take_sequence, retry_ms, kept, calm):
        self.link = None
        self.strange = False  # somebody answered the last introduction, and not as our home does
        self._identity = identity
        self._take_sequence = take_sequence
        ordinary = exchange.RFC7252_TIMING
        first_ms = min(ordinary.acknowledge_ms, _ACKNOWLEDGE_FACTOR * retry_ms)
        self._timing = exchange.Timing(first_ms, ordinary.repeats, ordinary.separate_ms)
        self._first_wait_ms = self._wait_ms = retry_ms
        self._again_ms = None  # before this a home that does not know us is not believed
        self._kept = kept
        self._calm = calm
        self.introducing = False  # under way
        self.give_way = _nothing  # called when an introduction begins, whose code is large
        if kept is not None:
            self._wake(kept.get_link())

    @property
    def holding(self) -> bool:
        """Whether somebody needs the processor and the heap more than the way home does."""
        return self._calm.holding

    @property
    def pairing(self) -> bytes:
        """The name that the home and this device have for each other."""
        return self._identity.pairing

    def doubtful(self, now_ms: int) -> bool:
        """Return whether the link is worn, or its request was answered by somebody who does not know us, at a time when that is worth an
        introduction.
        """
        if self.link is None:
            return False
        return self.link.worn or (self.link.disowned and (self._again_ms is None or now_ms >= self._again_ms))

    def renew(self, now_ms: int) -> bool:
        """Give the link up if it is doubtful and has no answer; return whether a new introduction is due."""
        if self.link.worn:
            return self._give_up()
        if self.link.answer is not None:
            self._wait_ms = self._first_wait_ms
        elif self.doubtful(now_ms):
            self.link = None
            return True
        return False

    def _give_up(self):
        """Forget the link's keys for good; return whether the request in flight is to be asked with new ones."""
        unanswered = self.link.answer is None
        self.link = None
        if self._kept is not None:
            self._kept.put_link(b"")
        return unanswered

    @property
    def disturbed(self) -> bool:
        """Whether an introduction is under way that has to be given up."""
        return self.introducing and self._calm.holding

    async def introduce(self, carry, now_ms, alive):
        """Make the link, or leave None when nobody answered as our home does.

        carry(exchange): a coroutine that sends and receives until the exchange is over; alive(): still at work.
        """
        while self._calm.holding:
            alive()
            await asyncio.sleep_ms(_LOOK_MS)
        gc.collect()
        agreed = None
        self.strange = False
        self.introducing = True
        self.give_way()
        try:
            agreed = await self._introduce(carry, now_ms, alive)
        except errors.ProtocolError:
            self.strange = True
        finally:
            self.introducing = False
            once.forget(*_ONCE)
        now = now_ms()
        self._again_ms = now + self._wait_ms
        self._wait_ms = min(2 * self._wait_ms, _LONGEST_WAIT_MS)
        if agreed is not None:
            self._begin(agreed)
            if self._kept is not None:
                self._kept.put_link(cbor.encode(agreed + (self._partners(),)))

    async def _introduce(self, carry, now_ms, alive):
        from firmware.crypto import ecdh, new_key  # these four spare memory: see the file's head
        from protocol import edhoc, introduction

        owner = self._identity
        crypto = edhoc.Crypto(
            lambda: new_key.new_key_steps(os.urandom(_KEY_BYTES)),
            ecdh.point_steps,
            ecdh.agree_steps,
            lambda data: sha256(data).digest(),
            hkdf.hmac_sha256,
            hkdf.expand,
            ccm.seal,
            ccm.open_,
        )
        own, home = edhoc.credential(owner.link_public), edhoc.credential(owner.gateway_key)
        initiator = edhoc.Initiator(owner.link_key, own, home, crypto, bytes((os.urandom(1)[0] % 24,)))
        talk = introduction.Introduction(os.urandom, self._timing)
        message_1 = await self._in_steps(initiator.begin_steps(), alive)
        if message_1 is None:
            return None
        talk.ask(message_1, now_ms())
        await carry(talk)
        self.strange = talk.refused
        if talk.answer is None:
            return None
        message_3 = await self._in_steps(initiator.finish_steps(talk.answer), alive)
        if message_3 is None:
            return None
        talk.tell(message_3, initiator.agreed.sender_id, now_ms())
        await carry(talk)
        self.strange = talk.refused
        return None if talk.answer is None else initiator.agreed

    async def _in_steps(self, steps, alive):
        """Return what the generator returns, with everybody else's turn between its steps; None when it is given up."""
        while not self.disturbed:
            try:
                next(steps)
            except StopIteration as end:
                return end.value
            alive()
            await asyncio.sleep_ms(0)
        return None

    def _begin(self, agreed):
        context = oscore.derive(agreed[0], agreed[1], agreed[2], agreed[3], hkdf.hkdf)
        self.link = link.Link(context, self._take_sequence, ccm.seal, ccm.open_, os.urandom, self._timing)

    def _partners(self):
        """Return what tells these two ends from others: after a factory reset nothing of the home before is used."""
        return sha256(self._identity.link_public + self._identity.gateway_key).digest()[:8]

    def _wake(self, data):
        """Go on with what was kept, if it was with this home; a checksum has told it from what a sagging supply leaves behind."""
        if data:
            agreed = cbor.decode(data)
            if agreed.pop() == self._partners():
                self._begin(agreed)


def _nothing():
    pass
