"""The simulator's end of a device's one socket: frames in, what a board answers out.

A frame is an operation (one byte), a length (two) and a body; an answer a status (0 or an errno), a length and a body. The firmware
never sees any of it, only simulator/port/wire.py does, which holds the same numbers.
"""

import asyncio
import struct
from collections.abc import Callable
from typing import NamedTuple, Protocol

from simulator.air.wifi import Station
from simulator.boards import Board
from simulator.buses.errors import BusStuck, NotAcknowledged, NotModelled
from simulator.buses.i2c import I2CBus
from simulator.buses.i2s import I2SReceiver, I2SSender
from simulator.errors import BadFrame, PortRefused, SimulatorError

(HELLO, LEVELS, PIN_MODE, PWM_SET, I2C_OPEN, I2C_WRITE, I2C_READ, I2S_OPEN, I2S_READ, ADC_READ) = range(1, 11)
(WATCHDOG, RESET, MEMORY_READ, MEMORY_WRITE, WIFI_SET, WIFI_ASK, FLASH_CUT, WAKE_ON, PIN_HOLD, WIFI_SCAN) = range(11, 21)
BLUETOOTH, BLUETOOTH_EVENTS, I2S_PLAY, I2S_WRITE = range(21, 25)

NO_PIN = 0xFF
EIO, ENODEV, ETIMEDOUT = 5, 19, 116  # as the stock ESP32 port numbers them

MEMORY_BYTES = 2048
LONGEST_BODY_BYTES = 0xFFFF

_LEVELS_HEAD = struct.Struct("<BIH")
_EDGE = struct.Struct("<BBHI")


class Bluetooth(Protocol):
    """A board's Bluetooth, as `air/peripheral.py` has it."""

    tell: Callable[[int, int, bytes], None]

    def do(self, body: bytes) -> bytes:
        """Do what the port asks. Raises PortRefused."""

    def lose_power(self) -> None:
        """Fall silent."""


class Supervisor(NamedTuple):
    """What the bridge tells the device's owner, and asks of it."""

    born: Callable[[], bytes]  # reset cause, wake reason, unique id
    watchdog: Callable[[int], None]  # fed, with its timeout in ms
    reset: Callable[[int, int], None]  # the program asks for it: cause, then how many ms to stay off
    flash_cut: Callable[[int], None]  # the power went at this flash operation
    memory: bytearray  # outlives deep sleep
    report: Callable[[str, dict[str, object]], None]
    wake_on: Callable[[int | None, int], None] = lambda _pin, _level: None  # the pin and the level that end the next deep sleep
    bluetooth: Bluetooth | None = None  # None: this house has no Bluetooth air


class Bridge(asyncio.Protocol):
    """One device's connection."""

    def __init__(self, board: Board, station: Station, supervisor: Supervisor) -> None:
        self._board = board
        self._station = station
        self._supervisor = supervisor
        self._buffer = bytearray()
        self._transport: asyncio.WriteTransport | None = None
        self._buses: list[I2CBus] = []
        self._streams: list[I2SReceiver] = []
        self._senders: list[I2SSender] = []
        self._told: set[str] = set()
        self._operations: dict[int, Callable[[bytes], bytes | None]] = {
            HELLO: self._hello,
            LEVELS: self._levels,
            PIN_MODE: self._pin_mode,
            PWM_SET: self._pwm_set,
            I2C_OPEN: self._i2c_open,
            I2C_WRITE: self._i2c_write,
            I2C_READ: self._i2c_read,
            I2S_OPEN: self._i2s_open,
            I2S_READ: self._i2s_read,
            I2S_PLAY: self._i2s_play,
            I2S_WRITE: self._i2s_write,
            ADC_READ: self._adc_read,
            WATCHDOG: self._watchdog,
            RESET: self._reset,
            MEMORY_READ: lambda _body: bytes(self._supervisor.memory),
            MEMORY_WRITE: self._memory_write,
            WIFI_SET: self._wifi_set,
            WIFI_ASK: lambda _body: self._station.status().to_bytes(2, "little"),
            WIFI_SCAN: lambda _body: b"".join(bytes((len(name), *name, -dBm, secured)) for name, dBm, secured in self._station.heard()),
            FLASH_CUT: self._flash_cut,
            WAKE_ON: lambda body: self._supervisor.wake_on(None if body[0] == NO_PIN else body[0], body[1]),
            PIN_HOLD: lambda body: self._board.lines.hold(body[0], bool(body[1])),
            BLUETOOTH: self._bluetooth,
            BLUETOOTH_EVENTS: self._bluetooth_events,
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.WriteTransport)  # noqa: S101 -- what a TCP server makes
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while len(self._buffer) >= 3:
            operation, size = struct.unpack_from("<BH", self._buffer)
            if len(self._buffer) < 3 + size:
                return
            body = bytes(self._buffer[3 : 3 + size])
            del self._buffer[: 3 + size]
            self._serve(operation, body)

    def close(self) -> None:
        """End the connection."""
        if self._transport is not None:
            self._transport.abort()

    def _serve(self, operation: int, body: bytes) -> None:
        handler = self._operations.get(operation)
        try:
            if handler is None:
                raise BadFrame(operation, len(body))
            answer = handler(body)
        except NotAcknowledged:
            self._answer(ENODEV, b"")
        except BusStuck:
            self._answer(ETIMEDOUT, b"")
        except PortRefused as refused:
            self._answer(refused.errno, b"")
        except NotModelled as missing:
            self._tell_once("not_modelled", str(missing))
            self._answer(EIO, b"")
        except (SimulatorError, struct.error, IndexError) as broken:
            # ours or a stranger's on the port: the device cannot go on with a frame that was not understood
            self._tell_once("bad_frame", f"operation {operation}: {broken}")
            self.close()
        else:
            if answer is not None:
                self._answer(0, answer)

    def _answer(self, status: int, body: bytes) -> None:
        if self._transport is not None:
            self._transport.write(struct.pack("<BH", status, len(body)) + body)

    def _tell_once(self, what: str, reason: str) -> None:
        if reason not in self._told:
            self._told.add(reason)
            self._supervisor.report(what, {"reason": reason})

    # one method per operation; None: nothing is answered

    def _hello(self, _body: bytes) -> bytes:
        return self._supervisor.born()

    def _levels(self, body: bytes) -> bytes | None:
        pin, lag_us, rested_us = _LEVELS_HEAD.unpack_from(body)
        edges = list(_EDGE.iter_unpack(body[_LEVELS_HEAD.size :]))
        now_s = self._board.clock.now_s()
        at_s = now_s - (lag_us + sum(edge[3] for edge in edges)) / 1e6
        for edge_pin, level, edge_rested_us, after_us in edges:
            at_s += after_us / 1e6
            self._board.lines.drive(edge_pin, level, at_s, edge_rested_us / 1e6)
        if pin == NO_PIN:
            return None
        found: int = self._board.lines.read(pin, now_s, rested_us / 1e6)
        return bytes([found])

    def _pin_mode(self, body: bytes) -> bytes:
        pin, mode, _pull, level = struct.unpack("<BBbB", body)
        if mode == 3:  # machine.Pin.OUT
            self._board.lines.drive(pin, level, self._board.clock.now_s(), 1.0)
        return bytes([self._board.lines.may_wait(pin)])

    def _pwm_set(self, body: bytes) -> None:
        pin, frequency_Hz, duty = struct.unpack("<BIH", body)
        self._board.lines.duty(pin, frequency_Hz, duty / 65535, self._board.clock.now_s())

    def _i2c_open(self, body: bytes) -> bytes:
        scl, sda, _frequency_Hz = struct.unpack("<BBI", body)
        self._buses.append(self._board.i2c.get((scl, sda)) or I2CBus())
        return bytes([len(self._buses) - 1])

    def _i2c_write(self, body: bytes) -> bytes:
        acknowledged = self._buses[body[0]].write(body[1], body[3:], self._board.clock.now_s())
        return acknowledged.to_bytes(2, "little")

    def _i2c_read(self, body: bytes) -> bytes:
        bus, address, _stop, count = struct.unpack("<BBBH", body)
        answer: bytes = self._buses[bus].read(address, count, self._board.clock.now_s())
        return answer

    def _i2s_open(self, body: bytes) -> bytes:
        sck, ws, sd, bits, layout, rate_Hz = struct.unpack("<BBBBBI", body)
        microphone = self._board.i2s.get((sck, ws, sd))
        self._streams.append(I2SReceiver(microphone, bits, layout, rate_Hz, self._board.clock.now_s()))
        return bytes([len(self._streams) - 1])

    def _i2s_read(self, body: bytes) -> bytes:
        stream, first, count = struct.unpack("<BIH", body)
        sound: bytes = self._streams[stream].read(first, count)
        if len(sound) > LONGEST_BODY_BYTES:
            raise BadFrame(I2S_READ, len(body))
        return sound

    def _i2s_play(self, body: bytes) -> bytes:
        sck, ws, sd, _bits, _layout, rate_Hz = struct.unpack("<BBBBBI", body)
        self._senders.append(I2SSender(self._board.speakers.get((sck, ws, sd)), rate_Hz))
        return bytes([len(self._senders) - 1])

    def _i2s_write(self, body: bytes) -> None:
        self._senders[body[0]].write(body[1:], self._board.clock.now_s())

    def _adc_read(self, body: bytes) -> bytes:
        volts = self._board.lines.voltage(body[0], self._board.clock.now_s())
        return round(max(0.0, volts) * 1e6).to_bytes(4, "little")

    def _watchdog(self, body: bytes) -> None:
        self._supervisor.watchdog(int.from_bytes(body, "little"))

    def _reset(self, body: bytes) -> None:
        cause, off_ms = struct.unpack("<BI", body)
        self._supervisor.reset(cause, off_ms)

    def _memory_write(self, body: bytes) -> None:
        self._supervisor.memory[:] = body[:MEMORY_BYTES]

    def _wifi_set(self, body: bytes) -> None:
        self._station.command(body[0])  # name and password are not compared: `admits` says how the network answers

    def _bluetooth(self, body: bytes) -> bytes:
        if self._supervisor.bluetooth is None:
            raise PortRefused(ENODEV)
        return self._supervisor.bluetooth.do(body)

    def _bluetooth_events(self, _body: bytes) -> None:
        """From now on this connection tells what happens to the Bluetooth, and is asked nothing."""
        if self._supervisor.bluetooth is not None:
            self._supervisor.bluetooth.tell = self._tell_event

    def _tell_event(self, event: int, number: int, payload: bytes) -> None:
        if self._transport is not None:
            self._transport.write(struct.pack("<BHH", event, number, len(payload)) + payload)

    def _flash_cut(self, body: bytes) -> None:
        self._supervisor.flash_cut(int.from_bytes(body, "little"))
