"""The fuzzing of every decoder on both Pythons: a seeded sample here, millions behind `--long`, with counts and seeds written down."""

import json
import os
import time
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from protocol import batches, cbor, cose, errors, frames, live, readings, receipts, updates
from tests.on_micropython import ROOT, BATCH_KiB, there
from tests.protocol import campaign_bodies as bodies
from tests.protocol import wire_example
from tests.protocol.refused import ROWS
from tests.protocol.test_edhoc import TRACE
from tests.protocol.test_protocol_objects import MANIFEST
from tests.protocol.test_readings import ALL, LIVE

RECORDED = ROOT / "tools/bench/results/fuzz.json"
RESULTS = Path(os.environ.get("FOYER_FUZZ_RESULTS", RECORDED))
DECODERS = [*bodies.PARSERS, "frames"]
SEED = 20_261_122
LIMIT_US = 50_000
PER_DECODER_HERE, PER_DECODER_THERE = 240_000, 75_000  # of the long campaign: 24 decoders, 7.6 million in all
# What a decoder of bytes can meet; the rest belong to other questions: a window, a table of states, proofs of a key exchange, typed codes.
MET = [
    *("CutShort", "TrailingBytes", "Indefinite", "NonMinimal", "Unsorted", "DuplicateLabel", "BadLabel", "TooDeep", "UnexpectedTag"),
    *("ReservedInformation", "StrayBreak", "BadText", "BadSimple", "FloatRefused", "NotCOSE", "AlgorithmAbsent", "AlgorithmUnprotected"),
    *("WrongAlgorithm", "UnknownCritical", "TwoIVs", "BadHeader", "SignatureLength", "BadReading", "BadReceipt", "MessageCutShort"),
    *("WrongVersion", "TokenTooLong", "OptionReserved", "OptionNumberTooLarge", "TooManyOptions", "MarkerWithoutPayload", "EmptyNotEmpty"),
    *(
        "NotOSCORE",
        "NotEDHOC",
        "WrongSuite",
        "BadBatch",
        "BadCommand",
        "BadManifest",
        "BadUpdateReport",
        "BadPairing",
        "BadBlock",
        "FragmentGap",
        "FragmentOverlap",
        "FragmentTotal",
    ),
    *("SecondObject", "FragmentLate"),
]


@cache
def valid_messages() -> dict[str, list[bytes]]:
    """Return valid messages for each decoder, and rows of what must be refused beside them, so that mutations meet every rule."""
    made = wire_example.objects()
    read = [readings.encode(dict(reading)) for reading in ALL]
    rows: dict[str, list[bytes]] = {}
    for _, decoder, data, _ in ROWS:
        rows.setdefault({"verify": "sign1"}.get(decoder, decoder), []).append(data[:200])
    plain = [b"\x40\x02\x00\x01\xb1r", b"\x40\x02\x00\x01" + b"\x00" * 33, b"\x40\x02\x00\x01\xe0\xff\xff\xe0\xff\xff"]
    pieces = frames.split(bytes(range(40)), 7, 12)
    fed = b"".join(bytes((len(piece) - 3,)) + piece for piece in pieces)
    return {
        "cbor": [*rows["cbor"], *read, b"\x81" * 8 + b"\x00", b"\x81" * 9 + b"\x00"],
        "sequence": [TRACE["message_1"], b"\x01\x02\x03", *rows["cbor"]],
        "sign1": [made["signed"], *rows["sign1"]],
        "coap": [made["request"], made["response"], *rows["coap"], *plain],
        "option": [b"", b"\x09\x05\x01", b"\x19\x05\x02ab\x01", b"\x08", b"\x20"],
        "reading": read,
        "live": [live.encode(dict(LIVE))],
        "receipt": [made["receipt"], receipts.encode(1, bytes(8), 5, 0)],
        "refusal": [receipts.encode_refusal(104)],
        "batch": [batches.encode([made["signed"]] * 2), batches.encode([b"x"])],
        "range": [batches.encode_receipt(5, [batches.Run(1, 2, bytes(8))] * 2)],
        "command": [cbor.encode({0: 1, 1: 5, 8: [3, 60_000], 10: 2}), cbor.encode({0: 6, 1: 5, 8: [3, 60_000], 12: 1, 13: 2})],
        "head": [cbor.encode({0: 200, 1: 5, 8: [3, 60_000], 10: 2, 11: b"x" * 32})],
        "presence": [cbor.encode({2: [3, 60_000]})],
        "result": [cbor.encode({0: 1, 1: 5, 4: 1, 21: 50})],
        "manifest": [cbor.encode(MANIFEST)],
        "file": [cbor.encode(["main.mpy", 2000, bytes(32)]), cbor.encode(["scale/main.mpy", 1, bytes(32)])],
        "report": [updates.encode(1, 5, 40), updates.encode(4, 5, fault=104)],
        "hello": [cbor.encode({0: 1, 1: bytes(16), 2: bytes(8)})],
        "newcomer": [cbor.encode({1: bytes(16), 5: bytes(8), 6: bytes(65), 7: bytes(65), 8: "FY-S-1", 9: 0, 10: bytes(64)})],
        "block": [b"\x01\x0a" + bytes(64), b"\x01\x02" + bytes(20), b"\x02\x01\x0a" + bytes(64)],
        "message 2": [TRACE["message_2"], b"\x02\x02", b"\x02\x82\x02\x06", b"\x01\x60"],
        "split": [b"\xf5" + TRACE["message_1"], b"\x43abc" + TRACE["message_3"]],
        "frames": [fed, fed[: len(fed) // 2], cose.sig_structure(b"", b"", b"")],
    }


def run(name: str, count_here: int, count_there: int) -> dict[str, dict[str, Any]]:
    """Run one decoder's share on both Pythons; raise with the input if anything but our errors came out, or took over 50 ms."""
    valid, seed = valid_messages()[name], SEED + DECODERS.index(name)
    out = {}
    for python, count, play in (("cpython", count_here, None), ("micropython", count_there, there)):
        begun_s = time.monotonic()
        arguments = (name, valid, seed, count, LIMIT_US)
        if play is None:
            outcomes, mutations, longest_us, data = bodies.campaign(*arguments)
        else:
            outcomes, mutations, longest_us, data = there(bodies.campaign, *arguments, heap_KiB=BATCH_KiB, timeout_s=900)  # type: ignore[misc]
        assert longest_us < LIMIT_US, (name, python, data.hex())
        out[python] = {"seed": seed, "inputs": count, "mutations": mutations, "longest_us": longest_us, "outcomes": outcomes}
        out[python]["seconds"] = round(time.monotonic() - begun_s, 1)
    return out


@pytest.mark.parametrize("name", DECODERS)
def test_a_sample_of_the_campaign_ends_in_our_errors_and_alike_on_both_pythons(name: str) -> None:
    """The same seed meets the same outcomes, input by input counted; more than a third are mutations of valid messages."""
    found = run(name, 1500, 1500)
    assert found["cpython"]["outcomes"] == found["micropython"]["outcomes"]
    assert found["cpython"]["mutations"] > 1500 / 3
    assert len(found["cpython"]["outcomes"]) > 1


# Not of frames: their first fragment announces a whole object of up to 4 KiB, for which an assembly makes room by its task.
@pytest.mark.parametrize("name", [name for name in DECODERS if name != "frames"])
def test_no_short_input_allocates_much(name: str) -> None:
    """At most 4 KiB for an input of up to 64 bytes, measured by the device's own allocator."""
    most, data = there(bodies.largest_allocation, name, valid_messages()[name], SEED, 150, heap_KiB=BATCH_KiB)  # type: ignore[misc]
    assert most <= 4096, data.hex()


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DECODERS)
def test_the_long_campaign(name: str) -> None:
    """A third of a million inputs for one decoder, written to the results beside what the others came to."""
    found = run(name, PER_DECODER_HERE, PER_DECODER_THERE)
    held = json.loads(RESULTS.read_text(encoding="utf-8"))["decoders"] if RESULTS.exists() else {}
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(summed({**held, name: found}), indent=1) + "\n", encoding="utf-8")


def summed(rows: dict[str, dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Return the results of all decoders that are there, in their order, with what they come to."""
    known = {name: rows[name] for name in DECODERS if name in rows}
    parts = [part for row in known.values() for part in row.values()]
    outcomes: Counter[str] = Counter()
    for part in parts:
        outcomes.update(part["outcomes"])
    return {
        "inputs": sum(part["inputs"] for part in parts),
        "mutations": sum(part["mutations"] for part in parts),
        "seconds": round(sum(part["seconds"] for part in parts)),
        "outcomes": dict(sorted(outcomes.items())),
        "met fewer than 1,000 times": {name: outcomes[name] for name in MET if outcomes[name] < 1000},
        "decoders": known,
    }


def test_the_campaign_that_was_run_was_whole() -> None:
    """The results: every decoder, 5 million inputs and more, at least a third mutations, every refusal a decoder can make 1,000 times."""
    held = json.loads(RECORDED.read_text(encoding="utf-8"))
    assert held == summed(held["decoders"])
    assert list(held["decoders"]) == DECODERS
    assert held["inputs"] >= 5_000_000
    assert held["mutations"] * 3 >= held["inputs"]
    assert held["met fewer than 1,000 times"] == {}
    assert all(hasattr(errors, name) for name in MET)
    for row in held["decoders"].values():
        assert all(part["longest_us"] < LIMIT_US and part["mutations"] * 3 >= part["inputs"] for part in row.values())
