"""A board that has no Wi-Fi gets it from a browser's own client over its cable, and mpremote still gets the interpreter."""

import json
import os
import shutil
import subprocess
import termios
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from protocol import cbor
from simulator.usb.board import BenchDevice
from tests.tools.bench_room import BenchRoom
from tools import build

pytestmark = pytest.mark.timeout(600)
CLIENT = Path(__file__).with_name("improv_client.mjs")


def open_at_speed(port: Path) -> None:
    """Set the port to 115,200 baud, as a browser does that opens it; Node has no word for it."""
    line = os.open(port, os.O_RDWR | os.O_NOCTTY)
    try:
        modes = termios.tcgetattr(line)
        modes[4] = modes[5] = termios.B115200
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0  # a read waits; who had the port before may have left it otherwise
        termios.tcsetattr(line, termios.TCSANOW, modes)
    finally:
        os.close(line)


class Browser:
    """The Improv project's client, in a process of its own."""

    def __init__(self, port: Path) -> None:
        node = shutil.which("node") or pytest.fail("Node is not here: ./foyer test installs npm, and Node with it")
        open_at_speed(port)
        self._process = subprocess.Popen(
            [node, str(CLIENT), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=build.ROOT
        )

    def ask(self, method: str, *given: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([method, *given]) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def find(self, press_reset: Callable[[], None]) -> dict[str, Any]:
        """Ask a device that may just be starting, every other second as the client's own detection does, until it answers.

        What is said before the interpreter itself runs may interrupt it; then, as at any bench, RESET is pressed.
        """
        for _ in range(6):
            time.sleep(5)  # until it listens
            for _ in range(3):
                answer = self.ask("requestCurrentState", 2000)
                if "refused" not in answer:
                    return answer
            press_reset()
        pytest.fail("the device does not answer")

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def settings_of(room: BenchRoom, device: BenchDevice) -> dict[str, Any] | None:
    held = room.files_of(device).get("settings.cbor")
    found = cbor.decode(held) if held else None
    assert found is None or isinstance(found, dict)
    return found


def test_a_browser_gives_a_flashed_board_its_wifi_and_the_technician_goes_on(room: BenchRoom, flashed: BenchDevice) -> None:
    """The client detects it, sees the networks, is refused with a wrong password and nothing kept, then accepted; provisioning keeps it."""
    browser = Browser(flashed.port)
    try:
        found = browser.ask("initialize", 20_000)
        assert found["result"]["firmware"] == "Foyer", found
        assert found["result"]["chipFamily"] == "ESP32-S3"
        assert found["result"]["name"] == "Foyer scale"
        assert [network["name"] for network in browser.ask("scan")["result"]] == ["home", "next door"]
        flashed.station.admits = False
        assert browser.ask("provision", "home", "wrong", 25_000)["refused"] == "UNABLE_TO_CONNECT"
        assert settings_of(room, flashed) is None
        browser.find(lambda: room.do(flashed.press_reset()))  # it started anew, for its flash to be read
        assert browser.ask("getHostname")["refused"] == "UNKNOWN_RPC_COMMAND"
        flashed.station.admits = True
        assert browser.ask("provision", "home", "pass\x03word", 25_000) == {"result": None, "state": 4}
        # the device starts anew with it, still waits for its keys, and says that it has its network
        assert browser.find(lambda: room.do(flashed.press_reset()))["state"] == 4
    finally:
        browser.close()
    kept = settings_of(room, flashed)
    assert kept is not None
    assert (kept["device"], kept["ssid"], kept["password"]) == ("scale", "home", "pass\x03word")
    assert room.provision(flashed).returncode == 0
    kept = settings_of(room, flashed)
    assert kept is not None
    assert (kept["ssid"], kept["password"]) == ("home", "pass\x03word")
