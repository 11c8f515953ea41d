"""The simulator's panel, served beside a running household: its switches, and the ways of the readings as it shows them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager

import uvicorn

from simulator.panel import application
from simulator.panel.news import Notifier
from tools.household import Household


class _BrokerSwitch:
    """The broker: stopped as an operator would stop it."""

    name = "broker"

    def __init__(self, household: Household) -> None:
        self._broker = household.broker

    def is_on(self) -> bool:
        return self._broker.running

    async def turn_on(self) -> None:
        await asyncio.to_thread(self._broker.start)

    async def turn_off(self) -> None:
        await asyncio.to_thread(self._broker.stop)


class _GatewaySwitch:
    """The gateway: ended as `kill -9` does, because that is what it must bear."""

    name = "gateway"

    def __init__(self, household: Household) -> None:
        self._household = household

    def is_on(self) -> bool:
        return self._household.gateway.running

    async def turn_on(self) -> None:
        await self._household.restart_gateway()

    async def turn_off(self) -> None:
        await self._household.gateway.kill()


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the command."""
        yield


@asynccontextmanager
async def serve_panel(household: Household) -> AsyncIterator[str]:
    """Serve the panel while the block runs; gives its address."""
    news = Notifier()
    household.tell = news.tell
    address = f"http://localhost:{household.ports.panel}"
    switches = {switch.name: switch for switch in (_BrokerSwitch(household), _GatewaySwitch(household))}
    app = application(
        household.house,
        [resident.person for resident in household.residents],
        switches,
        lambda: _ways(household),
        news,
        {"site": f"{household.site_address}/en/", "page": f"{household.page_address}/en/"},
    )
    server = _Server(
        uvicorn.Config(app, host="127.0.0.1", port=household.ports.panel, log_level="error", access_log=False, timeout_graceful_shutdown=1)
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield f"{address}/en/"
    finally:
        news.close()
        server.should_exit = True
        await serving


def _ways(household: Household) -> Sequence[Mapping[str, object]]:
    """Return the readings, newest first."""
    newest = sorted(household.ways.ways.values(), key=lambda way: min(way.stops.values()), reverse=True)
    return [{"device": way.key.device, "kind": way.kind, "sequence": way.key.sequence, "stops": way.stops} for way in newest]
