"""The babyphone on an ESP32-S3: pin numbers."""

I2C_CLOCK = 9
I2C_DATA = 8
I2S_CLOCK = 14
I2S_WORD = 15
I2S_DATA = 16
BUTTON = 0
