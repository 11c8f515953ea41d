"""Under which name a person's readings leave the home: keys derived from the home secret, and the pseudonym that is their hash.

A pseudonym is the hash of a public write key; whoever holds the key writes and erases under it, and nobody else. Both keys follow
from the home secret, a random id and an epoch, so they are never stored beside the readings and a new epoch gives a new name.
The names of people and rooms take no part in it.
"""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol import envelope, seals

DOMAIN = "readings"


@dataclass(frozen=True, slots=True)
class Keys:
    """What one subject's readings are named by, signed with and sealed under."""

    pseudonym: bytes
    write_public_key: bytes
    write_seed: bytes = field(repr=False)
    root_key: bytes = field(repr=False)

    def sign(self, message: bytes) -> bytes:
        """Return the 64 bytes by which the ingester knows that this pseudonym wrote."""
        return Ed25519PrivateKey.from_private_bytes(self.write_seed).sign(message)


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    """Return `length` bytes by HKDF-SHA-256 (RFC 5869), in the shape `protocol` asks for."""
    return HKDF(algorithm=SHA256(), length=length, salt=salt or None, info=info).derive(secret)


def keys_of(home_secret: bytes, person_id: bytes, epoch: int) -> Keys:
    """Return the Keys of a subject: 32 bytes home secret, 16 random bytes id, the count of revocations."""
    seeds = seals.derive_person(home_secret, DOMAIN, person_id, epoch, hkdf)
    public_key = Ed25519PrivateKey.from_private_bytes(seeds.write_seed).public_key().public_bytes_raw()
    return Keys(envelope.pseudonym_of(public_key), public_key, seeds.write_seed, seeds.root_key)


@dataclass(frozen=True, slots=True)
class Keyring:
    """The home's secrets, the oldest first, and whatever follows from them; all but the newest may be known to somebody else."""

    secrets: tuple[bytes, ...] = field(repr=False)

    @property
    def newest(self) -> int:
        """Return the number of the secret that new keys follow from."""
        return len(self.secrets) - 1

    def keys(self, person_id: bytes, epoch: int, generation: int) -> Keys:
        """Return the keys of a subject in an epoch, under the home secret of that number."""
        return keys_of(self.secrets[generation], person_id, epoch)
