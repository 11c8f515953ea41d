"""The babyphone: climate sensor and microphone → readings and live values; commands and buttons → light and sound. A table of contents.

The climate is signed and kept; loudness and crying are live values, sent once and forgotten. No sound is stored, and none is sent but by
audible.py, while a parent listens.
"""

import asyncio
import gc
from array import array

import machine
import uctypes
from micropython import const

from firmware.babyphone.audible import Audible
from firmware.babyphone.climate import Climate, period_ms, sample_ms
from firmware.babyphone.comfort import Comfort
from firmware.babyphone.listening import FRAME, Listening
from firmware.babyphone.states import Sense
from firmware.drivers import ics43434, max98357a, sht4x
from firmware.errors import ChipError, OutboxFull
from protocol import faults, live, readings

LIVE_PATH = "l"
LIVE_FORMAT = const(60)  # application/cbor
_FRAMES_A_READ = const(1)
_READ_MS = const(32)
_READS_A_VALUE = const(16)  # about half a second: a sound is on the page within one
_SWEEP_BYTES = const(8192)  # of garbage: left to itself the heap would be scattered with what lives on within a minute
_RING_BYTES = const(8192)  # 128 ms, of which 32 are read at once: the rest is what something else may take
_SPEAKER_RING_BYTES = const(3072)  # 192 ms: two chunks ahead, and the one that is written
_LIGHT_Hz = const(1000)
# kinds as in `protocol/commands.py`, which is loaded only while a command is read
_STOP = const(2)
_LIGHT = const(8)
_PLAY = const(9)
_VOLUME = const(10)
_LISTEN = const(11)
# extensions of a live value: what the device does for comfort just now, each absent while it is 0
_DOING = const(32)


async def measure(ground) -> None:
    """Feel and listen for ever; `ground` as in `firmware/main.py`."""
    gc.collect()
    sound = _microphone(ground.board)  # the large pieces first, while the heap is in one
    slots = array("i", bytes(4 * FRAME * _FRAMES_A_READ))
    listening = Listening()
    room = _Room(ground)
    gc.collect()
    gc.threshold(_SWEEP_BYTES)
    await asyncio.gather(_feel(ground, room.climate), _listen(ground, room, sound, slots, listening))


class _Room:
    """What is beside the two senses: the climate as it was felt last, light and speaker, buttons, and who listens."""

    def __init__(self, ground):
        board = ground.board
        light = machine.PWM(machine.Pin(board.NIGHT_LIGHT), freq=_LIGHT_Hz, duty_u16=0)
        speaker = max98357a.MAX98357A(_speaker(board), machine.Pin(board.SPEAKER_ON, machine.Pin.OUT, value=0))
        lamp = machine.Pin(board.LISTENING_LAMP, machine.Pin.OUT, value=0)
        self.climate = Climate()
        self.comfort = Comfort(light.duty_u16, speaker, ground.clock)
        self.audible = Audible(lamp, ground.link, ground.clock, ground.boot)
        self._buttons = [machine.Pin(pin, machine.Pin.IN, machine.Pin.PULL_UP) for pin in (board.LIGHT_BUTTON, board.SOUND_BUTTON)]
        self._were = [1, 1]
        comfort = self.comfort
        for kind, do in (
            (_STOP, self._stop),
            (_LIGHT, comfort.light),
            (_PLAY, comfort.play),
            (_VOLUME, comfort.turn),
            (_LISTEN, self.audible.listen),
        ):
            ground.can(kind, do)

    def go_on(self):
        """Look at the buttons, and let the sound go on."""
        for number, press in ((0, self.comfort.press_light), (1, self.comfort.press_sound)):
            level = self._buttons[number].value()
            if level < self._were[number]:
                press()
            self._were[number] = level
        self.comfort.go_on()

    def doing(self):
        """Return light, sound, volume, minutes left and whether somebody listens; 0 for what is off."""
        comfort = self.comfort
        volume = comfort.volume if comfort.sound else 0
        return comfort.level, comfort.sound, volume, comfort.minutes_left, 1 if self.audible.heard else 0

    def _stop(self, _command):
        self.comfort.hush()
        self.audible.end()
        return 0


async def _feel(ground, climate):
    board = ground.board
    bus = machine.I2C(0, scl=machine.Pin(board.I2C_CLOCK), sda=machine.Pin(board.I2C_DATA), freq=400_000)
    sensor = sht4x.SHT4x(bus)
    sense = Sense()
    due_ms = None  # the first reading at once: it is the first sign of life
    while True:
        begun_ms = ground.clock.up_ms()  # a reading's time is that of its last conversion, however busy the device is after it
        if due_ms is None:
            due_ms = begun_ms
        try:
            sensor.start()
            await asyncio.sleep_ms(sht4x.CONVERSION_MS)
            climate.feed(*sensor.read())
            sense.sensed()
            _show(ground, climate)
        except ChipError as error:
            if sense.missed():
                await _keep(ground, readings.FAULT, {readings.FAULT_CODE: error.fault})
        if begun_ms >= due_ms:
            due_ms += period_ms(ground.settings["climate_ms"], ground.waiting())
            mean = climate.take()
            if mean:
                await _keep(ground, readings.CLIMATE, {readings.TEMPERATURE: mean[0], readings.HUMIDITY: mean[1]})
        await asyncio.sleep_ms(sample_ms(ground.settings["climate_ms"]))


def _microphone(board):
    pins = board.I2S_CLOCK, board.I2S_WORD, board.I2S_DATA
    return _sound(0, machine.I2S.RX, pins, ics43434.SLOT_BITS, ics43434.RATE_Hz, _RING_BYTES)


def _speaker(board):
    pins = board.SPEAKER_CLOCK, board.SPEAKER_WORD, board.SPEAKER_DATA
    return _sound(1, machine.I2S.TX, pins, max98357a.SLOT_BITS, max98357a.RATE_Hz, _SPEAKER_RING_BYTES)


def _sound(number, mode, pins, bits, rate_Hz, ring_bytes):
    clock, word, data = (machine.Pin(pin) for pin in pins)
    return machine.I2S(number, sck=clock, ws=word, sd=data, mode=mode, bits=bits, format=machine.I2S.MONO, rate=rate_Hz, ibuf=ring_bytes)


async def _listen(ground, room, sound, slots, listening):
    raw = uctypes.bytearray_at(uctypes.addressof(slots), 4 * len(slots))  # the same memory, as the bytes that I2S fills
    sense = Sense()
    read_ms = ground.clock.up_ms()
    while True:
        for _ in range(_READS_A_VALUE):
            ground.alive()
            read_ms += _READ_MS
            await asyncio.sleep_ms(max(0, read_ms - ground.clock.up_ms()))
            count = sound.readinto(raw) // 4  # the ring holds as much by now, or nearly
            read_ms = max(read_ms, ground.clock.up_ms() - _READ_MS)
            try:
                ics43434.check_life(slots, count)
                for at in range(0, count, FRAME):
                    listening.feed(slots, at)
                    room.audible.take(listening)
                sense.sensed()
            except ChipError:
                if sense.missed():
                    await _keep(ground, readings.FAULT, {readings.FAULT_CODE: faults.MICROPHONE_SILENT})
            room.go_on()
        half_dB = listening.take_half_dB()
        ground.calm.busy = listening.crying.heard()
        if half_dB is not None:
            _say(ground, room, half_dB, listening.crying.heard())


def _say(ground, room, half_dB, crying):
    value = {readings.KIND: readings.CLIMATE, readings.UPTIME: [ground.boot, ground.clock.up_ms()], readings.LOUDNESS: half_dB}
    value[readings.CRYING] = 1 if crying else 0
    if room.climate.latest:
        ground.works()
        value[readings.TEMPERATURE], value[readings.HUMIDITY] = room.climate.latest
    for place, what in enumerate(room.doing()):
        if what:
            value[_DOING + place] = what
    ground.link.say(LIVE_PATH, live.encode(value), LIVE_FORMAT)


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
    ground.display.show(f"{sign}{abs(tenths) // 10}.{abs(tenths) % 10} °C {percent} %", ground.display.lost or "room")
