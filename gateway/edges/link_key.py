"""The gateway's own key for links: a static Diffie-Hellman key on P-256, made at the first start, known to every device as its home.

Devices learn its public half when they are provisioned and speak to nobody else, so it stays: a gateway restored without it would have to
provision every device again. Only after a theft another may take its place, and then every device is reset and paired again. The public
half stands beside it in clear (`link.public`), for whoever provisions; who does so before the gateway's first start makes the key, which
that start closes under the master key.
"""

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.edges.master_key import BYTES, MasterKey, alone, put
from gateway.errors import FileUnusable

_PUBLIC = "link.public"


def link_key_in(folder: Path, master: MasterKey, name: str = "link.key") -> ec.EllipticCurvePrivateKey:
    """Return the key, made if there is none. Raises FileUnusable: unreadable, damaged, or open to others.

    name: the file; "push.key" holds the key by which browsers' carriers know this home, made and kept the same way.
    """
    path = folder / name
    try:
        if path.exists():
            key = _key(path, master.read(path))
        else:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            key = ec.generate_private_key(ec.SECP256R1())
            master.write(path, _private_bytes(key))
        if name == "link.key":
            _show(folder, key)
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "check its folder and its owner") from None
    return key


def another_link_key_in(folder: Path, master: MasterKey) -> None:
    """Make another key in the place of the one that somebody else may know: no device takes this home for its own until it is paired again.

    Raises FileUnusable.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    try:
        master.write(folder / "link.key", _private_bytes(key))
        _show(folder, key)
    except OSError as error:
        raise FileUnusable(folder, error.strerror or str(error), "check its owner, and that its disk has room") from None


def public_half_in(folder: Path) -> bytes:
    """Return the public half, 65 bytes, as devices are given it. Raises FileUnusable.

    Where no gateway was started yet, the key is made, in clear until one is.
    """
    path = folder / "link.key"
    try:
        if not (folder / _PUBLIC).exists():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not path.exists():
                put(path, _private_bytes(ec.generate_private_key(ec.SECP256R1())))
            alone(path)
            secret = path.read_bytes()
            if len(secret) != BYTES:
                raise FileUnusable(folder / _PUBLIC, "it is missing", "start the gateway once, which writes it")
            _show(folder, _key(path, secret))
        return (folder / _PUBLIC).read_bytes()
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "check its folder and its owner") from None


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return a key's public half, 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def _show(folder: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path = folder / _PUBLIC
    if not path.exists() or path.read_bytes() != public_bytes(key):
        put(path, public_bytes(key))


def _private_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_numbers().private_value.to_bytes(BYTES, "big")


def _key(path: Path, secret: bytes) -> ec.EllipticCurvePrivateKey:
    try:
        return ec.derive_private_key(int.from_bytes(secret, "big"), ec.SECP256R1())
    except ValueError:
        raise FileUnusable(path, "it is damaged", "restore it from a backup; without it every device must be provisioned again") from None
