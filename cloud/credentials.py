"""What a person knows, and what it opens: the password and the recovery code.

One argon2id run gives a root; HKDF with the pepper splits it into the verifier that is stored and the wrapping key that never is
(threats T6). So one slow run both signs in and opens, a stolen store has nothing to try passwords against without the pepper, and
with both it has argon2id in its way. A recovery code has 128 random bits and needs no slowness.

A profile has a name that is stored with the account: when CURRENT moves, the account moves at its next sign-in.
"""

import itertools
import re
import secrets
import unicodedata
from pathlib import Path
from typing import NamedTuple

from argon2.low_level import Type, hash_secret_raw

from cloud import wrapping
from cloud.errors import Declined

SALT_BYTES = 16
LEAST_CHARACTERS, MOST_CHARACTERS = 10, 200
RECOVERY_BYTES = 16
_RECOVERY_LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = str.maketrans("OIL", "011")
_LOOK_LIKE_LETTERS = str.maketrans("@$013457", "asoieast")


class Profile(NamedTuple):
    """The cost of one run. Source: RFC 9106 section 4, second recommended option (64 MiB, three passes)."""

    memory_KiB: int
    passes: int
    lanes: int


PROFILES = {"argon2id-64MiB-3": Profile(memory_KiB=65536, passes=3, lanes=4)}
CURRENT = "argon2id-64MiB-3"

# What is left of a bad password once case, digits and signs at its ends are gone. English and French, from the lists
# that attackers try first; a password that holds the person's own address or the product's name is refused as well.
COMMON_WORDS = frozenset((Path(__file__).parent / "texts" / "common_words.txt").read_text(encoding="utf-8").split())


class Stretched(NamedTuple):
    """What one argon2id run gives: `verifier` is stored, `wrap_key` never is."""

    verifier: bytes
    wrap_key: bytes

    def __repr__(self) -> str:
        return "Stretched(***)"


def check_password(password: str, address: str) -> str:
    """Return the password in the one form that is used (Unicode NFKC).

    Raises Declined("password_short" | "password_long" | "password_common"): it would not protect anything.
    """
    normal = unicodedata.normalize("NFKC", password)
    if len(normal) < LEAST_CHARACTERS:
        raise Declined("password_short")
    if len(normal) > MOST_CHARACTERS:
        raise Declined("password_long")
    if _is_common(normal.casefold(), address.casefold()):
        raise Declined("password_common")
    return normal


def stretch(password: str, salt: bytes, pepper: bytes, profile: str = CURRENT) -> Stretched:
    """Return verifier and wrapping key of a password; takes 64 MiB and about 0.1 s, so callers queue (one at a time)."""
    cost = PROFILES[profile]
    secret = unicodedata.normalize("NFKC", password[: MOST_CHARACTERS * 4]).encode()
    root = hash_secret_raw(secret, salt, cost.passes, cost.memory_KiB, cost.lanes, 32, Type.ID)
    return Stretched(
        wrapping.hkdf(pepper, root, b"foyer password 1 verifier", 32), wrapping.hkdf(pepper, root, b"foyer password 1 wrap", 32)
    )


def new_recovery_code() -> str:
    """Return a code of 128 random bits as a person writes it down: 26 characters of Crockford's base 32 in groups."""
    number = int.from_bytes(secrets.token_bytes(RECOVERY_BYTES), "big")
    letters = "".join(_RECOVERY_LETTERS[number >> shift & 31] for shift in range(125, -1, -5))
    ends = (0, 4, 8, 13, 17, 21, 26)
    return "-".join(letters[start:end] for start, end in itertools.pairwise(ends))


def recovery_key(typed: str, pepper: bytes) -> bytes:
    """Return the wrapping key of a recovery code, forgiving case, spaces, hyphens and look-alikes.

    Raises Declined("recovery_wrong"): no code looks so.
    """
    letters = re.sub(r"[\s\-‐‑–]", "", typed).upper().translate(_LOOK_ALIKES)
    if len(letters) != 26 or any(letter not in _RECOVERY_LETTERS for letter in letters):
        raise Declined("recovery_wrong")
    number = 0
    for letter in letters:
        number = number << 5 | _RECOVERY_LETTERS.index(letter)
    if number >> 128:
        raise Declined("recovery_wrong")
    return wrapping.hkdf(pepper, number.to_bytes(RECOVERY_BYTES, "big"), b"foyer recovery 1 wrap", 32)


def _is_common(password: str, address: str) -> bool:
    if len(set(password)) < 5 or _is_run(password):
        return True
    trimmed = re.sub(r"^[\W\d_]+|[\W\d_]+$", "", password)
    for core in (trimmed.translate(_LOOK_LIKE_LETTERS), re.sub(r"[^a-zà-ÿ]", "", password)):
        half = core[: len(core) // 2]
        if core in COMMON_WORDS or (half in COMMON_WORDS and half + half == core):
            return True
    owner = address.split("@", 1)[0]
    return len(owner) >= 4 and owner in password and len(password) - len(owner) < 6


def _is_run(password: str) -> bool:
    """Whether it is little else than neighbours: 1234567890, abcdefghij, 0987654321, or one piece repeated."""
    steps = [ord(after) - ord(before) for before, after in itertools.pairwise(password)]
    if sum(abs(step) <= 1 for step in steps) >= len(steps) - 2:
        return True
    return any(len(password) % size == 0 and password == password[:size] * (len(password) // size) for size in range(1, 5))
