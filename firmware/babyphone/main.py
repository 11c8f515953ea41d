"""The babyphone: climate sensor and microphone → readings and live values. A table of contents.

The climate is signed and kept; the loudness is a live value, sent once and forgotten. No sound is stored or sent.
"""

import asyncio
from array import array

import machine
import uctypes
from micropython import const

from firmware.babyphone.climate import Climate, sample_ms
from firmware.babyphone.listening import Loudness
from firmware.babyphone.states import Sense
from firmware.drivers import ics43434, sht4x
from firmware.errors import ChipError, OutboxFull
from protocol import faults, readings

LIVE_PATH = "l"
LIVE_FORMAT = const(60)  # application/cbor
_BLOCK = const(1024)  # samples, 64 ms
_BETWEEN_MS = const(250)
_BLOCKS_A_VALUE = const(4)
_RING_BYTES = const(8192)


async def measure(ground) -> None:
    """Feel and listen for ever; `ground` as in `firmware/main.py`."""
    climate = Climate()
    await asyncio.gather(_feel(ground, climate), _listen(ground, climate))


async def _feel(ground, climate):
    board = ground.board
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    sensor = sht4x.SHT4x(bus)
    sense = Sense()
    due_ms = ground.clock.up_ms()  # the first reading at once: it is the first sign of life
    while True:
        try:
            sensor.start()
            await asyncio.sleep_ms(sht4x.CONVERSION_MS)
            climate.feed(*sensor.read())
            sense.sensed()
            _show(ground, climate)
        except ChipError as error:
            if sense.missed():
                await _keep(ground, readings.FAULT, {readings.FAULT_CODE: error.fault})
        if ground.clock.up_ms() >= due_ms:
            due_ms += ground.settings["climate_ms"]
            mean = climate.take()
            if mean:
                await _keep(ground, readings.CLIMATE, {readings.TEMPERATURE: mean[0], readings.HUMIDITY: mean[1]})
        await asyncio.sleep_ms(sample_ms(ground.settings["climate_ms"]))


async def _listen(ground, climate):
    board = ground.board
    sound = machine.I2S(
        0,
        sck=machine.Pin(board.I2S_CLOCK),
        ws=machine.Pin(board.I2S_WORD),
        sd=machine.Pin(board.I2S_DATA),
        mode=machine.I2S.RX,
        bits=ics43434.SLOT_BITS,
        format=machine.I2S.MONO,
        rate=ics43434.RATE_Hz,
        ibuf=_RING_BYTES,
    )
    samples = array("i", bytes(4 * _BLOCK))
    raw = uctypes.bytearray_at(uctypes.addressof(samples), 4 * _BLOCK)  # the same memory, as the bytes that I2S fills
    loudness = Loudness()
    sense = Sense()
    while True:
        for _ in range(_BLOCKS_A_VALUE):
            ground.alive()
            await asyncio.sleep_ms(_BETWEEN_MS)
            count = sound.readinto(raw) // 4  # the ring holds more than this by now, so it does not wait
            try:
                loudness.feed(samples, ics43434.unpack(samples, count))
                sense.sensed()
            except ChipError:
                if sense.missed():
                    await _keep(ground, readings.FAULT, {readings.FAULT_CODE: faults.MICROPHONE_SILENT})
        _say(ground, climate, loudness.take_half_dB())


def _say(ground, climate, half_dB):
    if half_dB is None:
        return
    value = {readings.KIND: readings.CLIMATE, readings.UPTIME: [ground.boot, ground.clock.up_ms()], readings.LOUDNESS: half_dB}
    if climate.latest:
        value[readings.TEMPERATURE], value[readings.HUMIDITY] = climate.latest
    ground.link.say(LIVE_PATH, readings.encode_live(value), LIVE_FORMAT)


async def _keep(ground, kind, fields):
    try:
        if kind == readings.FAULT:
            await ground.keep_fault(fields[readings.FAULT_CODE])
        else:
            await ground.keep(kind, fields)
    except OutboxFull:
        ground.display.show("", "full")  # the next reading finds room, or says this again


def _show(ground, climate):
    centi_Cel, percent = climate.latest
    tenths = (centi_Cel + 5) // 10
    sign = "-" if tenths < 0 else ""
    ground.display.show(f"{sign}{abs(tenths) // 10}.{abs(tenths) % 10} °C {percent} %", "room")
