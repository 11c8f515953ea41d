"""The home's name on its own network (RFC 6762, RFC 6763): `_foyer._udp` for devices, `_https._tcp` and a host name for browsers.

What is announced is an address and two ports, and nothing that tells homes or devices apart: whoever answers in our place still has to
prove itself, a device's gateway by EDHOC and a page by its certificate. When the machine's addresses change (a router was replaced, a cable
became Wi-Fi) the old announcement says goodbye and a new one is made, on whatever interfaces there are then.
"""

import asyncio
import ipaddress
from collections.abc import Sequence

import ifaddr
from structlog.typing import FilteringBoundLogger
from zeroconf import Error, IPVersion, ServiceInfo
from zeroconf.asyncio import AsyncZeroconf

DEVICES = "_foyer._udp.local."
PAGES = "_https._tcp.local."
_LOOK_S = 5.0
_NAME = "Foyer"


class Announcement:
    """Announces a home for as long as `run` runs. bind: the address the ports are bound to, so that no other is promised."""

    def __init__(self, host_names: Sequence[str], bind: str, coap_port: int, page_port: int, log: FilteringBoundLogger) -> None:
        self._host = next((f"{name}." for name in host_names if name.endswith(".local")), "foyer.local.")
        self._bind = bind
        self._ports = {DEVICES: coap_port, PAGES: page_port}
        self._log = log
        self._known: list[str] = []
        self._zeroconf: AsyncZeroconf | None = None

    async def run(self) -> None:
        """Announce, look every few seconds whether the addresses are still the same, and say goodbye when cancelled."""
        try:
            while True:
                now = addresses(self._bind)
                if now != self._known:
                    await self._leave()
                    await self._announce(now)
                await asyncio.sleep(_LOOK_S)
        finally:
            await asyncio.shield(self._leave())

    async def _announce(self, now: list[str]) -> None:
        self._known = now
        if not now:
            self._log.info("mdns.no_address")
            return
        try:
            self._zeroconf = AsyncZeroconf(interfaces=now, ip_version=IPVersion.V4Only)
            for service, port in self._ports.items():
                info = ServiceInfo(
                    service,
                    f"{_NAME}.{service}",
                    port=port,
                    properties={"v": "1"} if service == DEVICES else {"path": "/"},
                    server=self._host,
                    parsed_addresses=now,
                )
                await (await self._zeroconf.async_register_service(info, allow_name_change=True))
        except (Error, OSError) as error:
            # a network without multicast: devices keep the address they know, and people type it
            self._log.warning("mdns.not_announced", reason=type(error).__name__)
            await self._leave()
            self._known = now
            return
        self._log.info("mdns.announced", addresses=len(now))

    async def _leave(self) -> None:
        leaving, self._zeroconf, self._known = self._zeroconf, None, []
        if leaving is not None:
            await leaving.async_unregister_all_services()
            await leaving.async_close()


def addresses(bind: str) -> list[str]:
    """Return the IPv4 addresses at which a port bound so can be reached from the home: one of them, or all but loopback's."""
    bound = ipaddress.ip_address(bind)
    found = [address for adapter in ifaddr.get_adapters() for address in (ip.ip for ip in adapter.ips) if isinstance(address, str)]
    if not bound.is_unspecified:
        return [address for address in found if address == bind]
    return sorted(address for address in found if not ipaddress.ip_address(address).is_loopback)
