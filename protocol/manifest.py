"""Update manifests, as RFC 9124 has them: for which device, which release, the digest of every file; signed by the release key.

A manifest pins the complete set of files, so nothing of an older release can be mixed in, and its sequence only rises (threats T27). The
files stand in a list of their own, which the manifest names by its size and SHA-256: a device holds a manifest whole in its memory, and a
list never. The signature is a COSE_Sign1 as `protocol/sign1.py` opens it, with external_aad "foyer manifest".
"""

import hashlib

from protocol import cbor, errors, fields

VERSION, VENDOR, CLASS, BOARDS, SEQUENCE, ABI, LIST, BATTERY, NAME = 0, 1, 2, 3, 4, 5, 6, 7, 8
ENGLISH, FRENCH = 9, 10  # what the release brings, for people
IMAGE = 11  # MicroPython itself, where the release brings it: its size and SHA-256
AAD = b"foyer manifest"
ID_BYTES = 16
DIGEST_BYTES = 32
MAX_FILES = 128
MAX_PATH_BYTES = 64
MAX_FILE_BYTES = 1 << 20
MAX_IMAGE_BYTES = 1 << 22
MAX_LIST_BYTES = 16 * 1024
MAX_MANIFEST_BYTES = 1200
MAX_BOARDS = 8
MAX_BOARD_BYTES = 16
MAX_ENTRY_BYTES = 112  # of a list: the heads, a path, a size, a digest
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789_-"

RULES = {
    VERSION: (int, 1, 1, True),
    VENDOR: (bytes, ID_BYTES, ID_BYTES, True),
    CLASS: (bytes, ID_BYTES, ID_BYTES, True),
    BOARDS: (list, 1, MAX_BOARDS, True),
    SEQUENCE: (int, 0, (1 << 32) - 1, True),
    ABI: (int, 0, 65535, True),
    LIST: (list, 4, 4, True),  # how many files, of how many bytes together, and the list's own size and SHA-256
    BATTERY: (int, 0, 100, True),
    NAME: (str, 1, 32, True),
    ENGLISH: (str, 1, 400, True),
    FRENCH: (str, 1, 400, True),
    IMAGE: (list, 2, 2, False),
}


def vendor_id() -> bytes:
    """Return Foyer's vendor id."""
    return hashlib.sha256(b"foyer").digest()[:ID_BYTES]


def class_id(kind: str) -> bytes:
    """Return the class id of a kind of device."""
    return hashlib.sha256(b"foyer " + kind.encode()).digest()[:ID_BYTES]


def encode(manifest: "dict[int, object]") -> bytes:
    """Return the manifest's bytes. Raises BadManifest."""
    return cbor.encode(check(manifest))


def decode(data: bytes) -> "dict[int, object]":
    """Return the manifest that `data` holds. Raises NotCBOR, BadManifest."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise errors.BadManifest(None, len(data))
    return check(cbor.decode(data))


def check(manifest: object) -> "dict[int, object]":
    """Return `manifest` itself if it is one. Raises BadManifest(field, got)."""
    known = fields.check(manifest, RULES, errors.BadManifest)
    for board in known[BOARDS]:  # type: ignore[attr-defined]
        if not isinstance(board, str) or not 0 < len(board) <= MAX_BOARD_BYTES:
            raise errors.BadManifest(BOARDS, board)
    pinned: list = known[LIST]  # type: ignore[assignment, type-arg]  # of four, as the rules have it
    digest = pinned[3]
    for number, most in zip(pinned, (MAX_FILES, MAX_FILES * MAX_FILE_BYTES, MAX_LIST_BYTES)):
        if not fields.is_integer(number) or not 0 < number <= most:
            raise errors.BadManifest(LIST, number)
    if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
        raise errors.BadManifest(LIST, digest)
    if IMAGE in known:
        image: list = known[IMAGE]  # type: ignore[assignment, type-arg]  # of two, as the rules have it
        if not fields.is_integer(image[0]) or not 0 < image[0] <= MAX_IMAGE_BYTES:
            raise errors.BadManifest(IMAGE, image[0])
        if not isinstance(image[1], bytes) or len(image[1]) != DIGEST_BYTES:
            raise errors.BadManifest(IMAGE, image[1])
    return known


def check_file(entry: object, before: str) -> "tuple[str, int, bytes]":
    """Return path, size and digest of one entry of the list, if its path is above the one before it. Raises BadManifest."""
    if not isinstance(entry, (list, tuple)) or len(entry) != 3:
        raise errors.BadManifest(LIST, entry)
    path, size, digest = entry
    if not isinstance(path, str) or not is_plain(path) or path <= before:
        raise errors.BadManifest(LIST, path)
    if not fields.is_integer(size) or not 0 <= size <= MAX_FILE_BYTES:
        raise errors.BadManifest(LIST, size)
    if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
        raise errors.BadManifest(LIST, digest)
    return path, size, digest


def is_plain(path: str) -> bool:
    """Return whether a path leads to one file below where it starts, and is written in the one way there is.

    Folders have no dot in their names and files have one in the middle: so none is upwards, hidden, absolute or a folder of another.
    """
    if not 0 < len(path) <= MAX_PATH_BYTES:
        return False
    *folders, name = path.split("/")
    stem, dot, ending = name.partition(".")
    parts = folders + [stem, ending]
    return dot == "." and all(part and all(letter in _LETTERS for letter in part) for part in parts)


def refuse_other(manifest: "dict[int, object]", vendor: bytes, device_class: bytes, board: str, abi: int) -> None:
    """Raise OtherDevice: made for another vendor, class, board or bytecode.

    abi: `sys.implementation._mpy` of the device: version, sub-version and processor; the last two matter where there is native code.
    """
    for field, own in ((VENDOR, vendor), (CLASS, device_class)):
        if manifest[field] != own:
            raise errors.OtherDevice(field, manifest[field])
    if board not in manifest[BOARDS]:  # type: ignore[operator]
        raise errors.OtherDevice(BOARDS, board)
    made: int = manifest[ABI]  # type: ignore[assignment]
    if made & 0xFF != abi & 0xFF or (made >> 8 and made & 0x3FFF != abi & 0x3FFF):
        raise errors.OtherDevice(ABI, made)


def refuse_older(manifest: "dict[int, object]", floor: int) -> None:
    """Raise OlderRelease: the sequence is not above the highest that was ever installed."""
    if manifest[SEQUENCE] <= floor:  # type: ignore[operator]
        raise errors.OlderRelease(SEQUENCE, manifest[SEQUENCE])
