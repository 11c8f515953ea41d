"""A home with a new router: a device joins it by its cable, and keeps everything else."""

import json
import random

import pytest

from protocol import cbor
from simulator.people.person import Person
from simulator.usb.board import BenchDevice
from tests.firmware.living import until
from tests.tools.bench_room import BenchRoom

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def provisioned(room: BenchRoom, flashed: BenchDevice) -> BenchDevice:
    """A scale with keys, in a network."""
    assert room.provision(flashed, "--wifi", "old home", typed="old password\n").returncode == 0
    return flashed


def join(room: BenchRoom, device: BenchDevice, name: str, *more: object, typed: str = "quite a secret\n") -> tuple[int, str]:
    """Type the command; return its status and what it said."""
    done = room.foyer("wifi", name, "--port", device.port, "--records", room.records, *more, typed=typed)
    assert "Traceback" not in done.stderr
    assert "quite a secret" not in done.stdout + done.stderr
    return done.returncode, done.stdout


def settings_of(room: BenchRoom, device: BenchDevice) -> dict[str, object]:
    held = cbor.decode(room.files_of(device)["settings.cbor"])
    assert isinstance(held, dict)
    return held


def test_a_device_joins_another_network_and_keeps_the_rest(room: BenchRoom, flashed: BenchDevice) -> None:
    """Its settings differ in two fields, its identity not at all, and all that it has not sent is still there."""
    further = room.folder / "further.json"
    further.write_text(json.dumps({"calibration": room.house.calibration(flashed.name, "scale"), "sleep_ms": 0}))
    given = ("--wifi", "old home", "--settings", further, "--enrol", room.folder / "enrolments")  # a home, which never answers
    assert room.provision(flashed, *given, typed="old password\n").returncode == 0
    room.do(until(lambda: flashed.display[1] == "step on", 120))
    room.do(room.house.step_on(flashed, Person("Ada", 61.3, seed=4), 9.0))
    before = room.files_of(flashed)
    assert waiting(before)
    old = settings_of(room, flashed)
    status, said = join(room, flashed, "Zuhause 2")
    assert status == 0, said
    assert "joins Zuhause 2 from now on: it was let in." in said
    after, new = room.files_of(flashed), settings_of(room, flashed)
    assert new == {**old, "ssid": "Zuhause 2", "password": "quite a secret"}
    assert after["identity.cbor"] == before["identity.cbor"]
    for name, data in waiting(before).items():
        assert after[name].startswith(data)


def waiting(files: dict[str, bytes]) -> dict[str, bytes]:
    """Return what a device has not sent."""
    return {name: data for name, data in files.items() if name.startswith("state/outbox/")}


def test_a_network_that_refuses_is_not_kept_unless_nobody_asks_it(room: BenchRoom, provisioned: BenchDevice) -> None:
    """A mistyped password changes nothing; a network that is elsewhere can be kept untried."""
    old = settings_of(room, provisioned)
    provisioned.station.admits = False
    status, said = join(room, provisioned, "home")
    assert (status, "The Wi-Fi home does not take the device" in said) == (1, True), said
    assert settings_of(room, provisioned) == old
    status, said = join(room, provisioned, "home", "--untried")
    assert status == 0, said
    assert settings_of(room, provisioned) == {**old, "ssid": "home", "password": "quite a secret"}


def test_what_cannot_be_is_one_sentence(room: BenchRoom, flashed: BenchDevice) -> None:
    """No network has such a name, no network such a password, and no device is without keys: nothing is written."""
    before = room.files_of(flashed)
    for name, typed, words in (
        ("é" * 17, "quite a secret\n", "No Wi-Fi has such a name or password."),
        ("a\nb", "quite a secret\n", "No Wi-Fi has such a name or password."),
        ("\udcff", "quite a secret\n", "No Wi-Fi has such a name or password."),
        ("home", "short\n", "No Wi-Fi has such a name or password."),
        ("home", "x" * 64 + "\n", "No Wi-Fi has such a name or password."),
        ("home", "\n", "has no keys yet"),
    ):
        status, said = join(room, flashed, name, typed=typed)
        assert (status, words in said) == (1, True), said
        assert len(said.strip().splitlines()) == 2
    assert room.files_of(flashed).get("settings.cbor") == before.get("settings.cbor")


def test_a_device_with_bluetooth_alone_needs_none(room: BenchRoom, flashed: BenchDevice) -> None:
    """It says so, and stays as it is."""
    further = room.folder / "further.json"
    further.write_text('{"radio": "ble"}')
    assert room.provision(flashed, "--settings", further).returncode == 0
    old = settings_of(room, flashed)
    status, said = join(room, flashed, "home")
    assert (status, "has Bluetooth alone" in said) == (1, True), said
    assert settings_of(room, flashed) == old


def test_power_cuts_leave_the_old_network_or_the_new_one(room: BenchRoom, provisioned: BenchDevice) -> None:
    """Wherever the cut comes, the device has its keys and one of the two networks, and the same command ends well."""
    chosen = random.Random(31)
    old, identity = settings_of(room, provisioned), room.files_of(provisioned)["identity.cbor"]
    start = provisioned.flash_operations
    assert join(room, provisioned, "home0", "--untried")[0] == 0
    way = provisioned.flash_operations - start
    known = {"home0"}
    for number in range(1, 3):
        name = f"home{number}"
        provisioned.cut_power_at_flash_operation(chosen.randint(1, way), chosen.choice((0, 50, 100)))
        join(room, provisioned, name, "--untried")
        provisioned.cut_power_at_flash_operation(0)
        if not provisioned.powered:
            room.do(provisioned.restore_power())
        known.add(name)
        found = settings_of(room, provisioned)
        assert found["ssid"] in known
        assert found == {**old, "ssid": found["ssid"], "password": "quite a secret"}
        assert room.files_of(provisioned)["identity.cbor"] == identity
        assert join(room, provisioned, name, "--untried")[0] == 0
        assert settings_of(room, provisioned)["ssid"] == name
