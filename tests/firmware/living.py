"""Devices that live in a house for a test, each with a small home of its own; and firmware altered on purpose.

An alteration replaces text in one source before it is compiled, so that waits get short or a part of the program breaks. What it replaces
must be there.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from simulator.house import Device, House
from tests.firmware.home import Home, HomeKey
from tools import build, provision
from tools.micropython import find

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".foyer/cache"
FLASH_BYTES = 256 * 4096

Script = Callable[[House, dict[str, Device], dict[str, Home]], Awaitable[None]]
Alterations = Sequence[tuple[str, str, str]]  # source file, text, what stands there instead


def altered(device: str, alterations: Alterations) -> dict[str, bytes]:
    """Return a device's files with these alterations."""
    interpreter = find(CACHE)
    architecture = build.simulated(interpreter.word_bits) if interpreter else None
    texts: dict[str, str] = {}
    for name, text, instead in alterations:
        source = texts.get(name) or (ROOT / name).read_text(encoding="utf-8")
        assert source.count(text) == 1, f"{name}: {text}"
        texts[name] = source.replace(text, instead)
    return build.files(device, CACHE, architecture, texts)


def live(
    folder: Path,
    devices: Mapping[str, str],
    script: Script,
    alterations: Alterations = (),
    settings: Mapping[str, object] | None = None,
    more: Mapping[str, bytes] | None = None,
    flash_bytes: int = FLASH_BYTES,
) -> None:
    """Let devices (name: kind) live in a house, each with a home of its own, while the script runs; more: files in their slots."""

    async def life() -> None:
        interpreter = find(CACHE)
        assert interpreter is not None
        homes: dict[str, Home] = {}
        async with House(folder, interpreter.command, seed=11) as house:
            for name, kind in devices.items():
                port = house.reserve_port(name)
                chosen = {"climate_ms": 2000, "retry_ms": 200, "calibration": house.calibration(name, kind), **(settings or {})}
                key = HomeKey()
                given = provision.provision(kind, name, ("127.0.0.1", port), key.public, chosen)
                image = folder / f"{name}.image"
                build.write_image(image, {**build.installed({**altered(kind, alterations), **(more or {})}), **given.files}, flash_bytes)
                homes[name] = Home(given.enrolment, key)
                await homes[name].open()
                device = house.add(name, kind, image, homes[name].address)
                await device.start()
            try:
                await script(house, house.devices, homes)
            except TimeoutError:
                pytest.fail("\n".join(f"{name}: {line}" for name, device in house.devices.items() for line in device.console))
            finally:
                for home in homes.values():
                    home.close()

    asyncio.run(life())


async def until(happened: Callable[[], bool], timeout_s: float) -> None:
    """Return when it has happened. Raises TimeoutError."""
    async with asyncio.timeout(timeout_s):
        while not happened():
            await asyncio.sleep(0.05)


def ready(device: Device) -> dict[str, int]:
    """Return the facts of the newest "ready" line."""
    line = [line for line in device.console if line.startswith("foyer ready")][-1]
    return {name: int(value) for name, value in (fact.split("=") for fact in line.split()[2:]) if value.isdigit()}


def said(device: Device, text: str) -> bool:
    """Whether the device's console has a line with this text."""
    return any(text in line for line in device.console)
