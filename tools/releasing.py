"""`foyer release …`: make a release of the devices' firmware, sign it where the key is, verify it anywhere, and lay it onto a shelf.

`make` and `publish` need no key to releases; `sign` and `vouch` need one and no network, so they run on a computer that has none. A key is
only ever named by the file it is in, and never printed.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from rich.console import Console

from protocol import errors, manifest, shelf
from protocol.errors import ProtocolError
from tools import build, release
from tools.faults import Fault

UNSIGNED = ".unsigned"
_LINE = b"FOYER-UNSIGNED-2\n"


def main(arguments: list[str]) -> int:
    chosen = _parser().parse_args(arguments)
    console = Console(highlight=False, soft_wrap=True)
    work: Callable[[argparse.Namespace, Console], None] = chosen.work
    try:
        work(chosen, console)
    except Fault as fault:
        console.print(f"✗ {fault.happened}", markup=False)
        console.print(f"  {fault.next_step}", markup=False)
        return 1
    except build.BuildFailed as error:
        console.print(f"✗ {error}", markup=False)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="./foyer release", description="Make, sign, verify and publish releases of the devices' firmware."
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="make|sign|verify|publish|vouch")

    making = commands.add_parser("make", help="compile the sources into an unsigned release")
    making.add_argument("kind", nargs="?", choices=build.DEVICES, help="all three when left out")
    making.add_argument("--folder", type=Path, default=Path("build"))
    making.add_argument("--trusts", type=Path, nargs="+", metavar="KEY.pub", help="the public keys by which later releases may be signed")
    making.add_argument("--image", type=Path, metavar="APP.bin", help="MicroPython itself too, for boards with two application slots")
    making.set_defaults(work=_make)

    signing = commands.add_parser("sign", help="sign an unsigned release; the key never leaves this computer")
    signing.add_argument("file", type=Path, nargs="+")
    signing.add_argument("--key", type=Path, required=True, help="the file of the private key")
    signing.set_defaults(work=_sign)

    verifying = commands.add_parser("verify", help="check releases against public keys")
    verifying.add_argument("file", type=Path, nargs="+")
    verifying.add_argument("--trust", type=Path, nargs="+", required=True, metavar="KEY.pub")
    verifying.set_defaults(work=_verify)

    publishing = commands.add_parser("publish", help="verify releases and lay them onto the shelf of a site ([site] releases)")
    publishing.add_argument("file", type=Path, nargs="+")
    publishing.add_argument("--shelf", type=Path, required=True)
    publishing.add_argument("--trust", type=Path, nargs="+", required=True, metavar="KEY.pub")
    publishing.set_defaults(work=_publish)

    vouching = commands.add_parser("vouch", help="say which releases are the newest and to how many homes they are offered; every 30 days")
    vouching.add_argument("--shelf", type=Path, required=True, help="the shelf, or a copy of it")
    vouching.add_argument("--key", type=Path, required=True, help="the file of the private key")
    vouching.add_argument("--share", type=int, default=100, metavar="PERCENT", help="of homes: 1, then 10, then 100; 0 halts a roll-out")
    vouching.set_defaults(work=_vouch)
    return parser


def _make(chosen: argparse.Namespace, console: Console) -> None:
    trusted = release.points(chosen.trusts) if chosen.trusts else None
    image = release.application(chosen.image) if chosen.image else b""
    for kind in (chosen.kind,) if chosen.kind else build.DEVICES:
        made = release.of_sources(kind, trusted=trusted)
        payload = release.describe(kind, made.files, image=image)
        path = chosen.folder / f"{kind}-{made.version}{UNSIGNED}"
        _write(path, _LINE + len(payload).to_bytes(4, "big") + payload + shelf.behind(made.files, image))
        console.print(f"✓ {path}: {len(made.files)} files, release {made.digest}")
    console.print("Next: ./foyer release sign FILE --key KEY.pem, on the computer that has the key")


def _sign(chosen: argparse.Namespace, console: Console) -> None:
    key = _key(chosen.key)
    for path in chosen.file:
        payload, files, image = _unsigned(path)
        data = shelf.assemble(release.signed(payload, key, manifest.AAD), files, image)
        target = path.with_suffix(shelf.ENDING)
        _write(target, data)
        console.print(f"✓ {target}: {len(data):,} bytes, SHA-256 {release.sha256(data)}")


def _verify(chosen: argparse.Namespace, console: Console) -> None:
    trusted = shelf.keys_of(release.points(chosen.trust))
    for path in chosen.file:
        found = release.verify_file(path, trusted)
        console.print(f"✓ {path}: {found.kind} {found.name}, {len(found.files)} files, signed by {found.kid.hex()}", markup=False)


def _publish(chosen: argparse.Namespace, console: Console) -> None:
    trusted = shelf.keys_of(release.points(chosen.trust))
    for path in chosen.file:
        found = release.verify_file(path, trusted)
        target = chosen.shelf / f"{found.kind}-{found.name}{shelf.ENDING}"
        _write(target, path.read_bytes())
        console.print(f"✓ {target}: on the shelf", markup=False)
    console.print("Next: ./foyer release vouch --shelf SHELF --key KEY.pem --share 1")


def _vouch(chosen: argparse.Namespace, console: Console) -> None:
    if not 0 <= chosen.share <= 100:
        raise Fault("bad-release", file="--share", reason="it is a number from 0 to 100")
    key = _key(chosen.key)
    newest: dict[str, int] = {}
    for path in sorted(chosen.shelf.glob(f"*{shelf.ENDING}")):
        try:
            _, known, _ = shelf.look(path.read_bytes())
            kind, sequence = shelf.kind_of(known), known[manifest.SEQUENCE]
        except (ProtocolError, OSError):
            raise Fault("bad-release", file=path, reason="it is no release") from None
        assert isinstance(sequence, int)  # noqa: S101 -- as `manifest.decode` checked
        newest[kind] = max(sequence, newest.get(kind, 0))
    offers = [shelf.Offer(kind, sequence, chosen.share) for kind, sequence in sorted(newest.items())]
    data = release.signed(shelf.encode_newest(offers, int(time.time())), key, shelf.NEWEST_AAD)
    _write(chosen.shelf / shelf.NEWEST_FILE, data)
    for each in offers:
        console.print(f"✓ {each.kind}: {each.sequence >> 16}.{each.sequence >> 8 & 255}.{each.sequence & 255} to {each.share} % of homes")
    console.print("It is good for 30 days.")


def _unsigned(path: Path) -> tuple[bytes, dict[str, bytes], bytes]:
    """Return manifest, files and image of an unsigned release, checked as a signed one would be. Raises Fault."""
    try:
        data = path.read_bytes()
        if not data.startswith(_LINE):
            raise errors.BadManifest(None, None)
        at = len(_LINE) + 4
        end = at + int.from_bytes(data[len(_LINE) : at], "big")
        known = manifest.decode(data[at:end])
        _, files, image = shelf.cut(known, data[end:])
    except OSError as error:
        raise Fault("bad-release", file=path, reason=(error.strerror or "it cannot be read").lower()) from None
    except ProtocolError:
        raise Fault("bad-release", file=path, reason="it is no unsigned release, or damaged") from None
    return data[at:end], files, image


def _key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.is_file():
        raise Fault("bad-release", file=path, reason="there is no key in it; `foyer device build` makes one, and its neighbour for later")
    return release.signing_key(path)


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(path.name + ".new")
        beside.write_bytes(data)
        beside.rename(path)
    except OSError as error:
        raise Fault("cannot-write", file=path, reason=(error.strerror or "").lower()) from None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
