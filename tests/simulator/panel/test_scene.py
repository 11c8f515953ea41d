"""The scene says what is true in the house, in both languages, and keeps the list readable."""

import time

import pytest

from simulator.events import Event
from simulator.panel import scene
from simulator.panel.scene import Scene
from simulator.panel.way import STOPS
from simulator.panel.witness import Witness
from simulator.panel.words import Tongue

NOW_s = time.mktime((2026, 11, 22, 19, 42, 7, 0, 0, -1))
LOOK: dict[str, dict[str, object]] = {
    "scale": {"kind": "scale", "powered": True, "wifi": True, "display": ("61.3 kg", "arrived"), "load_kg": 61.31, "occupied": True},
    "cuff": {"kind": "cuff", "powered": True, "wifi": True, "display": ("", "press start"), "pressure_mmHg": 0.0, "wrapped": False},
    "babyphone": {
        "kind": "babyphone", "powered": True, "wifi": True, "display": ("19.8", "in the room"), "room_Cel": 19.84, "room_percent": 48.0,
        "sound_dBA": 33.0, "window_open": False,
    },
}  # fmt: skip


def said(device: str, kind: int, sequence: int, last: str, ago_s: float) -> dict[str, object]:
    passed = STOPS[: STOPS.index(last) + 1]
    return {"device": device, "kind": kind, "sequence": sequence, "stops": dict.fromkeys(passed, NOW_s - ago_s)}


def compose(
    readings: list[dict[str, object]] | None = None,
    language: str = "en",
    look: dict[str, dict[str, object]] = LOOK,
    switches: dict[str, bool] | None = None,
    events: list[Event] | None = None,
) -> Scene:
    witness = Witness(lambda: NOW_s)
    witness.follow(events or [])
    on = {"gateway": True, "broker": True} if switches is None else switches
    return scene.compose(look, readings or [], on, witness, Tongue(language), NOW_s)


def changed(device: str, **facts: object) -> dict[str, dict[str, object]]:
    return {**LOOK, device: {**LOOK[device], **facts}}


def test_a_device_without_power_shows_nothing_and_says_since_when() -> None:
    """Its display is dark, its state tells the time, its button offers the power."""
    events = [Event(NOW_s - 120, "scale", "power", {"on": False})]
    facts = compose(look=changed("scale", powered=False), events=events).facts
    assert (facts["scale.number"], facts["scale.words"], facts["scale.dark"]) == ("", "", "The display is dark.")
    assert facts["scale.state"] == "No power since 19:40."
    assert (facts["scale.power.to"], facts["scale.power.label"]) == ("on", "Restore the power")


def test_a_device_is_well_only_when_its_firmware_runs() -> None:
    """Until it says that it is ready, it is starting."""
    assert compose().facts["scale.state"] == "Starting."
    ready = [Event(NOW_s, "scale", "power", {"on": True}), Event(NOW_s, "scale", "ready", {"boot": 1})]
    assert compose(events=ready).facts["scale.state"] == "Powered, on the Wi‑Fi."
    assert compose(events=[*ready, Event(NOW_s, "scale", "reset", {"cause": 3})]).facts["scale.state"] == "Starting."


def test_the_display_says_whose_weight_it_is_and_where_it_goes() -> None:
    """Initials and arrow as the device draws them; nothing of them when it has no power."""
    assert compose(look=changed("scale", whose=("AL", 1))).facts["scale.whose"] == "AL ▲"
    assert compose(look=changed("scale", whose=("AL", -1), powered=False)).facts["scale.whose"] == ""
    assert compose().facts["scale.whose"] == ""


def test_the_truth_stands_beside_the_display() -> None:
    """Who stands there, and what the plate truly carries, with the comma of the language."""
    events = [Event(NOW_s, "scale", "stepped_on", {"person": "Ada"})]
    assert compose(events=events).facts["scale.truth"] == "Ada is on the plate: 61.3\N{NO-BREAK SPACE}kg"
    french = compose(language="fr", events=events).facts
    assert french["scale.truth"] == "Ada est sur le plateau\N{NO-BREAK SPACE}: 61,3\N{NO-BREAK SPACE}kg"
    assert french["announcement"] == "Ada monte sur la balance."
    recorded = [Event(NOW_s, "scale", "stepped_on", {"person": "person3"})]
    assert compose(events=recorded).facts["announcement"] == "Recorded person 3 steps on the scale."


@pytest.mark.parametrize(
    ("language", "sentence"),
    [
        ("en", "Safe at home since 19:41: the broker is stopped."),
        ("fr", "À l’abri au foyer depuis 19:41\N{NO-BREAK SPACE}: le courtier est arrêté."),
    ],
)
def test_a_waiting_reading_says_where_since_when_and_why(language: str, sentence: str) -> None:
    """In the list, and as a number at the place where it waits."""
    seen = compose([said("scale", 0, 5, "published", 60)], language, switches={"gateway": True, "broker": False})
    assert seen.rows[0].sentence == sentence
    assert seen.rows[0].waits
    assert (seen.facts["home.waiting"], seen.facts["scale.waiting"]) == ("1", "")


def test_readings_wait_in_their_own_device() -> None:
    """A cut device's readings are counted at that device only."""
    readings = [said("scale", 0, 5, "kept", 60), said("scale", 0, 6, "kept", 50), said("cuff", 1, 2, "in_cloud", 50)]
    facts = compose(readings, look=changed("scale", wifi=False)).facts
    assert (facts["scale.waiting"], facts["cuff.waiting"], facts["cloud.count"]) == ("2", "", "1")
    assert facts["scale.latest"] == "Weight 6. Waits in the scale since 19:41: no Wi‑Fi."


def test_the_room_does_not_push_a_weighing_off_the_list() -> None:
    """Of what comes from the nursery a few are shown, arrived or not; the others are counted."""
    readings = [said("babyphone", 2, number, "in_cloud", 100 - number) for number in range(40)] + [said("scale", 0, 1, "in_cloud", 200)]
    readings += [said("babyphone", 2, 40 + number, "sealed", 60 - number) for number in range(4)]
    seen = compose(readings, switches={"gateway": True, "broker": False})
    assert [row.title for row in seen.rows] == ["Room climate"] * 2 * scene.SHOWN_CLIMATE + ["Weight"]
    assert (seen.facts["earlier"], seen.facts["later"]) == ("And 37 more that arrived.", "And 1 more on its way.")


def test_a_long_number_is_drawn_smaller() -> None:
    """A display holds what it holds; the page says when it is much."""
    facts = compose(look=changed("babyphone", display=("19.1 °C 48 %", "in the room"))).facts
    assert (facts["babyphone.wide"], facts["scale.wide"]) == ("yes", "no")


def test_an_arrival_is_announced_but_the_room_is_not() -> None:
    """Somebody who listens hears of a weighing; climate arrives all day."""
    readings = [said("babyphone", 2, 9, "in_cloud", 1), said("scale", 0, 5, "in_cloud", 5)]
    assert compose(readings).facts["announcement"] == "Weight 5. In the cloud after 0.0\N{NO-BREAK SPACE}s."


def test_a_reading_of_a_device_nobody_knows_is_shown_all_the_same() -> None:
    """It has a row and hurts nothing."""
    assert compose([said("attic", 9, 1, "kept", 60)]).rows[0].title == "Reading"


def test_without_switches_everything_outside_is_taken_to_run() -> None:
    """A household may hand in no switch at all."""
    assert compose([said("scale", 0, 5, "sent", 1)], switches={}).rows[0].sentence == "On its way: sent."
