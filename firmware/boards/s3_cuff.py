"""The blood pressure cuff on an ESP32-S3: pin numbers."""

I2C_CLOCK = 9
I2C_DATA = 8
PUMP = 6
VALVE = 7  # 1 holds the air, 0 lets it out: the valve is normally open
BUTTON = 0
