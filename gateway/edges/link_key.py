"""The gateway's own key for links: a static Diffie-Hellman key on P-256, made at the first start, known to every device as its home.

Devices learn its public half when they are provisioned and speak to nobody else, so it is written once and never replaced: a gateway
restored without it would have to provision every device again.
"""

import os
import stat
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.errors import FileUnusable

_BYTES = 32


def link_key_in(folder: Path, name: str = "link.key") -> ec.EllipticCurvePrivateKey:
    """Return the key, made if there is none. Raises FileUnusable: unreadable, damaged, or open to others.

    name: the file; "push.key" holds the key by which browsers' carriers know this home, made and kept the same way.
    """
    path = folder / name
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            return _read(path)
        made = ec.generate_private_key(ec.SECP256R1())
        with os.fdopen(file, "wb") as written:
            written.write(made.private_numbers().private_value.to_bytes(_BYTES, "big"))
            written.flush()
            os.fsync(written.fileno())
        return made
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "check its folder and its owner") from None


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the public half, 65 bytes, as devices are given it."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _read(path: Path) -> ec.EllipticCurvePrivateKey:
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise FileUnusable(path, "others may read it", "set its mode to 0600, and think about who could")
    secret = path.read_bytes()
    try:
        if len(secret) != _BYTES:
            raise ValueError
        return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
    except ValueError:
        raise FileUnusable(path, "it is damaged", "restore it from a backup; without it every device must be provisioned again") from None
