"""The home's shelf of releases: files in a folder, each verified before anything of it is offered, and what devices fetch of them.

A file comes from the account's site, or from whoever owns the home: laid into the folder by hand it is as good, because only its signature
counts. What does not verify is set aside beside it, with its reason in the log. Of each kind the two newest stay.
"""

from hashlib import sha256
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from structlog.typing import FilteringBoundLogger

from gateway.errors import BadConfiguration
from protocol import shelf
from protocol.errors import ProtocolError
from protocol.shelf import Release
from protocol.updates import name_of

_KEPT = 2
_REFUSED = ".refused"
_END = b"-----END PUBLIC KEY-----"


class Shelf:
    """The releases in a folder; keys: those that may sign, to which each release adds those it carries."""

    def __init__(self, folder: Path, keys: shelf.Keys, log: FilteringBoundLogger) -> None:
        self._folder = folder
        self._keys = dict(keys)
        self._log = log
        self._known: dict[str, Release] = {}
        self._pieces: dict[tuple[str, int], dict[str, bytes]] = {}

    @property
    def releases(self) -> list[Release]:
        """Every release that is there and verified."""
        return list(self._known.values())

    @property
    def refused(self) -> list[str]:
        """The names of files that did not verify, for as long as they lie there."""
        return sorted(path.name.removesuffix(_REFUSED) for path in self._folder.glob(f"*{shelf.ENDING}{_REFUSED}"))

    @property
    def keys(self) -> shelf.Keys:
        """The keys that may sign."""
        return dict(self._keys)

    def look(self) -> bool:
        """Read the folder; return whether there is something new or gone."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        files = {path.name: path for path in sorted(self._folder.glob(f"*{shelf.ENDING}"))}
        changed = bool(set(self._known) - set(files))
        for name in set(self._known) - set(files):
            del self._known[name]
        for name, path in files.items():
            if name not in self._known:
                changed = self._read(name, path) or changed
        if changed:
            self._prune(files)
            self._pieces = {(each.kind, each.sequence): _pieces(each) for each in self.releases}
        return changed

    def take(self, data: bytes) -> Release:
        """Keep a release file. Raises ProtocolError: it does not verify; OSError: the disk refuses."""
        found = shelf.open_release(data, self._keys, holds)
        beside = self._folder / f"{found.kind}-{found.sequence}.new"
        beside.write_bytes(data)
        beside.rename(self._folder / shelf.file_name(found.kind, found.sequence))
        self.look()
        return found

    def piece(self, kind: str, sequence: int, name: str) -> bytes | None:
        """Return what a device fetches of a release: its signed manifest under "", its list and its files under their names."""
        return self._pieces.get((kind, sequence), {}).get(name)

    def _read(self, name: str, path: Path) -> bool:
        try:
            found = shelf.open_release(path.read_bytes() if path.stat().st_size <= shelf.MAX_RELEASE_BYTES else b"", self._keys, holds)
        except ProtocolError as error:
            path.rename(path.with_name(name + _REFUSED))
            self._log.warning("release.refused", file=name, reason=type(error).__name__)
            return True
        except OSError as error:
            self._log.warning("release.unreadable", file=name, reason=error.strerror)
            return False
        self._known[name] = found
        self._keys.update(found.keys)
        self._log.info("release.known", kind=found.kind, name=found.name, digest=found.digest[:16])
        return True

    def _prune(self, files: dict[str, Path]) -> None:
        for kind in shelf.KINDS:
            there = sorted((each.sequence, name) for name, each in self._known.items() if each.kind == kind)
            for _, name in there[:-_KEPT]:
                files[name].unlink(missing_ok=True)
                del self._known[name]


def holds(point: bytes, tbs: bytes, signature: bytes) -> bool:
    """Return whether r||s is this point's signature."""
    encoded = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point).verify(encoded, tbs, ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, ValueError):
        return False
    return True


def keys_in(path: Path | None) -> shelf.Keys:
    """Return the keys in a file of public keys (PEM), one or several; none without a file. Raises BadConfiguration."""
    if path is None:
        return {}
    points = b""
    try:
        for part in path.read_bytes().split(_END)[:-1]:
            key = serialization.load_pem_public_key(part + _END)
            if not isinstance(key, ec.EllipticCurvePublicKey):
                raise TypeError
            points += key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    except (OSError, ValueError, TypeError):
        raise BadConfiguration(
            "updates.keys", f"{path} holds no public keys of releases: copy release.pub from where they are signed."
        ) from None
    return shelf.keys_of(points)


def _pieces(release: Release) -> dict[str, bytes]:
    parts = (release.listed, *release.files.values(), release.image)
    return {"": release.signed, **{name_of(sha256(part).digest()): part for part in parts}}
