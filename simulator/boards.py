"""The three boards: which part hangs on which pin of the ESP32-S3.

The firmware's own files name the same pins, written again there from the circuit; nothing is shared.
"""

import random
from collections.abc import Callable

from simulator.buses.i2c import I2CBus
from simulator.buses.i2s import Receiver, Transmitter
from simulator.buses.lines import Lines
from simulator.chips import ad5933, hx711, mprls, nau7802, sht4x, ssd1306
from simulator.chips.ad5933 import AD5933
from simulator.chips.hx711 import HX711
from simulator.chips.ics43434 import ICS43434
from simulator.chips.max98357a import MAX98357A
from simulator.chips.mprls import MPRLS
from simulator.chips.nau7802 import NAU7802
from simulator.chips.sht4x import SHT4x
from simulator.chips.ssd1306 import SSD1306
from simulator.clock import Clock
from simulator.parts import load_cell
from simulator.parts.battery import Cells
from simulator.parts.button import Button
from simulator.parts.comparator import Comparator
from simulator.parts.electrodes import Electrodes, SENSED_ohm
from simulator.parts.light import Light
from simulator.parts.load_cell import EXCITATION_V, LoadCell, STANDARD_GRAVITY_m_per_s2
from simulator.parts.plate import Plate
from simulator.parts.pneumatics import Pneumatics
from simulator.parts.room import Room
from simulator.parts.sound import SoundField
from simulator.parts.speaker import Speaker
from simulator.parts.spring_switch import SpringSwitch

Report = Callable[[str, dict[str, object]], None]  # what, facts

BUTTON = 0
HX711_DOUT, HX711_SCK = 4, 5
SWITCH = 2
BATTERY = 1
I2C_SCL, I2C_SDA = 9, 8
PUMP, VALVE, SECOND_VALVE = 6, 7, 5
BUTTON_A, BUTTON_B, BUTTON_GUEST, BUTTON_TWICE = 10, 11, 12, 13
I2S_SCK, I2S_WS, I2S_SD = 14, 15, 16
SPEAKER_SCK, SPEAKER_WS, SPEAKER_SD, SPEAKER_SHUTDOWN = 40, 41, 42, 39
NIGHT_LIGHT, LISTENING_LAMP = 17, 18
LIGHT_BUTTON, SOUND_BUTTON = 10, 11

MASSES_kg = (20.0, 60.0, 100.0, 150.0)  # what the technician lays on
CALIBRATED_ON = 20261122


class Board:
    """Pins and buses of one device; `lines`, `i2c`, `i2s` and `speakers` are what the bridge reaches."""

    kind = ""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lines = Lines()
        self.i2c: dict[tuple[int, int], I2CBus] = {}
        self.i2s: dict[tuple[int, int, int], Transmitter] = {}
        self.speakers: dict[tuple[int, int, int], Receiver] = {}
        self.button = Button()
        self.lines.connect_input(BUTTON, self.button.level)

    def reset(self, asleep: bool = False) -> None:
        """Do what the parts do when the processor restarts or falls asleep: it lets go of every pin, asleep of those it does not hold."""
        self.lines.release(self.clock.now_s(), asleep)

    def lose_power(self) -> None:
        """Do what the parts do when the supply goes."""
        self.reset()

    def tick(self) -> None:
        """Bring parts that act by themselves up to now."""

    def look(self) -> dict[str, object]:
        """Return what somebody standing beside the device can see."""
        return {}


class ScaleBoard(Board):
    """The body scale: plate, load cells, HX711 or NAU7802, spring switch, electrodes with an AD5933, display, four AA cells."""

    kind = "scale"

    def __init__(self, clock: Clock, seed: int) -> None:
        super().__init__(clock)
        self.plate = Plate()
        self.cell = LoadCell(load_cell.properties(seed), self.plate.load_N)
        self.hx711 = HX711(clock.now_s(), seed)
        self.hx711.follow(self.cell.output_mV)
        self.lines.connect_output(HX711_SCK, self.hx711.clock_edge, may_wait=True)
        self.lines.connect_input(HX711_DOUT, self.hx711.data_level)
        self.switch = SpringSwitch(self.plate.load_N)
        self.lines.connect_input(SWITCH, self.switch.level)
        self.cells = Cells()
        self.lines.connect_voltage(BATTERY, self.cells.pin_V)
        self.electrodes = Electrodes()
        self.ad5933 = AD5933(seed)
        self.ad5933.follow(self.electrodes.ratio)
        self.nau7802 = NAU7802(seed)
        self.nau7802.follow(self._output_mV_per_V)
        self.display = SSD1306()
        self.bus = I2CBus()
        self.bus.attach(ad5933.ADDRESS, self.ad5933)
        self.bus.attach(nau7802.ADDRESS, self.nau7802)
        self.bus.attach(ssd1306.ADDRESS, self.display)
        self.i2c[I2C_SCL, I2C_SDA] = self.bus

    def _output_mV_per_V(self, at_s: float) -> float:
        return self.cell.output_mV(at_s) / EXCITATION_V

    def lose_power(self) -> None:
        super().lose_power()
        self.hx711.unplug()
        self.hx711.plug(self.clock.now_s())
        for chip in (self.ad5933, self.nau7802, self.display):
            chip.unplug()
            chip.plug()

    def look(self) -> dict[str, object]:
        load_kg = self.plate.load_N(self.clock.now_s()) / STANDARD_GRAVITY_m_per_s2
        return {"load_kg": round(load_kg, 2), "occupied": self.plate.occupied}


class CuffBoard(Board):
    """The blood pressure cuff: pump, two valves, cuff, MPRLS, buttons, and the comparator that needs no firmware."""

    kind = "cuff"

    def __init__(self, clock: Clock, seed: int, report: Report) -> None:
        super().__init__(clock)
        self.pneumatics = Pneumatics(clock.now_s())
        self._report = report
        self.comparator = Comparator(self.pneumatics, seed, self._tripped)
        self.mprls = MPRLS(seed)
        self.mprls.follow(self.pneumatics.sensed_mmHg)
        self.bus = I2CBus()
        self.bus.attach(mprls.ADDRESS, self.mprls)
        self.i2c[I2C_SCL, I2C_SDA] = self.bus
        self.lines.connect_duty(PUMP, self._pump_duty)
        self.lines.connect_output(PUMP, self._pump_level)
        self.lines.connect_output(VALVE, self._valve_level)
        self.lines.connect_output(SECOND_VALVE, self._second_valve_level)
        self.choosers = {pin: Button() for pin in (BUTTON_A, BUTTON_B, BUTTON_GUEST, BUTTON_TWICE)}
        for pin, chooser in self.choosers.items():
            self.lines.connect_input(pin, chooser.level)

    # methods, not lambdas: a campaign of faults copies whole boards

    def _tripped(self, pressure_mmHg: float) -> None:
        self._report("overpressure_cut_off", {"pressure_mmHg": round(pressure_mmHg, 1)})

    def _pump_duty(self, share: float, _Hz: int, at_s: float) -> None:
        self.pneumatics.drive_pump(share, at_s)

    def _pump_level(self, level: int, at_s: float, _rested_s: float) -> None:
        self.pneumatics.drive_pump(level, at_s)

    def _valve_level(self, level: int, at_s: float, _rested_s: float) -> None:
        self.pneumatics.drive_valve(bool(level), at_s, 0)

    def _second_valve_level(self, level: int, at_s: float, _rested_s: float) -> None:
        self.pneumatics.drive_valve(bool(level), at_s, 1)

    def lose_power(self) -> None:
        super().lose_power()
        self.comparator.lose_power(self.clock.now_s())

    def tick(self) -> None:
        self.pneumatics.pressure_mmHg(self.clock.now_s())

    def look(self) -> dict[str, object]:
        return {
            "pressure_mmHg": round(self.pneumatics.pressure_mmHg(self.clock.now_s()), 1),
            "wrapped": self.pneumatics.wrapped,
            "pump_runs": self.pneumatics.pump_runs,
            "valve_closed": self.pneumatics.valve_is_closed,
            "cut_off": self.comparator.tripped,
        }


class BabyphoneBoard(Board):
    """The babyphone: SHT40, microphone and speaker in a room, a night light, the lamp of listening, buttons for light and sound."""

    kind = "babyphone"

    def __init__(self, clock: Clock, seed: int, report: Report) -> None:
        super().__init__(clock)
        self.room = Room(clock.now_s(), air_Cel=random.Random(seed).uniform(19.0, 20.5), air_percent=48.0)
        self.sound = SoundField(seed)
        self.sht4x = SHT4x(
            clock.now_s(), seed, lambda Cel, percent: report("climate", {"Cel": round(Cel, 3), "percent": round(percent, 2)})
        )
        self.sht4x.follow(self.room.air_Cel, self.room.air_percent)
        self.microphone = ICS43434(seed)
        self.microphone.follow(self.sound.pressure_Pa)
        self.bus = I2CBus()
        self.bus.attach(sht4x.ADDRESS, self.sht4x)
        self.i2c[I2C_SCL, I2C_SDA] = self.bus
        self.i2s[I2S_SCK, I2S_WS, I2S_SD] = self.microphone
        self.amplifier = MAX98357A()
        self.sound.sources.append(Speaker(self.amplifier.output).pressure_Pa)
        self.speakers[SPEAKER_SCK, SPEAKER_WS, SPEAKER_SD] = self.amplifier
        self.lines.connect_output(SPEAKER_SHUTDOWN, self.amplifier.shutdown)
        self.night_light, self.listening_lamp = Light(), Light()
        self.lines.connect_duty(NIGHT_LIGHT, self.night_light.dim)
        self.lines.connect_output(LISTENING_LAMP, self.listening_lamp.switch)
        self.light_button, self.sound_button = Button(), Button()
        self.lines.connect_input(LIGHT_BUTTON, self.light_button.level)
        self.lines.connect_input(SOUND_BUTTON, self.sound_button.level)

    def look(self) -> dict[str, object]:
        now_s = self.clock.now_s()
        return {
            "room_Cel": round(self.room.air_Cel(now_s), 2),
            "room_percent": round(self.room.air_percent(now_s), 1),
            "sound_dBA": round(self.sound.level_dBA(now_s), 1),
            "window_open": self.room.window_open,
            "night_light": round(self.night_light.share, 3),
            "listening_lamp": bool(self.listening_lamp.share),
            "speaker_on": self.amplifier.is_on,
        }


def scale_calibration(seed: int) -> dict[str, object]:
    """Return what a technician finds for the scale of this seed: an empty plate, four masses, and a resistor in place of feet.

    Either converter gives the same counts, because both measure relative to the bridge's supply.
    """
    own = load_cell.properties(seed)
    counts_per_mV = 128 * hx711.FULL_SCALE / (0.5 * hx711.SUPPLY_V * 1000)
    empty_mV = load_cell.settled_mV(own, 0.0)
    laid = [load_cell.settled_mV(own, mass_kg * STANDARD_GRAVITY_m_per_s2) - empty_mV for mass_kg in MASSES_kg]
    return {
        "zero_counts": round(empty_mV * counts_per_mV),
        "masses_g": [round(mass_kg * 1000) for mass_kg in MASSES_kg],
        "counts": [round(output_mV * counts_per_mV) for output_mV in laid],
        "date": CALIBRATED_ON,
        "counts_at_500_ohm": round(500 / SENSED_ohm * ad5933.FULL_SCALE),
    }
