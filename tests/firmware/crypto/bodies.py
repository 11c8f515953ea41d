"""What the tests of firmware/crypto/ run under both Pythons: plain functions from literals to literals."""

import os
import sys

if sys.implementation.name == "cpython":
    from tests import cryptolib

    cryptolib.install()

from firmware.crypto import ccm, ecdh, hkdf, known_answer, new_key, p256
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
    """Return [fewest steps, permille of a signature that its longest step takes], the latter in the quietest of 40 signatures."""
    import time

    now_us = time.ticks_us if hasattr(time, "ticks_us") else lambda: time.perf_counter_ns() // 100
    p256.load()
    fewest, share = 1000, 1000
    for _ in range(40):
        begun = before = now_us()
        longest = steps = 0
        for _ in p256.sign_steps(private_key, message_hash, bytes(32)):
            now = now_us()
            longest = max(longest, now - before)
            before = now
            steps += 1
        fewest, share = min(fewest, steps), min(share, 1000 * longest // (before - begun))
    return [fewest, share]


def shared_secrets(rows):
    return [ecdh.shared_secret(*row) for row in rows]


def made_key(random_bytes):
    return list(p256._finish(new_key.new_key_steps(random_bytes)))


def longest_agreement_pause(private_key, public_key):
    """Return [steps, permille of the whole that its longest step takes], the latter in the quietest of 12 agreements."""
    import time

    now_us = time.ticks_us if hasattr(time, "ticks_us") else lambda: time.perf_counter_ns() // 100

    def steps():
        point = yield from ecdh.point_steps(public_key)
        return (yield from ecdh.agree_steps(point, private_key))

    share, count = 1000, 0
    for _ in range(12):
        begun = before = now_us()
        longest = count = 0
        for _ in steps():
            now = now_us()
            longest = max(longest, now - before)
            before = now
            count += 1
        share = min(share, 1000 * longest // (before - begun))
    return [count, share]
