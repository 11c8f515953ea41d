"""R20: weight with its body mass index, its impedance and the composition of the body."""

from cloud.site import opening
from protocol import readings
from tests.cloud.counterpart import weight
from tests.cloud.site.test_take import NOW_UTC_S
from tests.policy.stage import Mutation, Stage, replaced

whole = opening.named


def holds(stage: Stage) -> None:
    """Impedance and composition are kept with the weight; the index is computed on the page, so that the height stays with its person."""
    ada = stage.ada()
    assert ada.browser.get("/en/weight.json").json()["readings"][0]["values"] == {"weight_kg": 72.413, "stable": 1, "impedance_ohm": 512}
    page = ada.browser.get("/en/weight").text
    assert 'data-bmi="72.413"' in page
    assert 'name="height"' not in page
    assert "512 ohm" in ada.browser.get(ada.page_of("weight")).text
    reading = weight(72_500, ohm=511)
    made = {key: value for key, value in reading.items() if key >= readings.GRAMS}
    made |= {readings.FAT_PERMILLE: 241, readings.FAT_FREE_GRAMS: 55_000}
    ada.rows["composed"] = ada.person.row(ada.scale, reading, NOW_UTC_S - 5400, shown=made)
    ada.site.store(ada.person, [ada.rows["composed"]])
    shown = next(each["values"] for each in ada.browser.get("/en/weight.json").json()["readings"] if each["values"]["weight_kg"] == 72.5)
    assert (shown.get("fat_percent"), shown.get("fat_free_kg")) == (24.1, 55.0)


def without(lost: str) -> Mutation:
    def named(kind: int, values: dict[int, object]) -> dict[str, float] | None:
        found = whole(kind, values)
        return found and {name: value for name, value in found.items() if name != lost}

    return replaced(opening, "named", named)


MUTATIONS: dict[str, Mutation] = {
    "impedance is dropped": without("impedance_ohm"),
    "the composition is dropped": without("fat_percent"),
}
