"""The link's keys on a device under attack, in MicroPython: what is given up, when, and what sleep keeps of it."""

import os
from collections import namedtuple

from firmware.calm import Calm
from firmware.radio.session import Session
from protocol import cbor, coap, link

Owner = namedtuple("Owner", ("link_public", "gateway_key"))


class Kept:
    """What outlives deep sleep."""

    def __init__(self):
        self.link = b""

    def get_link(self):
        return self.link

    def put_link(self, data):
        self.link = data


def forgeries(most, count, answered):
    """Let a link bear `count` forged answers where `most` end it; answered: to a request that the home did answer.

    Return [how many were counted, whether waiting goes on, whether to ask again with new keys, whether there is a link, what sleep keeps,
    whether a start out of sleep finds a link].
    """
    before, link.MOST_FORGED = link.MOST_FORGED, most
    owner, kept, numbers = Owner(bytes(65), bytes(65)), Kept(), iter(range(100))
    session = Session(owner, numbers.__next__, 1000, kept, Calm())
    kept.put_link(cbor.encode([bytes(16), bytes(8), b"\1", b"\2", session._partners()]))
    session = Session(owner, numbers.__next__, 1000, kept, Calm())
    way = session.link
    way.post(b"r", 18, b"reading", 0)
    asked = coap.decode(way.poll(0))
    for _ in range(count):
        forged = coap.Message(coap.ACK, coap.CHANGED, asked.message_id, asked.token, ((coap.OSCORE, b""),), os.urandom(20))
        way.feed(coap.encode(forged), 10)
    if answered:
        way.answer = (coap.CHANGED, (), b"")
    waits = not session.doubtful(20)
    again = session.renew(20)
    link.MOST_FORGED = before
    return [way.forged, waits, again, session.link is not None, kept.link != b"", Session(owner, None, 1000, kept, Calm()).link is not None]
