"""Canaries: each fault of the pinned Bumble that the radio mends, seen in Bumble's own controller and gone from ours.

When one of the first halves fails, Bumble has mended it, and the mending here can go.
"""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from bumble import hci, link
from bumble.controller import Controller
from bumble.device import AdvertisingType, Device
from bumble.host import Host

from simulator.air.ble import Air
from simulator.air.radio import HEARD_dBm, Radio

ONE, OTHER = "F0:00:00:00:00:01", "F0:00:00:00:00:02"


class Pair:
    """Two hosts on a stock link or on our air."""

    def __init__(self, stock: bool) -> None:
        air = link.LocalLink() if stock else Air()
        self.radios = [Controller(name, link=air, public_address=f"F0:F1:00:00:00:0{name}") for name in "12"] if stock else []
        if isinstance(air, Air):
            self.radios = [air.join(name) for name in "12"]
        self.air = air
        self.near, self.far = (self._host(radio, address) for radio, address in zip(self.radios, (ONE, OTHER), strict=True))

    def _host(self, radio: Controller, address: str) -> Device:
        host = Host()
        host.set_packet_sink(radio)
        radio.set_packet_sink(host)
        return Device(name="", address=hci.Address(address), host=host)

    async def on(self) -> None:
        await self.near.power_on()
        await self.far.power_on()


def run(stock: bool, work: Callable[[Pair], Awaitable[object]]) -> object:
    async def whole() -> object:
        pair = Pair(stock)
        await pair.on()
        return await work(pair)

    return asyncio.run(whole())


async def reports(pair: Pair, kind: AdvertisingType, seconds: float = 0.3) -> set[tuple[bytes, bool, bool]]:
    """Return what was heard: its data, whether it answers a question, whether it may be connected to."""
    heard = set()

    def take(report: hci.HCI_LE_Advertising_Report_Event.Report | hci.HCI_LE_Extended_Advertising_Report_Event.Report) -> None:
        extended = isinstance(report, hci.HCI_LE_Extended_Advertising_Report_Event.Report)
        answers = bool(report.event_type & 8) if extended else report.event_type == 4
        heard.add((bytes(report.data), answers, bool(report.event_type & 1) if extended else report.event_type == 0))

    pair.far.host.on("advertising_report", take)
    await pair.far.start_scanning(legacy=True, active=True)
    await pair.near.start_advertising(
        kind, advertising_data=b"\x02\x01\x06", scan_response_data=b"\x02\x0a\x05", advertising_interval_min=20, advertising_interval_max=20
    )
    await asyncio.sleep(seconds)
    return heard


def test_scan_responses_are_sent() -> None:
    """Bumble answers with the advertisement itself, or not; here the scan response comes as what it is."""
    assert (b"\x02\x0a\x05", True, False) in run(False, lambda pair: reports(pair, AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE))
    mended = run(True, lambda pair: reports(pair, AdvertisingType.UNDIRECTED_CONNECTABLE_SCANNABLE))
    assert (b"\x02\x0a\x05", True, False) not in mended


def test_an_advertisement_that_takes_no_connection_says_so() -> None:
    """Bumble shows it as connectable or not at all."""
    wanted = (b"\x02\x01\x06", False, False)
    assert wanted in run(False, lambda pair: reports(pair, AdvertisingType.UNDIRECTED))
    assert wanted not in run(True, lambda pair: reports(pair, AdvertisingType.UNDIRECTED))


@pytest.mark.parametrize("stock", [True, False])
def test_a_connection_attempt_can_be_cancelled(stock: bool) -> None:
    """In Bumble a timed-out attempt blocks the next one for ever."""

    async def twice(pair: Pair) -> bool:
        for _ in range(2):
            attempt = asyncio.ensure_future(pair.far.connect(hci.Address("F0:00:00:00:00:99"), timeout=0.1))
            done, _ = await asyncio.wait([attempt], timeout=2)
            if not done:
                attempt.cancel()
                return False
        return pair.radios[1].pending_le_connection is None

    assert run(stock, twice) is not stock


@pytest.mark.parametrize("stock", [True, False])
def test_a_reset_ends_what_the_radio_does(stock: bool) -> None:
    """In Bumble a reset radio goes on advertising."""

    async def after_reset(pair: Pair) -> bool:
        await pair.near.start_advertising(advertising_interval_min=20, advertising_interval_max=20)
        await pair.near.host.reset()
        radio = pair.radios[0]
        return not any(each.enabled for each in (radio.le_legacy_advertiser, *radio.advertising_sets.values()))

    assert run(stock, after_reset) is not stock


@pytest.mark.parametrize("stock", [True, False])
def test_the_signal_can_be_asked_for(stock: bool) -> None:
    """Bumble's controller knows no Read RSSI."""

    async def signal(pair: Pair) -> int | None:
        await pair.near.start_advertising(advertising_interval_min=20, advertising_interval_max=20)
        connection = await pair.far.connect(hci.Address(ONE))
        try:
            return await connection.get_rssi()
        except (hci.HCI_Error, AttributeError):
            return None

    assert run(stock, signal) == (None if stock else HEARD_dBm)


@pytest.mark.parametrize("stock", [True, False])
def test_data_finds_its_way_between_public_addresses(stock: bool) -> None:
    """Bumble names the sender of data by its random address whatever the link was made with, so nobody takes it."""

    async def exchange(pair: Pair) -> bool:
        await pair.near.start_advertising(
            own_address_type=hci.OwnAddressType.PUBLIC, advertising_interval_min=20, advertising_interval_max=20
        )
        address = hci.Address(str(pair.radios[0].public_address), hci.AddressType.PUBLIC_DEVICE)
        connection = await pair.far.connect(address, own_address_type=hci.OwnAddressType.PUBLIC, timeout=2)
        question = asyncio.ensure_future(connection.gatt_client.request_mtu(100))
        done, _ = await asyncio.wait([question], timeout=1)
        question.cancel()
        return bool(done)

    assert run(stock, exchange) is not stock


def test_a_full_radio_takes_no_more_links() -> None:
    """One link more than a radio has is refused by its own controller."""

    async def refused(pair: Pair) -> int:
        radio = pair.radios[1]
        assert isinstance(radio, Radio)
        radio.most_links = 0
        with pytest.raises(hci.HCI_Error) as failed:
            await pair.far.connect(hci.Address(ONE), timeout=1)
        return int(failed.value.error_code)

    assert run(False, refused) == hci.HCI_ErrorCode.CONNECTION_LIMIT_EXCEEDED_ERROR
