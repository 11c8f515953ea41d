"""What the tests of firmware/crypto/ run under both Pythons: plain functions from literals to literals."""

import os
import sys

if sys.implementation.name == "cpython":
    from tests import cryptolib

    cryptolib.install()

from firmware.crypto import ccm, ecdh, hkdf, known_answer, new_key, p256, verify
from protocol import errors


def signatures(rows):
    return [p256.sign(*row) for row in rows]


def public_keys(private_keys):
    return [new_key.public_key(key) for key in private_keys]


def refused_keys(private_keys):
    out = []
    for key in private_keys:
        try:
            new_key.public_key(key)
        except ValueError:
            out.append(key)
    return out


def power_on(comb):
    """Return the part the test finds broken when the comb's file holds these bytes, or None."""
    path = f"/tmp/foyer-comb-{os.urandom(6).hex()}"  # noqa: S108  MicroPython has no tempfile
    with open(path, "wb") as file:
        file.write(comb)
    before = p256._comb_path
    try:
        p256.load(path)
        known_answer.check()
    except p256.SelfTestFailed as error:
        return error.part
    finally:
        p256._comb_path = before
        os.remove(path)
    return None


def codes(rows):
    return [hkdf.hmac_sha256(*row) for row in rows]


def derived(rows):
    return [hkdf.hkdf(*row) for row in rows]


def sealed(rows):
    """Return each row sealed, after opening it again."""
    out = []
    for key, nonce, aad, plaintext, tag_bytes in rows:
        box = ccm.seal(key, nonce, aad, plaintext, tag_bytes)
        if ccm.open_(key, nonce, aad, box, tag_bytes) != plaintext:
            raise ValueError("not the same again")
        out.append(box)
    return out


def opened(rows):
    """Return each row's plaintext, or "TagBroken"."""
    out = []
    for row in rows:
        try:
            out.append(ccm.open_(*row))
        except errors.TagBroken:
            out.append("TagBroken")
    return out


def longest_pause(private_key, message_hash):
    """Return [steps, permille of a signature that its longest step takes]."""
    p256.load()
    return _longest_share(lambda: p256.sign_steps(private_key, message_hash, bytes(32)))


def shared_secrets(rows):
    return [ecdh.shared_secret(*row) for row in rows]


def made_key(random_bytes):
    return list(p256._finish(new_key.new_key_steps(random_bytes)))


def longest_agreement_pause(private_key, public_key):
    """Return [steps, permille of a point and its agreement that the longest step takes]."""

    def steps():
        point = yield from ecdh.point_steps(public_key)
        return (yield from ecdh.agree_steps(point, private_key))

    return _longest_share(steps)


def _longest_share(steps):
    """Return [fewest steps, permille of the longest]: a busy machine delays any step now and then, and none a dozen times."""
    import time

    now_us = time.ticks_us if hasattr(time, "ticks_us") else lambda: time.perf_counter_ns() // 100
    quietest, fewest = [], 1000
    for _ in range(12):
        number, before = 0, now_us()
        for _ in steps():
            took = now_us() - before
            if number == len(quietest):
                quietest.append(took)
            quietest[number] = min(quietest[number], took)
            number += 1
            before = now_us()
        fewest = min(fewest, number)
    return [fewest, 1000 * max(quietest[:fewest]) // sum(quietest)]


def signatures_hold(rows):
    """Return for each public key, hash and signature whether it holds."""
    return [p256._finish(verify.holds_steps(*row)) for row in rows]
