"""How MicroPython is found wanting, and what it is told."""

import asyncio
from pathlib import Path

import pytest

from simulator import interpreter
from simulator.house import House
from simulator.interpreter import InterpreterFails


@pytest.mark.parametrize("command", [("no-such-micropython",), ("false",), ("echo", "hello")])
def test_a_program_that_is_no_micropython_is_refused_when_the_house_opens(command: tuple[str, ...], tmp_path: Path) -> None:
    """One sentence that names the program, before any device is started."""

    async def work() -> None:
        async with House(tmp_path, command):
            pytest.fail("the house opened")

    with pytest.raises(InterpreterFails, match=command[0]):
        asyncio.run(work())


def test_the_heap_is_the_firmwares_and_the_stand_ins(interpreter_command: tuple[str, ...], tmp_path: Path) -> None:
    """The heap that a device is started with is 160 KiB and what was measured, and the figure is measured once."""
    measured = interpreter.port_heap_bytes(interpreter_command)
    command = interpreter.device_command(interpreter_command, 1, tmp_path / "flash", 0, 50)
    heap = next(int(word.removeprefix("heapsize=")) for word in command if word.startswith("heapsize="))
    assert 160 * 1024 + measured <= heap <= 160 * 1024 + measured * 1.05
    assert interpreter.port_heap_bytes.cache_info().hits >= 1
