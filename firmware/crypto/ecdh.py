"""ECDH with P-256 (SP 800-56A section 5.7.1.2): the x of a private key times somebody else's point.

Needed once per cold start, so it is a file of its own that a device forgets afterwards. The other end's point gets a small signed comb
of its own, as G has in `p256.py`: four teeth, 66 digits apart. Making it costs three fifths of a multiplication and using it the rest,
and EDHOC uses one twice. The sequence of operations is the same for every key, the key gets a random multiple of the order added and the
point random projective coordinates. Everything long is a generator that yields at least every 20 ms of an ESP32.
"""

from micropython import const

from firmware.crypto import p256
from protocol import errors

_P = p256._P
_N = p256._N
_B = p256._B
_TEETH, _SPACING = const(4), const(66)
_DIGITS = const(264)
_SQUARINGS = const(16)  # between two yields


def point_steps(public_key: bytes):
    """Yield, and return what `agree_steps` needs of a public key, as `coordinates_steps` takes it. Raises PointOffCurve."""
    x, y = yield from coordinates_steps(public_key)
    return (yield from _comb_steps(x, y))


def coordinates_steps(public_key: bytes):
    """Yield, and return the point that a public key is: of 32 bytes (x alone) or 65 (uncompressed). Raises PointOffCurve."""
    x = int.from_bytes(public_key[1:33] if len(public_key) == 65 else public_key, "big")
    if x >= _P or len(public_key) not in (32, 65) or (len(public_key) == 65 and public_key[0] != 4):
        raise errors.PointOffCurve(len(public_key))
    square = (x * x * x - 3 * x + _B) % _P
    if len(public_key) == 65:
        y = int.from_bytes(public_key[33:], "big")
    else:
        y = yield from _root_steps(square)
    if y >= _P or (y * y - square) % _P:
        raise errors.PointOffCurve(len(public_key))
    return x, y


def agree_steps(comb, private_key: bytes):
    """Yield, and return the shared secret, 32 bytes: private_key times the point whose comb `point_steps` returned."""
    x, _ = yield from product_steps(comb, p256._scalar(private_key))
    return x.to_bytes(32, "big")


def product_steps(comb, scalar: int):
    """Yield, and return the affine coordinates of scalar, in 1..n-1, times the point whose comb `point_steps` returned."""
    p = _P
    # as in p256.py: digit i is 2 bit_i - 1, and the top digit of a column is the sign of the whole
    bits = (scalar + (1 << _DIGITS) - 1) * ((_N + 1) >> 1) % _N + _N * (p256.urandom(1)[0] % 254)
    rows = [bits >> (_SPACING * row) & ((1 << _SPACING) - 1) for row in range(_TEETH)]
    x = y = z = 0
    for column in range(_SPACING - 1, -1, -1):
        index = 0
        for tooth in range(_TEETH):
            index |= (rows[tooth] >> column & 1) << tooth
        minus = 1 - (index >> (_TEETH - 1))
        x2, y2 = comb[(index ^ -minus) & 7]
        y2 = (y2, p - y2)[minus]
        if column == _SPACING - 1:
            z = p256._random(p)
            d = z * z % p
            x, y = x2 * d % p, y2 * d % p * z % p
            continue
        x, y, z = double(x, y, z)
        # mixed addition; z becomes 0 if both points are one or opposite, and the check at the end finds it
        d = z * z % p
        h = (x2 * d - x) % p
        r = (y2 * (d * z % p) - y) % p
        d = h * h % p
        g = h * d % p
        b = x * d % p
        x = (r * r - g - b - b) % p
        y = (r * (b - x) - y * g) % p
        z = z * h % p
        yield
    d = z * z % p
    return (yield from p256.affine_steps(x, y, d, d * z % p))


def shared_secret(private_key: bytes, public_key: bytes) -> bytes:
    """Return the shared secret, 32 bytes, in one go."""
    return p256._finish(agree_steps(p256._finish(point_steps(public_key)), private_key))


def double(x: int, y: int, z: int) -> tuple[int, int, int]:
    """Return twice a point in Jacobian coordinates, x = X/Z^2 and y = Y/Z^3, a = -3 ("dbl-2001-b")."""
    p = _P
    d = z * z % p
    g = y * y % p
    b = x * g % p
    a = 3 * (x - d) * (x + d) % p
    z = (y * z << 1) % p  # a square costs as much as a product here
    b <<= 2
    x = (a * a - (b << 1)) % p
    return x, (a * (b - x) - (g * g << 3)) % p, z


def _root_steps(square: int):
    """Yield, and return the square root modulo p if there is one: square ^ ((p + 1) / 4), that is ^ (2^254 - 2^222 + 2^190 + 2^94)."""
    p = _P
    root = square
    for count in (1, 2, 4, 8, 16):  # square ^ (2^32 - 1), the exponent's ones doubling in number
        half = root
        for _ in range(count):
            root = root * root % p
        root = root * half % p
        yield
    for count, times in ((32, square), (96, square), (94, 1)):
        for number in range(count):
            root = root * root % p
            if number % _SQUARINGS == 0:
                yield
        root = root * times % p
    return root


def _comb_steps(x: int, y: int):
    """Yield, and return the eight points 2^198 P +- 2^132 P +- 2^66 P +- P as pairs; tooth j is plus if bit j of the index is set."""
    p = _P
    teeth = [(x, y)]
    z = 1
    powers = []
    for _ in range(_TEETH - 1):
        for number in range(_SPACING):
            x, y, z = double(x, y, z)
            if number & 1:
                yield
        powers.append((x, y, z))
    inverses = yield from _inverses_steps([power[2] for power in powers])
    for (x, y, _), inverse in zip(powers, inverses):
        square = inverse * inverse % p
        teeth.append((x * square % p, y * square % p * inverse % p))
    inverses = yield from _inverses_steps([(teeth[1][0] - teeth[0][0]) % p, (teeth[3][0] - teeth[2][0]) % p])
    plus, minus = _sum_and_difference(teeth[1], teeth[0], inverses[0])
    high, low = _sum_and_difference(teeth[3], teeth[2], inverses[1])
    yield
    pairs = [(upper, lower) for upper in (low, high) for lower in (minus, plus)]
    inverses = yield from _inverses_steps([(upper[0] - lower[0]) % p for upper, lower in pairs])
    comb = [None] * 8
    for number in range(4):
        # pairs come as low/high and minus/plus: bit 2 and, with the sign of the lower one, bits 1 and 0
        upper, lower = pairs[number]
        both, apart = _sum_and_difference(upper, lower, inverses[number])
        up = number >> 1 << 2
        comb[up | (3 if number & 1 else 2)] = both
        comb[up | (0 if number & 1 else 1)] = apart
        yield
    return comb


def _inverses_steps(numbers):
    """Yield, and return the inverses modulo p of all numbers at the price of one (Montgomery's trick)."""
    products = [1]
    for number in numbers:
        products.append(products[-1] * number % _P)
    inverse = yield from p256._inverse_steps(products[-1], _P)
    inverses = []
    for at in range(len(numbers) - 1, -1, -1):
        inverses.insert(0, inverse * products[at] % _P)
        inverse = inverse * numbers[at] % _P
    return inverses


def _sum_and_difference(one, other, inverse):
    """Return one + other and one - other, affine; inverse: of the difference of their x."""
    p = _P
    (x1, y1), (x2, y2) = one, other
    out = []
    for y in (y2, -y2):
        slope = (y1 - y) * inverse % p
        x = (slope * slope - x1 - x2) % p
        out.append((x, (slope * (x1 - x) - y1) % p))
    return out
