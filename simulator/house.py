"""The house: devices, the people who use them, and the verbs with which a page, a demonstration or a test makes things happen.

    async with House(directory, interpreter.command, seed=7, log=print) as house:
        port = house.reserve_port("bathroom")        # for the settings that go into the image
        calibration = house.calibration("bathroom", "scale")    # likewise
        scale = house.add("bathroom", "scale", image, ("127.0.0.1", 5683))
        await scale.start()
        await house.step_on("bathroom", Person("Ada", 61.3))

Leaving the `async with` takes the power from every device and leaves nothing running. Devices are named by their name or their object.
Verbs that take time return when what they do is over; each logs what truly happened as an Event (see events.py), for others to compare.
"""

import asyncio
import hashlib
import shutil
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Protocol, TypeVar

from simulator import boards, interpreter
from simulator.air import wifi
from simulator.boards import BabyphoneBoard, Board, CuffBoard, ScaleBoard
from simulator.bridge import Bluetooth
from simulator.clock import Clock, RealClock
from simulator.device import Device
from simulator.errors import DeviceNotRunning, SimulatorError, WrongKind
from simulator.events import Event
from simulator.parts.load_cell import STANDARD_GRAVITY_m_per_s2
from simulator.parts.recording import Recording
from simulator.parts.sound import FULL_SCALE_dB
from simulator.people import standing
from simulator.people.circulation import Circulation
from simulator.people.person import Person
from simulator.people.standing import Standing

__all__ = ["Device", "Event", "House", "Person"]

SETTLED_s = 1.5  # both feet are down and the plate has come to rest
STOOD_s = 5.0  # a weigh-in that lasted this long after that counts as one
INFLATES_WITHIN_s = 15.0
MEASURES_WITHIN_s = 240.0
INFLATED_mmHg = 100.0
EMPTY_mmHg = 5.0
LOOK_s = 0.2


class Air(Protocol):
    """The Bluetooth air, as `air/ble.py` has it; a house without one needs no Bumble."""

    def board(self, name: str, chip: bytes) -> Bluetooth:
        """Return the Bluetooth of a board; chip: the six bytes that name it."""


_Board = TypeVar("_Board", bound=Board)
_Made = TypeVar("_Made", bound=Device)


class InUse(SimulatorError):
    """Somebody is using that device already."""

    def __init__(self, device: str) -> None:
        super().__init__(f"somebody is using {device} already")
        self.device = device


class House:
    """A house without hardware. `events` holds everything that happened, oldest first; `log` hears each event at once."""

    def __init__(
        self,
        directory: Path,
        micropython: Sequence[str],
        seed: int = 1,
        log: Callable[[Event], None] | None = None,
        clock: Clock | None = None,
        air: Air | None = None,
    ) -> None:
        """directory: where flash images are kept; micropython: the interpreter's command; seed: makes parts and noise repeatable.

        air: the Bluetooth of this house, opened and closed by whoever made it; None: its devices have none.
        """
        self.devices: dict[str, Device] = {}
        self.events: list[Event] = []
        self._directory = directory
        self._micropython = tuple(micropython)
        self._seed = seed
        self._log = log
        self._clock = clock or RealClock()
        self.air = air
        self._reserved: dict[str, socket.socket] = {}
        self._in_use: set[str] = set()
        self._visits = 0

    async def __aenter__(self) -> "House":
        """Make the directory and find out what the stand-ins cost. Raises InterpreterFails: MicroPython does not run here."""
        self._directory.mkdir(parents=True, exist_ok=True)
        await asyncio.to_thread(interpreter.port_heap_bytes, self._micropython)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Stop every device."""
        ends = await asyncio.gather(*(device.stop() for device in self.devices.values()), return_exceptions=True)
        for reserved in self._reserved.values():
            reserved.close()
        for failed in ends:  # a listener to events that raises must not keep another device alive
            if isinstance(failed, BaseException):
                raise failed

    # furnishing

    def reserve_port(self, name: str) -> int:
        """Return the UDP port on 127.0.0.1 that the device of this name will find its gateway at: its own relay."""
        if name not in self._reserved:
            self._reserved[name] = wifi.reserve()
        return int(self._reserved[name].getsockname()[1])

    def calibration(self, name: str, kind: str) -> dict[str, object]:
        """Return what a technician's calibration of that device finds, for the settings in its image."""
        return boards.scale_calibration(self._seed_of(name)) if kind == "scale" else {}

    def add(self, name: str, kind: str, image: Path, gateway: tuple[str, int], make: type[_Made] = Device) -> _Made:  # type: ignore[assignment]
        """Put a device into the house: "scale", "cuff" or "babyphone", with a copy of its flash image; `await device.start()` it then.

        gateway: where its relay carries its datagrams; make: BenchDevice for one on a technician's bench. Device files in the house's
        directory are named after the device.
        """
        if name in self.devices:
            raise InUse(name)
        own_image = self._directory / f"{name}.flash"
        if image.resolve() != own_image.resolve():
            shutil.copyfile(image, own_image)
        own_image.chmod(0o600)
        self.reserve_port(name)
        seed = self._seed_of(name)
        station = wifi.Station(self._clock)
        relay = wifi.Relay(self._reserved.pop(name), gateway, station, seed)

        def report(what: str, facts: dict[str, object]) -> None:
            self.devices[name].report(what, facts)

        board: Board
        if kind == "scale":
            board = ScaleBoard(self._clock, seed)
        elif kind == "cuff":
            board = CuffBoard(self._clock, seed, report)
        elif kind == "babyphone":
            board = BabyphoneBoard(self._clock, seed, report)
        else:
            raise WrongKind(name, kind, "device of this house")
        bluetooth = None if self.air is None else self.air.board(name, hashlib.sha256(f"{name} {seed}".encode()).digest()[:6])
        made = make(name, board, own_image, self._micropython, station, relay, self._happened, bluetooth)
        self.devices[name] = made
        return made

    def look(self) -> dict[str, dict[str, object]]:
        """Return what one sees walking through the house: by device name its kind, power, Wi-Fi, display, whose, and what its board shows.

        scale: load_kg, occupied; cuff: pressure_mmHg, wrapped, pump_runs, valve_closed, cut_off;
        babyphone: room_Cel, room_percent, sound_dBA, window_open, night_light (share), listening_lamp, speaker_on.
        """
        return {
            name: {
                "kind": device.kind,
                "powered": device.powered,
                "wifi": device.wifi,
                "display": device.display,
                "whose": device.whose,
                **device.board.look(),
            }
            for name, device in self.devices.items()
        }

    # people

    async def step_on(self, device: Device | str, person: Person, seconds: float = 8.0) -> None:
        """Let a person stand on a scale for some seconds; logs "stepped_on", "stood" {person, load_kg} and "stepped_off".

        "stood" comes when they have stood still for 5 s, so a shorter visit has none. Raises WrongKind, InUse.
        """
        self._visits += 1
        visit = standing.of_person(person, self._clock.now_s(), seconds, self._visits)
        await self._stand(device, person, visit, seconds, person.weight_kg)

    async def stand_recorded(self, device: Device | str, csv_path: Path, seconds: float = 10.0, name: str | None = None) -> None:
        """Let a recorded person (columns time_s, force_N) stand on a scale; logs as step_on does, with the recording's own mean as load.

        Raises BadRecording, WrongKind, InUse.
        """
        from_s = self._clock.now_s()
        visit = standing.of_recording(csv_path, from_s, seconds)
        load_kg = visit.mean_N(from_s + SETTLED_s, from_s + max(seconds, SETTLED_s + STOOD_s)) / STANDARD_GRAVITY_m_per_s2
        await self._stand(device, Person(name or csv_path.stem, load_kg), visit, seconds, load_kg)

    async def wrap_and_press(self, device: Device | str, person: Person) -> None:
        """Wrap the cuff around a person's arm, press start, wait until the cuff is empty again, take it off.

        Logs "wrapped", then "measured_pressure" {person, systolic_mmHg, diastolic_mmHg, pulse_per_min} (the truth) or, when the cuff never
        rose above 100 mmHg, "not_measured" {person, highest_mmHg}; then "unwrapped". Raises WrongKind, InUse, DeviceNotRunning.
        """
        cuff, board = self._find(device, CuffBoard)
        if not cuff.powered:
            raise DeviceNotRunning(cuff.name)
        self._take(cuff.name)
        try:
            now_s = self._clock.now_s()
            board.pneumatics.wrap(person.artery, Circulation(person, now_s).arterial, now_s)
            cuff.report("wrapped", {"person": person.name})
            await asyncio.sleep(1.0)
            board.button.press(self._clock.now_s())
            highest_mmHg = await self._until_empty(board)
            if highest_mmHg > INFLATED_mmHg:
                pressure = {"systolic_mmHg": person.systolic_mmHg, "diastolic_mmHg": person.diastolic_mmHg}
                cuff.report("measured_pressure", {"person": person.name, **pressure, "pulse_per_min": person.pulse_per_min})
            else:
                cuff.report("not_measured", {"person": person.name, "highest_mmHg": round(highest_mmHg, 1)})
        finally:
            board.pneumatics.unwrap(self._clock.now_s())
            self._in_use.discard(cuff.name)
            cuff.report("unwrapped", {"person": person.name})

    def press(self, device: Device | str, seconds: float = 0.3) -> None:
        """Press the device's button for some seconds; on a running cuff that stops it."""
        pressed = self.devices[device if isinstance(device, str) else device.name]
        pressed.board.button.press(self._clock.now_s(), seconds)
        pressed.report("pressed", {"seconds": seconds})

    # the nursery; `device` may be left out while the house has one babyphone

    def set_room(self, Cel: float, percent: float, device: Device | str | None = None) -> None:
        """Let the room be like this from now on, walls and all; its sensor follows within seconds. Raises OutOfRange."""
        babyphone, board = self._nursery(device)
        board.room.set(Cel, percent, self._clock.now_s())
        babyphone.report("room", {"Cel": Cel, "percent": percent})

    def open_window(self, device: Device | str | None = None) -> None:
        """Open the window: the air drifts towards outside (6 degrees, 80 %) within minutes."""
        babyphone, board = self._nursery(device)
        board.room.open_window(self._clock.now_s())
        babyphone.report("window", {"open": True})

    def close_window(self, device: Device | str | None = None) -> None:
        """Close the window: the walls warm the air again."""
        babyphone, board = self._nursery(device)
        board.room.close_window(self._clock.now_s())
        babyphone.report("window", {"open": False})

    def heat(self, share: float = 1.0, device: Device | str | None = None) -> None:
        """Run the nursery's heater at a share of its power, 0..1. Raises OutOfRange."""
        babyphone, board = self._nursery(device)
        board.room.heat(share, self._clock.now_s())
        babyphone.report("heater", {"share": share})

    def make_noise(self, dB: float, seconds: float, device: Device | str | None = None) -> None:
        """Make noise in the nursery, in dB(A) at the microphone, from now on for some seconds. Raises OutOfRange."""
        babyphone, board = self._nursery(device)
        board.sound.make(dB, self._clock.now_s(), seconds)
        babyphone.report("noise", {"dBA": dB, "seconds": seconds})

    def play_wav(self, path: Path, device: Device | str | None = None, full_scale_dB: float = FULL_SCALE_dB) -> float:
        """Play a recording in the nursery, from now on, over the room's noise; return how many seconds it lasts.

        full_scale_dB: what a sine of the file's full scale is at the microphone; the default is the microphone's own full scale.
        Raises NoRecording: the file is no WAV file that can be played.
        """
        babyphone, board = self._nursery(device)
        recording = Recording(path)
        board.sound.play(recording, self._clock.now_s(), full_scale_dB)
        babyphone.report("played", {"file": path.name, "seconds": round(recording.seconds, 1)})
        return recording.seconds

    # inside

    def _seed_of(self, name: str) -> int:
        return int.from_bytes(hashlib.sha256(f"{self._seed}/{name}".encode()).digest()[:4], "big")

    def _happened(self, event: Event) -> None:
        self.events.append(event)
        if self._log is not None:
            self._log(event)

    def _find(self, device: Device | str, wanted: type[_Board]) -> tuple[Device, _Board]:
        found = self.devices[device] if isinstance(device, str) else device
        if not isinstance(found.board, wanted):
            raise WrongKind(found.name, found.kind, wanted.kind)
        return found, found.board

    def _nursery(self, device: Device | str | None) -> tuple[Device, BabyphoneBoard]:
        if device is None:
            babyphones = [one for one in self.devices.values() if one.kind == BabyphoneBoard.kind]
            if len(babyphones) != 1:
                raise SimulatorError(f"this house has {len(babyphones)} babyphones: say which one")
            device = babyphones[0]
        return self._find(device, BabyphoneBoard)

    def _take(self, name: str) -> None:
        if name in self._in_use:
            raise InUse(name)
        self._in_use.add(name)

    async def _stand(self, device: Device | str, person: Person, visit: Standing, seconds: float, load_kg: float) -> None:
        who = person.name
        scale, board = self._find(device, ScaleBoard)
        self._take(scale.name)
        try:
            board.plate.carry(visit.load_N)
            board.electrodes.touch(person.impedance_ohm, person.barefoot)
            scale.report("stepped_on", {"person": who})
            await asyncio.sleep(min(seconds, SETTLED_s + STOOD_s))
            if seconds >= SETTLED_s + STOOD_s:
                scale.report("stood", {"person": who, "load_kg": load_kg})
                await asyncio.sleep(seconds - SETTLED_s - STOOD_s)
        finally:
            board.plate.clear()
            board.electrodes.leave()
            self._in_use.discard(scale.name)
            scale.report("stepped_off", {"person": who})

    async def _until_empty(self, board: CuffBoard) -> float:
        """Wait until the cuff was inflated and is empty again; return the highest pressure seen."""
        highest_mmHg = 0.0
        began_s = self._clock.now_s()
        while True:
            await asyncio.sleep(LOOK_s)
            pressure_mmHg = board.pneumatics.pressure_mmHg(self._clock.now_s())
            highest_mmHg = max(highest_mmHg, pressure_mmHg)
            waited_s = self._clock.now_s() - began_s
            if highest_mmHg < EMPTY_mmHg:
                if waited_s > INFLATES_WITHIN_s:
                    return highest_mmHg
            elif pressure_mmHg < EMPTY_mmHg or waited_s > MEASURES_WITHIN_s:
                return highest_mmHg
