"""R21: arterial pressure: systolic, diastolic and mean, and the pulse."""

from cloud.site import opening
from tests.policy.stage import Mutation, Stage, replaced

whole = opening.named


def holds(stage: Stage) -> None:
    """All four, exactly."""
    (reading,) = stage.ada().browser.get("/en/pressure.json").json()["readings"]
    assert reading["values"] == {"systolic_mmHg": 128, "diastolic_mmHg": 82, "map_mmHg": 97, "pulse_per_min": 64}


def rounded(kind: int, values: dict[int, object]) -> dict[str, float] | None:
    found = whole(kind, values)
    return found and {name: round(value, -1) for name, value in found.items()}


MUTATIONS: dict[str, Mutation] = {"rounded to tens": replaced(opening, "named", rounded)}
