"""A text that opens something for whoever bears it: the cookie of a session, the credential of a grant.

It is 32 random bytes. HKDF makes of them, under separate labels, an id, whose SHA-256 finds a row in the store, and half of a key, whose
other half the row has (threats T8). So a stolen store opens nothing, and neither does a stolen text once its row is gone.
"""

import base64
import binascii
import os
from typing import NamedTuple

from cloud import wrapping

_CHARACTERS = 43  # base64url of 32 bytes, without padding


class Bearer(NamedTuple):
    """The text taken apart: what finds its row, and the half of a key that only its holder has."""

    digest: bytes
    half_key: bytes

    def __repr__(self) -> str:
        return "Bearer(***)"


def new_text() -> str:
    """Return a fresh text: 256 random bits."""
    return base64.urlsafe_b64encode(os.urandom(32)).rstrip(b"=").decode()


def parse(text: str, use: bytes) -> Bearer | None:
    """Return the two parts of a text for one use, named by the start of its labels, or None when it is none of ours."""
    if len(text) != _CHARACTERS:
        return None
    try:
        secret = base64.b64decode(text + "=", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    digest = wrapping.digest(wrapping.hkdf(b"", secret, use + b" id", 32))
    return Bearer(digest, wrapping.hkdf(b"", secret, use + b" half key", 32))
