"""The Bluetooth air: who hears whom, in which time, in which order, and what is lost."""

import asyncio
import json
import time
from collections.abc import Coroutine

import pytest
from bumble import hci
from bumble.device import Connection, Device

from simulator.air.ble import Air
from tests.simulator.air.hosts import a_host, an_air, found, offer

ONE, OTHER = "F0:00:00:00:00:01", "F0:00:00:00:00:02"


def run(work: Coroutine[None, None, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def linked(near: Device, far: Device) -> Connection:
    await near.start_advertising(advertising_interval_min=30, advertising_interval_max=30)
    return await far.connect(hci.Address(ONE), timeout=10)


def test_what_is_sent_arrives_in_order_whatever_is_lost() -> None:
    """With a fifth of all packets lost, their repetitions keep the order and nothing is missing."""

    async def work() -> None:
        async with an_air(loss=0.2, throughput_bit_per_s=200_000.0) as air, a_host(air, "a", ONE) as near, a_host(air, "b", OTHER) as far:
            value = offer(near)
            characteristic = await found(await linked(near, far))
            got: list[int] = []
            await characteristic.subscribe(lambda data: got.append(data[0]))
            for number in range(60):
                await near.notify_subscribers(value, bytes((number,)))
            while len(got) < 60:
                await asyncio.sleep(0.01)
            assert got == list(range(60))

    run(work())


def test_throughput_and_latency_are_felt() -> None:
    """10 kB take at least their time at 200 kbit/s."""

    async def work() -> None:
        async with (
            an_air(throughput_bit_per_s=200_000.0, latency_s=0.05) as air,
            a_host(air, "a", ONE) as near,
            a_host(air, "b", OTHER) as far,
        ):
            value = offer(near)
            characteristic = await found(await linked(near, far))
            got: list[bytes] = []
            await characteristic.subscribe(got.append)
            began_s = time.monotonic()
            for _ in range(41):
                await near.notify_subscribers(value, bytes(244))
            while len(got) < 41:
                await asyncio.sleep(0.01)
            assert time.monotonic() - began_s >= 41 * 244 * 8 / 200_000 + 0.05

    run(work())


def test_what_a_full_host_spills_is_gone() -> None:
    """With spill, notifications vanish and requests do not."""

    async def work() -> None:
        async with an_air() as air, a_host(air, "a", ONE) as near, a_host(air, "b", OTHER) as far:
            value = offer(near)
            characteristic = await found(await linked(near, far))
            got: list[bytes] = []
            await characteristic.subscribe(got.append)
            air.spill = 0.5
            for _ in range(100):
                await near.notify_subscribers(value, b"x")
            await characteristic.write_value(b"asked", with_response=True)
            assert await characteristic.read_value() == b"asked"
            assert len(got) == 100 - air.spilt
            assert 20 < air.spilt < 80

    run(work())


def test_a_link_out_of_range_ends_by_its_timeout_and_a_short_absence_loses_nothing() -> None:
    """Both ends notice after the supervision timeout; what was sent during a shorter absence comes late."""

    async def work() -> None:
        async with an_air(supervision_s=1.0) as air, a_host(air, "a", ONE) as near, a_host(air, "b", OTHER) as far:
            value = offer(near)
            connection = await linked(near, far)
            characteristic = await found(connection)
            got: list[bytes] = []
            await characteristic.subscribe(got.append)
            air.carry_away("a")
            await near.notify_subscribers(value, b"late")
            await asyncio.sleep(0.2)
            assert not got
            air.bring_back("a")
            while not got:
                await asyncio.sleep(0.01)
            lost = [asyncio.Event(), asyncio.Event()]
            connection.on("disconnection", lambda _: lost[0].set())
            next(iter(near.connections.values())).on("disconnection", lambda _: lost[1].set())
            air.separate("a", "b")
            began_s = time.monotonic()
            await asyncio.gather(*(each.wait() for each in lost))
            assert time.monotonic() - began_s >= 0.5  # the second counts from the last packet

    run(work())


def test_a_killed_member_is_missed_after_the_timeout() -> None:
    """A host whose process ends says nothing; the other end finds out."""

    async def work() -> None:
        async with an_air(supervision_s=0.5) as air, a_host(air, "b", OTHER) as far:
            async with a_host(air, "a", ONE) as near:
                connection = await linked(near, far)
                lost = asyncio.Event()
                connection.on("disconnection", lambda _: lost.set())
            await asyncio.wait_for(lost.wait(), 10)
            assert [each.name for each in air.members] == ["b"]

    run(work())


def test_twelve_members_speak_at_once() -> None:
    """Many links on one air: what each says is heard by its own other end only."""

    async def work() -> None:
        async with an_air() as air, a_host(air, "b", OTHER) as far:
            air.member("b").most_links = 12

            async def one(number: int) -> None:
                address = f"F0:00:00:00:01:{number:02X}"
                async with a_host(air, address, address) as near:
                    value = offer(near)
                    await near.start_advertising(advertising_interval_min=30, advertising_interval_max=30)
                    async with lock:
                        connection = await far.connect(hci.Address(address), timeout=10)
                    characteristic = await found(connection)
                    got: list[bytes] = []
                    await characteristic.subscribe(got.append)
                    for at in range(10):
                        await near.notify_subscribers(value, bytes((number, at)) + bytes(100))
                    while len(got) < 10:
                        await asyncio.sleep(0.01)
                    assert [each[:2] for each in got] == [bytes((number, at)) for at in range(10)]

            lock = asyncio.Lock()  # a radio makes one connection at a time
            await asyncio.gather(*(one(number) for number in range(12)))

    run(work())


def test_the_control_port_turns_the_air() -> None:
    """Range, loss, names and cuts over a line of JSON; nonsense is answered as such and changes nothing."""

    async def ask(air: Air, *orders: object) -> list[dict[str, object]]:
        reader, writer = await asyncio.open_connection("127.0.0.1", air.control_port)
        answers = []
        for order in orders:
            writer.write((order if isinstance(order, str) else json.dumps(order)).encode() + b"\n")
            answers.append(json.loads(await reader.readline()))
        writer.close()
        await writer.wait_closed()
        return answers

    async def work() -> None:
        async with an_air() as air, a_host(air, "a", ONE) as near, a_host(air, "b", OTHER) as far:
            connection = await linked(near, far)
            lost = asyncio.Event()
            connection.on("disconnection", lambda _: lost.set())
            done = await ask(
                air,
                {"members": True},
                {"set": {"loss": 0.25, "throughput_bit_per_s": None}},
                {"name": {"port": "a", "as": "scale"}},
                {"links": {"of": "b", "most": 2}},
                {"cut": "scale"},
                {"away": "scale"},
                {"apart": ["scale", "b"]},
                {"back": "scale"},
            )
            assert done == [{"done": ["a", "b"]}] + [{"done": True}] * 7
            await asyncio.wait_for(lost.wait(), 5)
            assert (air.loss, air.member("b").most_links) == (0.25, 2)
            assert air.hear_each_other(air.member("scale"), air.member("b"))
            wrong = await ask(air, "{", "[]", {"set": {"seed": 1}}, {"cut": "nobody"}, {"fly": 1})
            assert all("wrong" in each for each in wrong)
            assert air.loss == 0.25

    run(work())


def test_the_record_has_all_that_is_said() -> None:
    """Advertisements, their answers and the data of links, as if nothing were enciphered."""

    async def work() -> None:
        async with an_air() as air, a_host(air, "a", ONE) as near, a_host(air, "b", OTHER) as far:
            air.record = []
            value = offer(near)
            near.advertising_data = b"\x05\xffsaid"
            near.scan_response_data = b"\x05\xffmore"
            connection = await linked(near, far)
            await connection.pair()
            characteristic = await found(connection)
            await characteristic.subscribe(lambda _: None)
            await near.notify_subscribers(value, b"in clear")
            await asyncio.sleep(0.1)
            whole = b"".join(air.record)
            assert all(each in whole for each in (b"said", b"more", b"in clear"))

    run(work())


def test_a_stranger_on_the_port_harms_nobody() -> None:
    """Bytes that are no HCI end the connection that brought them."""

    async def work() -> None:
        async with an_air() as air:
            reader, writer = await asyncio.open_connection("127.0.0.1", air.port)
            writer.write(b"GET / HTTP/1.1\r\n\r\n")
            with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
                await asyncio.wait_for(reader.readexactly(1), 5)
            assert not air.members
            writer.close()

    run(work())
