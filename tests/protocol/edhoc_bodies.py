"""What the tests of EDHOC run under both Pythons: plain functions from literals to literals, with the device's own arithmetic."""

import sys

if sys.implementation.name == "cpython":
    from tests import cryptolib

    cryptolib.install()

from hashlib import sha256

from firmware.crypto import ccm, ecdh, hkdf, new_key
from protocol import coap, edhoc, errors, exchange, introduction, link, oscore


def refusal(function, *arguments):
    """Return ["value", result] or ["refused", name of our error]; any other exception is a failure."""
    try:
        return ["value", function(*arguments)]
    except errors.ProtocolError as error:
        return ["refused", type(error).__name__]


def run_steps(steps):
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def device_crypto(private_key):
    """The device's arithmetic, with an ephemeral key that is given."""

    def new_key_steps():
        public = yield from new_key.public_key_steps(private_key)
        return private_key, public

    return edhoc.Crypto(
        new_key_steps,
        ecdh.point_steps,
        ecdh.agree_steps,
        lambda data: sha256(data).digest(),
        hkdf.hmac_sha256,
        hkdf.expand,
        ccm.seal,
        ccm.open_,
    )


def initiated(ephemeral, private_key, own, responder, connection_id, suites, message_2):
    """Return message 1, then message 3 or the refusal of message 2, then what was agreed."""
    initiator = edhoc.Initiator(private_key, edhoc.Credential(*own), edhoc.Credential(*responder), device_crypto(ephemeral), connection_id)
    message_1 = run_steps(initiator.begin_steps(suites))
    outcome = refusal(lambda: run_steps(initiator.finish_steps(message_2)))
    return [message_1, outcome, list(initiator.agreed) if initiator.agreed else None]


def refused_messages_2(ephemeral, private_key, own, responder, messages):
    return [initiated(ephemeral, private_key, own, responder, b"\x05", 2, message)[1] for message in messages]


def introduced(host, port, private_key, link_public, gateway_key, seed):
    """Introduce a device over UDP and return [message 1 sent, agreed, the answer to one protected POST]; ephemeral key from `seed`."""
    import os
    import select
    import socket
    import time

    def now_ms():
        return time.ticks_ms() if hasattr(time, "ticks_ms") else time.monotonic_ns() // 1000000

    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect(socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1])
    poller = select.poll()
    poller.register(udp, select.POLLIN)

    def carry(asked):
        while not asked.over:
            datagram = asked.poll(now_ms())
            while datagram:
                udp.send(datagram)
                datagram = asked.poll(now_ms())
            if not asked.over and poller.poll(max(0, min(1000, asked.due_ms - now_ms()))):
                asked.feed(udp.recv(2048), now_ms())

    own, home = edhoc.credential(link_public), edhoc.credential(gateway_key)
    initiator = edhoc.Initiator(private_key, own, home, device_crypto(seed), b"\x05")
    timing = exchange.Timing(500, 4, 5000)
    talk = introduction.Introduction(os.urandom, timing)
    message_1 = run_steps(initiator.begin_steps())
    talk.ask(message_1, now_ms())
    carry(talk)
    if talk.answer is None:
        udp.close()
        return [message_1, None, None]
    message_3 = run_steps(initiator.finish_steps(talk.answer))
    talk.tell(message_3, initiator.agreed.sender_id, now_ms())
    carry(talk)
    if talk.answer is None:
        udp.close()
        return [message_1, None, None]
    agreed = initiator.agreed
    context = oscore.derive(agreed[0], agreed[1], agreed[2], agreed[3], hkdf.hkdf)
    way = link.Link(context, iter(range(100)).__next__, ccm.seal, ccm.open_, os.urandom, timing)
    way.post(b"r", coap.FORMAT_COSE_SIGN1, b"a reading", now_ms())
    carry(way)
    udp.close()
    return [message_1, list(agreed), [way.answer.code, way.answer.payload] if way.answer else None]


def derived_keys(rows):
    return [hkdf.expand(*row) for row in rows]


def shared_secrets(rows):
    return [refusal(ecdh.shared_secret, *row) for row in rows]
