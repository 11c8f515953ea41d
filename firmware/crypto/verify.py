"""Whether an ECDSA signature (FIPS 186-5) with P-256 and SHA-256 holds: for updates, once in a while.

Nothing here is secret. The base point's product comes from the comb in `p256.py`; the key's from its non-adjacent form, of whose digits
one in six is not 0, because a comb of its own, as `ecdh.py` makes it, is worth while only for two products. Sums are right for every two
points, so that no numbers chosen for it make a signature hold or not. A generator, so that nothing waits for it.
"""

from micropython import const

from firmware.crypto import ecdh, p256
from protocol import errors

_P = p256._P
_N = p256._N
_WIDTH = const(5)
_DIGITS = const(257)


def holds_steps(public_key: bytes, message_hash: bytes, signature: bytes):
    """Yield at least every 20 ms of an ESP32, and return whether r||s is the key's signature of what was hashed.

    public_key: 65 bytes. A key that is no point of the curve signs nothing.
    """
    r = int.from_bytes(signature[:32], "big")
    s = int.from_bytes(signature[32:], "big")
    if len(signature) != 64 or not (0 < r < _N and 0 < s < _N):
        return False
    try:
        key = yield from ecdh.coordinates_steps(public_key)
    except errors.PointOffCurve:
        return False
    inverse = yield from p256._inverse_steps(s, _N)
    total = yield from _product_steps(r * inverse % _N, key)
    of_base = int.from_bytes(message_hash, "big") * inverse % _N
    if of_base:
        total = _add(*total, *(yield from p256._multiply_steps(of_base)))
    x, _, z = total
    if not z:
        return False  # the point at infinity
    square = z * z % _P
    return (x - r * square) % _P == 0 or (r + _N < _P and (x - (r + _N) * square) % _P == 0)


def _product_steps(scalar: int, key: tuple[int, int]):
    """Yield, and return a multiple of a point in Jacobian coordinates."""
    odd = yield from _odd_steps(*key)
    digits = _digits(scalar)
    total = 0, 1, 0
    for at in range(_DIGITS - 1, -1, -1):
        total = ecdh.double(*total)
        if digits[at]:
            minus = digits[at] >> (_WIDTH - 1)
            x, y = odd[((digits[at] ^ -minus) & ((1 << _WIDTH) - 1)) >> 1]
            total = _add(*total, x, (y, _P - y)[minus])
        yield
    return total


def _digits(scalar: int) -> bytearray:
    """Return a scalar's digits in its non-adjacent form of this width, the lowest first: 0, or odd; above 15 those below 0, 32 more."""
    digits = bytearray(_DIGITS)
    at = 0
    while scalar:
        digit = scalar & ((1 << _WIDTH) - 1)
        if digit & 1:
            digits[at] = digit
            scalar = (scalar >> _WIDTH) + (digit >> (_WIDTH - 1))
            at += _WIDTH
        else:
            scalar >>= 1
            at += 1
    return digits


def _odd_steps(x: int, y: int):
    """Yield, and return 1, 3, 5 ... 15 times a point, affine."""
    p = _P
    x2, y2, z2 = ecdh.double(x, y, 1)
    # z2 stretches the curve to one on which twice the point is affine, which sums do not notice
    points = [(x * z2 * z2 % p, y * z2 * z2 % p * z2 % p, 1)]
    while len(points) < 1 << (_WIDTH - 2):
        points.append(_add(*points[-1], x2, y2))
        yield
    inverses = yield from ecdh._inverses_steps([z * z2 % p for _, _, z in points])
    odd = []
    for (x, y, _), inverse in zip(points, inverses):
        square = inverse * inverse % p
        odd.append((x * square % p, y * square % p * inverse % p))
    return odd


def _add(x1: int, y1: int, z1: int, x2: int, y2: int) -> tuple[int, int, int]:
    """Return the sum of a point in Jacobian coordinates, infinity too, and an affine one ("madd")."""
    p = _P
    if not z1:
        return x2, y2, 1
    square = z1 * z1 % p
    apart = (x2 * square - x1) % p
    rise = (y2 * (square * z1 % p) - y1) % p
    if not apart and not rise:
        return ecdh.double(x1, y1, z1)
    square = apart * apart % p
    cube = apart * square % p
    across = x1 * square % p
    x = (rise * rise - cube - across - across) % p
    return x, (rise * (across - x) - y1 * cube) % p, z1 * apart % p
