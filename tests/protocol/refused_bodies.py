"""What is refused, tried under both Pythons: each decoder by its name, and the name of the error that comes."""

import sys

if sys.implementation.name == "cpython":
    from tests import cryptolib

    cryptolib.install()

from firmware.crypto import ecdh, p256
from protocol import cbor, coap, errors, frames, manifest, oscore_opening, replay, sign1

MANIFEST = {1: b"v" * 16, 2: b"c" * 16, 3: ["s3"], 4: 7, 5: 6}


def _verify(message):
    sign1.verify1(sign1.parse_sign1(message), b"", lambda *_: False)


def _window(data):
    window = replay.Window()
    window.fresh(1000)
    window.strike(int.from_bytes(data, "big"))


def _frames(data, apart_ms=1):
    assembly = frames.Assembly()
    for at in range(0, len(data), 6):
        assembly.feed(data[at : at + 6], at * apart_ms)


def _manifest(what):
    manifest.refuse_older(MANIFEST, 7 if what == b"older" else 6)
    vendor = b"x" * 16 if what == b"vendor" else b"v" * 16
    manifest.refuse_other(MANIFEST, vendor, b"x" * 16 if what == b"class" else b"c" * 16, "s3", 6)


DECODERS = {
    "cbor": cbor.decode,
    "sign1": sign1.parse_sign1,
    "verify": _verify,
    "point": lambda data: p256._finish(ecdh.point_steps(data)),
    "window": _window,
    "coap": coap.decode,
    "option": oscore_opening.decompress,
    "frames": _frames,
    "late frames": lambda data: _frames(data, 2000),
    "manifest": _manifest,
}


def refusals(rows):
    """Return the name of the error for each [decoder, bytes]."""
    out = []
    for decoder, data in rows:
        try:
            DECODERS[decoder](data)
            out.append("accepted")
        except errors.ProtocolError as error:
            out.append(type(error).__name__)
    return out


def reassembled(data, number, fragment_bytes, order):
    """Return what comes of an object's fragments when those at the places in `order` come twice."""
    assembly = frames.Assembly()
    whole = None
    for index, fragment in enumerate(frames.split(data, number, fragment_bytes)):
        for _ in range(2 if index in order else 1):
            whole = whole if whole is not None else assembly.feed(fragment, 0)
    return whole
