"""The pins of a board: who drives them, who listens.

A chip that is clocked by edges gets each one with two times: when it happened, and how long the device's own clock says the line
rested before (simulator/port/wire.py tells why they differ).
"""

from collections.abc import Callable

EdgeListener = Callable[[int, float, float], None]  # level, at_s, rested_s
LevelSource = Callable[[float, float], int]  # at_s, rested_s -> level
DutyListener = Callable[[float, int, float], None]  # share 0..1, frequency_Hz, at_s
VoltageSource = Callable[[float], float]  # at_s -> volts


class Lines:
    """Every pin of one device's board."""

    def __init__(self) -> None:
        self._listeners: dict[int, EdgeListener] = {}
        self._sources: dict[int, LevelSource] = {}
        self._duties: dict[int, DutyListener] = {}
        self._voltages: dict[int, VoltageSource] = {}
        self._may_wait: set[int] = set()
        self._levels: dict[int, int] = {}
        self._held: set[int] = set()
        self.unwired: set[int] = set()

    def connect_output(self, pin: int, listener: EdgeListener, may_wait: bool = False) -> None:
        """Let `listener` hear what the device drives `pin` to; `may_wait`: its edges only matter when another pin is read."""
        self._listeners[pin] = listener
        if may_wait:
            self._may_wait.add(pin)

    def connect_input(self, pin: int, source: LevelSource) -> None:
        """Let `source` say what the device reads from `pin`."""
        self._sources[pin] = source

    def connect_duty(self, pin: int, listener: DutyListener) -> None:
        """Let `listener` hear the PWM of `pin`."""
        self._duties[pin] = listener

    def connect_voltage(self, pin: int, source: VoltageSource) -> None:
        """Let `source` say what voltage an ADC finds at `pin`."""
        self._voltages[pin] = source

    def may_wait(self, pin: int) -> bool:
        """Return whether the edges of `pin` may travel with the next reading of an input."""
        return pin in self._may_wait

    def drive(self, pin: int, level: int, at_s: float, rested_s: float) -> None:
        """Take the level that the device drives `pin` to."""
        self._levels[pin] = level
        listener = self._listeners.get(pin)
        if listener is None:
            self.unwired.add(pin)
        else:
            listener(level, at_s, rested_s)

    def read(self, pin: int, at_s: float, rested_s: float) -> int:
        """Return what the device reads from `pin`; an unwired pin rests at its pull-up."""
        source = self._sources.get(pin)
        if source is None:
            self.unwired.add(pin)
            return 1
        return source(at_s, rested_s)

    def duty(self, pin: int, frequency_Hz: int, share: float, at_s: float) -> None:
        """Take a PWM setting of `pin`."""
        listener = self._duties.get(pin)
        if listener is None:
            self.unwired.add(pin)
        else:
            listener(share, frequency_Hz, at_s)

    def voltage(self, pin: int, at_s: float) -> float:
        """Return the voltage at `pin`, 0 where nothing is wired."""
        source = self._voltages.get(pin)
        if source is None:
            self.unwired.add(pin)
            return 0.0
        return source(at_s)

    def hold(self, pin: int, held: bool) -> None:
        """Keep an output's level through deep sleep, or no longer."""
        if held:
            self._held.add(pin)
        else:
            self._held.discard(pin)

    def release(self, at_s: float, asleep: bool = False) -> None:
        """Let go of every output, as a reset or a lost supply does; deep sleep leaves those that are held."""
        if not asleep:
            self._held.clear()
        for pin, listener in self._listeners.items():
            if self._levels.get(pin) and pin not in self._held:
                self._levels[pin] = 0
                listener(0, at_s, 1.0)
        for duty_listener in self._duties.values():
            duty_listener(0.0, 0, at_s)
