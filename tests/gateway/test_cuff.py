"""Whose pressure: what the cuff said before what the household said, and a guest's is nobody's; as a rule, and through a whole gateway."""

from pathlib import Path

import pytest

from gateway.cuff import whose
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import browser

ANNA, BEN = 3, 7
pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("who", "subject", "reason"),
    [
        (None, BEN, "device"),
        (1, ANNA, "button"),
        (2, None, "button_unset"),
        (3, None, "guest"),
        (16 + ANNA, ANNA, "armed"),
        (16 + 99, None, "nobody_said"),
        (5, None, "nobody_said"),
    ],
)
def test_what_the_cuff_said_comes_first(who: int | None, subject: int | None, reason: str) -> None:
    """The button pressed, the guest, or the person it was armed for; who uses the cuff only when nothing was said."""
    found = whose(who, (ANNA, None), BEN, {ANNA, BEN})
    assert (found.subject, found.reason) == (subject, reason)


def test_without_a_word_from_anybody_somebody_must_say() -> None:
    """It waits in the inbox."""
    assert whose(None, (None, None), None, {ANNA}).reason == "nobody_said"
    assert whose(1, (None, None), ANNA, {ANNA}).subject is None


async def test_each_person_picks_a_button_and_a_guest_is_nobody(tmp_path: Path) -> None:
    """Through the gateway: A is Anna's, the armed one is Ben's, a guest's and an unset button's wait in the inbox with their reason."""
    device = Counterpart("cuff")
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as running, browser(running) as home:
        await home.set_up()
        for name, usual_kg in (("Anna", "62.5"), ("Ben", "84")):
            await home.post("/en/people", name=name, usual_kg=usual_kg)
        anna, ben = (person["subject"] for person in (await home.state())["people"])
        assert (await home.post(f"/en/devices/{device.kid.hex()}", button_a=anna, button_b="", used_by="")).status_code == 303
        async with link(device, (await running.event("gateway.ready"))["coap_port"]) as way:
            for sequence, who in enumerate((1, 2, 3, 16 + ben), 1):
                await way.send(device.signed(device.fields(sequence, _17=who)))
        await running.event("reading.assigned", sequence=4)
        found = {reading["sequence"]: reading for reading in (await home.state())["readings"]}
        assert [found[sequence]["subject"] for sequence in (1, 2, 3, 4)] == [anna, None, None, ben]
        assert [found[sequence]["place"] for sequence in (1, 2, 3, 4)] == ["home", "inbox", "inbox", "home"]
        inbox = (await home.client.get("/en/inbox")).text
        assert "A guest pressed the button for guests" in inbox
        assert "Nobody stands behind the button" in inbox
        devices = (await home.client.get("/fr/devices")).text
        assert "Derrière le bouton A" in devices
