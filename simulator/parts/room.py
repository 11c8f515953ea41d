"""A room's air: it exchanges heat with its walls, with outside, and with a heater; its moisture comes and goes with the air.

Air: C dT/dt = (To - T) / R + Q as one node of about an hour towards outside and one of a quarter towards the walls, whose own time is 30 h.
Humidity is kept as absolute humidity, so warming the room dries it. An open window changes the air in about eight minutes.
Source: two-node room model, constants from memory; saturation pressure by Magnus' formula (Sonntag 1990).
"""

import math

from simulator.errors import OutOfRange

RANGE_Cel = (-20.0, 50.0)
RANGE_percent = (1.0, 99.0)
STEP_s = 5.0

AIR_TO_OUTSIDE_s = 3600.0 * 4
AIR_TO_WALLS_s = 900.0
WALLS_TO_AIR_s = 3600.0 * 30
WINDOW_s = 480.0
INFILTRATION_s = 3600.0 * 2
HEATER_K_per_s = 8.0 / 3600 * 4  # 8 K above balance within a quarter of an hour's exchange


def saturated_g_per_m3(air_Cel: float) -> float:
    """Return how much water a cubic metre of air can hold."""
    pressure_hPa = 6.112 * math.exp(17.62 * air_Cel / (243.12 + air_Cel))
    return 216.7 * pressure_hPa / (273.15 + air_Cel)


class Room:
    """One room, brought up to date whenever it is asked."""

    def __init__(
        self, start_s: float, air_Cel: float = 20.0, air_percent: float = 50.0, outside_Cel: float = 6.0, outside_percent: float = 80.0
    ) -> None:
        self._at_s = start_s
        self._outside_Cel = outside_Cel
        self._outside_g_per_m3 = saturated_g_per_m3(outside_Cel) * outside_percent / 100
        self._air_Cel = self._walls_Cel = air_Cel
        self._water_g_per_m3 = 0.0
        self._heater_share = 0.0
        self._balance_K_per_s = 0.0
        self.window_open = False
        self.set(air_Cel, air_percent, start_s)

    def set(self, air_Cel: float, air_percent: float, at_s: float) -> None:
        """Let the room be like this, walls and all, and stay so until somebody changes something."""
        for what, got, limits in (("air_Cel", air_Cel, RANGE_Cel), ("air_percent", air_percent, RANGE_percent)):
            if not limits[0] <= got <= limits[1]:
                raise OutOfRange("room", what, got, *limits)
        self._advance(at_s)
        self._air_Cel = self._walls_Cel = air_Cel
        self._water_g_per_m3 = saturated_g_per_m3(air_Cel) * air_percent / 100
        # the house's own heating holds what was set; a window or the heater comes on top
        self._balance_K_per_s = (air_Cel - self._outside_Cel) / AIR_TO_OUTSIDE_s

    def open_window(self, at_s: float) -> None:
        """Let the outside in."""
        self._advance(at_s)
        self.window_open = True

    def close_window(self, at_s: float) -> None:
        """Keep the outside out."""
        self._advance(at_s)
        self.window_open = False

    def heat(self, share: float, at_s: float) -> None:
        """Run the heater at a share of its power, 0..1."""
        if not 0 <= share <= 1:
            raise OutOfRange("room", "heater", share, 0, 1)
        self._advance(at_s)
        self._heater_share = share

    def air_Cel(self, at_s: float) -> float:
        """Return the air's temperature."""
        self._advance(at_s)
        return self._air_Cel

    def air_percent(self, at_s: float) -> float:
        """Return the air's relative humidity."""
        self._advance(at_s)
        return min(100.0, 100 * self._water_g_per_m3 / saturated_g_per_m3(self._air_Cel))

    def _advance(self, to_s: float) -> None:
        while self._at_s < to_s:
            step_s = min(STEP_s, to_s - self._at_s)
            self._at_s += step_s
            outside_s = 1 / (1 / AIR_TO_OUTSIDE_s + (1 / WINDOW_s if self.window_open else 0.0))
            to_outside = (self._outside_Cel - self._air_Cel) / outside_s
            to_walls = (self._walls_Cel - self._air_Cel) / AIR_TO_WALLS_s
            self._walls_Cel += (self._air_Cel - self._walls_Cel) / WALLS_TO_AIR_s * step_s
            self._air_Cel += (to_outside + to_walls + self._balance_K_per_s + self._heater_share * HEATER_K_per_s) * step_s
            if self.window_open:
                self._water_g_per_m3 += (self._outside_g_per_m3 - self._water_g_per_m3) * -math.expm1(-step_s / WINDOW_s)
