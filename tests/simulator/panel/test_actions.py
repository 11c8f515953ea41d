"""Every form reaches the verb it names, and whatever is wrong with one is said in a sentence and moves nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from simulator.house import House
from simulator.panel.actions import VERBS
from tests.simulator.panel.household import LivedIn

ADDRESS = "http://localhost:8003"
FORM = "application/x-www-form-urlencoded"
OURS = {"Origin": ADDRESS}
SCRIPT = {**OURS, "Accept": "text/plain"}

Scenario = Callable[[httpx.AsyncClient], Awaitable[None]]


def ask(lived_in: LivedIn, scenario: Scenario) -> None:
    """Run a scenario against the panel, with everybody moved in."""

    async def live() -> None:
        await lived_in.move_in()
        try:
            async with (
                lived_in.app.router.lifespan_context(lived_in.app),
                httpx.AsyncClient(transport=httpx.ASGITransport(lived_in.app), base_url=ADDRESS) as client,
            ):
                await scenario(client)
        finally:
            await lived_in.move_out()

    asyncio.run(live())


def post(lived_in: LivedIn, path: str, form: dict[str, str], headers: dict[str, str] = SCRIPT) -> httpx.Response:
    answers: list[httpx.Response] = []

    async def scenario(client: httpx.AsyncClient) -> None:
        # as a browser does, an empty form says that it is one
        answers.append(await client.post(path, content=urlencode(form), headers={"Content-Type": FORM, **headers}))

    ask(lived_in, scenario)
    return answers[0]


ACTS = [
    ("scale/step", {"person": "Ada"}, "step_on", "stepped_on", {"person": "Ada"}),
    ("scale/stand", {"recording": "person2"}, "stand_recorded", "stepped_on", {"person": "person2"}),
    ("cuff/wrap", {"person": "Benoît"}, "wrap_and_press", "wrapped", {"person": "Benoît"}),
    ("cuff/press", {}, "press", "pressed", {"seconds": 0.3}),
    ("babyphone/window", {"to": "open"}, "open_window", "window", {"open": True}),
    ("babyphone/window", {"to": "closed"}, "close_window", "window", {"open": False}),
    ("babyphone/heat", {"to": "on"}, "heat", "heater", {"share": 1.0}),
    ("babyphone/heat", {"to": "off"}, "heat", "heater", {"share": 0.0}),
    ("babyphone/room", {"Cel": "17,5", "percent": "61"}, "set_room", "room", {"Cel": 17.5, "percent": 61.0}),
    ("babyphone/noise", {"dBA": "82", "seconds": "20"}, "make_noise", "noise", {"dBA": 82.0, "seconds": 20.0}),
    ("scale/wifi", {"to": "off"}, "", "wifi", {"on": False}),
    ("cuff/power", {"to": "off"}, "", "power", {"on": False}),
]


@pytest.mark.parametrize(("path", "form", "verb", "what", "facts"), ACTS, ids=lambda value: value if isinstance(value, str) else None)
def test_a_form_reaches_its_verb(
    lived_in: LivedIn, path: str, form: dict[str, str], verb: str, what: str, facts: dict[str, object]
) -> None:
    """What the form says is what the house reports to have happened."""
    assert post(lived_in, f"/en/devices/{path}", form).status_code == 204
    assert facts in lived_in.happened(what)


def test_every_verb_of_the_house_has_a_form() -> None:
    """What the house offers to do, the panel offers too; and every form of the panel is tried above.

    Only a recording of one's own is played from a program: a page would have to be given the file.
    """
    furnishing = {"add", "calibration", "look", "reserve_port", "play_wav"}
    verbs = {name for name, value in vars(House).items() if callable(value) and not name.startswith("_")}
    assert verbs - furnishing == {verb for _, _, verb, _, _ in ACTS if verb}
    assert set(VERBS) == {path.partition("/")[2] for path, *_ in ACTS}


def test_power_can_be_cut_and_restored(lived_in: LivedIn) -> None:
    """The device loses its power at once, and starts again when it comes back."""

    async def scenario(client: httpx.AsyncClient) -> None:
        scale = lived_in.house.devices["scale"]
        assert (await client.post("/en/devices/scale/power", data={"to": "off"}, headers=SCRIPT)).status_code == 204
        assert not scale.powered
        assert (await client.post("/en/devices/scale/power", data={"to": "on"}, headers=SCRIPT)).status_code == 204
        assert scale.powered

    ask(lived_in, scenario)


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("devices/toaster/power", {"to": "off"}, 404),
        ("devices/scale/explode", {}, 404),
        ("devices/scale/wrap", {"person": "Ada"}, 404),
        ("devices/cuff/window", {"to": "open"}, 404),
        ("devices/scale/step", {"person": "Nobody"}, 400),
        ("devices/scale/step", {}, 400),
        ("devices/scale/stand", {"recording": "../../people"}, 400),
        ("devices/scale/power", {"to": "maybe"}, 400),
        ("devices/babyphone/room", {"Cel": "51", "percent": "50"}, 400),
        ("devices/babyphone/room", {"Cel": "20", "percent": "0"}, 400),
        ("devices/babyphone/room", {"Cel": "warm", "percent": "50"}, 400),
        ("devices/babyphone/room", {"Cel": "nan", "percent": "50"}, 400),
        ("devices/babyphone/noise", {"dBA": "116", "seconds": "5"}, 400),
        ("devices/babyphone/noise", {"dBA": "80", "seconds": "1e9"}, 400),
        ("switches/moon", {"to": "off"}, 404),
        ("switches/broker", {"to": ""}, 400),
    ],
)
@pytest.mark.parametrize("language", ["en", "fr"])
def test_bad_input_is_one_sentence_and_moves_nothing(
    lived_in: LivedIn, language: str, path: str, form: dict[str, str], status: int
) -> None:
    """Refused with a status of its own, in the language of the page."""
    answer = post(lived_in, f"/{language}/{path}", form)
    assert answer.status_code == status
    assert answer.text.endswith(".")
    assert "\n" not in answer.text
    assert {event.what for event in lived_in.house.events if event.what != "ready"} == {"power"}
    assert all(program.turned == [] for program in lived_in.switches.values())


def test_a_recording_that_cannot_be_read_is_refused(settle: Callable[[Path], LivedIn], tmp_path: Path) -> None:
    """A file of something else is said to be unreadable."""
    (tmp_path / "person1.csv").write_text("time_s,force_N\n0,heavy\n", encoding="utf-8")
    answer = post(settle(tmp_path), "/en/devices/scale/stand", {"recording": "person1"})
    assert (answer.status_code, answer.text) == (400, "That recording cannot be read.")


def test_two_cannot_stand_on_one_scale(lived_in: LivedIn) -> None:
    """The second is asked to wait."""

    async def scenario(client: httpx.AsyncClient) -> None:
        await client.post("/en/devices/scale/step", data={"person": "Ada"}, headers=SCRIPT)
        answer = await client.post("/en/devices/scale/step", data={"person": "Benoît"}, headers=SCRIPT)
        assert (answer.status_code, answer.text) == (409, "Somebody is using it already. Wait until they are done.")

    ask(lived_in, scenario)
    assert lived_in.happened("stepped_off") == [{"person": "Ada"}]  # the panel's end ends the visit


@pytest.mark.parametrize("verb", ["wrap", "press"])
def test_a_cuff_without_power_is_not_pressed(lived_in: LivedIn, verb: str) -> None:
    """It says what to do first."""

    async def scenario(client: httpx.AsyncClient) -> None:
        await lived_in.house.devices["cuff"].cut_power()
        answer = await client.post(f"/en/devices/cuff/{verb}", data={"person": "Ada"}, headers=SCRIPT)
        assert (answer.status_code, answer.text) == (409, "It has no power. Restore the power first.")

    ask(lived_in, scenario)


def test_switches_turn(lived_in: LivedIn) -> None:
    """Off and on again, and what a program says when it does not obey reaches the person."""

    async def scenario(client: httpx.AsyncClient) -> None:
        for to in ("off", "on"):
            assert (await client.post("/en/switches/broker", data={"to": to}, headers=SCRIPT)).status_code == 204
        lived_in.switches["gateway"].fails = "The port is taken."
        answer = await client.post("/en/switches/gateway", data={"to": "on"}, headers=SCRIPT)
        assert (answer.status_code, answer.text) == (502, "It did not obey: The port is taken.")

    ask(lived_in, scenario)
    assert lived_in.switches["broker"].turned == ["off", "on"]


def test_without_a_script_a_form_leads_back_to_the_page(lived_in: LivedIn) -> None:
    """303 to the card of the device; a refusal is a page with the sentence."""
    done = post(lived_in, "/fr/devices/babyphone/window", {"to": "open"}, OURS)
    assert (done.status_code, done.headers["location"]) == (303, "/fr/#babyphone")


def test_without_a_script_a_refusal_is_a_page(lived_in: LivedIn) -> None:
    """With its sentence and the way back."""
    refused = post(lived_in, "/fr/devices/scale/step", {"person": "<b>"}, OURS)
    assert refused.status_code == 400
    assert "Personne de ce nom n’habite ici." in refused.text
    assert 'href="/fr/"' in refused.text


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Sec-Fetch-Site": "cross-site", "Origin": ADDRESS}, 403),
        ({"Sec-Fetch-Site": "same-site", "Origin": ADDRESS}, 403),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({}, 403),
        ({"Host": "rebound.example:8003", "Origin": "http://rebound.example:8003"}, 421),
        ({"Host": "[::1", "Origin": "http://[::1"}, 421),
        ({**OURS, "Content-Type": "text/plain"}, 415),
    ],
)
def test_what_does_not_come_from_the_panel_moves_nothing(lived_in: LivedIn, headers: dict[str, str], status: int) -> None:
    """Another site's page, a rebound name and a simple cross-site body are refused."""
    assert post(lived_in, "/en/switches/broker", {"to": "off"}, headers).status_code == status
    assert lived_in.switches["broker"].turned == []


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}, OURS])
def test_what_comes_from_the_panel_is_taken(lived_in: LivedIn, headers: dict[str, str]) -> None:
    """Our own page, by either header."""
    assert post(lived_in, "/en/switches/broker", {"to": "off"}, headers).status_code == 303


def test_other_requests_are_refused(lived_in: LivedIn) -> None:
    """Other methods, too much, no length, too many fields, unknown pages; and a page is no place for a GET that acts."""

    async def scenario(client: httpx.AsyncClient) -> None:
        assert (await client.put("/en/", headers=OURS)).status_code == 405
        assert (await client.get("/en/switches/broker")).status_code == 405
        assert (await client.post("/en/switches/broker", data={"to": "x" * 5000}, headers=OURS)).status_code == 413

        async def body() -> object:
            yield b"to=off"

        assert (await client.post("/en/switches/broker", content=body(), headers=OURS)).status_code == 411
        assert (await client.post("/en/switches/broker", data={str(n): "" for n in range(9)}, headers=SCRIPT)).status_code == 400
        assert (await client.get("/de/")).status_code == 404
        assert (await client.get("/fr/cellar")).status_code == 404
        assert (await client.get("/", headers={"Accept-Language": "fr-CA,en"})).headers["location"] == "/fr/"

    ask(lived_in, scenario)
    assert lived_in.switches["broker"].turned == []
