"""R20: weight with its body mass index and impedance."""

from cloud.site import opening
from tests.policy.stage import Mutation, Stage, replaced

whole = opening.named


def holds(stage: Stage) -> None:
    """Impedance is kept with the weight; the index is computed on the page, so that the height stays with its person."""
    ada = stage.ada()
    assert ada.browser.get("/en/weight.json").json()["readings"][0]["values"] == {"weight_kg": 72.413, "stable": 1, "impedance_ohm": 512}
    page = ada.browser.get("/en/weight").text
    assert 'data-bmi="72.413"' in page
    assert 'name="height"' not in page
    assert "512 ohm" in ada.browser.get(ada.page_of("weight")).text


def without_impedance(kind: int, values: dict[int, object]) -> dict[str, float] | None:
    found = whole(kind, values)
    return found and {name: value for name, value in found.items() if name != "impedance_ohm"}


MUTATIONS: dict[str, Mutation] = {"impedance is dropped": replaced(opening, "named", without_impedance)}
