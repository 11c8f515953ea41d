"""Whole updates: compiled firmware in 32-bit MicroPython with a heap of 160 KiB that fetches, tries and keeps another, or gives it back."""

import asyncio
import struct
from collections.abc import Callable, Iterator
from functools import cache
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from littlefs import LittleFS

from protocol import cbor, commands, faults, fields, manifest, readings, shelf, updates
from simulator.boards import ScaleBoard
from simulator.house import Device, House, Person
from tests.firmware.babyphone import sounds
from tests.firmware.home import Home
from tests.firmware.living import Alterations, altered, live, said, until
from tools import build, release

ADA = Person("Ada", 61.3, 121.0, 79.0, 66.0, seed=5)
FLASH_BYTES = 640 * 4096  # of the real 6 MB: room for both slots and a full outbox
KEY, NEXT_KEY = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
POINTS = release.point(KEY.public_key()) + release.point(NEXT_KEY.public_key())
SOON = (
    ("firmware/main.py", "_BEFORE_RESTART_MS = const(5000)", "_BEFORE_RESTART_MS = const(50)"),
    ("firmware/update/trying.py", "\nSILENT_MS = const(600_000)", "\nSILENT_MS = const(40_000)"),
    ("firmware/update/trying.py", "\nPARTS_MS = const(60_000)", "\nPARTS_MS = const(30_000)"),
    ("firmware/updating.py", "_AGAIN_MS = const(5000)", "_AGAIN_MS = const(500)"),
)
FIRST = {shelf.KEYS_FILE: POINTS, "release.cbor": cbor.encode({"kind": "scale", "version": "0.1.0", "sequence": 5, "digest": ""})}


def made(kind: str, sequence: int, alterations: Alterations = (), key: ec.EllipticCurvePrivateKey = KEY, points: bytes = POINTS) -> bytes:
    """Return a release of this number, with these alterations."""
    files = {**altered(kind, (*SOON, *alterations)), shelf.KEYS_FILE: points}
    return release.pack(kind, files, key, release.Facts(f"0.1.{sequence}", sequence, "Better.", "Mieux."))


async def order(home: Home, arguments: dict[int, object], number: int = 1) -> None:
    """Have the device asked to update, and its answer that it will."""
    await until(lambda: bool(home.presences), 60)
    home.ask({commands.KIND: commands.UPDATE, commands.NUMBER: number, **arguments}, 30_000)
    await until(lambda: any(result[commands.NUMBER] == number for result in home.results), 60)
    assert home.results[-1][commands.OUTCOME] == commands.DONE, home.results


def over(home: Home) -> list[tuple[object, object]]:
    """Return how updates ended, with the fault."""
    return [(each[updates.STATE], each.get(updates.FAULT_CODE)) for each in home.reports if each[updates.STATE] in updates.OVER]


def pressure_mmHg(house: House) -> float:
    pressure = house.look()["cuff"]["pressure_mmHg"]
    assert isinstance(pressure, float)
    return pressure


@pytest.mark.parametrize("kind", ["scale", "cuff", "babyphone"])
def test_a_device_takes_an_update_tries_it_and_keeps_it(kind: str, tmp_path: Path) -> None:
    """Fetched with its own work alive, committed once, proved, told, and said in its presence; readings arrive on both sides of it."""

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices[kind], homes[kind]
        arguments = home.offer(made(kind, 6, [("firmware/console.py", "foyer ready device", "foyer ready release=six device")]))
        if kind == "scale":
            await until(lambda: device.display[1] == "step on", 30)
        await order(home, arguments)
        if kind == "scale":
            await house.step_on(kind, ADA, 8.0)
        await until(lambda: bool(over(home)), 120)
        assert over(home) == [(updates.KEPT, None)]
        if kind == "scale":  # whoever stood there while it started again weighs once more
            await until(lambda: device.display[1] == "step on", 30)
            await house.step_on(kind, ADA, 8.0)
            await until(lambda: any(each[readings.KIND] == readings.SCALE for each in home.got), 20)
        assert said(device, "release=six")
        percents = [each[updates.PERCENT] for each in home.reports if each[updates.STATE] == updates.FETCHING]
        assert percents == sorted(percents)  # type: ignore[type-var]
        assert percents[-1] == 100
        if kind == "scale":
            assert any(each[readings.KIND] == readings.SCALE for each in home.got)
        assert not [line for line in device.console if "fault" in line]
        boot = home.presences[-1][0]
        await device.cut_power()
        await device.restore_power()
        await until(lambda: home.presences[-1][0] > boot, 30)
        assert said(device, "release=six")
        assert set(over(home)) == {(updates.KEPT, None)}, "told again at most if the power went before the home's answer came"

    first = {**FIRST, "release.cbor": cbor.encode({"kind": kind, "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {kind: kind}, script, SOON, {"sleep_ms": 0}, first, FLASH_BYTES)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_an_update_gives_way_to_whoever_measures(tmp_path: Path) -> None:
    """Asked while it measures the cuff says yes; nothing moves while it holds air, the measurement comes out, and then the update goes on.

    The life that proved the update measures, too.
    """

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["cuff"], homes["cuff"]
        moved_mmHg: list[float] = []  # in the cuff, whenever a block was asked for
        home.lie = lambda _name, _number, piece: moved_mmHg.append(pressure_mmHg(house)) or piece  # type: ignore[func-returns-value]
        await until(lambda: bool(home.presences) and device.display[1] == "press start", 30)
        measuring = asyncio.create_task(house.wrap_and_press("cuff", ADA))
        await until(lambda: pressure_mmHg(house) > 60, 30)
        await order(home, home.offer(made("cuff", 6)))
        await measuring
        await until(lambda: any(each[readings.KIND] == readings.CUFF for each in home.got), 60)
        await until(lambda: bool(over(home)), 400)
        assert over(home) == [(updates.KEPT, None)]
        assert max(moved_mmHg) < 10, "while it holds air nothing moves"
        assert not [line for line in device.console if "fault" in line]
        await until(lambda: device.display[1] == "press start", 30)
        measured = [each[readings.KIND] for each in home.got].count(readings.CUFF)
        await house.wrap_and_press("cuff", ADA)
        await until(lambda: [each[readings.KIND] for each in home.got].count(readings.CUFF) > measured, 60)

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "cuff", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"cuff": "cuff"}, script, SOON, None, first, FLASH_BYTES)


def test_an_update_that_a_life_died_of_is_taken_by_a_life_of_its_own(tmp_path: Path) -> None:
    """Whatever ran out in the middle of it, the same does not happen again: the second attempt goes on with the files that are there."""
    dies = [
        # so that it is the death that sends it into a life of its own, and not the heap, which has just the room that is asked for
        ("firmware/update/life.py", "\n_ROOM_BYTES = const(30 * 1024)", "\n_ROOM_BYTES = const(1024)"),
        (
            "firmware/update/life.py",
            "        async def tell(percent):\n",
            "        async def tell(percent):\n            if percent > 50 and not self._of.alone:\n                self._of.restart()\n",
        ),
    ]

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["scale"], homes["scale"]
        arguments = home.offer(made("scale", 6))
        await order(home, arguments)
        await until(lambda: len(home.presences) > 1 and home.presences[-1][0] > home.presences[0][0], 60)
        assert over(home) == []
        await order(home, arguments, 2)
        await until(lambda: bool(over(home)), 90)
        assert over(home) == [(updates.KEPT, None)]
        # the first, the one that was left, the one of its own, the one that proved it, and the one after
        await until(lambda: len([line for line in device.console if "foyer ready" in line]) == 5, 30)
        await until(lambda: device.display[1] == "step on", 30)

    live(tmp_path, {"scale": "scale"}, script, [*SOON, *dies], {"sleep_ms": 0}, FIRST, FLASH_BYTES)


def broken(kind: str) -> Alterations:
    """Return what makes a release that dies as soon as it measures."""
    return [
        (f"firmware/{kind}/main.py", "async def measure(ground) -> None:\n", "async def measure(ground) -> None:\n    raise ValueError\n")
    ]


def altered_main(kind: str, inserted: str) -> Alterations:
    """Return what puts a line before a device's `measure`."""
    return [(f"firmware/{kind}/main.py", "async def measure(ground) -> None:\n", f"async def measure(ground) -> None:\n    {inserted}\n")]


UNREADABLE = [("firmware/main.py", "import asyncio\nimport io\n", "import asyncio\nimport nothing_of_that_name\nimport io\n")]
DEAF = [("firmware/radio/wifi.py", 'self._gateway = settings["gateway"]', 'self._gateway = ["127.0.0.1", 9]')]
HANGS = altered_main("cuff", "import time\n    while True:\n        time.sleep_ms(1000)")
SILENT_PARTS = [("firmware/updating.py", "        self.parts_answer = True\n", "        pass\n")]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        pytest.param(broken("cuff"), faults.SOFTWARE_FAULT, id="raises"),
        pytest.param(UNREADABLE, faults.UPDATE_UNPROVED, id="unreadable"),
        pytest.param(SILENT_PARTS, faults.UPDATE_PARTS_SILENT, id="without-parts"),
        pytest.param(DEAF, faults.UPDATE_UNHEARD, id="deaf", marks=pytest.mark.long),
        pytest.param(HANGS, faults.UPDATE_UNPROVED, id="hangs", marks=[pytest.mark.long, pytest.mark.timeout(400)]),
    ],
)
def test_a_broken_release_is_given_back_by_itself_and_the_next_good_one_is_taken(bad: Alterations, fault: int, tmp_path: Path) -> None:
    """Three starts without proof, or a word of its own, and the version before runs and says why; then a mended one goes all its way."""

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["cuff"], homes["cuff"]
        await order(home, home.offer(made("cuff", 6, bad)))
        await until(lambda: bool(over(home)), 300)
        assert over(home) == [(updates.GIVEN_BACK, fault)]
        await until(lambda: device.display[1] == "press start", 30)
        await order(home, home.offer(made("cuff", 7, [("firmware/console.py", "ready device", "ready release=seven device")])), 2)
        await until(lambda: len(over(home)) == 2, 90)
        assert over(home)[-1] == (updates.KEPT, None)
        assert said(device, "release=seven")

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "cuff", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"cuff": "cuff"}, script, SOON, None, first, FLASH_BYTES)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_home_that_falls_silent_forces_no_rollback(tmp_path: Path) -> None:
    """Threats T27: on trial, and nobody answers any more; the slot of before hears nobody either, so the update has another trial, and is
    kept when the home is back. Who jams the air, or stops the gateway, keeps no device on an old release.
    """

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["cuff"], homes["cuff"]
        starts = lambda: [line.partition("foyer ready ")[2] for line in device.console if "foyer ready " in line]  # noqa: E731
        await order(home, home.offer(made("cuff", 6, [("firmware/console.py", "foyer ready device", "foyer ready release=six device")])))
        await until(lambda: any(each.get(updates.PERCENT) == 100 for each in home.reports), 120)
        home.silent = True
        await until(lambda: [each.startswith("release=six") for each in starts()[-3:]] == [True, False, True], 400)
        assert over(home) == []
        home.silent = False
        await until(lambda: bool(over(home)), 120)
        assert over(home) == [(updates.KEPT, None)]
        assert starts()[-1].startswith("release=six")

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "cuff", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"cuff": "cuff"}, script, SOON, None, first, FLASH_BYTES)


def tricky(paths: list[str], size: int = 3, total: int | None = None, more: int = 0) -> tuple[bytes, dict[str, bytes]]:
    """Return a signed manifest whose list names these files, and what a device would fetch: only whoever has the key can make one.

    size: what the list says of each file; total: what the manifest says of all, if not the same;
    more: fields that only a later release would understand.
    """
    data = b"M\x06\x00"
    listed = cbor.encode([[path, size, sha256(data).digest()] for path in paths])
    known = manifest.decode(
        release.describe("scale", {"firmware/boards/s3_scale.mpy": data}, release.Facts("0.1.6", 6, "Better.", "Mieux."))
    )
    known[manifest.LIST] = [len(paths), size * len(paths) if total is None else total, len(listed), sha256(listed).digest()]
    known.update({fields.FIRST_EXTENSION + number: bytes(32) for number in range(more)})
    signed = release.signed(cbor.encode(known), KEY, manifest.AAD)
    return signed, {updates.name_of(sha256(part).digest()): part for part in (listed, data)}


TRICKS = [["../boot.py"], ["/boot.py"], ["firmware/../../boot.py"], ["a.mpy", "a.mpy"], ["b.mpy", "a.mpy"], ["a/b"], ["A.mpy"], ["slot"]]
STRANGER = ec.generate_private_key(ec.SECP256R1())


@cache
def good() -> bytes:
    """Return the release that a scale would take."""
    return made("scale", 6)


Tries = Iterator[tuple[dict[int, object], int]]  # what the device is ordered, and with which fault it says no


def wrong_key(home: Home) -> Tries:
    """Signed by somebody else."""
    yield home.offer(made("scale", 6, key=STRANGER)), faults.UPDATE_NOT_SIGNED


def wrong_class(home: Home) -> Tries:
    """Made for another kind of device."""
    yield home.offer(made("babyphone", 6)), faults.UPDATE_OTHER_DEVICE


def older(home: Home) -> Tries:
    """A step back."""
    yield home.offer(made("scale", 4)), faults.UPDATE_OLDER


def replayed(home: Home) -> Tries:
    """The release that runs, again."""
    yield home.offer(made("scale", 5)), faults.UPDATE_OLDER


def altered_on_the_way(home: Home) -> Tries:
    """One bit of the manifest's header, content or signature, or of each file."""
    arguments = home.offer(good())
    signed = home.offers[""]
    for at in (10, len(signed) // 2, len(signed) - 5):
        home.offers[""] = signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :]
        yield arguments, faults.UPDATE_NOT_SIGNED
    home.offers[""] = b"\xff" * len(signed)
    yield arguments, faults.UPDATE_BROKEN
    home.offers[""] = signed
    home.lie = lambda name, number, piece: piece if not name or number else bytes([piece[0] ^ 1]) + piece[1:]
    yield arguments, faults.UPDATE_DAMAGED


def truncated(home: Home) -> Tries:
    """The manifest without its last byte, and every file without some."""
    arguments = home.offer(good())
    signed = home.offers[""]
    home.offers[""] = signed[:-1]
    yield arguments, faults.UPDATE_DAMAGED
    home.offers[""] = signed
    home.lie = lambda name, number, piece: piece[:-1] if name and number == 0 else piece
    yield arguments, faults.UPDATE_DAMAGED


def oversized(home: Home) -> Tries:
    """A manifest longer than it was said to be, or than one may be; a file, or all of them together, larger than there may be."""
    arguments = home.offer(good())
    signed = home.offers[""]
    home.offers[""] = signed + b"x" * 300
    yield arguments, faults.UPDATE_DAMAGED
    for size, total, more, fault in (
        (3, None, manifest.MAX_MANIFEST_BYTES // 32, faults.UPDATE_BROKEN),
        (manifest.MAX_FILE_BYTES + 1, None, 0, faults.UPDATE_BROKEN),
        (3, manifest.MAX_FILES * manifest.MAX_FILE_BYTES, 0, faults.UPDATE_NO_ROOM),
        (3, manifest.MAX_FILES * manifest.MAX_FILE_BYTES + 1, 0, faults.UPDATE_BROKEN),
    ):
        large, parts = tricky(["a.mpy"], size, total, more)
        home.offers = {"": large, **parts}
        yield {commands.RELEASE: 6, commands.MANIFEST_BYTES: len(large)}, fault


def endless(home: Home) -> Tries:
    """More comes, for ever: of the manifest, or of every file."""
    arguments = home.offer(good())
    home.lie = lambda _name, _number, piece: piece + b"x" * 256
    yield arguments, faults.UPDATE_DAMAGED
    home.lie = lambda name, _number, piece: piece + b"x" * 256 if name else piece
    yield arguments, faults.UPDATE_DAMAGED


def swapped(home: Home) -> Tries:
    """What was for another device: its release, its files under this one's names, and its order."""
    other = home.offer(made("cuff", 6))
    theirs = dict(home.offers)
    yield other, faults.UPDATE_OTHER_DEVICE
    arguments = home.offer(good())
    signed = home.offers.pop("")
    home.offers = {"": signed, **dict(zip(home.offers, [part for name, part in theirs.items() if name], strict=False))}
    yield arguments, faults.UPDATE_DAMAGED
    home.offer(made("scale", 7))
    yield {**arguments, commands.MANIFEST_BYTES: len(home.offers[""])}, faults.UPDATE_WITHDRAWN


def with_tricks(home: Home) -> Tries:
    """Upwards, absolute, twice, in another order, without an ending, in capitals, or the name of what is not a release's."""
    for paths in TRICKS:
        trick, parts = tricky(paths)
        home.offers = {"": trick, **parts}
        yield {commands.RELEASE: 6, commands.MANIFEST_BYTES: len(trick)}, faults.UPDATE_BROKEN


def lied_about(home: Home) -> Tries:
    """The gateway sends nothing but zeros for each file, or offers what it does not have."""
    arguments = home.offer(good())
    home.lie = lambda name, _number, piece: bytes(len(piece)) if name else piece
    yield arguments, faults.UPDATE_DAMAGED
    home.offers = {"": home.offers[""]}
    yield arguments, faults.UPDATE_WITHDRAWN


BAD = [wrong_key, wrong_class, older, replayed, altered_on_the_way, truncated, oversized, endless, swapped, with_tricks, lied_about]


def kept(device: Device) -> dict[str, bytes]:
    """Return every file on a device that is off, but those of the other slot and of what the device does from day to day."""
    data = device.image.read_bytes()
    flash = LittleFS(
        block_size=build.BLOCK_BYTES,
        block_count=len(data) // build.BLOCK_BYTES,
        read_size=32,
        prog_size=32,
        cache_size=128,
        lookahead_size=32,
        disk_version=0x00020001,
        mount=False,
    )
    flash.context.buffer = bytearray(data)
    flash.mount()
    found = {}
    for folder, _, names in flash.walk("/"):
        for name in names:
            path = f"{folder.rstrip('/')}/{name}"
            if not path.startswith(("/b/", "/state/")):
                with flash.open(path, "rb") as file:
                    found[path] = file.read()
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("bad", BAD, ids=lambda bad: bad.__name__)
def test_bad_input_is_refused_before_anything_is_changed(bad: Callable[[Home], Tries], tmp_path: Path) -> None:
    """Each line of the list with its fault; the slot that runs, the letters that choose it and the starters stay byte by byte.

    After a gateway that lied the device takes what an honest one gives it.
    """

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["scale"], homes["scale"]
        honest, number = home.lie, 0
        await until(lambda: bool(home.presences), 60)
        await device.cut_power()
        before = kept(device)
        assert {"/boot.py", "/main.py"} < set(before)
        assert len([path for path in before if path.startswith("/a/")]) > 50
        await device.restore_power()
        tries = bad(home)
        while attempt := await asyncio.to_thread(next, tries, None):  # a release takes seconds to make, in which the home goes on
            (arguments, fault), number = attempt, number + 1
            ends = len(over(home))
            await order(home, arguments, number)
            await until(lambda ends=ends: len(over(home)) > ends, 60)  # type: ignore[misc]
            assert over(home)[-1] == (updates.REFUSED, fault), number
        assert number
        await device.cut_power()
        assert kept(device) == before
        started = len(home.presences)
        await device.restore_power()
        await until(lambda: len(home.presences) > started and device.display[1] == "step on", 60)
        if bad is lied_about:
            home.lie = honest
            await order(home, home.offer(good()), number + 1)
            await until(lambda: over(home)[-1][0] == updates.KEPT, 120)

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "scale", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"scale": "scale"}, script, SOON, {"sleep_ms": 0}, first, FLASH_BYTES)


def test_a_scale_takes_no_update_on_a_low_battery(tmp_path: Path) -> None:
    """It says so before anything but the manifest was fetched; on cells that run empty in the middle it writes nothing more."""

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["scale"], homes["scale"]
        assert isinstance(device.board, ScaleBoard)
        cells = device.board.cells
        asked: set[str] = set()
        home.lie = lambda name, _number, piece: asked.add(name) or piece  # type: ignore[func-returns-value]
        arguments = home.offer(made("scale", 6))
        await until(lambda: bool(home.presences), 30)
        cells.put_in(0.15)
        await device.cut_power()
        await device.restore_power()
        await until(lambda: len(home.presences) > 1, 30)
        await order(home, arguments)
        await until(lambda: bool(over(home)), 60)
        assert over(home) == [(updates.REFUSED, faults.UPDATE_BATTERY)]
        assert asked == {""}
        cells.put_in(1.0)
        started = len(home.presences)
        await device.cut_power()
        await device.restore_power()
        await until(lambda: len(home.presences) > started, 30)
        await order(home, arguments, 2)
        await until(lambda: any(each.get(updates.PERCENT, 0) >= 30 for each in home.reports), 60)  # type: ignore[operator]
        cells.put_in(0.02)
        await until(lambda: said(device, 'foyer display "! 9" "batteries empty"'), 30)
        before = device.image.read_bytes()
        await asyncio.sleep(1)
        assert device.image.read_bytes() == before
        cells.put_in(1.0)
        started = len(home.presences)
        await device.cut_power()
        await device.restore_power()
        await until(lambda: len(home.presences) > started, 30)
        await order(home, arguments, 3)
        # how the second order ended may be told before the power went, or never
        await until(lambda: over(home)[-1] == (updates.KEPT, None), 120)
        assert set(over(home)[:-1]) == {(updates.REFUSED, faults.UPDATE_BATTERY)}

    live(tmp_path, {"scale": "scale"}, script, SOON, {"sleep_ms": 0}, FIRST, FLASH_BYTES)


def test_a_device_that_fails_again_and_again_takes_the_update_that_mends_it(tmp_path: Path) -> None:
    """In the safe mode nothing is measured, and an update is fetched, tried and kept; then it measures."""
    soon = [*SOON, ("firmware/main.py", "_LONGEST_BEFORE_RESTART_MS = const(20_000)", "_LONGEST_BEFORE_RESTART_MS = const(100)")]

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["cuff"], homes["cuff"]
        await until(lambda: len([line for line in device.console if "foyer ready" in line]) >= 6, 60)
        started = len(home.presences)
        await until(lambda: len(home.presences) > started, 60)
        await order(home, home.offer(made("cuff", 6)))
        await until(lambda: bool(over(home)), 120)
        assert over(home) == [(updates.KEPT, None)]
        await until(lambda: device.display[1] == "press start", 30)

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "cuff", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"cuff": "cuff"}, script, [*soon, *broken("cuff")], None, first, FLASH_BYTES)


def test_a_flash_without_room_is_said_before_anything_is_written(tmp_path: Path) -> None:
    """The room for readings not yet sent counts as taken."""

    async def script(_house: House, _devices: dict[str, Device], homes: dict[str, Home]) -> None:
        home = homes["cuff"]
        await order(home, home.offer(made("cuff", 6)))
        await until(lambda: bool(over(home)), 60)
        assert over(home) == [(updates.REFUSED, faults.UPDATE_NO_ROOM)]

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "cuff", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"cuff": "cuff"}, script, SOON, None, first, 256 * 4096)


def test_the_next_key_signs_once_the_old_one_is_lost_and_a_release_can_leave_the_old_one_out(tmp_path: Path) -> None:
    """Rotation: a release by the second key is taken, brings the keys that follow, and from then on the first key's is not."""

    async def script(_house: House, _devices: dict[str, Device], homes: dict[str, Home]) -> None:
        home = homes["cuff"]
        third = ec.generate_private_key(ec.SECP256R1())
        later = release.point(NEXT_KEY.public_key()) + release.point(third.public_key())
        expected = []
        for number, (sequence, key, points, end) in enumerate(
            [
                (6, NEXT_KEY, later, (updates.KEPT, None)),
                (7, KEY, POINTS, (updates.REFUSED, faults.UPDATE_NOT_SIGNED)),
                (8, third, later, (updates.KEPT, None)),
            ],
            1,
        ):
            await order(home, home.offer(made("cuff", sequence, (), key, points)), number)
            expected.append(end)
            await until(lambda: len(over(home)) == number, 90)  # noqa: B023
            assert over(home) == expected

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "cuff", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"cuff": "cuff"}, script, SOON, None, first, FLASH_BYTES)


def application(filling: int) -> bytes:
    """Return an image that the bootloader of an ESP32-S3 would start: a head, one segment, the checksum's byte, the SHA-256."""
    body = b"\xe9\x01" + bytes(10) + b"\x09\x00" + bytes(9) + b"\x01" + struct.pack("<II", 0, 30_000) + bytes([filling]) * 30_000
    body += bytes(16 - len(body) % 16)
    return body + sha256(body).digest()


def with_image(sequence: int, image: bytes, alterations: Alterations = ()) -> bytes:
    """Return a release for a cuff that brings MicroPython."""
    files = {**altered("cuff", (*SOON, *alterations)), shelf.KEYS_FILE: POINTS}
    return release.pack("cuff", files, KEY, release.Facts(f"0.1.{sequence}", sequence, "Better.", "Mieux."), image)


SLOT_BYTES = 10 * 4096
READY = 'print(f"foyer ready device'
RUNS = [("firmware/console.py", READY, f"import esp32\n    print(esp32.Partition(1).info()[4])\n    {READY}")]


def test_micropython_itself_comes_with_an_update_and_goes_with_one_that_is_given_back(tmp_path: Path) -> None:
    """A board with two application slots starts the image, keeps it, and after a broken release has the one of before again.

    What is no image is given back with its release, and the fault says why.
    """
    slots = tmp_path / "cuff.flash.slots"
    slots.write_bytes(b"\xff" * 8192 + application(1).ljust(SLOT_BYTES, b"\xff") + b"\xff" * SLOT_BYTES)

    def runs(device: Device) -> str:
        return [line for line in device.console if line.startswith("ota_")][-1]

    async def script(_house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["cuff"], homes["cuff"]
        expected = []
        for number, (image, alterations, end, runs_then) in enumerate(
            [
                (application(2), RUNS, (updates.KEPT, None), "ota_1"),
                (application(3), [*RUNS, *broken("cuff")], (updates.GIVEN_BACK, faults.SOFTWARE_FAULT), "ota_1"),
                (bytes(30_000), RUNS, (updates.GIVEN_BACK, faults.UPDATE_IMAGE), "ota_1"),
                (application(4), RUNS, (updates.KEPT, None), "ota_0"),
            ],
            1,
        ):
            await order(home, home.offer(with_image(5 + number, image, alterations)), number)
            expected.append(end)
            await until(lambda: len(over(home)) == len(expected), 300)
            assert over(home) == expected
            await until(lambda: device.display[1] == "press start", 30)
            assert runs(device) == runs_then
        assert slots.read_bytes()[8192:].startswith(application(4))

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "cuff", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"cuff": "cuff"}, script, [*SOON, *RUNS], None, first, FLASH_BYTES)


def test_a_board_with_one_application_slot_takes_no_update_that_brings_micropython(tmp_path: Path) -> None:
    """It says so before anything is written; an image larger than the other slot is refused likewise."""

    async def script(_house: House, _devices: dict[str, Device], homes: dict[str, Home]) -> None:
        for number, (name, image) in enumerate((("one", application(2)), ("small", bytes(SLOT_BYTES + 1))), 1):
            home = homes[name]
            asked: set[str] = set()
            home.lie = lambda name, _number, piece, asked=asked: asked.add(name) or piece  # type: ignore[misc]
            await order(home, home.offer(with_image(6, image)), number)
            await until(lambda home=home: bool(over(home)), 60)  # type: ignore[misc]
            assert over(home) == [(updates.REFUSED, faults.UPDATE_OTHER_DEVICE)]
            assert asked == {""}

    (tmp_path / "small.flash.slots").write_bytes(b"\xff" * 8192 + application(1).ljust(SLOT_BYTES, b"\xff") + b"\xff" * SLOT_BYTES)
    first = {**FIRST, "release.cbor": cbor.encode({"kind": "cuff", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"one": "cuff", "small": "cuff"}, script, SOON, None, first, FLASH_BYTES)


@pytest.mark.long
def test_a_babyphone_does_not_start_again_for_an_update_while_a_child_cries(tmp_path: Path) -> None:
    """It says yes and waits; when it is quiet, the update comes. That none is offered at night is the home's own rule."""
    cry = sounds.save(tmp_path / "cry.wav", sounds.cry(30, np.random.default_rng(3)), 0.9)
    begins = "    def restart():\n"
    telling = [("firmware/ground.py", begins, begins + '        print("starts again busy=%d" % calm.busy)\n')]

    async def script(house: House, devices: dict[str, Device], homes: dict[str, Home]) -> None:
        device, home = devices["babyphone"], homes["babyphone"]
        await until(lambda: bool(home.presences), 30)
        house.play_wav(cry)
        await until(lambda: any(each.get(readings.CRYING) for each in home.live), 60)
        await order(home, home.offer(made("babyphone", 6, telling)))
        await until(lambda: bool(over(home)), 300)
        assert over(home) == [(updates.KEPT, None)]
        await until(lambda: bool([line for line in device.console if line.startswith("starts again")]), 30)
        assert {line for line in device.console if line.startswith("starts again")} == {"starts again busy=0"}

    first = {**FIRST, "release.cbor": cbor.encode({"kind": "babyphone", "version": "0.1.0", "sequence": 5, "digest": ""})}
    live(tmp_path, {"babyphone": "babyphone"}, script, [*SOON, *telling], None, first, FLASH_BYTES)
