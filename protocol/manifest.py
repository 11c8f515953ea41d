"""Update manifests, as RFC 9124 has them: for which device, which release, the digest of every file; signed by the release key.

A manifest names the complete set of files, so nothing of an older release can be mixed in, and its sequence only rises (threats T27).
The signature is a COSE_Sign1 as `protocol/sign1.py` opens it, with external_aad "foyer manifest".
"""

from protocol import cbor, errors, fields

VERSION, VENDOR, CLASS, BOARD, SEQUENCE, ABI, FILES, RELEASED_S = 0, 1, 2, 3, 4, 5, 6, 7
ID_BYTES = 16
DIGEST_BYTES = 32
MAX_FILES = 128
MAX_PATH_BYTES = 64
MAX_FILE_BYTES = 1 << 20
MAX_MANIFEST_BYTES = 16 * 1024

RULES = {
    VERSION: (int, 1, 1, True),
    VENDOR: (bytes, ID_BYTES, ID_BYTES, True),
    CLASS: (bytes, ID_BYTES, ID_BYTES, True),
    BOARD: (str, 1, 16, True),
    SEQUENCE: (int, 0, (1 << 32) - 1, True),
    ABI: (int, 0, 65535, True),
    FILES: (list, 1, MAX_FILES, True),
    RELEASED_S: (int, 1577836800, 4102444799, True),
}


def encode(manifest: "dict[int, object]") -> bytes:
    """Return the manifest's bytes. Raises BadManifest."""
    return cbor.encode(check(manifest))


def decode(data: bytes) -> "dict[int, object]":
    """Return the manifest that `data` holds. Raises NotCBOR, BadManifest."""
    if len(data) > MAX_MANIFEST_BYTES:
        raise errors.BadManifest(None, len(data))
    return check(cbor.decode(data))


def check(manifest: object) -> "dict[int, object]":
    """Return `manifest` itself if it is one: every path once, in order. Raises BadManifest(field, got)."""
    known = fields.check(manifest, RULES, errors.BadManifest)
    before = ""
    for entry in known[FILES]:  # type: ignore[attr-defined]
        if not isinstance(entry, (list, tuple)) or len(entry) != 3:
            raise errors.BadManifest(FILES, entry)
        path, size, digest = entry
        if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH_BYTES or path <= before or ".." in path or path[0] == "/":
            raise errors.BadManifest(FILES, path)
        if not fields.is_integer(size) or not 0 <= size <= MAX_FILE_BYTES:
            raise errors.BadManifest(FILES, size)
        if not isinstance(digest, bytes) or len(digest) != DIGEST_BYTES:
            raise errors.BadManifest(FILES, digest)
        before = path
    return known


def refuse_other(manifest: "dict[int, object]", vendor: bytes, device_class: bytes, board: str, abi: int) -> None:
    """Raise OtherDevice: made for another vendor, class, board or bytecode."""
    for field, own in ((VENDOR, vendor), (CLASS, device_class), (BOARD, board), (ABI, abi)):
        if manifest[field] != own:
            raise errors.OtherDevice(field, manifest[field])


def refuse_older(manifest: "dict[int, object]", floor: int) -> None:
    """Raise OlderRelease: the sequence is not above the highest that was ever installed."""
    if manifest[SEQUENCE] <= floor:  # type: ignore[operator]
        raise errors.OlderRelease(SEQUENCE, manifest[SEQUENCE])


def refuse_changed(manifest: "dict[int, object]", path: str, size: int, digest: bytes) -> None:
    """Raise DigestMismatch: the file at `path` is not the one that the manifest names."""
    for known_path, known_size, known_digest in manifest[FILES]:  # type: ignore[attr-defined]
        if known_path == path and known_size == size and known_digest == digest:
            return
    raise errors.DigestMismatch(FILES, path)
