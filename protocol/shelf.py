"""Releases as they lie on a shelf and are carried by hand: one file each, and a word of which is the newest. For computers only.

A release file is a line of text, the length of the signed manifest in four bytes, the manifest (a COSE_Sign1 as `manifest.py` has it), the
list of files that it pins, then those files, byte after byte in its order, and MicroPython's own image if it brings one. The word of the
newest (a COSE_Sign1 with external_aad "foyer newest") is made anew at least every 30 days and says to how many homes in a hundred each
release is offered yet: a shelf that withholds it shows by its age (threats T27). Beside it lies which roll-outs have halted, signed by
nobody, because all it can do is to stop.
"""

import hashlib
import struct
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from protocol import cbor, cose, errors, fields, manifest, sign1

MAGIC = b"FOYER-RELEASE-2\n"
ENDING = ".foyer"
NEWEST_FILE = "newest.cose"
NEWEST_AAD = b"foyer newest"
HALTED_FILE = "halted.cbor"
KEYS_FILE = "release.keys"  # in every release: the public keys, of 65 bytes each, by which the next may be signed
KEY_BYTES = 65
MAX_KEYS = 4
MAX_RELEASE_BYTES = 5 << 20
MAX_NEWEST_BYTES = 4096
MAX_HALTED = 64
STALE_S = 30 * 86_400

_VERSION, _MADE_S, _RELEASES = 0, 1, 2
_NEWEST = {_VERSION: (int, 1, 1, True), _MADE_S: (int, 1577836800, 4102444799, True), _RELEASES: (list, 0, 64, True)}

Keys = dict[bytes, bytes]  # key id: uncompressed point
Verify = Callable[[bytes, bytes, bytes], bool]  # point, what was signed, signature


class Release(NamedTuple):
    """A release whose signature holds and whose files are all there.

    manifest: as `manifest.decode` has it; signed: its COSE_Sign1; listed: the bytes of its list; digest: of the manifest, the release's
    name; image: MicroPython itself, or b"".
    """

    kind: str
    sequence: int
    name: str
    manifest: dict[int, object]
    signed: bytes
    kid: bytes
    listed: bytes
    files: dict[str, bytes]
    digest: str
    image: bytes = b""

    @property
    def keys(self) -> Keys:
        """The keys by which releases after this one may be signed."""
        return keys_of(self.files.get(KEYS_FILE, b""))


class Offer(NamedTuple):
    """One line of the word of the newest: a kind of device, the number of its newest release, and to how many homes in a hundred."""

    kind: str
    sequence: int
    share: int


KINDS = ("scale", "cuff", "babyphone")


def number_of(version: str | None) -> int | None:
    """Return the number of a version in the order of releases; None: it is no version."""
    parts = (version or "").split(".")
    if len(parts) != 3 or not all(part.isdecimal() and len(part) < 4 for part in parts):
        return None
    major, minor, patch = map(int, parts)
    return major << 16 | minor << 8 | patch


def version_of(sequence: int) -> str:
    """Return the version of a number."""
    return f"{sequence >> 16}.{sequence >> 8 & 255}.{sequence & 255}"


def file_name(kind: str, sequence: int) -> str:
    """Return the name under which a release lies on a shelf."""
    return f"{kind}-{version_of(sequence)}{ENDING}"


def keys_of(points: bytes) -> Keys:
    """Return keys by their ids from points one behind the other."""
    cut = [points[at : at + KEY_BYTES] for at in range(0, min(len(points), MAX_KEYS * KEY_BYTES) - KEY_BYTES + 1, KEY_BYTES)]
    return {hashlib.sha256(point).digest()[: sign1.KID_BYTES]: point for point in cut}


def list_of(files: Mapping[str, bytes]) -> bytes:
    """Return the list of files, as a manifest pins it. Raises BadManifest: a name or a size that no release has, or too many files."""
    entries = [[name, len(data), hashlib.sha256(data).digest()] for name, data in sorted(files.items())]
    before = ""
    for entry in entries:
        before, _, _ = manifest.check_file(entry, before)
    if len(entries) > manifest.MAX_FILES:
        raise errors.BadManifest(manifest.LIST, len(entries))
    return cbor.encode(entries)


def pinned(files: Mapping[str, bytes]) -> list[object]:
    """Return what stands in a manifest for these files. Raises BadManifest."""
    listed = list_of(files)
    return [len(files), sum(map(len, files.values())), len(listed), hashlib.sha256(listed).digest()]


def pinned_image(image: bytes) -> list[object]:
    """Return what stands in a manifest for MicroPython's image; empty for none."""
    return [len(image), hashlib.sha256(image).digest()] if image else []


def assemble(signed: bytes, files: Mapping[str, bytes], image: bytes = b"") -> bytes:
    """Return the release file. Raises BadManifest."""
    return MAGIC + struct.pack(">I", len(signed)) + signed + behind(files, image)


def behind(files: Mapping[str, bytes], image: bytes = b"") -> bytes:
    """Return what stands behind a manifest: the list, then the files, then the image. Raises BadManifest."""
    return list_of(files) + b"".join(data for _, data in sorted(files.items())) + image


def look(data: bytes) -> "tuple[sign1.Sign1, dict[int, object], int]":
    """Return the envelope, the manifest and where the list begins, nothing of it verified. Raises NotCBOR, NotCOSE, BadManifest."""
    begin = len(MAGIC) + 4
    if len(data) > MAX_RELEASE_BYTES or not data.startswith(MAGIC) or len(data) < begin:
        raise errors.BadManifest(None, len(data))
    (size,) = struct.unpack_from(">I", data, len(MAGIC))
    envelope = sign1.parse_sign1(data[begin : begin + size])
    return envelope, manifest.decode(envelope.payload), begin + size


def cut(known: "dict[int, object]", data: bytes) -> "tuple[bytes, dict[str, bytes], bytes]":
    """Return the list, the files and the image that follow a manifest, every byte of `data` accounted for.

    Raises NotCBOR, BadManifest, DigestMismatch: a part is not what is pinned.
    """
    of: list[Any] = known[manifest.LIST]  # type: ignore[assignment]  # of four, as `manifest.check` has seen
    count, _, list_bytes, digest = of
    listed = data[:list_bytes]
    if hashlib.sha256(listed).digest() != digest:
        raise errors.DigestMismatch(manifest.LIST, None)
    entries = cbor.decode(listed)
    if not isinstance(entries, list) or len(entries) != count:
        raise errors.BadManifest(manifest.LIST, None)
    files: dict[str, bytes] = {}
    before, at = "", len(listed)
    for entry in entries:
        before, size, file_digest = manifest.check_file(entry, before)
        part = data[at : at + size]
        at += size
        if len(part) != size or hashlib.sha256(part).digest() != file_digest:
            raise errors.DigestMismatch(manifest.LIST, before)
        files[before] = part
    image = data[at:]
    if known[manifest.LIST] != pinned(files) or known.get(manifest.IMAGE, []) != pinned_image(image):
        raise errors.DigestMismatch(manifest.LIST, None)
    return listed, files, image


def kind_of(known: "dict[int, object]") -> str:
    """Return the kind of device that a manifest is for. Raises OtherDevice: none of ours."""
    for kind in KINDS:
        if known[manifest.VENDOR] == manifest.vendor_id() and known[manifest.CLASS] == manifest.class_id(kind):
            return kind
    raise errors.OtherDevice(manifest.CLASS, known[manifest.CLASS])


def open_release(data: bytes, keys: Keys, verify: Verify) -> Release:
    """Return the release that a file holds, every byte of it accounted for.

    Raises BadSignature: by none of these keys; and what `look`, `cut` and `kind_of` raise.
    """
    envelope, known, at = look(data)
    signed = data[len(MAGIC) + 4 : at]
    _verified(envelope, manifest.AAD, keys, verify)
    listed, files, image = cut(known, data[at:])
    named = hashlib.sha256(envelope.payload).hexdigest()
    sequence, name = known[manifest.SEQUENCE], known[manifest.NAME]
    assert isinstance(sequence, int)  # noqa: S101  # as `decode` checked
    return Release(kind_of(known), sequence, str(name), known, signed, envelope.kid, listed, files, named, image)


def encode_newest(offers: list[Offer], made_s: int) -> bytes:
    """Return the payload of the word of the newest."""
    return cbor.encode(
        {_VERSION: 1, _MADE_S: made_s, _RELEASES: [[manifest.class_id(each.kind), each.sequence, each.share] for each in offers]}
    )


def open_newest(data: bytes, keys: Keys, verify: Verify) -> "tuple[int, list[Offer]]":
    """Return when the word of the newest was made, in seconds since 1970, and what it says. Raises NotCBOR, NotCOSE, BadManifest."""
    if len(data) > MAX_NEWEST_BYTES:
        raise errors.BadManifest(None, len(data))
    _verified(sign1.parse_sign1(data), NEWEST_AAD, keys, verify)
    return look_newest(data)


def look_newest(data: bytes) -> "tuple[int, list[Offer]]":
    """Return the same from whoever may have made it. Raises NotCBOR, NotCOSE, BadManifest."""
    if len(data) > MAX_NEWEST_BYTES:
        raise errors.BadManifest(None, len(data))
    said = fields.check(cbor.decode(sign1.parse_sign1(data).payload), _NEWEST, errors.BadManifest)
    offers = []
    for entry in said[_RELEASES]:  # type: ignore[attr-defined]  # a list, as checked
        if not isinstance(entry, list) or len(entry) != 3 or not all(map(fields.is_integer, entry[1:])):
            raise errors.BadManifest(_RELEASES, entry)
        named = [kind for kind in KINDS if manifest.class_id(kind) == entry[0]]
        if not named or not 0 <= entry[2] <= 100:
            raise errors.BadManifest(_RELEASES, entry)
        offers.append(Offer(named[0], entry[1], entry[2]))
    made_s = said[_MADE_S]
    assert isinstance(made_s, int)  # noqa: S101  # as checked
    return made_s, offers


def encode_halted(halted: Iterable[tuple[str, int]]) -> bytes:
    """Return the bytes of the list of halted roll-outs, of kind and sequence, the newest of each kind first in line when there are many."""
    newest = sorted(halted, key=lambda each: -each[1])[:MAX_HALTED]
    return cbor.encode([[manifest.class_id(kind), sequence] for kind, sequence in newest])


def decode_halted(data: bytes) -> frozenset[tuple[str, int]]:
    """Return which roll-outs have halted, by kind and sequence; other kinds of device are left out. Raises NotCBOR, BadManifest."""
    said = cbor.decode(data) if len(data) <= MAX_NEWEST_BYTES else None
    if not isinstance(said, list) or len(said) > MAX_HALTED:
        raise errors.BadManifest(None, len(data))
    for entry in said:
        if not isinstance(entry, list) or len(entry) != 2 or not isinstance(entry[0], bytes) or not fields.is_integer(entry[1]):
            raise errors.BadManifest(None, entry)
    return frozenset((kind, sequence) for named, sequence in said for kind in KINDS if manifest.class_id(kind) == named)


def sign(payload: bytes, point: bytes, aad: bytes, sign_: Callable[[bytes], bytes]) -> bytes:
    """Return the COSE_Sign1 of a manifest or of the word of the newest; sign_: ES256 by the key of this point."""
    return cose.sign1(payload, hashlib.sha256(point).digest()[: sign1.KID_BYTES], aad, sign_)


def _verified(envelope: sign1.Sign1, aad: bytes, keys: Keys, verify: Verify) -> None:
    point = keys.get(envelope.kid)
    sign1.verify1(envelope, aad, lambda tbs, signature: point is not None and verify(point, tbs, signature))
