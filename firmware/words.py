"""The words on a device's display, English and French: at most 21 letters, one line of a 128-pixel display.

Whole sentences, with what to do next, stand on the pages of the home.
"""

from protocol import faults

_WORDS = {
    "starting": ("one moment", "un instant"),
    # a reading's way
    "on_its_way": ("on its way", "en route"),
    "arrived": ("arrived", "arrivé"),
    "no_wifi": ("kept, no Wi-Fi", "gardé, pas de Wi-Fi"),
    "home_silent": ("kept, home silent", "gardé, foyer muet"),
    "home_busy": ("kept, home is busy", "gardé, foyer occupé"),
    "refused": ("home refused it", "refusé par le foyer"),
    # scale
    "empty_plate": ("leave the plate", "laissez le plateau"),
    "step_on": ("step on", "montez"),
    "stand_still": ("stand still", "ne bougez plus"),
    "too_heavy": ("too heavy", "trop lourd"),
    # cuff
    "press_start": ("press start", "appuyez sur marche"),
    "keep_still": ("keep still", "ne bougez pas"),
    "inflating": ("inflating", "gonflage"),
    "measuring": ("measuring, keep still", "mesure, ne bougez pas"),
    "venting": ("letting the air out", "dégonflage"),
    "computing": ("one moment", "un instant"),
    "take_off": ("take the cuff off", "retirez le brassard"),
    # babyphone
    "room": ("in the room", "dans la chambre"),
    # faults
    "full": ("full, not saved", "plein, non gardé"),
    "sensor": ("sensor trouble", "capteur en panne"),
    "memory_fault": ("memory fault", "défaut de mémoire"),
    "set_up_again": ("set me up again", "à configurer"),
    "loose": ("wrap it snugly", "serrez le brassard"),
    "too_much_air": ("too much air", "trop d'air"),
    "stopped": ("stopped", "arrêté"),
    "moved": ("moved, try again", "bougé, recommencez"),
    "no_pulse": ("no pulse, try again", "pas de pouls"),
    "too_slow": ("took too long", "trop long"),
    "again": ("please try again", "recommencez"),
}
_OF_FAULT = {
    faults.OUTBOX_FULL: "full",
    faults.CHIP_ABSENT: "sensor",
    faults.WRONG_CHIP: "sensor",
    faults.CHIP_SILENT: "sensor",
    faults.CHIP_CHECKSUM: "sensor",
    faults.CHIP_SATURATED: "sensor",
    faults.CHIP_UNTRUSTED: "sensor",
    faults.BUS_HELD: "sensor",
    faults.MICROPHONE_SILENT: "sensor",
    faults.FLASH_BROKEN: "memory_fault",
    faults.COUNTER_BROKEN: "memory_fault",
    faults.SETTINGS_BAD: "set_up_again",
    faults.IDENTITY_MISSING: "set_up_again",
    faults.SCALE_NOT_CALIBRATED: "set_up_again",
    faults.SCALE_OVERLOADED: "too_heavy",
    faults.CUFF_LEAK: "loose",
    faults.CUFF_OVERPRESSURE: "too_much_air",
    faults.CUFF_TOO_SLOW: "too_slow",
    faults.CUFF_STOPPED: "stopped",
    faults.CUFF_MOVED: "moved",
    faults.CUFF_NO_PULSE: "no_pulse",
    faults.CUFF_VALVE: "take_off",
    faults.CUFF_NOT_EMPTY: "take_off",
}


def say(name: str, language: str) -> str:
    """Return the words of this name in the language, "en" or "fr"."""
    return _WORDS[name][1 if language == "fr" else 0]


def of_fault(code: int) -> str:
    """Return the name of the words for a fault code."""
    return _OF_FAULT.get(code, "again")
