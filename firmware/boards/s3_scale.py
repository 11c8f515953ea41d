"""The body scale on an ESP32-S3: pin numbers."""

HX711_DATA = 4
HX711_CLOCK = 5
BUTTON = 0
