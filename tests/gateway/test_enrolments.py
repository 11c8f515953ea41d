"""Enrolments, and a device that was lost, sold or given away (threats T13): its keys open nothing, its readings stay, the page says so."""

import asyncio
import json
import time
from pathlib import Path

import aiocoap
import pytest
import structlog

from gateway.devices import Device
from gateway.edges.enrolments import Enrolments
from tests.gateway.counterpart import Counterpart, NotIntroduced, link
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import browser

pytestmark = pytest.mark.anyio


async def test_its_keys_are_refused_and_its_readings_stay(tmp_path: Path) -> None:
    """An open link is closed at once, no new one begins, also after a restart; the other device, the readings and its name stay."""
    lost, other = Counterpart(), Counterpart("babyphone")
    for device in (lost, other):
        device.enrol(tmp_path / "data")
    path = configure(tmp_path)
    async with gateway(path) as home, browser(home) as page:
        await page.set_up()
        port = (await home.event("gateway.ready"))["coap_port"]
        async with link(lost, port) as way, link(other, port) as others:
            await way.send(lost.signed(lost.fields(1)))
            address = f"/en/devices/{lost.kid.hex()}/gone"
            assert (await page.post(address)).status_code == 400, "not without the tick"
            await way.send(lost.signed(lost.fields(2)))
            assert (await page.post(address, sure="yes")).status_code == 303
            answer = await way.post("r", lost.signed(lost.fields(3)))
            assert answer.code == aiocoap.UNAUTHORIZED
            await others.send(other.signed(other.fields(1)))
        assert (await page.post(address, sure="yes")).status_code == 404, "it is no device of this home any more"
        for language, word, hint in (("en", "Shut out", "pair it again"), ("fr", "Exclus", "associez-le de nouveau")):
            shown = (await page.client.get(f"/{language}/devices")).text
            assert word in shown
            assert hint in shown
            assert lost.enrolment()["name"] in shown
        readings = (await page.state())["readings"]
        assert len(readings) == 3
        await home.event("device.shut_out", kid=lost.kid.hex(), renamed=0)
        assert await home.stop() == 0
    async with gateway(path) as home:
        port = (await home.event("gateway.ready"))["coap_port"]
        with pytest.raises(NotIntroduced):
            await asyncio.to_thread(lost.agree, port)
        async with link(other, port) as way:
            await way.send(other.signed(other.fields(2)))
        assert await home.stop() == 0


async def test_the_page_says_what_a_finder_could_read(tmp_path: Path) -> None:
    """Before anything is pressed, in both languages: what is refused, what stays, what lies open on it, what to do before a sale."""
    Counterpart().enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as home, browser(home) as page:
        await page.set_up()
        english, french = [(await page.client.get(f"/{language}/devices")).text for language in ("en", "fr")]
        for said in ("refuses all its keys", "change that password", "readings it sent before stay", "hold its button for ten seconds"):
            assert said in english
        for said in (
            "refuse toutes ses clés",
            "changez ce mot de passe",
            "restent, ici et dans les comptes",
            "tenez son bouton dix secondes",
        ):
            assert said in french
        assert await home.stop() == 0


async def _enrolments(folder: Path) -> Enrolments:
    async def changed(_: list[Device]) -> None:
        return

    made = Enrolments(folder, changed, structlog.get_logger())
    await made.look()
    return made


def _put(folder: Path, device: Counterpart, name: str, serial: str, paired_ms: int) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(json.dumps({**device.enrolment(), "serial": serial, "paired_ms": paired_ms}))


async def test_no_older_key_of_it_comes_back_into_force(tmp_path: Path) -> None:
    """Of a device that was paired three times, each record goes, whatever its file is called; another's stays."""
    folder = tmp_path / "enrolments"
    keys = [Counterpart() for _ in range(4)]
    for device, name in zip(keys, ("old.json", f"{keys[1].kid.hex()}.json", f"{keys[2].kid.hex()}.staged"), strict=False):
        _put(folder, device, name, "FY-1", keys.index(device))
    _put(folder, keys[3], "other.json", "FY-2", 0)
    enrolments = await _enrolments(folder)
    assert [device.kid for device in enrolments.devices] == [keys[1].kid, keys[3].kid]
    await enrolments.shut_out("FY-1")
    again = await _enrolments(folder)
    for seen in (enrolments, again):
        assert [device.kid for device in seen.devices] == [keys[3].kid]
        assert (seen.former, seen.staged) == ([], [])
        assert {device.kid for device in seen.gone} == {device.kid for device in keys[:3]}


async def test_a_device_that_is_found_again_is_paired_again(tmp_path: Path) -> None:
    """With the keys it had: once it has used its new link it is in force, and shut out no more."""
    folder, device = tmp_path / "enrolments", Counterpart()
    _put(folder, device, "it.json", "FY-1", 1)
    enrolments = await _enrolments(folder)
    await enrolments.shut_out("FY-1")
    await enrolments.stage({**device.enrolment(), "serial": "FY-1", "paired_ms": int(time.time() * 1000)})
    assert [each.kid for each in enrolments.gone] == [device.kid]
    assert enrolments.promote(device.kid)
    await enrolments.look()
    assert [each.kid for each in enrolments.devices] == [device.kid]
    assert enrolments.gone == []
