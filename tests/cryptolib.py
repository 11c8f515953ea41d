"""MicroPython's `cryptolib.aes`, on a computer, by OpenSSL: so that `firmware/crypto/ccm.py` runs under both Pythons.

Only what it uses: modes 1 (ECB) and 2 (CBC), encryption of whole blocks. `install()` puts it where `import cryptolib` finds it.
"""

import sys
from types import ModuleType

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes


class aes:  # noqa: N801 (MicroPython's name)
    """One cipher, one direction, one stream of blocks."""

    def __init__(self, key: bytes, mode: int, iv: bytes = b"") -> None:
        chosen = {1: modes.ECB, 2: lambda: modes.CBC(iv)}[mode]()
        self._encryptor = Cipher(algorithms.AES(key), chosen).encryptor()

    def encrypt(self, blocks: bytes) -> bytes:
        """Return the encrypted blocks."""
        if len(blocks) % 16:
            raise ValueError("blksize % 16")
        return self._encryptor.update(bytes(blocks))


def install() -> None:
    """Make `import cryptolib` mean this module, unless there is one, and let `micropython.const` be its argument."""
    sys.modules.setdefault("cryptolib", sys.modules[__name__])
    if "micropython" not in sys.modules:
        stand_in = ModuleType("micropython")
        stand_in.const = lambda value: value  # type: ignore[attr-defined]
        sys.modules["micropython"] = stand_in
