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
        x, y, z = yield from ecdh.jacobian_steps(comb, r * inverse % _N)
        comb = None
        of_base = int.from_bytes(message_hash, "big") * inverse % _N
        if of_base:
            x, z = _sum(x, y, z, *(yield from p256._multiply_steps(of_base)))
    except (errors.PointOffCurve, p256.SelfTestFailed):
        return False  # the second: a sum met its own point on the way, which only numbers chosen for it make happen
    if not z:
        return False  # likewise, or the point at infinity
    square = z * z % _P
    return (x - r * square) % _P == 0 or (r + _N < _P and (x - (r + _N) * square) % _P == 0)


def _sum(x1: int, y1: int, z1: int, x2: int, y2: int) -> tuple[int, int]:
    """Return X and Z of the sum of a point in Jacobian coordinates and an affine one: to compare x needs no inverse."""
    p = _P
    square = z1 * z1 % p
    apart = (x2 * square - x1) % p
    rise = (y2 * square * z1 - y1) % p
    if not apart and not rise and z1:
        x, _, z = ecdh._double(x1, y1, z1)
        return x, z
    across = apart * apart % p
    return (rise * rise - apart * across - 2 * x1 * across) % p, z1 * apart % p
