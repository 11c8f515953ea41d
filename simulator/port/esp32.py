"""Stand-in for `esp32`: the few names of it that have a meaning without the chip."""


def mcu_temperature():
    """Return the processor's temperature in degrees Celsius."""
    return 38


def wake_on_ext0(pin=None, level=None):
    """Accept a pin that would wake the device from deep sleep; the simulator wakes it by time or by power."""
