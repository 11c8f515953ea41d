"""What the people of a home chose for this device: a small CBOR map with names as keys, in one file.

| key         | values                                                        | when absent |
|-------------|---------------------------------------------------------------|-------------|
| device      | "scale", "cuff" or "babyphone"                                | refused     |
| board       | name of a file in `boards/`, without the device               | "s3"        |
| language    | "en" or "fr"                                                  | "en"        |
| radio       | "wifi", "ble", or "both": Bluetooth while Wi-Fi is away; a     | "wifi"      |
|             | babyphone has Wi-Fi only                                      |             |
| ssid        | name of the Wi-Fi, up to 32 bytes; "" where it has none and a | refused     |
|             | pairing may tell it, which is so with "ble" and "both" only   |             |
| password    | of the Wi-Fi                                                  | ""          |
| gateway     | [address, UDP port]; until a pairing finds it, all the        | as shown    |
|             | network; with "ble" and "both" the name foyer.local           |             |
| unit        | of weights on the display: "kg", "lb" or "st"                 | "kg"        |
| sleep_ms    | a scale falls asleep after a weighing, 5 s to 1 h; 0 never    | 15,000      |
| calibration | whole numbers or lists of them by name (docs/devices)         | {}          |
| climate_ms  | one reading of the climate in this time, 1 s to 1 h           | 10,000      |
| phones      | 1: bonded phones may read what it measures, by the services   | 0           |
|             | of the Bluetooth SIG; not with "both"                          |             |
| retry_ms    | first wait after the home was silent, doubling up to 60 s     | 1,000       |
"""

from firmware.errors import SettingsBroken
from firmware.flash import replacing
from protocol import cbor
from protocol.errors import ProtocolError

PATH = "/settings.cbor"
DEVICES = ("scale", "cuff", "babyphone")
_DEFAULTS = (
    ("board", "s3"),
    ("language", "en"),
    ("radio", "wifi"),
    ("password", ""),
    ("climate_ms", 10_000),
    ("retry_ms", 1000),
    ("unit", "kg"),
    ("phones", 0),
    ("sleep_ms", 15_000),
)


def check(settings: object) -> dict:
    """Return the settings with what is absent filled in. Raises SettingsBroken: a value is wrong or a needed one absent."""
    if not isinstance(settings, dict):
        raise SettingsBroken(field="settings", reason="not a map")
    full = dict(settings)
    for name, value in _DEFAULTS:
        full.setdefault(name, value)
    if full["radio"] != "wifi":
        full.setdefault("ssid", "")
        full.setdefault("gateway", ["foyer.local", 5683])  # its name in the network that a pairing over Bluetooth may tell of
    full.setdefault("calibration", {})
    full.setdefault("gateway", ["255.255.255.255", 5683])
    gateway = full.get("gateway")
    right = (
        ("device", full.get("device") in DEVICES),
        ("board", isinstance(full["board"], str)),
        ("language", full["language"] in ("en", "fr")),
        ("radio", full["radio"] == "wifi" or (full["radio"] in ("ble", "both") and full.get("device") != "babyphone")),
        ("ssid", isinstance(full.get("ssid"), str) and (full["radio"] == "wifi") <= len(full["ssid"].encode()) <= 32),
        ("password", isinstance(full["password"], str)),
        ("gateway", isinstance(gateway, list) and len(gateway) == 2 and isinstance(gateway[0], str) and _lies(gateway[1], 1, 65535)),
        ("calibration", isinstance(full["calibration"], dict) and all(_numbers(value) for value in full["calibration"].values())),
        ("climate_ms", _lies(full["climate_ms"], 1000, 3_600_000)),
        ("unit", full["unit"] in ("kg", "lb", "st")),
        ("sleep_ms", full["sleep_ms"] == 0 or _lies(full["sleep_ms"], 5000, 3_600_000)),
        ("phones", full["phones"] == 0 or (_lies(full["phones"], 1, 1) and full["radio"] != "both")),
        ("retry_ms", _lies(full["retry_ms"], 10, 60_000)),
    )
    for field, is_right in right:
        if not is_right:
            raise SettingsBroken(field=field, reason="absent or out of range")
    return full


def load(path: str = PATH) -> dict:
    """Return the checked settings of this device. Raises SettingsBroken."""
    data = replacing.read(path)
    if data is None:
        raise SettingsBroken(path=path, reason="absent")
    try:
        return check(cbor.decode(data))
    except ProtocolError as error:
        raise SettingsBroken(path=path, reason=str(error)) from None


def save(settings: dict, path: str = PATH) -> None:
    """Check the settings and put them in place of the old. Raises SettingsBroken; then nothing was written."""
    replacing.replace(path, cbor.encode(check(settings)))


def _numbers(value):
    return all(isinstance(number, int) for number in value) if isinstance(value, list) else isinstance(value, int)


def _lies(value, lowest, highest):
    return isinstance(value, int) and not isinstance(value, bool) and lowest <= value <= highest
