"""Whether an ECDSA signature (FIPS 186-5) with P-256 and SHA-256 holds: for updates, once in a while.

Nothing here is secret. The two products come from `p256.py` and `ecdh.py`, whose code is there anyway. A generator, so that nothing
waits for it.
"""

from firmware.crypto import ecdh, p256
from protocol import errors

_P = p256._P
_N = p256._N


def holds_steps(public_key: bytes, message_hash: bytes, signature: bytes):
    """Yield at least every 20 ms of an ESP32, and return whether r||s is the key's signature of what was hashed.

    public_key: 65 bytes. A key that is no point of the curve signs nothing.
    """
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if len(signature) != 64 or not (0 < r < _N and 0 < s < _N):
        return False
    inverse = yield from p256._inverse_steps(s, _N)
    try:
        comb = yield from ecdh.point_steps(public_key)
        x, y = yield from ecdh.product_steps(comb, r * inverse % _N)
        comb = None
        of_base = int.from_bytes(message_hash, "big") * inverse % _N
        if of_base:
            x = yield from _sum_x_steps(x, y, *(yield from p256._multiply_steps(of_base)))
    except (errors.PointOffCurve, p256.SelfTestFailed):
        return False  # the second: a sum met its own point on the way, which only numbers chosen for it make happen
    return x is not None and x % _N == r


def _sum_x_steps(x1: int, y1: int, x2: int, y2: int):
    """Yield, and return the x of the sum of two points, or None when it is the point at infinity."""
    if x1 != x2:
        over, under = y2 - y1, x2 - x1
    elif y1 == y2:
        over, under = 3 * (x1 - 1) * (x1 + 1), y1 + y1  # a = -3
    else:
        return None
    inverse = yield from p256._inverse_steps(under % _P, _P)
    slope = over * inverse % _P
    return (slope * slope - x1 - x2) % _P
