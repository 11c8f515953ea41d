"""The example in docs/wire.md, made by the code it explains: a weight, its signature, its way home, the receipt.

`python -m tests.protocol.wire_example` writes it into the document between its two marks; a test finds a document that is out of date.
Keys and randomness are fixed here and nowhere else.
"""

import hashlib
import sys
from pathlib import Path

from tests import cryptolib

cryptolib.install()

from firmware.crypto import ccm, hkdf, new_key, p256  # noqa: E402
from protocol import cbor, coap, cose, edhoc, link, oscore, oscore_server, readings, receipts  # noqa: E402, oscore_server
from tests.protocol import edhoc_bodies  # noqa: E402
from tests.protocol.test_edhoc import RUN, TRACE  # noqa: E402
from tools import comb  # noqa: E402

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "wire.md"
BEGIN, END = "<!-- example: written by tests/protocol/wire_example.py -->\n", "<!-- end of example -->\n"

KEY = hashlib.sha256(b"the example's device").digest()
PAIRING = bytes.fromhex("f0e1d2c3b4a59687")
SECRET, SALT = bytes(range(16)), bytes(range(0x10, 0x18))
DEVICE_ID, GATEWAY_ID = b"\x01", b""
READING = {0: 0, 1: 20000, 2: [40, 3600000], 3: 1760000000, 9: 80, 10: 72400, 11: 1, 12: 512}
NAMES = ["kind: scale", "sequence", "start 40 of the device, 3600 s ago", "seconds since 1970", "battery, %", "grams", "stable", "ohm"]


def objects() -> dict[str, bytes]:
    """Return the bytes of each object on the way."""
    comb.write()
    kid = hashlib.sha256(new_key.public_key(KEY)).digest()[:4]
    payload = readings.encode(READING)
    aad = cose.reading_aad(readings.SCALE, PAIRING)
    protected = cose.protected_header(kid)
    tbs = cose.sig_structure(protected, aad, payload)
    signed = cose.assemble(protected, payload, p256.sign(KEY, hashlib.sha256(tbs).digest()))
    device = oscore.derive(SECRET, SALT, DEVICE_ID, GATEWAY_ID, hkdf.hkdf)
    way = link.Link(device, lambda: 320, ccm.seal, ccm.open_, lambda count: bytes.fromhex("c0de")[:count])
    way.post(b"r", coap.FORMAT_COSE_SIGN1, signed, 0)
    request = way.poll(0) or b""
    gateway = oscore.derive(SECRET, SALT, GATEWAY_ID, DEVICE_ID, hkdf.hkdf)
    asked = coap.decode(request)
    _, binding, _ = oscore_server.unprotect_request(gateway, asked.options, asked.payload, ccm.open_)
    receipt = receipts.encode(20000, cose.digest8(tbs), 1760000000250, receipts.STORED)
    code, options, sealed = oscore_server.protect_response(gateway, binding, coap.CHANGED, (), receipt, ccm.seal)
    response = coap.encode(coap.Message(coap.ACK, code, asked.message_id, asked.token, options, sealed))
    way.feed(response, 40)
    if way.answer is None or way.answer.payload != receipt:
        raise ValueError("the example's receipt does not open")
    return {
        "kid": kid,
        "payload": payload,
        "external_aad": aad,
        "protected": protected,
        "tbs": tbs,
        "signed": signed,
        "request": request,
        "receipt": receipt,
        "response": response,
    }


def example() -> str:
    """Return the example as Markdown."""
    made = objects()
    kid, payload, protected, signed = made["kid"], made["payload"], made["protected"], made["signed"]
    request, receipt, response = made["request"], made["receipt"], made["response"]
    map_rows: list[tuple[int, str]] = [(1, "map of 8")]
    at = 1
    for (key, value), name in zip(READING.items(), NAMES, strict=True):
        length = len(cbor_pair(key, value))
        map_rows.append((length, f"{key}: {value}, {name}"))
        at += length
    signed_rows = [
        (1, "array of 4"),
        (1, "protected header, 9 bytes"),
        (len(protected), f"{{1: -9 (ESP256), 4: h'{kid.hex()}' (key id)}}"),
        (1, "unprotected header: empty"),
        (2, f"payload, {len(payload)} bytes"),
        (len(payload), "the reading above"),
        (2, "signature, 64 bytes"),
        (32, "r"),
        (32, "s"),
    ]
    request_rows = [
        (1, "version 1, confirmable, token of 2"),
        (1, "POST, as every protected request is"),
        (2, "message id"),
        (2, "token"),
        (1, "option 9 (OSCORE), 4 bytes"),
        (1, "Partial IV of 2 bytes and key id follow"),
        (2, "Partial IV: 320, the device's sender sequence number, never used twice"),
        (1, "key id: which device"),
        (1, "payload marker"),
        (len(request) - 20, "sealed: POST, Uri-Path r, Content-Format 18, marker, the signed reading"),
        (8, "tag"),
    ]
    receipt_rows = [
        (1, "map of 4"),
        (4, "1: 20000, the reading's sequence"),
        (10, "2: first 8 bytes of SHA-256 of what was signed"),
        (10, "3: the gateway's clock, ms since 1970"),
        (2, "4: 0, stored"),
    ]
    response_rows = [
        (1, "version 1, acknowledgement, token of 2"),
        (1, "2.04, as every protected answer is"),
        (2, "the request's message id"),
        (2, "the request's token"),
        (1, "option 9 (OSCORE), empty: the nonce is the request's"),
        (1, "payload marker"),
        (len(response) - 16, "sealed: 2.04, marker, the receipt"),
        (8, "tag"),
    ]
    return (
        f"### The reading, {len(payload)} bytes\n\n"
        + table(payload, map_rows)
        + f"\n### Signed, {len(signed)} bytes\n\n"
        + table(signed, signed_rows)
        + '\nWhat is signed is the Sig_structure `["Signature1", protected, external_aad, payload]`, '
        + f"{len(made['tbs'])} bytes, with the external_aad `{made['external_aad'].hex()}` "
        + f"= `[1, 0, 0, h'{PAIRING.hex()}']`: version, role, kind, pairing.\n"
        + f"\n### On the air, {len(request)} bytes\n\n"
        + table(request, request_rows)
        + f"\n### The receipt, {len(receipt)} bytes\n\n"
        + table(receipt, receipt_rows)
        + f"\n### And back, {len(response)} bytes\n\n"
        + table(response, response_rows)
        + introduction_example()
    )


def introduction_example() -> str:
    """Return how a link begins, with the keys of RFC 9529's trace 2, which both ends of ours reproduce."""
    message_1, outcome, agreed = edhoc_bodies.initiated(*RUN, TRACE["message_2"])
    if outcome[0] != "value" or agreed is None:
        raise ValueError("the example's introduction does not end")
    asked, told = b"\xf5" + message_1, edhoc.encode_identifier(agreed[2]) + outcome[1]
    answered = TRACE["message_2"]
    return (
        f"\n### How a link begins: message 1, {len(asked)} bytes, posted to `/.well-known/edhoc`\n\n"
        "The keys are those of RFC 9529's trace 2.\n\n"
        + table(
            asked,
            [
                (1, "true: a new introduction (RFC 9528, appendix A.2.1)"),
                (1, "method 3: both ends prove static Diffie-Hellman keys"),
                (3, "suites [6, 2]: the last is the one chosen; a device of ours offers 2 alone, in one byte"),
                (2, "ephemeral key of the device, 32 bytes"),
                (32, "its x coordinate, new each time"),
                (1, "C_I: the name by which the home shall call the device on this link"),
            ],
        )
        + f"\n### Message 2, {len(answered)} bytes, the answer\n\n"
        + table(
            answered,
            [
                (2, "ephemeral key of the home and ciphertext, 43 bytes"),
                (32, "its x coordinate, new each time"),
                (len(answered) - 34, "hidden: C_R, the home's key id, and its proof of 8 bytes"),
            ],
        )
        + f"\n### Message 3, {len(told)} bytes\n\n"
        + table(
            told,
            [
                (1, "C_R: which introduction this ends, and the device's OSCORE id from now on"),
                (1, "ciphertext, 18 bytes"),
                (len(told) - 10, "sealed: the device's key id and its proof of 8 bytes"),
                (8, "tag"),
            ],
        )
        + f"\nBoth ends now have the OSCORE master secret `{agreed[0].hex()}` and salt `{agreed[1].hex()}`, which were never sent.\n"
    )


def cbor_pair(key: object, value: object) -> bytes:
    """Return the bytes of one pair of a map."""
    return cbor.encode(key) + cbor.encode(value)


def table(data: bytes, rows: list[tuple[int, str]]) -> str:
    """Return the bytes cut into rows, with what each means. Raises ValueError: the rows do not add up."""
    if sum(length for length, _ in rows) != len(data):
        raise ValueError(f"rows of {sum(length for length, _ in rows)} bytes for {len(data)}")
    out, at = "| at | bytes | meaning |\n|---|---|---|\n", 0
    for length, meaning in rows:
        piece = data[at : at + length].hex()
        out += f"| {at} | `{piece if length <= 12 else piece[:12] + '…' + piece[-8:]}` | {meaning} |\n"
        at += length
    return out


def written(document: str) -> str:
    """Return the document with the example in its place."""
    before, _, rest = document.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + example() + "\n" + END + after


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
    sys.stdout.write(f"{DOCUMENT}\n")
