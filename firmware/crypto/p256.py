"""ECDSA signatures with P-256 and SHA-256 (FIPS 186-5), the nonce from RFC 6979 hedged with fresh entropy (its section 3.6).

k G is a signed comb (Hamburg, "Fast and compact elliptic-curve cryptography", section 3.3): every one of 264 digits is +1 or -1, so each
of the 11 steps is one doubling and four additions, whatever k is. Before that, k gets a random multiple of the order added and the point
random projective coordinates, and the inversion of k is blinded. MicroPython's long integers do not take constant time; this keeps what
they leak apart from the key. `sign_steps` is a generator that yields after every step, so that nothing waits for a signature.

The comb is a file of 8 KiB made by `tools/comb.py` and read point by point, so that it takes nothing of the heap. `known_answer.py`
checks it and the arithmetic before any key is used. Multiples of other points are `ecdh.py`'s, keys are made in `new_key.py`.
Whether somebody else's signature holds is `verify.py`'s.
"""

from hashlib import sha256
from os import urandom

from micropython import const

from firmware.crypto.hkdf import hmac_sha256

COMB_FILE = "p256.comb"
_TABLES, _TEETH, _SPACING = const(4), const(6), const(11)
_DIGITS = const(264)
_COMB_BYTES = const(8192)
_COMB_SHA256 = const("9f95ae6d2d00af09f1c66da69f5fd44e8491ad5057e38a320279c21973c72fd1")

_P = (1 << 256) - (1 << 224) + (1 << 192) + (1 << 96) - 1  # SP 800-186 section 3.2.1.3
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B

_comb_path = __file__.rsplit("/", 1)[0] + "/" + COMB_FILE
_checked = False


class SelfTestFailed(Exception):
    """The comb, the arithmetic or a result is wrong: this device must not sign. `part` says which of them."""

    def __init__(self, part: str) -> None:
        super().__init__(part)
        self.part = part


def load(path: str | None = None) -> None:
    """Check the comb in the file beside this module, or at `path`, and use it from now on.

    Raises SelfTestFailed: it is not the comb, or not there.
    """
    global _comb_path, _checked
    path = path or _comb_path
    digest = sha256()
    piece = bytearray(256)
    try:
        with open(path, "rb") as file:
            while size := file.readinto(piece):
                digest.update(memoryview(piece)[:size])
    except OSError:
        raise SelfTestFailed("comb") from None
    if digest.digest() != bytes.fromhex(_COMB_SHA256):
        raise SelfTestFailed("comb")
    _comb_path, _checked = path, True


def sign(private_key: bytes, message_hash: bytes, extra_entropy: bytes = b"") -> bytes:
    """Return r||s, 64 bytes, in one go; see `sign_steps`."""
    return _finish(sign_steps(private_key, message_hash, extra_entropy))


def sign_steps(private_key: bytes, message_hash: bytes, extra_entropy: bytes = b""):
    """Yield some 40 times, at most 20 ms of an ESP32 apart, and return r||s, 64 bytes.

    private_key: 32 bytes; message_hash: SHA-256 of what is signed; extra_entropy: up to 32 random bytes, none makes it deterministic.
    Raises ValueError: the key is not in 1..n-1. Raises SelfTestFailed: the point that came out is not on the curve.
    """
    key = _scalar(private_key)
    hashed = int.from_bytes(message_hash, "big")
    for nonce in _nonces(private_key, message_hash, extra_entropy):
        yield
        x, _ = yield from _multiply_steps(nonce)
        r = x % _N
        # s = (hash + r key) / nonce, everything behind one random factor: neither Euclid nor a product ever sees key or nonce alone
        blind = _random(_N)
        inverse = yield from _inverse_steps(nonce * blind % _N, _N)
        s = inverse * ((hashed * blind + r * (key * blind % _N)) % _N) % _N
        if r and s:
            return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _finish(steps):
    """Run a generator of steps to its end and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def _scalar(private_key: bytes) -> int:
    key = int.from_bytes(private_key, "big")
    if len(private_key) != 32 or not 0 < key < _N:
        raise ValueError("private key")
    return key


def _random(end: int) -> int:
    """Return a random number in 1..end-1 for blinding; 64 bits more than needed, so that no value is favoured."""
    return int.from_bytes(urandom(40), "big") % (end - 1) + 1


def _nonces(private_key: bytes, message_hash: bytes, extra: bytes):
    """Yield nonces in 1..n-1 as RFC 6979 section 3.2 makes them, `extra` joining its seeds (section 3.6)."""
    hashed = (int.from_bytes(message_hash, "big") % _N).to_bytes(32, "big")
    v, k = b"\x01" * 32, bytes(32)
    for separator in (b"\x00", b"\x01"):
        k = hmac_sha256(k, v + separator + private_key + hashed + extra)
        v = hmac_sha256(k, v)
    while True:
        v = hmac_sha256(k, v)
        nonce = int.from_bytes(v, "big")
        if 0 < nonce < _N:
            yield nonce
        k = hmac_sha256(k, v + b"\x00")
        v = hmac_sha256(k, v)


def _multiply_steps(scalar: int):
    """Yield, and return the affine coordinates of scalar * G."""
    if not _checked:
        load()
    zz = 0
    while not zz:
        # digit i is 2 bit_i - 1, so the bits of (scalar + 2^264 - 1) / 2; a multiple of n more or less changes the bits and not the point
        bits = (scalar + (1 << _DIGITS) - 1) * ((_N + 1) >> 1) % _N + _N * (urandom(1)[0] % 254)
        with open(_comb_path, "rb") as comb:
            x, y, zz, zzz = yield from _comb_steps(bits, comb)
        # zz is 0 only when a step met its own point: not for a random nonce, but for a scalar of 1 it may; then another multiple of n
    return (yield from affine_steps(x, y, zz, zzz))


def affine_steps(x: int, y: int, zz: int, zzz: int):
    """Yield, and return the affine coordinates. Raises SelfTestFailed: they are no point of the curve."""
    yield
    inverse = yield from _inverse_steps(zzz, _P)
    x = x * (zz * inverse % _P) ** 2 % _P
    y = y * inverse % _P
    if (y * y - (x * x - 3) * x - _B) % _P:
        raise SelfTestFailed("point")
    return x, y


def _comb_steps(bits: int, comb):
    """Yield twice in each column, and return X, Y, ZZ, ZZZ of the sum over all 264 digits: x = X/ZZ, y = Y/ZZZ, ZZ^3 = ZZZ^2.

    These coordinates ("XYZZ" in the Explicit-Formulas Database) have the fewest reductions, each of which costs three multiplications here.
    """
    p = _P
    # one row of 11 digits per tooth, small integers that cost no memory
    rows = [bits >> (_SPACING * row) & ((1 << _SPACING) - 1) for row in range(_TABLES * _TEETH)]
    point = bytearray(64)
    point_x, point_y = memoryview(point)[:32], memoryview(point)[32:]
    x = y = zz = zzz = 0
    for column in range(_SPACING - 1, -1, -1):
        for number in range(_TABLES):
            index = 0
            for tooth in range(_TEETH):
                index |= (rows[number * _TEETH + tooth] >> column & 1) << tooth
            # the top digit is the sign of the whole; if it is minus, every other digit counts the other way round
            minus = 1 - (index >> (_TEETH - 1))
            index = (index ^ -minus) & ((1 << (_TEETH - 1)) - 1)
            comb.seek((index + (number << (_TEETH - 1))) << 6)
            comb.readinto(point)
            x2 = int.from_bytes(point_x, "big")
            y2 = int.from_bytes(point_y, "big")
            y2 = (y2, p - y2)[minus]
            if column == _SPACING - 1 and number == 0:
                z = _random(p)
                zz = z * z % p
                zzz = zz * z % p
                x, y = x2 * zz % p, y2 * zzz % p
                continue
            if number == 0:
                # doubling, a = -3 ("dbl-2008-s-1")
                u = y + y
                v = u * u % p
                w = u * v % p
                s = x * v % p
                m = 3 * (x - zz) * (x + zz) % p
                x = (m * m - s - s) % p
                y = (m * (s - x) - w * y) % p
                zz = v * zz % p
                zzz = w * zzz % p
            # mixed addition ("madd-2008-s"); 0 spreads to zz if both points are one or opposite
            s = (x2 * zz - x) % p
            r = (y2 * zzz - y) % p
            v = s * s % p
            w = s * v % p
            u = x * v % p
            x = (r * r - w - u - u) % p
            y = (r * (u - x) - y * w) % p
            zz = v * zz % p
            zzz = w * zzz % p
            if number & 1:
                yield
    return x, y, zz, zzz


def _inverse_steps(number: int, modulus: int):
    """Yield now and then, and return 1/number by Euclid; its time depends on `number`, which is blinded."""
    a, b = modulus, number
    u, v = 0, 1
    while b:
        for _ in range(24):
            if b:
                quotient, rest = divmod(a, b)
                a, b = b, rest
                u, v = v, u - quotient * v
        yield
    return u % modulus
