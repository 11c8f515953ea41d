"""The whole cuff in virtual time: the firmware's cycle and driver on the simulator's board, arm, pump and valves, pins and bytes between.

Nothing waits; a copy of a world (`copy.deepcopy`) goes on by itself, so a campaign brings a measurement to a moment once and lets every
fault happen there. The watchdog and the reset that it brings are here too: a program that hangs steps no longer, and after its time the
board lets go of every pin. Pressures that are asserted are those on the arm.
"""

import copy
import sys
from types import ModuleType

if "micropython" not in sys.modules:
    stand_in = ModuleType("micropython")
    stand_in.const = lambda value: value  # type: ignore[attr-defined]
    sys.modules["micropython"] = stand_in

from firmware.cuff import oscillometry, states
from firmware.cuff.cycle import Cycle
from firmware.cuff.results import Estimate
from firmware.drivers.mprls import MPRLS
from firmware.errors import ChipError, RefusedMeasurement
from simulator.boards import I2C_SCL, I2C_SDA, PUMP, SECOND_VALVE, VALVE, CuffBoard
from simulator.buses.errors import BusError
from simulator.clock import VirtualClock
from simulator.parts.artery import Walls
from simulator.people.circulation import Circulation
from simulator.people.person import Person

STEP_s = 0.01
CONVERSION_s = 0.006
ARM_mmHg = 15.0
HANGS_s = 35.0  # the measuring task's limit of 5 s, and the watchdog's 30


class Bus:
    """`machine.I2C`'s methods on a simulated bus."""

    def __init__(self, board: CuffBoard) -> None:
        self._board = board

    def writeto(self, address: int, data: bytes) -> None:
        try:
            self._board.i2c[I2C_SCL, I2C_SDA].write(address, data, self._board.clock.now_s())
        except BusError as error:
            raise OSError(5) from error

    def readfrom_into(self, address: int, buffer: memoryview) -> None:
        try:
            buffer[:] = self._board.i2c[I2C_SCL, I2C_SDA].read(address, len(buffer), self._board.clock.now_s())
        except BusError as error:
            raise OSError(5) from error


def _unheard(_what: str, _facts: dict[str, object]) -> None:
    """Nobody listens."""


class World:
    """A person with a cuff. `highest_mmHg` and `longest_s` (above 15 mmHg) are the arm's own."""

    def __init__(self, person: Person, walls: Walls | None = None, slack: float = 0.0, scatter: float = 0.025, premature: float = 0.0):
        self.clock = VirtualClock()
        self.board = CuffBoard(self.clock, person.seed, _unheard)
        self.air = self.board.pneumatics
        heart = Circulation(person, 0.0, scatter, premature)
        self.air.wrap(walls or person.artery, heart.arterial, 0.0, slack)
        self.driver = MPRLS(Bus(self.board))
        self.cycle = Cycle(0)
        self.running = True  # the program neither hangs nor was reset
        self.stalled_s = 0.0
        self.frozen_clock = False
        self._now_ms = 0
        self.highest_mmHg = 0.0
        self._above_since_s: float | None = None
        self.longest_s = 0.0

    def copy(self) -> "World":
        return copy.deepcopy(self)

    def press(self) -> bool:
        pressed = self.cycle.press(self._ms())
        self._drive()
        return pressed

    def stop(self) -> None:
        self.cycle.stop(self._ms())
        self._drive()

    def reset(self) -> None:
        """The processor starts again: every pin rests, and the program begins anew."""
        self.board.reset()
        self.cycle = Cycle(self._ms())
        self.running = True
        self.stalled_s = 0.0

    def lose_power(self) -> None:
        self.board.lose_power()
        self.running = False
        self.stalled_s = float("-inf")

    def step(self) -> None:
        """Let 10 ms pass."""
        if self.running:
            self.cycle.step(self._sense(), self._ms())
            self._drive()
        else:
            self.clock.advance(STEP_s)
            self.stalled_s += STEP_s
            if self.stalled_s > HANGS_s:
                self.reset()
        self._look()

    def until(self, wanted: tuple[str, ...], most_s: float = 260.0) -> bool:
        """Let time pass until the cycle is in one of the states; whether it came."""
        end_s = self.clock.now_s() + most_s
        while self.cycle.state not in wanted and self.clock.now_s() < end_s:
            self.step()
        return self.cycle.state in wanted

    def run(self, seconds: float) -> None:
        end_s = self.clock.now_s() + seconds
        while self.clock.now_s() < end_s:
            self.step()

    def arm_mmHg(self) -> float:
        return self.air.pressure_mmHg(self.clock.now_s())

    def estimate(self) -> Estimate | int:
        """Return what the device's arithmetic makes of the recording: an estimate, or the fault that refuses it."""
        if self.cycle.state != states.COMPUTING:
            return int(self.cycle.fault or 0)
        try:
            return oscillometry.estimate(self.cycle.recording.samples, self.cycle.recording.count)
        except RefusedMeasurement as refused:
            return int(refused.fault)

    def _ms(self) -> int:
        if not self.frozen_clock:
            self._now_ms = int(self.clock.now_s() * 1000)
        return self._now_ms

    def _sense(self) -> float | None:
        try:
            self.driver.start()
            self.clock.advance(CONVERSION_s)
            pressure_mmHg = self.driver.read()
        except ChipError:
            pressure_mmHg = None
        self.clock.advance(STEP_s - CONVERSION_s)
        return pressure_mmHg

    def _drive(self) -> None:
        now_s = self.clock.now_s()
        self.board.lines.duty(PUMP, 20_000, self.cycle.duty / 65535, now_s)
        for pin in (VALVE, SECOND_VALVE):
            self.board.lines.drive(pin, int(self.cycle.valve_closed), now_s, 0.0)

    def _look(self) -> None:
        arm_mmHg = self.arm_mmHg()
        self.highest_mmHg = max(self.highest_mmHg, arm_mmHg)
        if arm_mmHg <= ARM_mmHg:
            self._above_since_s = None
            return
        if self._above_since_s is None:
            self._above_since_s = self.clock.now_s()
        self.longest_s = max(self.longest_s, self.clock.now_s() - self._above_since_s)
