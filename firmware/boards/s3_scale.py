"""The body scale on an ESP32-S3: pin numbers."""

CONVERTER = "hx711"
HX711_DATA = 4
HX711_CLOCK = 5
I2C_CLOCK = 9
I2C_DATA = 8
SWITCH = 2  # the spring under the plate: 0 while something lies on it
BUTTON = 0
BATTERY = 1  # a third of the four cells' voltage, by 2 and 1 Mohm with 100 nF
