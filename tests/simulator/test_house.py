"""The house's verbs and what they log: in virtual time where no device needs to run, and with the real firmware where one does."""

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from simulator.boards import ScaleBoard
from simulator.errors import DeviceNotRunning, OutOfRange, SimulatorError, WrongKind
from simulator.events import Event
from simulator.house import House, InUse, Person
from tests.firmware.home import HomeKey
from tools import build, provision

ADA = Person("Ada", 61.3, 118.0, 76.0, 64.0, 4)
RECORDINGS = Path(__file__).parents[1] / "vectors/standing"
CACHE = build.ROOT / ".foyer/cache"


@pytest.fixture
def empty_house(tmp_path: Path, make_image) -> Callable[..., House]:
    """Return a function that makes a house whose devices have no power: their boards can be used all the same."""
    image = make_image({"main.py": ""})

    def make(clock: object) -> House:
        house = House(tmp_path / "house", ("false",), seed=2, clock=clock)
        (tmp_path / "house").mkdir()
        for kind in ("scale", "cuff", "babyphone"):
            house.add(kind, kind, image, ("127.0.0.1", 9))
        return house

    return make


async def leave(house: House) -> None:
    await house.__aexit__(None, None, None)


def facts(events: list[Event], what: str) -> list[dict[str, object]]:
    return [event.facts for event in events if event.what == what]


def test_a_weigh_in_is_true_once_somebody_stood_still(empty_house, in_virtual_time) -> None:
    """Stood for 8 s: the truth is logged with the weight; for 4 s: stepped on and off, and no truth."""

    async def work(clock: object) -> None:
        house = empty_house(clock)
        await house.step_on("scale", ADA)
        await house.step_on("scale", ADA, 4.0)
        assert [event.what for event in house.events] == ["stepped_on", "stood", "stepped_off", "stepped_on", "stepped_off"]
        assert facts(house.events, "stood") == [{"person": "Ada", "load_kg": 61.3}]
        assert house.look()["scale"]["load_kg"] == 0.0
        await leave(house)

    in_virtual_time(work)


def test_a_recorded_persons_truth_is_the_recordings_mean(empty_house, in_virtual_time) -> None:
    """What the plate carried is what is logged, under the name that was given."""

    async def work(clock: object) -> None:
        house = empty_house(clock)
        await house.stand_recorded("scale", RECORDINGS / "person3.csv", name="Clara")
        assert facts(house.events, "stood") == [{"person": "Clara", "load_kg": pytest.approx(56.7, abs=0.1)}]
        await leave(house)

    in_virtual_time(work)


def test_two_people_cannot_use_one_device(empty_house, in_virtual_time) -> None:
    """The second is refused, and the first is not disturbed."""

    async def work(clock: object) -> None:
        house = empty_house(clock)
        first = asyncio.ensure_future(house.step_on("scale", ADA))
        await asyncio.sleep(1)
        with pytest.raises(InUse):
            await house.step_on("scale", ADA)
        await first
        assert len(facts(house.events, "stood")) == 1
        await leave(house)

    in_virtual_time(work)


def test_verbs_refuse_what_makes_no_sense(empty_house, in_virtual_time) -> None:
    """The wrong kind of device, a device without power, rooms and noises out of range, a second device of a name."""

    async def work(clock: object) -> None:
        house = empty_house(clock)
        with pytest.raises(WrongKind):
            await house.step_on("cuff", ADA)
        with pytest.raises(DeviceNotRunning):
            await house.wrap_and_press("cuff", ADA)
        with pytest.raises(WrongKind):
            house.open_window("scale")
        with pytest.raises(OutOfRange):
            house.set_room(99.0, 50.0)
        with pytest.raises(OutOfRange):
            house.make_noise(200.0, 1.0)
        with pytest.raises(SimulatorError):
            house.add("scale", "scale", Path("unused"), ("127.0.0.1", 9))
        assert house.events == []
        await leave(house)

    in_virtual_time(work)


def test_the_nursery_does_what_it_is_told(empty_house, in_virtual_time) -> None:
    """Rooms, windows, heaters and noise are seen at once or as they drift."""

    async def work(clock: object) -> None:
        house = empty_house(clock)
        house.set_room(21.5, 44.0)
        assert house.look()["babyphone"]["room_Cel"] == 21.5
        house.open_window()
        await asyncio.sleep(300)
        assert float(str(house.look()["babyphone"]["room_Cel"])) < 18
        house.close_window()
        house.heat(1.0)
        house.make_noise(72.0, 10.0)
        assert house.look()["babyphone"]["sound_dBA"] == 72.0
        await asyncio.sleep(1800)
        assert float(str(house.look()["babyphone"]["room_Cel"])) > 20
        await leave(house)

    in_virtual_time(work)


def test_parts_repeat_with_the_seed_and_the_name(tmp_path: Path) -> None:
    """The same house has the same scales; another seed or another name has others."""
    first, again, other = (House(tmp_path, ("false",), seed) for seed in (1, 1, 2))
    assert first.calibration("a", "scale") == again.calibration("a", "scale")
    assert first.calibration("a", "scale") != first.calibration("b", "scale")
    assert first.calibration("a", "scale") != other.calibration("a", "scale")
    assert first.calibration("a", "cuff") == {}


def test_the_real_firmware_weighs_and_feels_the_room(interpreter_command: tuple[str, ...], tmp_path: Path) -> None:
    """Booted from its own image it shows a person's weight within 0.1 kg and the room within 0.1 K and 3 %, signs both and sends them."""

    async def work() -> None:
        gateway = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        gateway.bind(("127.0.0.1", 0))
        async with House(tmp_path / "house", interpreter_command, seed=11) as house:
            for kind in ("scale", "babyphone"):
                settings = {"calibration": house.calibration(kind, kind), "climate_ms": 2000}
                made = provision.provision(kind, kind, ("127.0.0.1", house.reserve_port(kind)), HomeKey().public, settings)
                image = tmp_path / f"{kind}.img"
                build.write_image(image, {**build.installed(build.files(kind, CACHE, build.SIMULATED)), **made.files})
                house.add(kind, kind, image, gateway.getsockname())
                await house.devices[kind].start()
            house.set_room(18.2, 52.0)
            await house.devices["scale"].wait_for("display", 20, words="step on")
            await house.step_on("scale", ADA)
            shown_kg = float(house.devices["scale"].display[0].split()[0])
            assert shown_kg == pytest.approx(61.3, abs=0.1001)
            shown = house.devices["babyphone"].display[0].split()
            assert float(shown[0]) == pytest.approx(18.2, abs=0.1501)  # 0.1 K, shown in tenths
            assert float(shown[2]) == pytest.approx(52, abs=3)
            for device in house.devices.values():
                assert {"measured", "signed", "kept", "sent"} <= {str(stop["stop"]) for stop in device.stops}
                assert device.relay.carried > 0
            assert facts(house.events, "climate")
            assert isinstance(house.devices["scale"].board, ScaleBoard)
            assert house.devices["scale"].board.hx711.communication_errors == 0
        gateway.close()

    asyncio.run(work())


def test_a_listener_that_raises_keeps_no_device_alive(bench, make_image) -> None:
    """The house ends every process even when the one who listens to its events fails at each of them."""
    processes: list[int] = []

    def listen(event: Event) -> None:
        if event.facts.get("on") is False:
            raise OSError("the terminal is gone")

    async def work() -> None:
        async with House(bench.directory, bench.command, log=listen) as house:
            for name in ("first", "second"):
                image = make_image({"main.py": "import time\nwhile True:\n    time.sleep(1)\n"})
                await house.add(name, "scale", image, ("127.0.0.1", 9)).start()
                processes.append(house.devices[name].process_id)

    with pytest.raises(OSError, match="terminal"):
        asyncio.run(work())
    assert len(processes) == 2
    assert not any(Path(f"/proc/{process}").exists() for process in processes)
