"""What can go wrong on a device, as one tree: `DeviceError` and its kinds.

Each kind carries the fault code that crosses the wire and chooses the sentence for the person (`protocol/faults.py` numbers them,
`protocol/sentences.py` says them), and its facts as attributes for the log. Our bugs are no DeviceErrors: whatever else reaches
`main.py` is one, and is reported as `SOFTWARE_FAULT`.

Three branches ask for three answers: a ChipError is the part's fault (check the wiring), a FlashError the memory's (the reading
may not be kept), a LinkError the network's (wait and try again). A RefusedMeasurement is nobody's: measure again.
"""

from protocol import faults


class DeviceError(Exception):
    """Something a device can meet in its life; `fault` is its code, `facts` what the log should hold."""

    fault = faults.SOFTWARE_FAULT

    def __init__(self, **facts):
        super().__init__()
        self.facts = facts
        for name, value in facts.items():
            setattr(self, name, value)

    def __str__(self):
        return type(self).__name__ + "".join(f" {name}={self.facts[name]}" for name in sorted(self.facts))


class ChipError(DeviceError):
    """A part does not do what its datasheet says."""

    fault = faults.CHIP_ABSENT


class ChipAbsent(ChipError):
    """Nothing answers where the chip should be. Facts: chip, waited_ms or address."""


class WrongChip(ChipError):
    """Something else answers. Facts: chip, expected, got."""

    fault = faults.WRONG_CHIP


class ChipDoubts(ChipError):
    """The chip says that its own value cannot be trusted. Facts: chip, status."""

    fault = faults.CHIP_UNTRUSTED


class ChipSaturated(ChipError):
    """The signal lies outside what the chip can measure. Facts: chip, got."""

    fault = faults.CHIP_SATURATED


class BusGarbled(ChipError):
    """Bytes came, and their checksum or count is wrong. Facts: chip, expected, got."""

    fault = faults.CHIP_CHECKSUM


class FlashError(DeviceError):
    """The device's memory cannot be read or written as it must be."""

    fault = faults.FLASH_BROKEN


class OutboxFull(FlashError):
    """As many readings as fit wait for the home; a new one is refused, none is dropped. Facts: capacity."""

    fault = faults.OUTBOX_FULL


class SettingsBroken(FlashError):
    """The settings are absent or make no sense. Facts: path, field or reason."""

    fault = faults.SETTINGS_BAD


class IdentityBroken(FlashError):
    """The keys are absent or make no sense: the device was not provisioned. Facts: path, field or reason."""

    fault = faults.IDENTITY_MISSING


class NotCalibrated(FlashError):
    """The settings lack what turns counts into units: another part's figures would be a guess. Facts: field."""

    fault = faults.SCALE_NOT_CALIBRATED


class BatteryEmpty(DeviceError):
    """The cells are so empty that nothing is written to flash any more. Facts: cell_mV."""

    fault = faults.BATTERY_LOW


class GaveWay(DeviceError):
    """An update made room for somebody who measures, and goes on afterwards; nobody is told."""


class CountersBroken(FlashError):
    """The counters cannot be read, so no number can be given without the risk of giving it twice. Facts: path."""

    fault = faults.COUNTER_BROKEN


class LinkError(DeviceError):
    """The way to the home is interrupted; the reading stays where it is."""

    fault = faults.GATEWAY_SILENT


class NoNetwork(LinkError):
    """Wi-Fi is not connected. Facts: waited_ms."""

    fault = faults.WIFI_ABSENT


class WifiRefused(NoNetwork):
    """The network is there and does not let the device in. Facts: status."""

    fault = faults.WIFI_REFUSED


class NoAddress(NoNetwork):
    """The network let the device in and gave it no address. Facts: waited_ms."""

    fault = faults.WIFI_NO_ADDRESS


class HomeNotNear(LinkError):
    """Nobody of the home came over Bluetooth, or the link broke. Facts: waited_ms."""

    fault = faults.BLUETOOTH_ABSENT


class GatewaySilent(LinkError):
    """Nothing came back in CoAP's whole time of retransmission. Facts: tries."""


class GatewayRefused(LinkError):
    """The home answered, and did not take the reading. Facts: code (CoAP), reason (fault code or None)."""

    fault = faults.LINK_BROKEN


class GatewayStrange(LinkError):
    """Somebody answers, and not with this home's keys. Facts: answers."""

    fault = faults.LINK_BROKEN


class GatewayBusy(LinkError):
    """The home answered that it cannot take readings now: its store is full or its disk. Facts: code (CoAP), reason."""

    fault = faults.STORE_FULL


class WrongReceipt(LinkError):
    """A receipt that does not fit the reading it answers: the reading is kept. Facts: expected, got."""

    fault = faults.RECEIPT_WRONG


class RefusedMeasurement(DeviceError):
    """The measurement is not good enough to be called one: it is said so, and not kept as a reading. `fault` says why."""

    def __init__(self, fault, **facts):
        super().__init__(**facts)
        self.fault = fault


class UpdateRefused(DeviceError):
    """An update that this device does not take: `fault` says why, and what runs is untouched. Facts: what was wrong."""

    def __init__(self, fault, **facts):
        super().__init__(**facts)
        self.fault = fault


class IllegalEvent(DeviceError):
    """An event came in a state that has no row for it: a bug of ours, and nothing was changed. Facts: state, event."""
