"""What people type into forms, read forgivingly and believed only in range."""

import math
import re
from collections.abc import Mapping
from typing import Any

from gateway import people
from gateway.body import FEMALE, MALE, Facts

_SSID_BYTES = 32
_WIFI_PASSWORD = re.compile(r"[ -~]{8,63}")  # WPA2's passphrase
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,40}")


def name_in(typed: object) -> str | None:
    """Return a typed name without needless spaces; None: empty, longer than 40 characters, or with control characters."""
    name = " ".join(typed.split()) if isinstance(typed, str) else ""
    return name if _NAME.fullmatch(name) else None


def network_in(name: object, password: object) -> tuple[str, str] | None:
    """Return name and password of a Wi-Fi as typed; None: no network has such a name (32 bytes) or password (8 to 63 letters of ASCII)."""
    if not isinstance(name, str) or not isinstance(password, str):
        return None
    right = name.isprintable() and 0 < len(name.encode()) <= _SSID_BYTES and (password == "" or _WIFI_PASSWORD.fullmatch(password))
    return (name, password) if right else None


def grams(typed: object) -> int | None:
    """Return the grams in a typed weight in kg, with a point or a comma; None: it is none."""
    try:
        weight_kg = float(str(typed).strip().replace(",", "."))
    except ValueError:
        return None
    if not math.isfinite(weight_kg) or not people.LIGHTEST_USUAL_g <= weight_kg * 1000 <= people.HEAVIEST_USUAL_g:
        return None
    return round(weight_kg * 1000)


def number(typed: object) -> int | None:
    """Return a whole number of at most 14 digits; None: it is none."""
    return int(typed) if isinstance(typed, str) and typed.isascii() and typed.isdecimal() and len(typed) < 15 else None


def decimal(typed: object, least: float, most: float) -> float | None:
    """Return a typed number with a point or a comma, to a tenth; None: it is none, or out of range."""
    try:
        value = float(str(typed).strip().replace(",", "."))
    except ValueError:
        return None
    return round(value, 1) if math.isfinite(value) and least <= value <= most else None


def body_facts(form: Mapping[str, object], now: Facts, this_year: int) -> Facts | None:
    """Return what a form says of a body: what it does not name stays as it is now, what it leaves empty is forgotten.

    None: something typed cannot be.
    """
    said = now._asdict() | {name: str(form[name]).strip() or None for name in Facts._fields if name in form}
    for name, least, most in (("height_cm", 40, 250), ("birth_year", this_year - 130, this_year)):
        if isinstance(said[name], str):
            typed = number(said[name])
            if typed is None or not least <= typed <= most:
                return None
            said[name] = typed
    return Facts(**said) if said["sex"] in (None, FEMALE, MALE) else None


def choice(chosen: object, subjects: dict[int, dict[str, Any]], kind: int) -> int | None:
    """Return the number of a chosen person or room; None: nobody was chosen."""
    subject = subjects.get(number(chosen) or 0)
    return int(subject["subject"]) if subject is not None and subject["kind"] == kind else None
