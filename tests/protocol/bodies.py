"""What the tests of protocol/ run under both Pythons: plain functions from literals to literals, no pytest, no typing.

Outcomes are compared, not asserted, so that one list of inputs plays MicroPython against this Python item by item.
"""

import sys

if sys.implementation.name == "cpython":
    from tests import cryptolib

    cryptolib.install()

from firmware.crypto import ccm, hkdf
from protocol import cbor, coap, cose, errors, exchange, link, oscore, oscore_opening, oscore_server, readings, receipts, replay, sign1


def refusal(function, *arguments):
    """Return ["value", result] or ["refused", name of our error]; any other exception is a failure."""
    try:
        return ["value", function(*arguments)]
    except errors.ProtocolError as error:
        return ["refused", type(error).__name__]


def cbor_outcome(data):
    outcome = refusal(cbor.decode, data)
    if outcome[0] == "value" and cbor.encode(outcome[1]) != data:
        return ["second encoding", data]
    return outcome


def cbor_outcomes(items):
    return [cbor_outcome(item) for item in items]


def coap_outcome(datagram):
    outcome = refusal(coap.decode, datagram)
    if outcome[0] == "value":
        message = outcome[1]
        again = refusal(lambda: coap.decode(coap.encode(message)))
        if again != outcome:
            return ["not the same again", datagram]
        return ["value", list(message)]
    return outcome


def coap_outcomes(datagrams):
    return [coap_outcome(datagram) for datagram in datagrams]


def option_outcomes(values):
    return [refusal(lambda value: list(oscore_opening.decompress(value)), value) for value in values]


def reading_outcomes(items):
    return [refusal(readings.decode, item) for item in items]


def receipt_outcomes(items):
    return [refusal(lambda item: list(receipts.decode(item)), item) for item in items]


def sign1_outcomes(messages):
    return [refusal(lambda message: list(sign1.parse_sign1(message, (-9, -19))), message) for message in messages]


def sig_structures(triples):
    return [cose.sig_structure(*triple) for triple in triples]


def derived(master_secret, master_salt, sender_id, recipient_id, id_context):
    return list(oscore.derive(master_secret, master_salt, sender_id, recipient_id, hkdf.hkdf, id_context))


def protected_request(context, datagram, sequence):
    """Return the protected datagram and what opening it at the other end gives back."""
    context = oscore.Context(*context)
    message = coap.decode(datagram)
    code, options, payload, binding = oscore.protect_request(context, message.code, message.options, message.payload, sequence, ccm.seal)
    sealed = coap.encode(coap.Message(message.type, code, message.message_id, message.token, options, payload))
    server = other_end(context)
    received = coap.decode(sealed)
    opened, _, seen = oscore_server.unprotect_request(server, received.options, received.payload, ccm.open_)
    return [sealed, list(opened), list(binding), seen, oscore.aad(binding)]


def protected_response(context, binding, datagram, sequence):
    """Return the protected response and what the client makes of it."""
    context = oscore.Context(*context)
    binding = oscore.Binding(*binding)
    message = coap.decode(datagram)
    code, options, payload = oscore_server.protect_response(
        context, binding, message.code, message.options, message.payload, ccm.seal, sequence
    )
    sealed = coap.encode(coap.Message(message.type, code, message.message_id, message.token, options, payload))
    received = coap.decode(sealed)
    opened = oscore_opening.unprotect_response(other_end(context), binding, received.options, received.payload, ccm.open_)
    return [sealed, list(opened)]


def other_end(context):
    return oscore.Context(
        context.recipient_id,
        context.sender_id,
        context.id_context,
        context.recipient_key,
        context.sender_key,
        context.common_iv,
    )


# --- a link over a real socket, against a server somewhere else

SECRET = bytes(range(16))
SALT = bytes(range(8))


def delivered(host, port, device_id, gateway_id, payloads, first_sequence, acknowledge_ms):
    """POST each payload over UDP and return [state, code, payload, datagrams sent, forged] for each."""
    import os
    import select
    import socket
    import time

    def now_ms():
        return time.ticks_ms() if hasattr(time, "ticks_ms") else time.monotonic_ns() // 1000000

    sequence = [first_sequence]

    def take_sequence():
        sequence[0] += 1
        return sequence[0] - 1

    context = oscore.derive(SECRET, SALT, device_id, gateway_id, hkdf.hkdf)
    timing = exchange.Timing(acknowledge_ms, 4, 5000)
    way = link.Link(context, take_sequence, ccm.seal, ccm.open_, os.urandom, timing)
    address = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_DGRAM)[0][-1]
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.connect(address)
    poller = select.poll()
    poller.register(udp, select.POLLIN)
    results = []
    for payload in payloads:
        way.post(b"r", coap.FORMAT_COSE_SIGN1, payload, now_ms())
        sent = 0
        while not way.over:
            datagram = way.poll(now_ms())
            while datagram:
                sent += 1
                try:
                    udp.send(datagram)
                except OSError:  # nobody listens at the moment: the repetition will find out
                    sent -= 1
                datagram = way.poll(now_ms())
            if way.over or not poller.poll(max(0, min(1000, way.due_ms - now_ms()))):
                continue
            try:
                way.feed(udp.recv(2048), now_ms())
            except OSError:  # the refusal of an earlier datagram, told late
                continue
        answer = way.answer
        results.append([way.state, answer.code, answer.payload, sent, way.forged] if answer else [way.state, None, None, sent, way.forged])
        datagram = way.poll(now_ms())
        while datagram:
            udp.send(datagram)  # the acknowledgement of a separate response
            datagram = way.poll(now_ms())
    udp.send(way.say(b"l", coap.FORMAT_CBOR, b"\xa0"))
    udp.close()
    return results


def windows(steps):
    """Return the outcome of each ["fresh" | "strike", number] on one replay window."""
    window = replay.Window()
    return [refusal(getattr(window, verb), number)[-1] for verb, number in steps]
