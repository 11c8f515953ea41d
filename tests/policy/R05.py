"""R5: body scale, blood pressure monitor, babyphone: three devices, each with its readings."""

from cloud.site import opening
from protocol import linking
from tests.policy.stage import Mutation, Stage, replaced


def holds(stage: Stage) -> None:
    """A reading of each is shown with the name of the device that measured it."""
    page = stage.ada().browser.get("/en/home").text
    for device in ("scale", "cuff", "babyphone"):
        assert f"measured by your {device}, signature verified" in page


MUTATIONS: dict[str, Mutation] = {
    "people without blood pressure": replaced(opening, "KINDS_OF", {linking.PERSON: ("weight",), linking.ROOM: ("climate",)})
}
