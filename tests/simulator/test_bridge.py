"""The simulator's end of a device's socket, fed with frames right and wrong."""

import asyncio
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulator.air.wifi import Station
from simulator.boards import CuffBoard
from simulator.bridge import LEVELS, NO_PIN, Bridge, Supervisor
from simulator.clock import VirtualClock


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True


class Bench:
    """A bridge on a cuff's board, and what it reported."""

    def __init__(self) -> None:
        self.clock = VirtualClock(100.0)
        self.reports: list[tuple[str, dict[str, object]]] = []
        self.fed: list[int] = []
        self.board = CuffBoard(self.clock, 1, lambda what, facts: self.reports.append((what, facts)))
        supervisor = Supervisor(
            born=lambda: bytes(8),
            watchdog=self.fed.append,
            reset=lambda cause, off_ms: self.reports.append(("reset", {"cause": cause, "off_ms": off_ms})),
            flash_cut=lambda operation: self.reports.append(("flash_cut", {"operation": operation})),
            memory=bytearray(),
            report=lambda what, facts: self.reports.append((what, facts)),
        )
        self.bridge = Bridge(self.board, Station(self.clock), supervisor)
        self.wire = Wire()
        self.bridge.connection_made(self.wire)

    def send(self, operation: int, body: bytes = b"") -> bytes:
        """Send one frame; return what came back."""
        self.wire.written = b""
        self.bridge.data_received(struct.pack("<BH", operation, len(body)) + body)
        return self.wire.written


def test_a_frame_may_arrive_in_pieces_and_several_at_once() -> None:
    """TCP keeps no boundaries: byte by byte and all together give the same answers."""
    frames = struct.pack("<BH", 1, 0) + struct.pack("<BHBIH", LEVELS, 7, 0, 0, 0)
    together, apart = Bench(), Bench()
    together.bridge.data_received(frames)
    for byte in frames:
        apart.bridge.data_received(bytes([byte]))
    assert together.wire.written == apart.wire.written == b"\0\x08\0" + bytes(8) + b"\0\x01\0\x01"


def test_waiting_edges_come_before_the_question_and_in_their_own_time() -> None:
    """Edges that travelled with a question happened before it, as long ago as they say."""
    bench = Bench()
    heard: list[tuple[int, float, float]] = []
    bench.board.lines.connect_output(5, lambda level, at_s, rested_s: heard.append((level, at_s, rested_s)))
    edges = struct.pack("<BBHI", 5, 1, 10, 0) + struct.pack("<BBHI", 5, 0, 61, 2000)
    bench.send(LEVELS, struct.pack("<BIH", NO_PIN, 3000, 0) + edges)
    assert heard == [(1, pytest.approx(99.995), pytest.approx(10e-6)), (0, pytest.approx(99.997), pytest.approx(61e-6))]


def test_an_operation_that_does_not_exist_ends_the_connection() -> None:
    """A stranger on the port, or stand-ins of another version: refused, told once, and nothing more is taken."""
    bench = Bench()
    assert bench.send(99, b"?") == b""
    assert bench.wire.aborted
    assert [what for what, _ in bench.reports] == ["bad_frame"]


@given(st.integers(0, 255), st.binary(max_size=40))
@settings(max_examples=150, deadline=None)
def test_no_frame_raises_out_of_the_bridge(operation: int, body: bytes) -> None:
    """Whatever arrives is answered, taken or refused; never an exception, which would stop the house."""
    bench = Bench()
    bench.send(5, struct.pack("<BBI", 9, 8, 400_000))
    bench.send(8, struct.pack("<BBBBBI", 14, 15, 16, 32, 0, 16_000))
    bench.send(operation, body)
    bench.send(9, struct.pack("<BIH", 0, 0, 65_535))


def test_the_watchdog_and_resets_reach_the_devices_owner() -> None:
    """What the program asks of its chip is handed on."""
    bench = Bench()
    bench.send(11, (8000).to_bytes(4, "little"))
    bench.send(12, struct.pack("<BI", 4, 500))
    bench.send(17, (33).to_bytes(4, "little"))
    assert bench.fed == [8000]
    assert bench.reports == [("reset", {"cause": 4, "off_ms": 500}), ("flash_cut", {"operation": 33})]


def test_memory_is_cut_at_its_size() -> None:
    """RTC memory holds 2048 bytes, and gives back what was written."""
    bench = Bench()
    bench.send(14, bytes(range(256)) * 10)
    assert bench.send(13)[3:] == (bytes(range(256)) * 10)[:2048]
