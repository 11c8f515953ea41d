"""The home is found by name: by zeroconf's own browser, by a device's bare question, after its address changed, beside another home."""

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from structlog.testing import CapturingLogger
from zeroconf import IPVersion, ServiceStateChange
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo, AsyncZeroconf

from gateway.edges import mdns
from gateway.edges.mdns import DEVICES, PAGES, Announcement
from simulator.house import House
from simulator.people.person import Person
from tests.firmware.living import CACHE, ROOT, said
from tests.gateway.process import configure, gateway
from tests.gateway.test_pages import PASSWORD, browser
from tests.gateway.test_pairings import kid_of_only_device, move, new_device, paired, readings_of
from tools.micropython import find

pytestmark = pytest.mark.anyio
# RFC 6762, section 6.7: from a port of its own a question is answered to that port alone.
QUESTION = b"\x12\x34\0\0\0\1\0\0\0\0\0\0\x06_foyer\x04_udp\x05local\0\0\x0c\0\1"


class Log(CapturingLogger):
    def info(self, event: str, **facts: object) -> None:
        self.calls.append((event, facts))  # type: ignore[arg-type]  # names are enough here

    warning = info


@asynccontextmanager
async def announced(coap_port: int, page_port: int = 8443) -> AsyncIterator[None]:
    task = asyncio.create_task(Announcement(["foyer.local"], "127.0.0.1", coap_port, page_port, Log()).run())  # type: ignore[arg-type]
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Looking:
    """A real browser of services, on loopback."""

    def __init__(self, looking: AsyncZeroconf, service: str) -> None:
        self.names: set[str] = set()
        self._looking = looking
        self._service = service
        self._changed = asyncio.Event()
        self.browser = AsyncServiceBrowser(looking.zeroconf, service, handlers=[self._heard])

    def _heard(self, zeroconf: object, service_type: str, name: str, state_change: ServiceStateChange) -> None:  # noqa: ARG002  # by name
        (self.names.discard if state_change is ServiceStateChange.Removed else self.names.add)(name)
        self._changed.set()

    async def found(self, count: int = 1, **facts: object) -> AsyncServiceInfo:
        """Return what is announced once `count` of them are, the one of these facts."""
        async with asyncio.timeout(15):
            while True:
                infos = []
                for name in sorted(self.names):
                    info = AsyncServiceInfo(self._service, name)
                    if await info.async_request(self._looking.zeroconf, 3000):
                        infos.append(info)
                fitting = [info for info in infos if all(getattr(info, key) == value for key, value in facts.items())]
                if len(infos) == count and fitting:
                    return fitting[0]
                with suppress(TimeoutError):
                    async with asyncio.timeout(0.3):
                        self._changed.clear()
                        await self._changed.wait()


@asynccontextmanager
async def looking(service: str) -> AsyncIterator[Looking]:
    zeroconf = AsyncZeroconf(interfaces=["127.0.0.1"], ip_version=IPVersion.V4Only)
    found = Looking(zeroconf, service)
    try:
        yield found
    finally:
        await found.browser.async_cancel()
        await zeroconf.async_close()


async def test_a_browser_and_a_device_find_a_running_gateway(tmp_path: Path) -> None:
    """Both services lead to the ports that were really bound, the page's under the home's name; a stopped gateway says goodbye."""
    async with looking(DEVICES) as devices, looking(PAGES) as pages:
        async with gateway(configure(tmp_path, "[discovery]\nannounce = true\n")) as running:
            ready = await running.event("gateway.ready")
            await running.event("mdns.announced")
            found = await devices.found(port=ready["coap_port"])
            assert (found.server, found.parsed_addresses(), found.properties) == ("foyer.local.", ["127.0.0.1"], {b"v": b"1"})
            assert (await pages.found(port=ready["page_port"])).server == "foyer.local."
            assert await running.stop() == 0
        async with asyncio.timeout(10):
            while devices.names or pages.names:
                await asyncio.sleep(0.05)


async def test_a_bare_question_from_any_port_is_answered_to_it() -> None:
    """What a device with few bytes to spare sends brings port and address in one packet."""
    async with announced(5683), looking(DEVICES) as others:
        await others.found()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.settimeout(5)
            ours.bind(("127.0.0.1", 0))
            ours.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
            ours.sendto(QUESTION, ("224.0.0.251", 5353))
            answer = await asyncio.to_thread(ours.recv, 2000)
    assert answer[:2] == QUESTION[:2]
    assert b"\x00\x00\x00\x00" + (5683).to_bytes(2, "big") in answer, "SRV: priority, weight, port"
    assert socket.inet_aton("127.0.0.1") in answer
    assert len(answer) < 512


async def test_a_change_of_address_is_announced_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """The old address is taken back and the new one found, within seconds; without any address nothing is announced and nothing ends."""
    now = [["127.0.0.1"], [], ["127.0.0.1", "127.0.0.2"]]
    monkeypatch.setattr(mdns, "_LOOK_S", 0.05)
    monkeypatch.setattr(mdns, "addresses", lambda _: now[0])
    async with announced(5683), looking(DEVICES) as others:
        assert (await others.found()).parsed_addresses() == ["127.0.0.1"]
        now.pop(0)
        async with asyncio.timeout(10):
            while others.names:
                await asyncio.sleep(0.05)
        now.pop(0)
        await others.found()
        async with asyncio.timeout(10):
            while set((await others.found()).parsed_addresses()) != {"127.0.0.1", "127.0.0.2"}:
                await asyncio.sleep(0.1)


async def test_two_homes_on_one_network_have_two_names() -> None:
    """The second takes another name, and both are found with their own ports."""
    async with announced(1111), looking(DEVICES) as others:
        await others.found()
        async with announced(2222):
            first, second = await others.found(2, port=1111), await others.found(2, port=2222)
            assert first.name != second.name


async def test_a_network_without_multicast_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be announced the gateway goes on, and tries again when its addresses change."""

    def refuse(**_: object) -> AsyncZeroconf:
        raise OSError("no multicast here")

    monkeypatch.setattr(mdns, "_LOOK_S", 0.01)
    monkeypatch.setattr(mdns, "AsyncZeroconf", refuse)
    log = Log()
    task = asyncio.create_task(Announcement(["foyer.local"], "127.0.0.1", 1, 2, log).run())  # type: ignore[arg-type]
    await asyncio.sleep(0.2)
    assert not task.done()
    assert len(log.calls) == 1, "said once, not at every look"
    task.cancel()


def test_only_reachable_addresses_are_promised() -> None:
    """A port bound to one address promises that one, a port bound to all promises no loopback, and one that is not here nothing."""
    assert mdns.addresses("127.0.0.1") == ["127.0.0.1"]
    assert all(not address.startswith("127.") for address in mdns.addresses("::"))
    assert mdns.addresses("0.0.0.0") == mdns.addresses("::")  # noqa: S104  # not bound, only asked about
    assert mdns.addresses("203.0.113.77") == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("named", [True, False], ids=["", "its name leads nowhere"])
async def test_a_device_finds_its_home_where_it_moved_to(tmp_path: Path, named: bool) -> None:
    """Paired with a gateway that then comes back elsewhere, a device asks its network, and what it kept arrives once: no person helps."""
    altered = {}
    if not named:
        way = (ROOT / "firmware/radio/wifi.py").read_text(encoding="utf-8")
        asked = "self._address(self._gateway[0])"
        assert way.count(asked) == 1
        # once it is paired
        altered["firmware/radio/wifi.py"] = way.replace(
            asked, 'self._address("nobody.invalid" if type(self) is Wifi else self._gateway[0])'
        )
    source = (ROOT / "firmware/radio/moved.py").read_text(encoding="utf-8")
    blocking = "        self._asking.setblocking(False)\n"
    assert source.count(blocking) == 1
    loopback = blocking + '        self._asking.setsockopt(0, 32, b"\\x7f\\0\\0\\1")  # IP_MULTICAST_IF: of the only network here\n'
    interpreter = find(CACHE)
    assert interpreter is not None
    configuration = configure(tmp_path, "[discovery]\nannounce = true\n")
    label = secrets.token_bytes(16)
    async with House(tmp_path / "house", interpreter.command, seed=3) as house:
        async with gateway(configuration) as running, browser(running) as page:
            await page.set_up()
            old = int((await running.event("gateway.ready"))["coap_port"])
            altered["firmware/radio/moved.py"] = source.replace(blocking, loopback)
            device = new_device(house, "scale", old, label, "scale", altered)
            await device.start()
            await paired(page, house, device, label)
            kid = await kid_of_only_device(page)
            assert await running.stop() == 0
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            nobody.bind(("127.0.0.1", 0))
            await move(device, nobody.getsockname()[1])
            await house.step_on(device, Person("Ada", 61.3), 9.0)
            async with gateway(configuration) as running, browser(running) as page:
                assert (await running.event("gateway.ready"))["coap_port"] != nobody.getsockname()[1]
                assert (await page.client.post("/en/sign-in", data={"password": PASSWORD})).status_code == 303
                async with asyncio.timeout(150):
                    while "scale" not in [row["kind"] for row in await readings_of(page, kid)]:
                        await asyncio.sleep(0.2)
                rows = await readings_of(page, kid)
                assert len(rows) == len({row["sequence"] for row in rows})
        assert not said(device, "Traceback")
