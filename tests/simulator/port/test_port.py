"""The stand-ins, met by small programs in the real MicroPython."""

import ast
import asyncio
import subprocess

from simulator import interpreter
from simulator.boards import BabyphoneBoard, CuffBoard, ScaleBoard
from simulator.device import Device


def value(line: str) -> object:
    return ast.literal_eval(line)


def test_a_device_sees_its_flash_and_nothing_of_the_host(bench) -> None:
    """The root is the LittleFS image, the path is the stock port's, the clock begins in 2000, and boot.py runs before main.py."""
    program = """
import os, sys, time, gc, machine
open("/kept", "w").write("x")
print((os.listdir("/"), sys.path, sys.argv, time.gmtime()[0], machine.reset_cause(), len(machine.unique_id()), __name__))
print("end")
"""
    files, path, arguments, year, cause, id_bytes, name = value(bench.run("scale", program)[0])
    assert sorted(files) == ["kept", "main.py"]
    assert path == ["", ".frozen", "/lib"]
    assert (arguments, year, cause, id_bytes, name) == ([], 2000, 1, 6, "__main__")


def test_the_firmware_has_160_KiB_of_heap_whatever_the_stand_ins_take(bench) -> None:
    """A program finds as much free memory as in a bare interpreter with 160 KiB, within what mounting its flash takes."""
    program = "import gc\ngc.collect()\nprint(gc.mem_free())\nprint('end')\n"
    free_bytes = int(bench.run("scale", program)[0])
    command = [*bench.command, "-X", "heapsize=160k", "-c", "import gc\ngc.collect()\nprint(gc.mem_free())"]
    bare = subprocess.run(command, capture_output=True, text=True, check=True)
    assert -3000 < free_bytes - int(bare.stdout) <= 0
    assert 8_000 < interpreter.port_heap_bytes(bench.command) < 32_000


def test_the_heap_is_in_one_piece(bench) -> None:
    """Loading the stand-ins leaves no holes: most of the heap can still be had as one buffer."""
    program = """
import gc
gc.collect()
size = 165_000
while True:
    try:
        buffer = bytearray(size)
        break
    except MemoryError:
        size -= 1000
print(size)
print("end")
"""
    assert int(bench.run("scale", program)[0]) >= 148_000


def test_edges_reach_the_converter_and_its_bits_come_back(bench) -> None:
    """A program that clocks the HX711 pulse by pulse reads the load that lies on the plate."""
    program = """
import machine, time
data, clock = machine.Pin(4, machine.Pin.IN), machine.Pin(5, machine.Pin.OUT)
def read(high_us=0):
    while data.value():
        time.sleep_ms(2)
    bits = 0
    for _ in range(25):
        clock.value(1)
        if high_us:
            time.sleep_us(high_us)
        clock.value(0)
        bits = bits << 1 | data.value()
    bits >>= 1
    return bits - (1 << 24) if bits >> 23 else bits
read()
print([read() for _ in range(5)])
began = time.ticks_ms()
clock.value(1); time.sleep_us(70); clock.value(0)
while data.value():
    time.sleep_ms(2)
print(time.ticks_diff(time.ticks_ms(), began))
print(read(40))
print("end")
"""

    async def lay_down(device: Device) -> None:
        assert isinstance(device.board, ScaleBoard)
        device.board.plate.lay(50.0)
        await device.wait_for("console", 20, line="end")

    counts, settling_ms, slow = bench.run("scale", program, lay_down)[:3]
    loads = value(counts)
    assert max(loads) - min(loads) < 1000
    assert abs(int(slow) - loads[0]) < 1000
    assert 300 < int(settling_ms) < 800


def test_missing_chips_and_stuck_buses_raise_the_stock_ports_errors(bench) -> None:
    """ENODEV for an address that nobody answers at, ETIMEDOUT for a bus that is held low, and a scan finds what is there."""
    program = """
import machine, time
bus = machine.I2C(0, scl=machine.Pin(9), sda=machine.Pin(8), freq=400_000)
print(bus.scan())
for address in (0x19, 0x18):
    try:
        bus.readfrom(address, 4)
        print(0)
    except OSError as error:
        print(error.errno)
bus.writeto(0x18, b"\\xaa\\x00\\x00")
time.sleep_ms(6)
print(bus.readfrom(0x18, 4)[0])
print("short")
time.sleep_ms(300)
try:
    bus.readfrom(0x18, 4)
except OSError as error:
    print(error.errno)
try:
    machine.I2C(0, scl=machine.Pin(1), sda=machine.Pin(2)).writeto(0x18, b"")
except OSError as error:
    print(error.errno)
print("end")
"""

    async def short(device: Device) -> None:
        assert isinstance(device.board, CuffBoard)
        ended = asyncio.ensure_future(device.wait_for("console", 20, line="end"))
        await device.wait_for("console", 20, line="short")
        device.board.bus.hold_bus_low()
        await ended

    assert bench.run("cuff", program, short) == ["[24]", "19", "0", "64", "short", "116", "19", "end"]


def test_a_command_that_is_not_modelled_is_an_error_on_both_sides(bench) -> None:
    """The device sees EIO, the house an event that names chip and command."""
    program = """
import machine
bus = machine.I2C(0, scl=machine.Pin(9), sda=machine.Pin(8))
try:
    bus.writeto(0x44, b"\\x39")
except OSError as error:
    print(error.errno)
print("end")
"""
    reasons: list[object] = []

    async def listen(device: Device) -> None:
        told = asyncio.ensure_future(device.wait_for("not_modelled", 20))
        await device.wait_for("console", 20, line="end")
        reasons.append((await told).facts["reason"])

    assert bench.run("babyphone", program, listen)[0] == "5"
    assert "0x39" in str(reasons[0])


def test_pump_and_valve_follow_their_pins_at_once_and_rest_without_power(bench) -> None:
    """An output that is no clock does not wait for the next question, and a power cut opens the valve."""
    program = """
import machine, time
valve = machine.Pin(7, machine.Pin.OUT, value=1)
second = machine.Pin(5, machine.Pin.OUT, value=1)
pump = machine.PWM(machine.Pin(6), freq=20_000, duty_u16=0)
pump.duty_u16(32768)
print("pumping")
time.sleep(20)
"""

    async def cut(device: Device) -> None:
        assert isinstance(device.board, CuffBoard)
        await device.wait_for("console", 20, line="pumping")
        await asyncio.sleep(0.1)
        assert device.board.pneumatics.pump_runs
        assert device.board.pneumatics.valve_is_closed
        await device.cut_power()
        assert not device.board.pneumatics.pump_runs
        assert not device.board.pneumatics.valve_is_closed

    bench.run("cuff", program, cut)


def test_sound_arrives_at_its_rate_and_level(bench) -> None:
    """Half a second of 80 dB(A) takes half a second, and its counts are those of 80 dB(A) or a little more unweighted."""
    program = """
import machine, time, array
sound = machine.I2S(0, sck=machine.Pin(14), ws=machine.Pin(15), sd=machine.Pin(16), mode=machine.I2S.RX, bits=32,
                    format=machine.I2S.MONO, rate=16_000, ibuf=16_000)
words = array.array("i", bytes(4 * 1600))
began = time.ticks_ms()
total = 0
for _ in range(5):
    assert sound.readinto(words) == 6400
    total += sum((word >> 8) ** 2 // 1600 for word in words)
print((time.ticks_diff(time.ticks_ms(), began), total // 5))
print("end")
"""

    async def shout(device: Device) -> None:
        assert isinstance(device.board, BabyphoneBoard)
        device.board.sound.make(80.0, device.board.clock.now_s(), 30.0)
        await device.wait_for("console", 20, line="end")

    took_ms, mean_square = value(bench.run("babyphone", program, shout)[0])
    assert 400 < took_ms < 1500
    assert 0.7 < (mean_square**0.5) / (297_286 * 10 ** ((80 - 94) / 20)) < 1.8


def test_sound_can_be_awaited(bench) -> None:
    """asyncio's StreamReader polls the microphone while other tasks run."""
    program = """
import machine, asyncio
sound = machine.I2S(0, sck=machine.Pin(14), ws=machine.Pin(15), sd=machine.Pin(16), mode=machine.I2S.RX, bits=32,
                    format=machine.I2S.MONO, rate=16_000, ibuf=16_000)
turns = 0
async def other():
    global turns
    while True:
        turns += 1
        await asyncio.sleep_ms(5)
async def main():
    task = asyncio.create_task(other())
    buffer = bytearray(4096)
    got = 0
    while got < 16_000:
        got += await asyncio.StreamReader(sound).readinto(buffer)
    print(turns > 10)
asyncio.run(main())
print("end")
"""
    assert bench.run("babyphone", program)[0] == "True"


def test_wifi_is_joined_and_lost(bench) -> None:
    """WLAN tells what the house does to the air."""
    program = """
import network, time
wlan = network.WLAN(network.STA_IF)
wlan.active(True)
wlan.connect("home", "secret")
print(wlan.status())
while not wlan.isconnected():
    time.sleep_ms(20)
print("joined")
while wlan.isconnected():
    time.sleep_ms(20)
print(wlan.status())
print("end")
"""

    async def cut(device: Device) -> None:
        ended = asyncio.ensure_future(device.wait_for("console", 20, line="end"))
        await device.wait_for("console", 20, line="joined")
        device.wifi = False
        await ended

    assert bench.run("scale", program, cut) == ["1001", "joined", "200", "end"]


def test_what_is_not_modelled_raises(bench) -> None:
    """Interrupts of pins, transmitting sound and access point mode are refused by name."""
    program = """
import machine, network
for attempt in (lambda: machine.Pin(0, machine.Pin.IN).irq(print), lambda: network.WLAN(network.AP_IF)):
    try:
        attempt()
        print("accepted")
    except NotImplementedError as error:
        print(error)
print("end")
"""
    assert bench.run("scale", program) == ["Pin.irq is not modelled", "AP_IF is not modelled", "end"]


def test_an_exception_in_main_is_printed_and_the_device_halts(bench) -> None:
    """As on the stock port, where a prompt would follow."""

    async def wait(device: Device) -> None:
        halted = await device.wait_for("halted", 20)
        assert "ZeroDivisionError" in str(halted.facts["last"])

    bench.run("scale", "1 // 0\n", wait)
