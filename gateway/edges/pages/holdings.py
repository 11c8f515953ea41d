"""Everything the home holds, put together for the export: what people and devices it knows, the state of each reading, its records.

No secret is among it: keys, passwords, sessions, and what pseudonyms are made from stay where they are.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from gateway import reception, records
from gateway.edges import buffer, households, ledger, places
from gateway.edges.pages import views
from gateway.edges.pages.views import PERSON, House
from gateway.export import Held, Held_of
from protocol import readings

COLUMNS = {kind: [name for name, _ in views.NAMES[kind].values()] for kind in (readings.SCALE, readings.CUFF, readings.CLIMATE)}
_NOBODY = "—"  # the site takes an export in only with a label for each reading


def home(house: House) -> dict[str, Any]:
    """Return what `home.json` holds of people, rooms and devices."""
    learnt = house.buffer.read(households.devices)
    return {
        "people_and_rooms": [
            {
                "number": row["subject"],
                "kind": "person" if row["kind"] == PERSON else "room",
                "name": row["name"],
                "usual_g": row["usual_g"],
                "height_cm": row["height_cm"],
                "birth_year": row["birth_year"],
                "sex": row["sex"],
                "linked_ms": row["linked_ms"],
                "account_key": None if row["account_key"] is None else row["account_key"].hex(),
            }
            for row in house.subjects().values()
        ],
        "devices": [
            {
                "serial": device.serial,
                "kind": device.kind,
                "name": device.name,
                "kid": device.kid.hex(),
                "public_key": device.public_key.hex(),
                "pairing": device.pairing.hex(),
                **{
                    key: learnt.get(device.kid, {}).get(key) for key in ("last_seen_ms", "battery_percent", "last_fault", "used_by", "room")
                },
            }
            for device in house.enrolments.devices
        ],
    }


def recorded_in(path: Path) -> dict[str, Any]:
    """Return what `home.json` holds of readings and records, the readings one by one; for a thread of its own."""
    with buffer.apart(path) as connection:
        chain, begin, connections = ledger.exchanges(connection), ledger.begin(connection), ledger.connections(connection)
    return {
        "readings": _states(path),
        "exchanges": {
            "begin": begin.hex(),
            "first_broken": records.first_broken(begin, chain),
            "entries": [
                {
                    "number": each.number,
                    "at_ms": each.at_ms,
                    "what": each.what,
                    "whom": each.whom,
                    "subject": each.subject,
                    "count": each.count,
                    "digest": each.digest.hex(),
                }
                for each in chain
            ],
        },
        "connections": [dict(row) for row in connections],
    }


def held_in(path: Path) -> Held_of:
    """Return what reads every kept reading of a kind from the home's database, by a connection of its own, for a thread of its own."""

    def held(kind: int | None) -> Iterable[Held]:
        return _held(path, kind)

    return held


def _held(path: Path, kind: int | None) -> Iterator[Held]:
    with buffer.apart(path) as connection:
        rows = connection.execute(
            "SELECT r.*, s.name, s.kind AS of_kind FROM readings r LEFT JOIN subjects s USING (subject) WHERE r.place <> ?"
            " AND (? IS NULL OR r.kind = ?) ORDER BY r.reading",
            (places.FORGOTTEN, kind, kind),
        )
        for row in rows:
            yield Held(
                row_id=row["row_id"] or row["digest"][:16],
                whose=row["name"] or _NOBODY,
                is_room=row["of_kind"] == views.ROOM,
                kind=row["kind"],
                utc_s=int(row["utc_s"]),
                place=row["place"],
                values=views.values_of(row["kind"], row["signed"]),
                fields=reception.stored_fields(row["signed"]),
                signed=row["signed"],
                public_key=row["public_key"],
                pairing=row["pairing"],
            )


def _states(path: Path) -> Iterator[dict[str, Any]]:
    with buffer.apart(path) as connection:
        for row in connection.execute(
            "SELECT reading, lower(hex(kid)) AS kid, sequence, kind, boot, up_ms, utc_s, uncertainty_s, time_source, received_ms, place,"
            " subject, reason FROM readings ORDER BY reading"
        ):
            yield dict(row)
