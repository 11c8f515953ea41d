"""Fault codes: the number for everything that can go wrong on a device and every reason a gateway refuses.

A number never changes its meaning and is never used again. The device sends the number, `protocol/sentences.py` turns it into words on a
computer, and `firmware/errors.py` and the gateway name it by the constants here. Gaps leave room for later ones of the same group.
"""

# The device itself
SOFTWARE_FAULT = 1
WATCHDOG = 2
MEMORY_SHORT = 3
SELF_TEST_FAILED = 4
SETTINGS_BAD = 5
IDENTITY_MISSING = 6
OUTBOX_FULL = 7
FLASH_BROKEN = 8
BATTERY_LOW = 9
RECORD_BROKEN = 10
SAFE_MODE = 11

# Chips
CHIP_ABSENT = 20
WRONG_CHIP = 21
CHIP_SILENT = 22
CHIP_CHECKSUM = 23
CHIP_SATURATED = 24
CHIP_UNTRUSTED = 25
BUS_HELD = 26

# Scale
SCALE_OVERLOADED = 40
SCALE_NOT_STILL = 41
SCALE_NOT_CALIBRATED = 42
SCALE_NOT_EMPTY = 43
SCALE_TOO_LIGHT = 44

# Cuff
CUFF_LEAK = 50
CUFF_OVERPRESSURE = 51
CUFF_TOO_SLOW = 52
CUFF_STOPPED = 53
CUFF_MOVED = 54
CUFF_NO_PULSE = 55
CUFF_NOT_EMPTY = 56
CUFF_IMPLAUSIBLE = 57
CUFF_VALVE = 58
CUFF_TUBE = 59
CUFF_TOO_FEW_BEATS = 60
CUFF_LOOSE = 61
CUFF_CUT_OFF = 62
CUFF_SENSOR = 63

# Babyphone
MICROPHONE_SILENT = 70
CLIMATE_IMPLAUSIBLE = 71

# Reaching home
WIFI_ABSENT = 80
WIFI_REFUSED = 81
GATEWAY_SILENT = 82
LINK_BROKEN = 83
RECEIPT_WRONG = 84
COUNTER_BROKEN = 85
WIFI_NO_ADDRESS = 86

# Refused by the gateway
NOT_AUTHENTIC = 100
NOT_CBOR = 101
NOT_COSE = 102
BAD_READING = 103
SEQUENCE_CONFLICT = 104
SEQUENCE_JUMP = 105
STORE_FULL = 106
TOO_LARGE = 107
WRONG_CONTENT = 108
NOT_PROTECTED = 109
REPLAYED = 110

# Why a device did not do what it was told
COMMAND_LATE = 120
COMMAND_REPEATED = 121
COMMAND_UNKNOWN = 122
COMMAND_UNFIT = 123
COMMAND_INTERRUPTED = 124
COMMAND_NOT_NOW = 125

FAULTS = {code: name for name, code in list(globals().items()) if isinstance(code, int)}
