"""R22: of a room temperature and humidity alone; no sound."""

from cloud.site import opening
from protocol import readings
from tests.policy.stage import Mutation, Stage, replaced

whole = opening.named


def holds(stage: Stage) -> None:
    """Only these two are shown and exported, and no kind of reading that is kept is a sound."""
    (reading,) = stage.ada().browser.get("/en/climate.json").json()["readings"]
    assert set(reading["values"]) == {"room_Cel", "humidity_percent"}
    assert set(opening.KINDS) == {readings.SCALE, readings.CUFF, readings.CLIMATE}


def with_sound(kind: int, values: dict[int, object]) -> dict[str, float] | None:
    found = whole(kind, values)
    return found and found | {"loudness_dB": 40.0}


MUTATIONS: dict[str, Mutation] = {"sound is kept": replaced(opening, "named", with_sound)}
