"""A technician's day on a bench without hardware: the real esptool and the real mpremote, on boards that behave and boards that do not.

Each test runs the commands that a person would type. The long campaigns cut the power and pull the cable all over the way.
"""

import asyncio
import fcntl
import json
import os
import pty
import random
import stat
from pathlib import Path
from typing import NamedTuple

import pytest
from littlefs import LittleFSError

from protocol import cbor, labels
from simulator.usb import rfc2217, standin
from simulator.usb.board import BenchDevice
from simulator.usb.bootrom import ESP32_C3
from tests.tools.bench_room import BenchRoom
from tools import technician

pytestmark = [
    pytest.mark.timeout(900),
    # a torn file system leads this computer's LittleFS beyond the chip, which is reported and is the answer
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

SEED = 20
RELEASE = "a/release.cbor"  # which one the first slot holds; a device starts what it finds there
SOON_s = 8.0  # silence after which a run that is to be interrupted gives up; on a busy machine it may give up before


class Way(NamedTuple):
    """How long something is: flash operations, and bytes over the cable in both directions; and the files that the board then has."""

    operations: int
    carried_bytes: int
    files: dict[str, bytes]


def way_of_flashing(room: BenchRoom, device: BenchDevice) -> Way:
    """Flash a blank board; return how long that was."""
    operations, carried = device.flash_operations, device.cable.carried
    assert room.flash(device).returncode == 0
    operations, carried = device.flash_operations - operations, device.cable.carried - carried
    return Way(operations, carried, files_of(room, device))


def way_of_provisioning(room: BenchRoom, device: BenchDevice) -> Way:
    """Provision a flashed device anew; return how long that was."""
    operations, carried = device.flash_operations, device.cable.carried
    assert room.provision(device, "--again").returncode == 0
    operations, carried = device.flash_operations - operations, device.cable.carried - carried
    return Way(operations, carried, files_of(room, device))


def files_of(room: BenchRoom, device: BenchDevice) -> dict[str, bytes]:
    """Read a device's files out of its flash, as any LittleFS does."""
    return room.files_of(device)


def test_a_blank_board_becomes_a_device_with_keys_of_its_own(room: BenchRoom, flashed: BenchDevice) -> None:
    """The private key is in the flash alone: not in the record, not in the enrolment, not on the terminal."""
    done = room.provision(flashed, "--wifi", "home", "--enrol", room.folder / "enrolments", typed="a secret\n")
    assert done.returncode == 0, done.stdout
    (record_path,) = room.records.glob("FY-*.json")
    text = record_path.read_text()
    record = json.loads(text)
    identity = cbor.decode(files_of(room, flashed)["identity.cbor"])
    assert isinstance(identity, dict)
    assert record["finished"]
    assert record["kid"] == identity["kid"].hex()
    assert record["serial"] == identity["serial"]
    assert identity["label"] == labels.read_secret(record["label"])
    (enrolment,) = (room.folder / "enrolments").glob("*.json")
    for place in (text, enrolment.read_text(), done.stdout, done.stderr, "\n".join(flashed.console)):
        for private in ("signing_key", "link_key"):
            assert identity[private].hex() not in place
    assert identity["signing_key"] != identity["link_key"]
    assert "a secret" not in done.stdout + text
    assert stat.S_IMODE(record_path.stat().st_mode) == 0o600
    assert record["label"] not in done.stdout


def test_an_already_provisioned_device_is_asked_about(room: BenchRoom, flashed: BenchDevice) -> None:
    """Without --again neither flashing nor provisioning changes its keys; with it they are new, and the readings gone."""
    assert room.provision(flashed).returncode == 0
    before = files_of(room, flashed)["identity.cbor"]
    refused = room.provision(flashed)
    assert refused.returncode == 1
    assert "has been provisioned" in refused.stdout
    room.do(flashed.to_download_mode())
    refused = room.flash(flashed)
    assert refused.returncode == 1
    assert "has been provisioned" in refused.stdout
    assert files_of(room, flashed)["identity.cbor"] == before
    room.do(flashed.press_reset())
    assert room.provision(flashed, "--again").returncode == 0
    assert files_of(room, flashed)["identity.cbor"] != before


def test_check_passes_a_good_device_and_keeps_it_in_the_record(room: BenchRoom, flashed: BenchDevice) -> None:
    """Files, flash, signature and load cell are well; a radio without a network is not, and is said."""
    assert room.foyer("check", "--port", flashed.port, "--records", room.records).returncode == 1
    assert room.provision(flashed).returncode == 0
    done = room.foyer("check", "--port", flashed.port, "--records", room.records, "--no-radio")
    assert done.returncode == 0, done.stdout
    (record,) = room.records.glob("FY-*.json")
    assert json.loads(record.read_text())["checks"][-1]["passed"]
    failed = room.foyer("check", "--port", flashed.port, "--records", room.records)
    assert failed.returncode == 1
    assert "✗ it has no Wi-Fi yet" in failed.stdout


@pytest.mark.parametrize("kind", ["cuff", "babyphone"])
def test_every_kind_of_device_passes_its_check_from_a_release(room: BenchRoom, kind: str) -> None:
    """Built for any processor, signed, flashed from that file, provisioned and checked: its own chips answer and its files are whole."""
    key = room.folder / "keys/release.pem"
    packed = room.folder / f"{kind}.foyer"
    built = room.foyer("build", kind, "--portable", "--image", room.folder / "image", "--release", packed, "--key", key)
    assert built.returncode == 0, built.stdout
    device = room.board(kind=kind)
    done = room.flash(device, "--release", packed, "--trust", key.with_suffix(".pub"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert room.provision(device).returncode == 0
    checked = room.foyer("check", "--port", device.port, "--records", room.records, "--no-radio")
    assert checked.returncode == 0, checked.stdout
    assert "sensor answers" in checked.stdout
    assert "files whole" in checked.stdout


def test_power_cuts_while_flashing_and_provisioning_are_made_good_by_the_same_command(room: BenchRoom) -> None:
    """Wherever the cut comes, no board looks finished, and running the command again finishes it."""
    chosen = random.Random(SEED)
    device = room.board("provisioning")
    flashing = way_of_flashing(room, device)
    for number in range(2):
        cut_while_flashing(room, f"flashing{number}", flashing, chosen.randint(1, flashing.operations), chosen.choice((0, 50, 100)))
    provisioning = way_of_provisioning(room, device)
    for _ in range(3):
        cut_while_provisioning(room, device, chosen.randint(1, provisioning.operations), chosen.choice((0, 50, 100)))


def test_a_cable_pulled_at_any_byte_is_made_good_by_the_same_command(room: BenchRoom) -> None:
    """Wherever it is pulled: one sentence, a status that is not 0, and no device that looks finished."""
    chosen = random.Random(SEED)
    device = room.board()
    flashing = way_of_flashing(room, room.board("whole"))
    for _ in range(2):
        pull_while_flashing(room, device, flashing, chosen.randint(50, flashing.carried_bytes))
    assert room.flash(device).returncode == 0
    provisioning = way_of_provisioning(room, device)
    for _ in range(3):
        pull_while_provisioning(room, device, chosen.randint(50, provisioning.carried_bytes))


def test_a_noisy_cable_is_tried_again_at_a_lower_speed(room: BenchRoom) -> None:
    """An answer lost above 115,200 baud ends in a flashed board, once somebody has pressed the buttons that a pty cannot."""
    device = room.board()
    device.cable.clean_up_to_baud = 115_200
    status, said = room.flash_pressing(device, wait_s=40)
    assert status == 0, said
    assert "at 115200 baud" in said


def test_a_batch_of_twelve_reports_the_two_that_are_faulty(room: BenchRoom) -> None:
    """The ten others are flashed; the report says which failed and why; running it again for them is what it asks for."""
    boards = [room.board(f"b{number:02}", megabytes=2 if number == 3 else 4) for number in range(12)]
    boards[7].chip = ESP32_C3
    room.do(boards[7].to_download_mode())
    ports = [part for board in boards for part in ("--port", board.port)]
    report = room.folder / "report.json"
    done = room.foyer("flash", "--kind", "cuff", *ports, *room.image_arguments(room.micropython_image), "--report", report, "--wait", 0)
    found = json.loads(report.read_text())
    assert done.returncode == 1, done.stdout
    assert (found["flashed"], found["failed"]) == (10, 2)
    faults = {Path(board["port"]).stem: board["fault"] for board in found["boards"] if board["fault"]}
    assert faults == {"b03": "small-flash", "b07": "wrong-chip"}
    assert "10 of 12 boards are flashed and verified." in done.stdout


def test_faults_before_anything_is_written_are_one_sentence_each(room: BenchRoom) -> None:
    """A wrong image, no image, no such port, a taken port, a silent board: each says what next, and nothing was written."""
    device = room.board()
    blank = device.image.read_bytes()
    other_chip = room.folder / "esp32.bin"
    other_chip.write_bytes(standin.image(chip=0))
    nonsense = room.folder / "nonsense.bin"
    nonsense.write_bytes(b"PK\x03\x04" + bytes(100_000))
    named = ("flash", "--kind", "scale", "--port", device.port, "--wait", 0)
    for arguments, words in (
        ((*named, "--firmware", other_chip), "it is for the ESP32"),
        ((*named, "--firmware", nonsense), "is no firmware image"),
        ((*named, "--firmware", room.micropython_image), "not in Foyer's table"),
        ((*named, "--firmware", room.micropython_image, "--sha256", "00"), "not the one you gave"),
        (named, "There is no MicroPython image"),
        (("flash", "--kind", "scale", "--port", "/dev/nothing", *room.image_arguments(room.micropython_image)), "There is no port"),
        (("provision", "--port", device.port, "--settings", "/nowhere.json"), "holds no settings: no such file"),
        (("provision", "--port", device.port, "--settings", nonsense), "holds no settings"),
        (("provision", "--port", device.port, "--records", room.records), "MicroPython on"),
    ):
        done = room.foyer(*arguments)
        assert done.returncode == 1, done.stdout
        assert words in done.stdout
        assert len(done.stdout.strip().splitlines()) <= 4, done.stdout
        assert "Traceback" not in done.stderr
    assert device.image.read_bytes() == blank
    room.do(device.press_reset())
    done = room.flash(device)
    assert done.returncode == 1
    assert "Hold BOOT, press RESET" in done.stdout


def test_a_board_that_only_just_starts_is_asked_again(room: BenchRoom, flashed: BenchDevice) -> None:
    """What was typed while it could not listen is lost; the same command is heard once it can."""
    room.do(flashed.to_download_mode())

    async def press_reset_late() -> None:
        await asyncio.sleep(4.0)
        await flashed.press_reset()

    pressed = room.begin(press_reset_late())
    assert technician.run(str(flashed.port), "look")["chip"]
    assert pressed.done()


def test_a_port_that_another_program_has_is_named_with_it(room: BenchRoom) -> None:
    """Whoever has the port is told by name and process."""
    ours, theirs = pty.openpty()
    try:
        fcntl.flock(theirs, fcntl.LOCK_EX | fcntl.LOCK_NB)
        done = room.foyer("log", "--port", os.ttyname(theirs))
        assert done.returncode == 1
        assert f"(process {os.getpid()})" in done.stdout
    finally:
        os.close(ours)
        os.close(theirs)


def cut_while_flashing(room: BenchRoom, name: str, way: Way, operation: int, torn_percent: int) -> None:
    """Cut the power at a flash operation while a blank board is flashed; then flash it again."""
    device = room.board(name)
    device.cut_power_at_flash_operation(operation, torn_percent)
    first = room.flash(device)
    if not device.powered:
        assert first.returncode != 0, first.stdout
        assert len(first.stdout.strip().splitlines()) <= 8
        room.do(device.restore_power())
        assert not is_half_finished(room, device, way)
    room.do(device.to_download_mode())
    again = room.flash(device)
    assert again.returncode == 0, again.stdout
    room.do(device.cut_power())


def is_half_finished(room: BenchRoom, device: BenchDevice, way: Way) -> bool:
    """Whether the firmware on a board's flash would start although some of it is missing or damaged."""
    try:
        found = files_of(room, device)
    except LittleFSError:
        return False
    assert RELEASE in way.files
    return RELEASE in found and any(found.get(name) != content for name, content in way.files.items())


def cut_while_provisioning(room: BenchRoom, device: BenchDevice, operation: int, torn_percent: int) -> None:
    """Cut the power at a flash operation while a device is provisioned; then provision it again."""
    device.cut_power_at_flash_operation(operation, torn_percent)
    first = room.provision(device, "--again", patience_s=SOON_s)
    device.cut_power_at_flash_operation(0)
    if first.returncode == 0:  # the cut came after the end, or not at all
        belongs_together(room, device)
    if not device.powered:
        room.do(device.restore_power())
    finished_by_same_command(room, device)


def pull_while_flashing(room: BenchRoom, device: BenchDevice, way: Way, byte: int) -> None:
    """Pull the cable at a byte while a board is flashed, and put it back in."""
    device.cable.pull_after(byte)
    first = room.flash(device)
    device.cable.leave()
    if not device.powered and first.returncode:  # else it was pulled after the end, or not at all
        assert "went away" in first.stdout or "There is no port" in first.stdout, first.stdout
        assert not is_half_finished(room, device, way)
    device.hold_boot()
    room.do(device.press_reset() if device.powered else device.plug_in())
    device.release_boot()


def pull_while_provisioning(room: BenchRoom, device: BenchDevice, byte: int) -> None:
    """Pull the cable at a byte while a device is provisioned; then provision it again."""
    device.cable.pull_after(byte)
    first = room.provision(device, "--again", patience_s=SOON_s)
    device.cable.leave()
    if first.returncode == 0:  # it was pulled after the end, or not at all
        belongs_together(room, device)
    if not device.powered:
        room.do(device.plug_in())
    finished_by_same_command(room, device)


def finished_by_same_command(room: BenchRoom, device: BenchDevice) -> None:
    """Provision a device that may have been interrupted; its record and its keys then belong together."""
    for _ in range(3):  # mpremote gives a device ten seconds by its own clock, on a busy machine too few
        again = room.provision(device, "--again")
        if "does not answer" not in again.stdout:
            break
    assert again.returncode == 0, again.stdout
    belongs_together(room, device)
    unfinished = [path for path in room.records.glob("FY-*.json") if not json.loads(path.read_text())["finished"]]
    assert unfinished == []


def belongs_together(room: BenchRoom, device: BenchDevice) -> None:
    """Check that the device's keys are those of a finished record."""
    identity = cbor.decode(files_of(room, device)["identity.cbor"])
    assert isinstance(identity, dict)
    record = json.loads((room.records / f"{identity['serial']}.json").read_text())
    assert record["finished"]
    assert record["kid"] == identity["kid"].hex()


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(4))
def test_a_hundred_power_cuts_while_flashing(room: BenchRoom, part: int) -> None:
    """As above, all over the way: twenty-five in each part."""
    chosen = random.Random(200 + part)
    way = way_of_flashing(room, room.board("whole"))
    for number in range(25):
        cut_while_flashing(room, f"flashing{number}", way, chosen.randint(1, way.operations), chosen.choice((0, 50, 100)))


@pytest.mark.long
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("part", range(4))
def test_a_hundred_power_cuts_while_provisioning(room: BenchRoom, part: int) -> None:
    """As above, all over the way: twenty-five in each part."""
    chosen = random.Random(300 + part)
    device = room.board()
    assert room.flash(device).returncode == 0
    way = way_of_provisioning(room, device)
    for _ in range(25):
        cut_while_provisioning(room, device, chosen.randint(1, way.operations), chosen.choice((0, 50, 100)))


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_twenty_five_cables_pulled_while_flashing(room: BenchRoom) -> None:
    """As above, all over the way."""
    chosen = random.Random(50)
    way = way_of_flashing(room, room.board("whole"))
    device = room.board()
    for _ in range(25):
        pull_while_flashing(room, device, way, chosen.randint(50, way.carried_bytes))
    assert room.flash(device).returncode == 0


@pytest.mark.long
@pytest.mark.timeout(7200)
def test_twenty_five_cables_pulled_while_provisioning(room: BenchRoom) -> None:
    """As above, all over the way."""
    chosen = random.Random(51)
    device = room.board()
    assert room.flash(device).returncode == 0
    way = way_of_provisioning(room, device)
    for _ in range(25):
        pull_while_provisioning(room, device, chosen.randint(50, way.carried_bytes))


@pytest.mark.long
def test_a_board_behind_a_network_port_is_reset_by_its_lines(room: BenchRoom) -> None:
    """Over RFC 2217 nobody presses a button: DTR and RTS put the board into download mode, and RTS starts what was written."""
    device = room.board()
    room.do(device.press_reset())
    server, port = room.do(rfc2217.serve(device))
    done = room.foyer("flash", "--kind", "scale", "--port", port, *room.image_arguments(room.micropython_image))
    room.loop.call_soon_threadsafe(server.close)
    assert done.returncode == 0, done.stdout + done.stderr
    assert RELEASE in files_of(room, device)
    assert not device.in_download_mode
