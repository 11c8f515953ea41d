"""The 32-bit MicroPython that simulated devices run in: where it comes from and how it is started.

Debian 12 packages no MicroPython, so the interpreter and the five libraries it loads are taken, as they are, from Debian 13's
i386 packages at the mirror this machine already uses, each by its digest, so that what is measured in one is true of every other.
Once the mirror has let go of these, newer ones are taken: a throw-away apt configuration names that release, and the installed
Debian archive keyring verifies it. Nothing outside the cache folder is touched. Elsewhere a `micropython` on the PATH serves, and
`Interpreter.word_bits` says that its heap figures are not an ESP32's.

Standard library only: the set-up runs this before anything is installed.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

RELEASE = "trixie"
PACKAGES = ("micropython", "libc6", "libffi8", "libmbedcrypto16", "libmbedtls21", "libmbedx509-7")
# Where they lie in the archive, and their SHA-256.
PINNED = {
    "m/micropython/micropython_1.25.0+ds-1_i386.deb": "a72799821cb45442150f8a7f0757bc8e4f9a4b64abccbd837d694a20d6900bb5",
    "g/glibc/libc6_2.41-12+deb13u4_i386.deb": "67bb4b54cf4bb6a380449dfa1852cd9135659f85360caa0e41d312f4b30e573a",
    "libf/libffi/libffi8_3.4.8-2_i386.deb": "8bafefb38c320ca27796070c881595ce04d900c3b534ac142a494daf1fe1db13",
    "m/mbedtls/libmbedcrypto16_3.6.6-0.1~deb13u1_i386.deb": "aa4698ed436eebf77e3dc9f5c514073bd554109d857d887db5a367dde9a5c377",
    "m/mbedtls/libmbedtls21_3.6.6-0.1~deb13u1_i386.deb": "eb1b20154ce9008aca1d036698ffc12019020a54985d2c5ae3dc1c1c39c9e995",
    "m/mbedtls/libmbedx509-7_3.6.6-0.1~deb13u1_i386.deb": "fe6ba192c9227d30a4cd05a3bdeccdf9ff30d55b27d8ff488126c16dcf727cce",
}
_HELPER = "/usr/lib/apt/apt-helper"  # what apt itself fetches and checks a file with
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
OLDEST = (1, 24)


class MicroPythonMissing(Exception):
    """No interpreter could be had; the message says what to do."""


class Interpreter(NamedTuple):
    """How MicroPython is started here: a command prefix and its word size."""

    command: tuple[str, ...]
    word_bits: int


def find(cache: Path) -> Interpreter | None:
    """Return the interpreter that is already here, the fetched 32-bit one first, or None."""
    unpacked = cache / "micropython"
    loader = unpacked / "usr/lib/i386-linux-gnu/ld-linux.so.2"
    libraries = unpacked / "usr/lib/i386-linux-gnu"
    binary = unpacked / "usr/bin/micropython"
    if (unpacked / "complete").exists() and loader.exists() and binary.exists():
        return Interpreter((str(loader), "--library-path", str(libraries), str(binary)), 32)
    installed = shutil.which("micropython")
    if installed and _version((installed,)) >= OLDEST:
        return Interpreter((installed,), 64 if sys.maxsize > 2**32 else 32)
    return None


def fetch(cache: Path) -> Interpreter:
    """Return the interpreter, fetching it into `cache` first if it is not here.

    Raises MicroPythonMissing: apt is absent, cannot reach its mirror, or the packages do not run here.
    """
    here = find(cache)
    if here:
        return here
    for program in ("apt-get", "dpkg"):
        if not shutil.which(program):
            raise MicroPythonMissing(
                f"MicroPython is missing and cannot be fetched without {program}: "
                "install a package named micropython (1.24 or newer) and run this again."
            )
    target = cache / "micropython"
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="fetching-") as scratch_name:
        scratch = Path(scratch_name)
        try:
            _download_pinned(scratch)
        except MicroPythonMissing:
            options = _throwaway_apt(scratch)
            _run(["apt-get", *options, "update"], scratch)
            _run(["apt-get", *options, "download", *(f"{name}:i386" for name in PACKAGES)], scratch)
        unpacked = scratch / "unpacked"
        for package in sorted(scratch.glob("*.deb")):
            _run(["dpkg", "-x", str(package), str(unpacked)], scratch)
        shutil.rmtree(target, ignore_errors=True)
        (unpacked / "complete").touch()
        unpacked.rename(target)
    interpreter = find(cache)
    if interpreter is None or interpreter.word_bits != 32 or _version(interpreter.command) < OLDEST:
        shutil.rmtree(target, ignore_errors=True)
        raise MicroPythonMissing(
            "The fetched 32-bit MicroPython does not run on this machine: "
            "install a package named micropython (1.24 or newer) and run this again."
        )
    return interpreter


def _download_pinned(scratch: Path) -> None:
    """Fetch what is pinned, all of it or nothing. Raises MicroPythonMissing: a file is no longer there, or is another."""
    pool = _mirror().rstrip("/") + "/pool/main/"
    try:
        for place, digest in PINNED.items():
            _run(
                [_HELPER, "-o", "APT::Sandbox::User=", "download-file", pool + place, place.rpartition("/")[2], f"SHA256:{digest}"], scratch
            )
    except (MicroPythonMissing, FileNotFoundError) as error:
        for file in scratch.glob("*.deb"):
            file.unlink()
        raise MicroPythonMissing(str(error)) from None


def _throwaway_apt(scratch: Path) -> list[str]:
    """Write an apt configuration below `scratch` that knows Debian's newer release only; return the options that use it."""
    for folder in ("lists/partial", "cache/archives/partial"):
        (scratch / folder).mkdir(parents=True)
    (scratch / "status").touch()
    (scratch / "sources.list").write_text(f"deb [arch=i386 signed-by={KEYRING}] {_mirror()} {RELEASE} main\n", encoding="utf-8")
    settings = {
        "APT::Architecture": "i386",
        "APT::Architectures": "i386",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Dir::Cache": str(scratch / "cache"),
        "Dir::Etc::SourceList": str(scratch / "sources.list"),
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        "Dir::State::Lists": str(scratch / "lists"),
        "Dir::State::Status": str(scratch / "status"),
    }
    return [part for name, value in settings.items() for part in ("-o", f"{name}={value}")]


def _mirror() -> str:
    """Return the address of the Debian mirror that this machine's own apt uses."""
    asked = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(LABEL)", "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=False,
    )
    rows = [line.split(None, 2) for line in asked.stdout.splitlines()]
    for row in rows:
        if len(row) == 3 and row[2].strip() == "Debian" and "-" not in row[1]:
            return row[0]
    raise MicroPythonMissing(
        "This machine's apt names no Debian mirror, so MicroPython cannot be fetched: "
        "install a package named micropython (1.24 or newer) and run this again."
    )


def _run(command: list[str], where: Path) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C"}
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        reasons = [line for line in done.stderr.splitlines() if line.startswith(("E:", "dpkg"))]
        reason = reasons[0] if reasons else f"{command[0]} ended with status {done.returncode}"
        raise MicroPythonMissing(
            f"MicroPython could not be fetched ({reason}): check the network, then run this again; what is done is kept."
        )


def _version(command: tuple[str, ...]) -> tuple[int, ...]:
    try:
        asked = subprocess.run(
            [*command, "-c", "import sys; print(sys.implementation.version)"],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0,)
    return tuple(int(number) for number in re.findall(r"\d+", asked.stdout)[:2]) or (0,)
