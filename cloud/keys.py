"""The secrets of the account store that stand outside its databases, each in a file of its own, mode 0600.

- `ingester.key`  X25519: opens the batches that homes seal; only the ingester reads it.
- `receipt.key`   Ed25519: signs receipts for what was committed; only the ingester reads it.
- `site.key`      Ed25519: signs the receipts of erasures and the exports that people take with them; only the site reads it.
- `pepper`        32 random bytes: without them neither a password nor an e-mail address can be tried against a stolen store.
- `erasure/ID`    one key per account, in no backup: everything personal of the account is under it, so that destroying 32 bytes
                  erases the person from every copy of the database, its logs and its backups (notes on privacy, point 8).

`./foyer cloud keys --configuration FILE` makes what is missing and prints the public halves.
"""

import os
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cloud import hpke, wrapping
from cloud.errors import CannotStart, CannotUnwrap

KEY_BYTES = 32
INGESTER_KEY, RECEIPT_KEY, SITE_KEY, PEPPER = "ingester.key", "receipt.key", "site.key", "pepper"


class MissingKeys(CannotStart):
    """A key file is not there, or is not 32 bytes."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"No key in {path}; make it with: ./foyer cloud keys --configuration FILE.")
        self.path = path


class IngesterKeys(NamedTuple):
    """What the ingester holds, both private."""

    opening_key: X25519PrivateKey
    receipt_key: Ed25519PrivateKey

    def __repr__(self) -> str:
        return "IngesterKeys(***)"


_PEPPERED = (b"password", b"address", b"link", b"stop", b"outcomes")


class Pepper(NamedTuple):
    """The keys made of the pepper, each for one use."""

    password: bytes
    address: bytes
    link: bytes
    stop: bytes
    outcomes: bytes

    def __repr__(self) -> str:
        return "Pepper(***)"


def make_missing(directory: Path) -> dict[str, str]:
    """Make the keys that are not there yet; return the public halves as hexadecimal, for the homes' configuration."""
    _own_folder(directory)
    _own_folder(directory / "erasure")
    _own_folder(directory / "tombstones")
    for name in (INGESTER_KEY, RECEIPT_KEY, SITE_KEY, PEPPER):
        if not (directory / name).exists():
            _write_once(directory / name, hpke.new_private_key() if name == INGESTER_KEY else os.urandom(KEY_BYTES))
    keys = ingester_keys(directory)
    return {
        "sealing_key": keys.opening_key.public_key().public_bytes_raw().hex(),
        "receipt_key": keys.receipt_key.public_key().public_bytes_raw().hex(),
        "site_key": site_key(directory).public_key().public_bytes_raw().hex(),
    }


def site_key(directory: Path) -> Ed25519PrivateKey:
    """Return the key that signs what the site hands to people. Raises MissingKeys."""
    return Ed25519PrivateKey.from_private_bytes(_read(directory / SITE_KEY))


def ingester_keys(directory: Path) -> IngesterKeys:
    """Return the ingester's two private keys. Raises MissingKeys."""
    opening, receipt = _read(directory / INGESTER_KEY), _read(directory / RECEIPT_KEY)
    return IngesterKeys(X25519PrivateKey.from_private_bytes(opening), Ed25519PrivateKey.from_private_bytes(receipt))


def pepper(directory: Path) -> Pepper:
    """Return the keys made of the pepper. Raises MissingKeys."""
    secret = _read(directory / PEPPER)
    return Pepper(*(wrapping.hkdf(b"", secret, b"foyer pepper 1 " + use, KEY_BYTES) for use in _PEPPERED))


class ErasureKeys:
    """The accounts' erasure keys, one file each; what is destroyed here is erased everywhere."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / "erasure"
        if not self._folder.is_dir():
            raise MissingKeys(self._folder)

    def make(self, account_id: bytes) -> bytes:
        """Make and return the key of a new account; it is on disk before this returns."""
        key = os.urandom(KEY_BYTES)
        _write_once(self._folder / account_id.hex(), key)
        return key

    def of(self, account_id: bytes) -> bytes:
        """Return an account's key. Raises CannotUnwrap: it was destroyed."""
        try:
            return _read(self._folder / account_id.hex())
        except MissingKeys:
            raise CannotUnwrap("erasure key") from None

    def destroy(self, account_id: bytes) -> None:
        """Overwrite and remove an account's key; nothing under it can be opened again."""
        path = self._folder / account_id.hex()
        if not path.exists():
            # destroyed before: an erasure that was interrupted is begun again
            return
        with path.open("r+b") as file:
            file.write(bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        path.unlink()
        _sync_folder(self._folder)


def _own_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise CannotStart(f"The key folder {path} cannot be made ({error.strerror}); choose another under [keys].") from None


def _write_once(path: Path, key: bytes) -> None:
    # written beside and renamed: a power cut leaves no key or a whole one
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(key)
        file.flush()
        os.fsync(file.fileno())
    beside.rename(path)
    _sync_folder(path.parent)


def _sync_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read(path: Path) -> bytes:
    try:
        key = path.read_bytes()
    except OSError:
        raise MissingKeys(path) from None
    if len(key) != KEY_BYTES:
        raise MissingKeys(path)
    return key
