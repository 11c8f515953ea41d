"""The button that rings a sleeping browser, in Chromium: asked, kept, rung by a push service that stands in, and shown by its worker.

A browser without its maker's servers cannot subscribe, so `PushManager.subscribe` is replaced by one that answers with the stand-in's
address and keys, as a maker's would; the rest is the browser's own: the worker, its permission, the message it is handed, what it shows.
"""

import base64
import hashlib
import json
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import async_playwright, expect

from tests import chromium
from tests.gateway.counterpart import Counterpart
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import PASSWORD
from tests.gateway.test_push import CARRIER, Phone, browsers, carrier, encoded

pytestmark = pytest.mark.anyio

SUBSCRIBE = """
PushManager.prototype.subscribe = async function (asked) {
  window.asked = { visible: asked.userVisibleOnly, key: asked.applicationServerKey };
  return { toJSON: () => (SUBSCRIPTION) };
};
"""


def trusted(port: int) -> str:
    """Return the flag that makes Chromium take this server's certificate for good, as a browser does that has the home's authority."""
    certificate = x509.load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return f"--ignore-certificate-errors-spki-list={base64.b64encode(hashlib.sha256(key).digest()).decode()}"


@pytest.mark.long
async def test_the_button_rings_this_browser_and_its_worker_shows_why(tmp_path: Path) -> None:
    """One touch; the babyphone stays silent, and the closed message opens into a notification in the page's language, with its page."""
    device, phone = Counterpart("babyphone"), Phone()
    device.enrol(tmp_path / "data")
    with carrier() as service:
        address = service.address
        subscription = json.dumps({"endpoint": address, "keys": {"p256dh": encoded(phone.public), "auth": encoded(phone.auth)}})
        async with gateway(configure(tmp_path, CARRIER)) as home, async_playwright() as playwright:
            ready = await home.event("gateway.ready")
            context = await playwright.chromium.launch_persistent_context(
                str(tmp_path / "browser"),
                **chromium.started(chromium.leading(gateway_test=ready["page_port"]), trusted(ready["page_port"])),
                locale="fr-FR",
                permissions=["notifications"],
            )
            await context.add_init_script(SUBSCRIBE.replace("SUBSCRIPTION", subscription))
            page = await context.new_page()
            await page.goto("https://gateway.test/fr/setup")
            await page.locator("[name=code]").fill((await home.event("page.setup_code"))["code"])
            await page.locator("[name=password]").fill(PASSWORD)
            await page.get_by_role("button").last.click()
            await page.goto("https://gateway.test/fr/nursery")
            button = page.locator("#push")
            said = await button.get_attribute("data-on")
            await button.click()
            await expect(button).to_have_text(str(said))
            await expect(button).to_be_disabled()
            assert await page.evaluate("window.asked") == {"visible": True, "key": await button.get_attribute("data-key")}
            assert browsers(tmp_path) == [address]
            await home.event("alarm.told", timeout_s=30, alarm="no_life", what="begun")
            _, _, body = await service.next()
            message = phone.opened(body)
            worker = await context.new_cdp_session(page)
            registrations: list[str] = []
            worker.on(
                "ServiceWorker.workerRegistrationUpdated",
                lambda facts: registrations.extend(each["registrationId"] for each in facts["registrations"]),
            )
            await worker.send("ServiceWorker.enable")
            await page.wait_for_timeout(300)
            await worker.send(
                "ServiceWorker.deliverPushMessage",
                {"origin": "https://gateway.test", "registrationId": registrations[0], "data": json.dumps(message)},
            )
            shown = await page.evaluate("""async () => {
              for (let tries = 0; tries < 100; tries++) {
                const found = await (await navigator.serviceWorker.ready).getNotifications();
                if (found.length) return found.map(({ title, body, tag, data }) => ({ title, body, tag, data }));
                await new Promise((done) => setTimeout(done, 100));
              }
              return [];
            }""")
            await context.close()
            assert await home.stop() == 0
    assert [(each["tag"], each["data"]) for each in shown] == [("no_life", "/fr/nursery")]
    assert shown[0]["body"].startswith("Aucun signe de vie")


async def test_a_browser_that_may_not_be_rung_says_so(tmp_path: Path) -> None:
    """Chromium without its maker's servers refuses for itself: the button says that it failed, and can be touched again."""
    device = Counterpart("babyphone")
    device.enrol(tmp_path / "data")
    async with gateway(configure(tmp_path, CARRIER)) as home, async_playwright() as playwright:
        ready = await home.event("gateway.ready")
        made = await playwright.chromium.launch(
            **chromium.started(chromium.leading(gateway_test=ready["page_port"]), trusted(ready["page_port"]))
        )
        page = await (await made.new_context(locale="en-GB")).new_page()
        await page.goto("https://gateway.test/en/setup")
        await page.locator("[name=code]").fill((await home.event("page.setup_code"))["code"])
        await page.locator("[name=password]").fill(PASSWORD)
        await page.get_by_role("button").last.click()
        await page.goto("https://gateway.test/en/nursery")
        button = page.locator("#push")
        said = await button.get_attribute("data-failed")
        await button.click()
        await expect(button).to_have_text(str(said), timeout=20_000)
        await expect(button).to_be_enabled()
        assert browsers(tmp_path) == []
        await made.close()
        assert await home.stop() == 0
