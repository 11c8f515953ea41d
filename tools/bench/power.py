"""`foyer bench power`: the scale's account of charge, from the currents of its states and how long it is in each.

Currents: [D] ESP32-S3 series datasheet, current consumption by RF mode and in other modes: deep sleep with RTC memory and peripherals
8 uA, receiving 88 mA, 240 MHz without radio some 45 mA. HX711 datasheet p. 3: 1.5 mA, under 1 uA powered down. SSD1306: 10 uA asleep.
AD5933: 15 mA, 0.7 uA powered down. [E] estimated: display lit 12 mA, a bridge of 1 kohm at 4.3 V, a regulator that takes 2 uA.
Nothing here was measured: no board was there. Durations are the firmware's own constants, and for its start what a stock image needs.
"""

from typing import NamedTuple

from tools.bench.figures import Figure

WEIGH_INS_A_DAY = 4
ZEROINGS_A_DAY = 12  # every two hours, firmware/scale/main.py
# Four AA cells in series: 2,500 mAh as sold, of which a year of small loads down to 1.0 V a cell leaves this.
CELLS_mAh = 2000.0
YEAR_days = 365

ESP_DEEP_SLEEP_mA = 0.008
ESP_AWAKE_mA = 45.0
ESP_RECEIVING_mA = 88.0
HX711_mA, HX711_OFF_mA = 1.5, 0.001
BRIDGE_mA = 4.3
DISPLAY_mA, DISPLAY_OFF_mA = 12.0, 0.010
AD5933_mA, AD5933_OFF_mA = 15.0, 0.0007
REGULATOR_mA = 0.002
DIVIDER_mA = 0.002  # 6 V over 3 Mohm, from which the cells' voltage is seen


class State(NamedTuple):
    """A stretch of time in which the current is the same."""

    name: str
    seconds: float
    mA: float

    @property
    def mAh(self) -> float:
        """The charge it takes."""
        return self.seconds * self.mA / 3600


_SENSING_mA = HX711_mA + BRIDGE_mA
WEIGH_IN = (
    State("starting", 1.5, ESP_AWAKE_mA),
    State("weighing, radio joining", 6.5, ESP_RECEIVING_mA + _SENSING_mA + DISPLAY_mA),
    State("measuring impedance", 0.1, ESP_RECEIVING_mA + _SENSING_mA + DISPLAY_mA + AD5933_mA),
    State("signing, sending, shown until stepped off", 5.0, ESP_RECEIVING_mA + _SENSING_mA + DISPLAY_mA),
    State("shown beside the plate", 15.0, ESP_RECEIVING_mA + _SENSING_mA + DISPLAY_mA),
)
ZEROING = (State("starting", 1.5, ESP_AWAKE_mA), State("finding the zero", 4.0, ESP_AWAKE_mA + _SENSING_mA))
ASLEEP_mA = ESP_DEEP_SLEEP_mA + HX711_OFF_mA + DISPLAY_OFF_mA + AD5933_OFF_mA + REGULATOR_mA + DIVIDER_mA


def measure() -> list[Figure]:
    """Return the account."""
    weigh_in_mAh = sum(state.mAh for state in WEIGH_IN)
    zeroing_mAh = sum(state.mAh for state in ZEROING)
    awake_s = WEIGH_INS_A_DAY * sum(state.seconds for state in WEIGH_IN) + ZEROINGS_A_DAY * sum(state.seconds for state in ZEROING)
    asleep_mAh = ASLEEP_mA * (24 - awake_s / 3600)
    idle_mAh = ASLEEP_mA * 24 + ZEROINGS_A_DAY * zeroing_mAh
    day_mAh = WEIGH_INS_A_DAY * weigh_in_mAh + ZEROINGS_A_DAY * zeroing_mAh + asleep_mAh
    kept_awake_mAh = day_mAh + (HX711_mA + BRIDGE_mA) * (24 - awake_s / 3600)
    return [
        *[Figure(f"a weigh-in: {state.name}", state.mAh, f"mAh ({state.seconds:g} s at {state.mA:g} mA)") for state in WEIGH_IN],
        Figure("a weigh-in, all in all", weigh_in_mAh, "mAh"),
        Figure("asleep", ASLEEP_mA * 1000, "uA", 50.0),
        Figure("an idle day, twelve zeroings in it", idle_mAh, "mAh"),
        Figure(f"a day of {WEIGH_INS_A_DAY} weigh-ins", day_mAh, "mAh"),
        Figure(f"four AA cells of {CELLS_mAh:g} mAh last", CELLS_mAh / day_mAh, "days", YEAR_days, at_most=False),
        Figure("they would last with an HX711 kept awake", CELLS_mAh / kept_awake_mAh, "days"),
    ]
