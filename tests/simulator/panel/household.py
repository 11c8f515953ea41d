"""A lived-in house for the panel's tests: the real House and Devices, save that no interpreter is started for a device.

What a device would have printed is told to it as lines of its console.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from simulator.device import Device
from simulator.house import House
from simulator.panel import Notifier, application
from simulator.people.person import Person

PEOPLE = (Person("Ada", 61.3, seed=3), Person("Benoît", 82.0, 134.0, 86.0, seed=4))
DEVICES = ("scale", "cuff", "babyphone")
STOPS = ("measured", "signed", "kept", "sent", "committed", "receipted", "assigned", "sealed", "published", "in_cloud")
RECORDINGS = Path(__file__).parents[2] / "vectors" / "standing"


class QuietDevice(Device):
    """A device whose firmware is not there."""

    async def _launch(self, cause: int) -> None:
        self._cause = cause


class Program:
    """A switch that remembers how often it was turned."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.on = True
        self.turned: list[str] = []
        self.fails = ""

    def is_on(self) -> bool:
        return self.on

    async def turn_on(self) -> None:
        await self._turn("on")

    async def turn_off(self) -> None:
        await self._turn("off")

    async def _turn(self, to: str) -> None:
        if self.fails:
            raise RuntimeError(self.fails)
        self.turned.append(to)
        self.on = to == "on"


class LivedIn:
    """The house, its switches and its readings, and the panel over them."""

    def __init__(self, directory: Path, recordings: Path = RECORDINGS) -> None:
        self.changed = Notifier()
        self.house = House(directory, ["true"], seed=7, log=lambda _: self.changed.tell())
        directory.mkdir(exist_ok=True)
        image = directory / "empty.img"
        image.write_bytes(bytes(16))
        for name in DEVICES:
            self.house.add(name, name, image, ("127.0.0.1", 9), make=QuietDevice)
        self.switches = {"gateway": Program("gateway"), "broker": Program("broker")}
        self.loop: asyncio.AbstractEventLoop | None = None
        self.said: list[dict[str, object]] = []
        links = {"site": "http://localhost:8000", "page": "https://localhost:8001"}
        self.app: Starlette = application(self.house, PEOPLE, self.switches, self.ways, self.changed, links, recordings)

    def ways(self) -> Sequence[Mapping[str, object]]:
        return self.said

    async def move_in(self) -> None:
        for name in DEVICES:
            await self.house.devices[name].start()
            self.hear(name, f"foyer ready device={name} boot=1")

    async def move_out(self) -> None:
        await self.house.__aexit__(None, None, None)

    def leave(self) -> None:
        """Move out of a house whose loop has ended; in a thread, because a browser's own loop may run in this one."""
        leaving = threading.Thread(target=lambda: asyncio.run(self.move_out()))
        leaving.start()
        leaving.join(10)

    def hear(self, device: str, line: str) -> None:
        """Let a device print a line."""
        self.house.devices[device]._hear(line)

    def within(self, work: Callable[[], object]) -> None:
        """Do something in the loop that serves the panel, and wait until it is done."""
        assert self.loop is not None
        done = threading.Event()
        self.loop.call_soon_threadsafe(lambda: (work(), done.set()))
        assert done.wait(5)

    def happened(self, what: str) -> list[Mapping[str, object]]:
        """Return the facts of every event of that name."""
        return [event.facts for event in self.house.events if event.what == what]

    def measured(self, device: str, kind: int, sequence: int, until: str, ago_s: float = 0.0, step_s: float = 0.06) -> dict[str, object]:
        """Add a reading that passed its stops up to one of them, the first so long ago."""
        began_s = time.time() - ago_s
        passed = STOPS[: STOPS.index(until) + 1]
        way: dict[str, object] = {
            "device": device,
            "kind": kind,
            "sequence": sequence,
            "stops": {stop: began_s + step_s * number for number, stop in enumerate(passed)},
        }
        self.said.insert(0, way)
        self.changed.tell()
        return way


@contextlib.contextmanager
def served(lived_in: LivedIn) -> Iterator[str]:
    """Serve a panel from a thread of its own on a free port; yields its address. `lived_in` may be touched through `within`."""
    server = uvicorn.Server(uvicorn.Config(lived_in.app, port=0, log_level="error", timeout_graceful_shutdown=2))
    began = threading.Event()

    async def live() -> None:
        lived_in.loop = asyncio.get_running_loop()
        await lived_in.move_in()
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        began.set()
        await serving
        await lived_in.move_out()

    thread = threading.Thread(target=lambda: asyncio.run(live()))
    thread.start()
    began.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        lived_in.within(lived_in.changed.close)
        server.should_exit = True
        thread.join(10)
