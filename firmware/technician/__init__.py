"""What a technician's computer runs on a device over its serial line: looked at, introduced, given a Wi-Fi, checked, calibrated.

These programs lie on no device: tools/technician.py sends each as text through mpremote, with `GIVEN`, a map of what it is to know, put
before it. Each prints one line that begins with `foyer-technician ` and goes on with JSON. They import what the flashed firmware has.
"""
