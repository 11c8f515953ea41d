"""A device's update through a real gateway: brought by hand, asked for at the page, fetched in blocks by aiocoap, told, and shown."""

import asyncio
from hashlib import sha256
from pathlib import Path
from typing import Any

import aiocoap
import cbor2
import pytest
from aiocoap.numbers.codes import Code
from cryptography.hazmat.primitives.asymmetric import ec
from markupsafe import escape
from playwright.async_api import expect

from protocol import faults, outcomes, shelf
from protocol.sentences import SENTENCES
from tests.gateway.counterpart import Counterpart, link
from tests.gateway.ingester import cloud
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import PASSWORD, browser
from tests.gateway.test_pages_accessible import OUTPUT, eyes, findings
from tools import release

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]
FILES = {"firmware/main.mpy": b"M\x06\x00" + bytes(range(256)) * 9, "firmware/boards/s3_scale.mpy": b"M\x06\x00"}


def brought(folder: Path, version: str = "0.1.1") -> bytes:
    """Lay a scale's release into the home's folder, and its key beside the configuration; return the file."""
    path = folder / "desk/release.pem"
    key: ec.EllipticCurvePrivateKey = release.signing_key(path)
    said = release.Facts(version, release.sequence_of(version), "Brings <calm>.", "Apporte le <calme>.")
    data = release.pack("scale", {**FILES, shelf.KEYS_FILE: release.point(key.public_key())}, key, said)
    (folder / "data/releases").mkdir(parents=True, exist_ok=True)
    (folder / f"data/releases/scale-{version}.foyer").write_bytes(data)
    (folder / "release.pub").write_bytes(path.with_suffix(".pub").read_bytes())
    return data


async def test_a_device_is_told_of_a_release_fetches_it_in_blocks_and_its_words_are_shown(tmp_path: Path) -> None:
    """The page says what it brings in both languages; nothing is offered before somebody asks; every end is in the log."""
    data = brought(tmp_path)
    _, known, at = shelf.look(data)
    listed, files, _ = shelf.cut(known, data[at:])
    device, stranger = Counterpart("scale"), Counterpart("cuff")
    for each in (device, stranger):
        each.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path, '[updates]\nkeys = "release.pub"\n')) as running, browser(running) as page:
        await page.set_up()
        port = (await running.event("gateway.ready"))["coap_port"]
        await running.event("release.known")
        async with link(device, port) as way, link(stranger, port) as other:

            async def order(via: Any) -> Any:
                presence = cbor2.dumps({2: [1, 60_000], 32: b"0.1.0"}, canonical=True)
                request = aiocoap.Message(code=aiocoap.FETCH, uri=f"coap://127.0.0.1:{port}/c", payload=presence, content_format=60)
                return (await via.context.request(request, handle_blockwise=False).response).payload

            async def block(via: Any, name: str, number: int, exponent: int = 4) -> Any:
                request = aiocoap.Message(code=aiocoap.GET, uri=f"coap://127.0.0.1:{port}/u{name}")
                request.opt.block2 = (number, False, exponent)
                return await via.context.request(request, handle_blockwise=False).response

            async def whole(name: str) -> bytes:
                out, number = b"", 0
                while True:
                    answer = await block(way, name, number)
                    assert answer.code is Code.CONTENT
                    assert len(answer.opt.etag) == 8
                    out += answer.payload
                    number += 1
                    if not answer.opt.block2.more:
                        return out

            assert await order(way) == b""
            shown = (await page.client.get("/en/devices")).text
            assert "Update 0.1.1" in shown
            assert "Brings &lt;calm&gt;." in shown
            assert "Apporte le &lt;calme&gt;." in (await page.client.get("/fr/devices")).text
            assert (await block(way, "", 0)).code is Code.NOT_FOUND, "nobody was told of it yet"
            assert (await page.post(f"/en/devices/{device.kid.hex()}/update")).status_code == 303
            await running.event("update.offered")
            told = cbor2.loads(await order(way))
            assert (told[0], told[19], told[20]) == (4, release.sequence_of("0.1.1"), at - len(shelf.MAGIC) - 4)
            assert await whole("") == data[len(shelf.MAGIC) + 4 : at]
            for part in (listed, *files.values()):
                assert await whole("/" + sha256(part).digest()[:8].hex()) == part
            assert (await block(way, "/" + "0" * 16, 0)).code is Code.NOT_FOUND
            assert (await block(way, "", 999)).code is Code.BAD_OPTION
            assert (await block(other, "", 0)).code is Code.NOT_FOUND, "another device's"
            assert (await way.post("u/x", b"", 60)).code is Code.METHOD_NOT_ALLOWED
            assert (await way.post("u", b"\xff", 60)).code is Code.BAD_REQUEST
            assert (await way.post("u", b"\x00" * 65, 60)).code is Code.REQUEST_ENTITY_TOO_LARGE
            for said, sentence in (
                ({0: 0, 1: told[19], 2: 40}, "on its way, 40 %"),
                ({0: 1, 1: told[19]}, "waits for a quiet moment"),
                ({0: 4, 1: told[19], 21: faults.UPDATE_UNPROVED}, "given back"),
            ):
                assert (await way.post("u", cbor2.dumps(said, canonical=True), 60)).code is Code.CHANGED
                assert sentence in (await page.client.get("/en/devices")).text
            shown = (await page.client.get("/en/devices")).text
            assert "never proved itself" in shown, "the fault in words"
            assert "offered to no other by itself" in shown
        log = (await page.client.get("/en/log")).text
        assert "A device was to look for an update" in log
        assert "A device gave an update back" in log


async def test_the_household_chooses_when_updates_come(tmp_path: Path) -> None:
    """One of three; anything else, and an update that is not there, is refused."""
    brought(tmp_path)
    device = Counterpart("scale")
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path, '[updates]\nkeys = "release.pub"\n')) as running, browser(running) as page:
        await page.set_up()
        await running.event("release.known")
        assert (await page.post("/en/updates", choice="tonight")).status_code == 303
        assert 'value="tonight" checked' in (await page.client.get("/en/devices")).text
        assert (await page.post("/en/updates", choice="never")).status_code == 400
        assert (await page.post(f"/en/devices/{device.kid.hex()}/update")).status_code == 400, "it never said what it runs"
        assert (await page.post("/en/devices/00000000/update")).status_code == 404
        assert "When updates come was changed" in (await page.client.get("/en/log")).text


async def test_a_file_that_is_no_release_is_set_aside_and_the_page_says_so(tmp_path: Path) -> None:
    """Altered, cut short, with more behind it, or signed by a stranger: none is offered, each has its sentence in both languages."""
    data = brought(tmp_path)
    folder = tmp_path / "data/releases"
    (good,) = folder.glob("*.foyer")
    good.unlink()
    stranger = release.signing_key(tmp_path / "stranger/release.pem")
    signed = release.pack("scale", {"firmware/boards/s3_scale.mpy": b"M\x06\x00"}, stranger, release.Facts("0.1.3", 259, "Worse.", "Pire."))
    bad = {"altered": data[:-1] + bytes([data[-1] ^ 1]), "short": data[:-10], "long": data + b"x", "strange": signed, "empty": b""}
    device = Counterpart("scale")
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path, '[updates]\nkeys = "release.pub"\n')) as running, browser(running) as page:
        await page.set_up()
        for name, content in bad.items():
            for old in folder.iterdir():
                old.unlink()
            (folder / f"{name}.new").write_bytes(content)
            (folder / f"{name}.new").rename(folder / f"{name}.foyer")
            await running.event("release.refused", file=f"{name}.foyer")
            english = (await page.client.get("/en/devices")).text
            french = (await page.client.get("/fr/devices")).text
            assert f"The file {name}.foyer was not taken as an update" in english
            assert f"Le fichier {name}.foyer n’a pas été pris comme mise à jour" in french
            assert "Worse." not in english
            assert "Brings" not in english
        assert [path.name for path in folder.iterdir()] == ["empty.foyer.refused"]


async def test_without_a_key_nothing_is_offered(tmp_path: Path) -> None:
    """A home that was told no key takes no release, whoever lays one into its folder."""
    brought(tmp_path)
    device = Counterpart("scale")
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path)) as running, browser(running) as page:
        await page.set_up()
        await running.event("release.refused")
        assert "Update 0.1.1" not in (await page.client.get("/en/devices")).text
        assert 'action="/en/updates"' not in (await page.client.get("/en/devices")).text


PATIENCE_MS = 120_000  # of a browser on a machine that is busy with something else
REFUSALS = [code for code, name in faults.FAULTS.items() if name.startswith("UPDATE_")] + [faults.MEMORY_SHORT]


async def test_whatever_an_update_ends_with_is_on_the_page_in_words_in_both_languages(tmp_path: Path) -> None:
    """Each fault that a device may say of an update, as its sentence; a bad file as its own. Pictures of it are left in `tests/output`."""
    brought(tmp_path)
    device = Counterpart("scale")
    device.enrol(tmp_path / "data")
    (tmp_path / "data/releases/scale-0.1.9.foyer").write_bytes(b"no release")
    async with gateway(configure(tmp_path, '[updates]\nkeys = "release.pub"\n')) as running, browser(running) as page:
        await page.set_up()
        ready = await running.event("gateway.ready")
        await running.event("release.refused", file="scale-0.1.9.foyer")
        async with link(device, ready["coap_port"]) as way:
            presence = cbor2.dumps({2: [1, 60_000], 32: b"0.1.0"}, canonical=True)
            request = aiocoap.Message(
                code=aiocoap.FETCH, uri=f"coap://127.0.0.1:{ready['coap_port']}/c", payload=presence, content_format=60
            )
            await way.context.request(request, handle_blockwise=False).response
            for fault in REFUSALS:
                said = cbor2.dumps({0: 5, 1: release.sequence_of("0.1.1"), 21: fault}, canonical=True)
                assert (await way.post("u", said, 60)).code is Code.CHANGED
                for language in ("en", "fr"):
                    shown = (await page.client.get(f"/{language}/devices")).text
                    assert str(escape(SENTENCES[fault][language])) in shown, faults.FAULTS[fault]
            said = cbor2.dumps({0: 5, 1: release.sequence_of("0.1.1"), 21: faults.UPDATE_NOT_SIGNED}, canonical=True)
            assert (await way.post("u", said, 60)).code is Code.CHANGED
        async with eyes(ready["page_port"]) as made:
            for language, width in (("en", 1280), ("fr", 390)):
                context = await made.new_context(viewport={"width": width, "height": 844}, ignore_https_errors=True, bypass_csp=True)
                seen = await context.new_page()
                seen.set_default_timeout(PATIENCE_MS)
                await seen.goto(f"https://gateway.test/{language}/sign-in")
                await seen.fill("input[name=password]", PASSWORD)
                await seen.click("main button")
                await seen.wait_for_url(f"**/{language}/")
                await seen.goto(f"https://gateway.test/{language}/devices", wait_until="load")
                await expect(seen.get_by_text("scale-0.1.9.foyer")).to_be_visible(timeout=PATIENCE_MS)
                await expect(seen.get_by_text(SENTENCES[faults.UPDATE_NOT_SIGNED][language])).to_be_visible(timeout=PATIENCE_MS)
                assert await findings(seen) == []
                assert not await seen.evaluate("document.documentElement.scrollWidth > innerWidth")
                OUTPUT.mkdir(exist_ok=True)
                await seen.screenshot(path=OUTPUT / f"update-refused-{language}-{width}.png", full_page=True)
                await context.close()


async def test_how_an_update_ended_leaves_for_the_account_store_and_names_no_device(tmp_path: Path) -> None:
    """Over the broker, below this home's alias: kind, number and fault, and nothing else; the log of exchanges has it."""
    brought(tmp_path)
    device = Counterpart("scale")
    device.enrol(tmp_path / "data")
    heard: asyncio.Queue[bytes] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    async with cloud(tmp_path / "broker") as outside:
        site = outside._clients[1]
        site.on_message = lambda _client, _data, message: loop.call_soon_threadsafe(heard.put_nowait, bytes(message.payload))
        more = outside.toml() + '[updates]\nkeys = "release.pub"\n'
        async with gateway(configure(tmp_path, more)) as running, browser(running) as page:
            await page.set_up()
            await running.event("broker.connected")
            async with link(device, (await running.event("gateway.ready"))["coap_port"]) as way:
                said = {0: 4, 1: release.sequence_of("0.1.1"), 21: faults.UPDATE_UNHEARD}
                assert (await way.post("u", cbor2.dumps(said, canonical=True), 60)).code is Code.CHANGED
                await running.event("update.told", kind="scale")
                async with asyncio.timeout(120):
                    payload = await heard.get()
            assert outcomes.decode(payload) == outcomes.Outcome("scale", release.sequence_of("0.1.1"), faults.UPDATE_UNHEARD)
            assert device.kid not in payload
            assert "How an update went was told to the account store" in (await page.client.get("/en/log")).text
