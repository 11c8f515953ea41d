"""The Wi-Fi of one device, with two real sockets at its ends."""

import asyncio
import socket

import pytest

from simulator.air import wifi
from simulator.air.wifi import JOIN, LEAVE, Relay, Station
from simulator.clock import VirtualClock


def test_joining_takes_a_moment_and_the_network_may_go_and_come() -> None:
    """The station's states are the stock port's, and it rejoins by itself."""
    clock = VirtualClock()
    station = Station(clock)
    assert station.status() == 1000
    station.command(JOIN)
    assert (station.status(), station.joined) == (1001, False)
    clock.advance(0.5)
    assert (station.status(), station.joined) == (1010, True)
    station.in_reach = False
    assert (station.status(), station.joined) == (200, False)
    station.in_reach = True
    assert not station.joined
    clock.advance(0.5)
    assert station.joined
    station.command(LEAVE)
    assert station.status() == 1000


def test_a_network_out_of_reach_is_not_found() -> None:
    """Joining without an access point fails with the stock port's word for it."""
    clock = VirtualClock()
    station = Station(clock)
    station.in_reach = False
    station.command(JOIN)
    clock.advance(5)
    assert station.status() == 201


class Ends:
    """A device's socket, a relay and a gateway's socket."""

    def __init__(self, seed: int = 1) -> None:
        self.clock = VirtualClock()
        self.station = Station(self.clock)
        self.device, self.gateway = wifi.reserve(), wifi.reserve()
        self.relay = Relay(wifi.reserve(), self.gateway.getsockname(), self.station, seed)

    async def __aenter__(self) -> "Ends":
        await self.relay.start()
        self.station.command(JOIN)
        self.clock.advance(1.0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self.relay.close()
        self.device.close()
        self.gateway.close()
        await asyncio.sleep(0)

    def send(self, data: bytes) -> None:
        self.device.sendto(data, ("127.0.0.1", self.relay.port))

    async def arrives(self, at: socket.socket) -> tuple[bytes, tuple[str, int]]:
        return await asyncio.wait_for(asyncio.get_running_loop().sock_recvfrom(at, 2048), 5.0)


def test_datagrams_go_both_ways() -> None:
    """What a device sends arrives at its gateway, and the answer comes back."""

    async def work() -> None:
        async with Ends() as ends:
            ends.send(b"question")
            data, sender = await ends.arrives(ends.gateway)
            assert data == b"question"
            ends.gateway.sendto(b"answer", sender)
            assert (await ends.arrives(ends.device))[0] == b"answer"
            assert ends.relay.carried == 2

    asyncio.run(work())


def test_nothing_passes_while_the_air_is_cut() -> None:
    """A datagram sent during the cut is lost for good; one after it arrives."""

    async def work() -> None:
        async with Ends() as ends:
            ends.station.in_reach = False
            ends.send(b"lost")
            while ends.relay.dropped == 0:
                await asyncio.sleep(0)
            ends.station.in_reach = True
            ends.clock.advance(1.0)
            ends.send(b"heard")
            assert (await ends.arrives(ends.gateway))[0] == b"heard"

    asyncio.run(work())


@pytest.mark.parametrize("seed", [1, 2])
def test_losses_are_as_many_as_asked_for_and_repeat_with_the_seed(seed: int) -> None:
    """A third of 300 datagrams vanishes, the same ones each time."""

    async def survivors() -> list[bytes]:
        async with Ends(seed) as ends:
            ends.relay.loss = 0.33
            for number in range(300):
                ends.send(number.to_bytes(2, "big"))
                while ends.relay.carried + ends.relay.dropped <= number:
                    await asyncio.sleep(0)
            return [(await ends.arrives(ends.gateway))[0] for _ in range(ends.relay.carried)]

    first, second = asyncio.run(survivors()), asyncio.run(survivors())
    assert first == second
    assert 160 < len(first) < 240


def test_latency_delays() -> None:
    """A datagram takes the time it was told to take."""

    async def work() -> None:
        async with Ends() as ends:
            ends.relay.latency_s = 0.05
            loop = asyncio.get_running_loop()
            began_s = loop.time()
            ends.send(b"slow")
            await ends.arrives(ends.gateway)
            assert loop.time() - began_s >= 0.05

    asyncio.run(work())


def test_a_gateway_that_is_down_is_silence() -> None:
    """Refused datagrams raise nothing, and when the gateway is back they arrive."""

    async def work() -> None:
        async with Ends() as ends:
            address = ends.gateway.getsockname()
            ends.gateway.close()
            for _ in range(3):
                ends.send(b"anybody there?")
                await asyncio.sleep(0.01)
            ends.gateway = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            ends.gateway.setblocking(False)
            ends.gateway.bind(address)
            ends.send(b"now")
            assert (await ends.arrives(ends.gateway))[0] == b"now"

    asyncio.run(work())
