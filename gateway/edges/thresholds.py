"""The alarm limits that parents chose for each babyphone's room, kept with the household; where none were chosen, those of `alarms.py`."""

import json
from sqlite3 import Connection

from gateway import records
from gateway.alarms import CHOOSABLE, Rules
from gateway.edges import households, ledger

_NAME = "alarms."


def of(connection: Connection, kid: bytes) -> Rules:
    """Return the rules of a babyphone's room."""
    chosen = json.loads(households.household(connection, _NAME + kid.hex()) or "{}")
    return Rules(**chosen)


def choose(connection: Connection, kid: bytes, rules: Rules, now_ms: int) -> None:
    """Keep the limits that a person may choose."""
    chosen = {name: getattr(rules, name) for name in CHOOSABLE}
    households.set_household(connection, _NAME + kid.hex(), json.dumps(chosen))
    ledger.add(connection, records.SETTLED, "alarms", None, 1, now_ms)
