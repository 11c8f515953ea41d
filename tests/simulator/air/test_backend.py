"""Canaries: the faults of the pinned Bumble's GATT client that `backend.ask` mends, seen in Bumble's own questions and gone from ours.

When one of the first halves fails, Bumble has mended it, and the mending here can go.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from bleak.exc import BleakError
from bumble.gatt import Characteristic, Service
from bumble.gatt_client import CharacteristicProxy

from simulator.air.backend import ask
from simulator.air.ble import Air, cut
from tests.simulator.air.hosts import SERVICE, VALUE, a_host, an_air, found

OTHER = VALUE.replace("f001", "f002")
ADDRESS = "F0:00:00:00:00:02/P"
pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
Read = Callable[[CharacteristicProxy[bytes]], Awaitable[bytes]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def stock(value: CharacteristicProxy[bytes]) -> Awaitable[bytes]:
    return value.read_value()


def mended(value: CharacteristicProxy[bytes]) -> Awaitable[bytes]:
    return ask(value.read_value())


@contextlib.asynccontextmanager
async def two_values() -> AsyncIterator[tuple[Air, CharacteristicProxy[bytes], CharacteristicProxy[bytes]]]:
    """Give an air, and two values of a host on it as another host reads them."""
    async with an_air() as air, a_host(air, "near", "F0:00:00:00:00:01") as near, a_host(air, "far", ADDRESS[:-2]) as far:
        values = [
            Characteristic(uuid, Characteristic.Properties.READ, Characteristic.READABLE, said)
            for uuid, said in ((VALUE, b"one"), (OTHER, b"other"))
        ]
        far.add_service(Service(SERVICE, values))
        await far.start_advertising(auto_restart=False)
        connection = await near.connect(far.random_address)
        yield air, await found(connection), await found(connection, OTHER)


async def begun(question: Awaitable[bytes]) -> asyncio.Future[bytes]:
    """Return a question that is on its way: its answer needs more turns of the loop than these."""
    asked = asyncio.ensure_future(question)
    for _ in range(3):
        await asyncio.sleep(0)
    assert not asked.done()
    return asked


@pytest.mark.parametrize(("read", "answer"), [(stock, b"one"), (mended, b"other")])
async def test_a_question_given_up_does_not_answer_the_next(read: Read, answer: bytes) -> None:
    """In Bumble whoever asks next is given the answer to what was asked before."""
    async with two_values() as (_, one, other):
        given_up = await begun(read(one))
        given_up.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await given_up
        assert await read(other) == answer


@pytest.mark.parametrize(("read", "raised"), [(stock, asyncio.CancelledError), (mended, BleakError)])
async def test_a_link_that_breaks_inside_a_question_cancels_nobody(read: Read, raised: type[BaseException]) -> None:
    """Bumble raises CancelledError, which would end whoever asked; here it is an error of the link."""
    async with two_values() as (air, one, _):
        air.carry_away("far")
        asked = await begun(read(one))
        cut(air, "near")
        with pytest.raises(raised):
            await asked
