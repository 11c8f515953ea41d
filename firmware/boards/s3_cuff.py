"""The blood pressure cuff on an ESP32-S3: pin numbers."""

I2C_CLOCK = 9
I2C_DATA = 8
PUMP = 6
VALVE = 7  # 1 holds the air, 0 lets it out: both valves are normally open, and each alone empties the cuff
SECOND_VALVE = 5
BUTTON = 0
BUTTON_A = 10
BUTTON_B = 11
BUTTON_GUEST = 12
BUTTON_TWICE = 13
