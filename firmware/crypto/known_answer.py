"""What P-256 must come to before any key is used: MicroPython 1.13 had a division that was wrong for long integers.

Apart from `p256.py`, because it is asked once at each start and can be forgotten then.
"""

from hashlib import sha256

from firmware.crypto import p256

# RFC 6979, appendix A.2.5: the key, and the signature of "sample"
_KEY = "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
_R = "efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
_S = "f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8"


def check() -> None:
    """Check the comb, and sign what is known. Raises SelfTestFailed."""
    p256.load()
    if p256.sign(bytes.fromhex(_KEY), sha256(b"sample").digest()) != bytes.fromhex(_R + _S):
        raise p256.SelfTestFailed("signature")
