"""What every device stands on: time that never falls, settings that make sense, words that fit, and an outbox that empties."""

import ast
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils

from firmware import commanding, errors, updating
from firmware.watch import HEAP_FLOOR_BYTES
from protocol import cose, faults, readings, sign1
from protocol.sentences import WORDS_OF_FAULT
from tests.firmware import bodies
from tests.on_micropython import both_pythons, run
from tools import build

# What `firmware/radio/session.py` loads for an introduction and forgets after it; whole lives in 160 KiB bear it at its height.
INTRODUCTION = (("protocol", "introduction"), ("protocol", "edhoc"), ("firmware.crypto", "ecdh"), ("firmware.crypto", "new_key"))
# What a start reads and lets go of (`firmware/ground.py`), and what only a device has that is not set up (`firmware/main.py`).
STARTING = (("firmware.flash", "settings"), ("firmware.flash", "identity"), ("firmware", "cable"), ("protocol", "improv"))
STARTING += (("firmware.crypto", "known_answer"),)

# Of MicroPython's heap on 32 bits: what is held (a number, a line of words) is one or two of them longer at one moment than at another.
TWO_BLOCKS_bytes = 32

# As tests/firmware/sending_bodies.py does it, where there is nothing but a device's own bytecode.
IN_PIECES = """
import gc
gc.threshold(4096)
from firmware.crypto import ccm, hkdf, p256
from protocol import cbor, errors, exchange, link, oscore
cbor.decode  # its reading half is there since the identity was read
gc.threshold(-1)
def in_pieces(size):
    gc.collect()
    walls = rooms = None
    try:
        while True:
            rooms = (bytearray(size), rooms)
            walls = (bytearray(size), walls)
    except MemoryError:
        pass
    rooms = None
    gc.collect()
    return walls
walls = in_pieces({piece_bytes})
from firmware.crypto import ecdh, new_key
from protocol import edhoc, introduction
print("loaded")
"""

Call = Callable[..., object]
ROOT = Path(__file__).parents[2]


def on_device(body: str, *arguments: object) -> list[object]:
    """Run a function of sending_bodies.py; what it prints before is the console."""
    imports = "import gc\ngc.threshold(2048)\nfrom tests.firmware import sending_bodies\ngc.threshold(-1)\n"  # packed, as boot.py has it
    source = f"{imports}print('\\x1e' + repr(sending_bodies.{body}(*{arguments!r})))\n"
    result = ast.literal_eval(run(source).rpartition("\x1e")[2])
    assert isinstance(result, list)
    return result


@both_pythons
def test_uptime_never_falls_where_ticks_wrap(call: Call) -> None:
    """Twelve days in, MicroPython's ticks begin anew; the uptime goes on."""
    assert call(bodies.uptimes, (1 << 30) - 10, [0, 5, 10, 1000, 1 << 28]) == [0, 5, 15, 1015, 1015 + (1 << 28)]


@both_pythons
def test_time_is_unknown_until_the_home_says_it(call: Call) -> None:
    """And from then on it goes by the uptime."""
    assert call(bodies.world_time, 1795345000123, 2000) == [None, 1795345002]


@both_pythons
def test_a_silent_task_is_missed(call: Call) -> None:
    """The watchdog starves while one is missing, and is fed again when it is back."""
    assert call(bodies.missing_task, 900) == [None, None, None]
    assert call(bodies.missing_task, 1100) == [None, "one", None]


@both_pythons
def test_words_fit_the_display_in_both_languages(call: Call) -> None:
    """Twenty-one letters of six pixels are a line of 128."""
    for english, french in call(bodies.all_words):  # type: ignore[attr-defined]
        assert 0 < len(english) <= 21
        assert 0 < len(french) <= 21


@both_pythons
def test_a_receipt_says_whose_the_shown_reading_is_and_no_other(call: Call) -> None:
    """Of two people's readings that arrive one behind the other, the one on the display gets its own initials and its own arrival."""
    said = [["reading", "72.4 kg", 8], ["way", "home_silent", None], ["person", 7, "T", -1], ["way", "arrived", 7]]
    assert call(bodies.display_told, said)[1:] == ['foyer display "72.4 kg" "kept, home silent" "" 0']  # type: ignore[index]
    said += [["person", 8, "AL", 1], ["way", "arrived", 8], ["way", "home_silent", None], ["way", "refused", 9]]
    assert call(bodies.display_told, said)[2:] == ['foyer display "72.4 kg" "arrived" "AL" 1']  # type: ignore[index]


def test_every_fault_a_device_raises_has_words() -> None:
    """Each kind of DeviceError, and whatever the cuff can say, leads to words of its own or to an honest general one."""
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.DeviceError)]
    codes = [kind.fault for kind in kinds] + [code for code in faults.FAULTS if 50 <= code < 60]
    assert all(bodies.words_of(codes))
    assert set(WORDS_OF_FAULT) <= set(faults.FAULTS)


@both_pythons
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"device": "toaster"}, "device"),
        ({"device": None}, "device"),
        ({"ssid": ""}, "ssid"),
        ({"ssid": "x" * 33}, "ssid"),
        ({"gateway": ["10.0.0.2"]}, "gateway"),
        ({"gateway": ["10.0.0.2", 0]}, "gateway"),
        ({"gateway": ["10.0.0.2", True]}, "gateway"),
        ({"language": "de"}, "language"),
        ({"calibration": {"zero_counts": "0"}}, "calibration"),
        ({"climate_ms": 10}, "climate_ms"),
        ({"retry_ms": 1 << 40}, "retry_ms"),
    ],
)
def test_settings_without_sense_are_refused_by_name(call: Call, changes: dict[str, object], field: str) -> None:
    """The technician reads which one."""
    assert call(bodies.settings_with, changes) == field


@both_pythons
def test_a_device_that_has_bluetooth_may_have_no_wifi_yet(call: Call) -> None:
    """A pairing tells it; whoever has nothing but Wi-Fi is refused without, as above."""
    for radio in ("ble", "both"):
        checked = call(bodies.settings_with, {"radio": radio, "ssid": None, "gateway": None})
        assert isinstance(checked, dict)
        assert (checked["ssid"], checked["gateway"]) == ("", ["foyer.local", 5683])


@both_pythons
def test_absent_settings_have_defaults(call: Call) -> None:
    """What a home need not choose is chosen."""
    checked = call(bodies.settings_with, {})
    assert isinstance(checked, dict)
    assert {name: checked[name] for name in ("board", "language", "climate_ms", "retry_ms", "calibration")} == {
        "board": "s3",
        "language": "en",
        "climate_ms": 10_000,
        "retry_ms": 1000,
        "calibration": {},
    }


@both_pythons
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({}, "FY-C-1"),
        ({"kid": b"abc"}, "kid"),
        ({"signing_key": "x" * 32}, "signing_key"),
        ({"link_public": bytes(64)}, "link_public"),
        ({"gateway_key": None}, "gateway_key"),
        ({"serial": 7}, "serial"),
    ],
)
def test_an_identity_without_sense_is_refused_by_name(call: Call, changes: dict[str, object], field: str) -> None:
    """Wrong lengths, wrong types, or a key that is not there."""
    assert call(bodies.identity_with, changes) == field


def test_a_silent_home_is_asked_again_until_its_receipt(tmp_path: Path) -> None:
    """Nothing is forgotten before, the way is told in words, and the receipt brings the time."""
    sent, left, told, utc_s = on_device("emptying", str(tmp_path / "state"), [3, 4], ["silent", "silent", "receipt", "receipt"])
    assert sent == [3, 3, 3, 4]
    assert left == []
    assert told == ["home_silent", "home_silent", "arrived", "arrived"]
    assert utc_s in (1795345000, 1795345001)


@pytest.mark.parametrize("answer", ["wrong digest", "wrong number", "garbage", "silent", 0xA3])
def test_what_is_no_receipt_forgets_nothing(tmp_path: Path, answer: str | int) -> None:
    """Another's digest or number, garbage, silence, or a home whose disk is full: the reading stays and is tried again."""
    sent, left, told, _ = on_device("emptying", str(tmp_path / "state"), [3], [answer, answer])
    assert sent == [3, 3]
    assert left == [3]
    assert "arrived" not in told  # type: ignore[operator]


def test_a_refused_reading_is_kept_and_not_in_the_way(tmp_path: Path) -> None:
    """The next one is sent and let go; the refused one waits."""
    sent, left, told, _ = on_device("emptying", str(tmp_path / "state"), [3, 4, 5], ["receipt", 0x89, "receipt"])
    assert sent == [3, 4, 5]
    assert left == [4]
    assert told == ["arrived", "refused", "arrived"]


def test_a_kept_reading_is_signed_by_the_devices_key(tmp_path: Path) -> None:
    """OpenSSL verifies what the device signed; a reading that does not fit is refused before it is numbered."""
    sequence, digest8, message, second = on_device("signed_reading", str(tmp_path / "state"))
    key = ec.derive_private_key(int.from_bytes(bodies.IDENTITY["signing_key"], "big"), ec.SECP256R1()).public_key()  # type: ignore[arg-type]

    def verify(tbs: bytes, signature: bytes) -> bool:
        halves = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
        key.verify(utils.encode_dss_signature(*halves), tbs, ec.ECDSA(hashes.SHA256()))
        return True

    parsed = sign1.parse_sign1(message)  # type: ignore[arg-type]
    tbs = sign1.verify1(parsed, cose.reading_aad(readings.SCALE, bytes(8)), verify)
    reading = readings.decode(parsed.payload)
    assert sha256(tbs).digest()[:8] == digest8
    assert (reading[readings.SEQUENCE], reading[readings.GRAMS], parsed.kid) == (sequence, 72400, bodies.IDENTITY["kid"])
    assert reading[readings.UTC] in (1795345000, 1795345001)
    assert second == "full"


def test_the_heap_stays_in_one_piece_over_a_hundred_readings(tmp_path: Path) -> None:
    """The largest free block after a hundred readings is still most of what it was after ten."""
    early, late = on_device("many_readings", str(tmp_path / "state"), 100)
    assert isinstance(early, int)
    assert isinstance(late, int)
    assert late > early * 3 // 4


# A pairing is a life of its own, in which nothing is measured.
PAIRING = ["firmware/pairing.mpy", "firmware/crypto/new_key.mpy", "protocol/pairing.mpy"]
# While a home is silent that may have moved; let go of after a second and a half.
MOVED = "firmware/radio/moved.mpy"
LOOKING = ["firmware/radio/seeking.mpy", "firmware/radio/meeting.mpy"]
# By the radio that was chosen, what is not there; over Bluetooth its code is let go of while anything is measured (`radio/seldom.py`).
PHONES = ["firmware/radio/phones.mpy", "firmware/radio/consents.mpy", "protocol/sig.mpy"]  # if asked for
BLUETOOTH = [
    "firmware/radio/ble.mpy",
    "firmware/radio/near.mpy",
    "firmware/radio/bonds.mpy",
    "protocol/frames.mpy",
    "protocol/nearby.mpy",
    *PHONES,
]
ABSENT = {
    "wifi": [
        "firmware/radio/reach.mpy",
        "firmware/radio/seldom.mpy",
        "firmware/radio/either.mpy",
        "firmware/radio/meeting.mpy",
        *BLUETOOTH,
    ],
    "ble": ["firmware/radio/reach.mpy", "firmware/radio/wifi.mpy", "firmware/radio/either.mpy", "firmware/radio/seeking.mpy", *PHONES],
    "both": [*PHONES],
}
RADIOS = pytest.mark.parametrize("radio", ["wifi", "ble"])


@RADIOS
@pytest.mark.parametrize("device", build.DEVICES)
def test_a_pairings_bytecode_stays_within_60_KiB(device: str, radio: str, tmp_path: Path) -> None:
    """Everything but what only a device that measures imports, or another board: as if it were all there at once; 68 KiB over Bluetooth."""
    files = {name: data for name, data in build.files(device, tmp_path).items() if name not in ABSENT[radio]}
    measuring = (f"firmware/{device}/", "firmware/drivers/", "firmware/sending", "firmware/signing", "firmware/cable", "protocol/improv")
    measuring += ("firmware/crypto/ecdh", "protocol/edhoc", "firmware/update/", "firmware/crypto/verify", "firmware/boards/s3n_scale")
    measuring += (MOVED, *(name.replace(".", "/") for name in updating._ONCE))
    sizes = {name: len(data) for name, data in files.items() if name.endswith(".mpy") and not name.startswith(measuring)}
    assert set(PAIRING) < set(sizes)
    assert sum(sizes.values()) <= (68 if radio == "ble" else 60) * 1024


def test_below_the_heaps_floor_a_device_restarts_and_well_below_it_it_could_still_have_sent(tmp_path: Path) -> None:
    """The watch is content above the floor and gives up below it; with pieces of a third of it a reading still goes all its way."""
    for piece_bytes, verdict in ((2 * HEAP_FLOOR_BYTES, "enough"), (256, "restart")):
        said, largest, _ = on_device("heap_judged", piece_bytes)
        assert (said, int(str(largest)) >= HEAP_FLOOR_BYTES) == (verdict, verdict == "enough")
    done, largest, _ = on_device("weigh_in_in_pieces", str(tmp_path / "state"), 256)
    assert int(str(largest)) <= HEAP_FLOOR_BYTES // 3
    assert done == "done"


def test_an_introduction_still_loads_at_half_the_heaps_floor(tmp_path: Path) -> None:
    """Its four modules, the largest that come into a heap that was lived in, need no free piece of more than 512 bytes."""
    for name, data in build.files("scale", ROOT / ".foyer/cache").items():
        if name.endswith(".mpy"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_bytes(data)
    assert run(IN_PIECES.format(piece_bytes=HEAP_FLOOR_BYTES // 2), path=(tmp_path,)).strip() == "loaded"


@pytest.mark.parametrize(("radio", "most_KiB"), [("wifi", 60), ("ble", 60), ("both", 63)])
@pytest.mark.parametrize("device", build.DEVICES)
def test_a_devices_bytecode_stays_within_60_KiB(device: str, radio: str, most_KiB: int, tmp_path: Path) -> None:
    """Everything that a device keeps imported: all but what another board carries, begins a start anew, or is let go of again.

    That is the introduction's code, what a command needs, and the cuff's arithmetic, which is there for some seconds while the cuff
    holds no air; an update's, which waits for one; and Bluetooth's, which gives way to it. A device that has both radios may keep 63.
    """
    once = [f"{package.replace('.', '/')}/{name}.mpy" for package, name in (*INTRODUCTION, *STARTING)]
    once += [f"firmware/cuff/{name}.mpy" for name in ("oscillometry", "envelope", "hill", "walls", "ranks")]
    once += [MOVED, *PAIRING, *LOOKING, *BLUETOOTH, *ABSENT[radio]]
    once += [f"{name.replace('.', '/')}.mpy" for name in (*commanding._ONCE, *updating._ONCE)]
    once += [path for path in build.files(device, tmp_path) if path.startswith("firmware/update/")]
    alone = ("firmware/flash/forgetting.mpy", "firmware/drivers/nau7802.mpy", "firmware/boards/s3n_scale.mpy", *once)
    files = build.files(device, tmp_path)
    sizes = {name: len(data) for name, data in files.items() if name.endswith(".mpy") and name not in alone}
    assert sum(sizes.values()) <= most_KiB * 1024, sorted(sizes.items(), key=lambda item: -item[1])[:8]


def whole_weigh_ins(folder: Path, number: int, every: int) -> list[list[int]]:
    imports = "import gc\ngc.threshold(2048)\nfrom tests.firmware import sending_bodies\n"
    source = f"{imports}print('\\x1e' + repr(sending_bodies.whole_weigh_ins({str(folder)!r}, {number}, {every})))\n"
    found: list[list[int]] = ast.literal_eval(run(source, timeout_s=3600).rpartition("\x1e")[2])
    print("weigh-ins, free bytes, largest free piece:", found)
    return found


def test_a_hundred_whole_weigh_ins_leave_the_heap_as_it_was(tmp_path: Path) -> None:
    """Weigh, measure feet, sign, keep, draw, send, receipt: the largest free block does not fall."""
    found = whole_weigh_ins(tmp_path / "state", 100, 20)
    assert len(found) == 5
    assert found[-1][2] >= found[0][2] - TWO_BLOCKS_bytes


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_ten_thousand_whole_weigh_ins_leave_the_heap_as_it_was(tmp_path: Path) -> None:
    """The same for some seven years of four a day."""
    found = whole_weigh_ins(tmp_path / "state", 10_000, 1000)
    assert len(found) == 10
    assert found[-1][2] >= found[0][2] - TWO_BLOCKS_bytes
