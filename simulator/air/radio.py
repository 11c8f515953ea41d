"""One Bluetooth controller on the air: Bumble's, with its faults mended (each has its canary in tests/simulator/air/test_radio.py).

Mended here: advertisements carry their scan response and say whether they may be connected to; a connection attempt can be cancelled; a
reset ends advertising, scanning, attempts and connections; the strength of a signal can be asked for; a radio has so many links and no
more. Extended advertising is off, as on an ESP32.
"""

import asyncio
from abc import abstractmethod
from collections.abc import Callable

from bumble import controller, hci, link

HEARD_dBm = -50
_SLOT_s = 0.000625
_Report = hci.HCI_LE_Advertising_Report_Event.Report
_Kind = hci.HCI_LE_Advertising_Report_Event.EventType
_Type = hci.HCI_LE_Set_Advertising_Parameters_Command.AdvertisingType
_REPORTED: dict[int, _Kind] = {
    _Type.ADV_IND: _Kind.ADV_IND,
    _Type.ADV_SCAN_IND: _Kind.ADV_SCAN_IND,
    _Type.ADV_NONCONN_IND: _Kind.ADV_NONCONN_IND,
}
_SCANNABLE = (_Type.ADV_IND, _Type.ADV_SCAN_IND)


class Medium(link.LocalLink):
    """What radios and boards ask of the air they are on."""

    @abstractmethod
    def join(self, name: str) -> "Radio":
        """Return a new radio."""

    @abstractmethod
    def part(self, radio: "Radio") -> None:
        """Take a radio away."""

    @abstractmethod
    def advertise(self, sender: "Radio") -> None:
        """Carry an advertisement to everybody in range."""

    @abstractmethod
    def backlog(self, name: str) -> int:
        """Return how many packets of a radio are still to go out."""


class Advertiser(controller.LegacyAdvertiser):
    """What a radio says of itself, again and again."""

    def _on_timer_fired(self) -> None:
        if self.enabled:
            radio = self.controller
            assert isinstance(radio, Radio)  # noqa: S101 -- it made this one
            radio.air.advertise(radio)
            seconds = max(0.02, self.advertising_interval_min * _SLOT_s)
            self.timer_handle = asyncio.get_running_loop().call_later(seconds, self._on_timer_fired)


class Radio(controller.Controller):
    """A controller that has joined the air. most_links: at the same time; more are refused."""

    le_features = controller.Controller.le_features & ~(
        hci.LeFeatureMask.LE_EXTENDED_ADVERTISING | hci.LeFeatureMask.LE_PERIODIC_ADVERTISING
    )

    def __init__(self, name: str, air: Medium, public_address: str, most_links: int = 9) -> None:
        super().__init__(name, link=air, public_address=public_address)
        self.air = air
        self.most_links = most_links
        self.hang_up: Callable[[], None] = lambda: None  # ends the connection of a host that joined over TCP
        self.le_legacy_advertiser = Advertiser(self)

    def hears(self, other: "Radio") -> None:
        """Take what another radio advertises."""
        said = other.le_legacy_advertiser
        kind = _REPORTED.get(said.advertising_type)
        if kind is None:
            return
        if self.le_scan_enable:
            reports = [(kind, said.advertising_data)]
            if self.le_scan_type == hci.HCI_LE_Set_Scan_Parameters_Command.ACTIVE_SCANNING and said.advertising_type in _SCANNABLE:
                reports.append((_Kind.SCAN_RSP, said.scan_response_data))
            for event_type, data in reports:
                report = _Report(
                    event_type=event_type, address_type=said.address.address_type, address=said.address, data=bytes(data), rssi=HEARD_dBm
                )
                self.send_hci_packet(hci.HCI_LE_Advertising_Report_Event([report]))
        pending = self.pending_le_connection
        if pending is not None and pending.peer_address == said.address and said.advertising_type == _Type.ADV_IND:
            self.create_le_connection(said.address)

    def leave(self) -> None:
        """Fall silent: the power went, or the host did. The other ends notice by their supervision timeout."""
        self.le_legacy_advertiser.stop()
        self.le_scan_enable = False
        self.pending_le_connection = None
        self.le_connections.clear()

    # HCI commands, Bluetooth Core 5.4, volume 4, part E

    def on_hci_reset_command(self, _command: hci.HCI_Reset_Command) -> hci.HCI_StatusReturnParameters:
        self.leave()
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def on_hci_read_rssi_command(self, command: hci.HCI_Read_RSSI_Command) -> hci.HCI_Read_RSSI_ReturnParameters:
        return hci.HCI_Read_RSSI_ReturnParameters(hci.HCI_ErrorCode.SUCCESS, command.handle, HEARD_dBm)

    def on_hci_le_create_connection_command(self, command: hci.HCI_LE_Create_Connection_Command) -> None:
        if len(self.le_connections) >= self.most_links:
            self._send_hci_command_status(hci.HCI_ErrorCode.CONNECTION_LIMIT_EXCEEDED_ERROR, command.op_code)
            return
        super().on_hci_le_create_connection_command(command)

    def on_hci_le_create_connection_cancel_command(
        self, _command: hci.HCI_LE_Create_Connection_Cancel_Command
    ) -> hci.HCI_StatusReturnParameters:
        pending, self.pending_le_connection = self.pending_le_connection, None
        if pending is None:
            return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.COMMAND_DISALLOWED_ERROR)
        asyncio.get_running_loop().call_soon(self._cancelled, pending)
        return hci.HCI_StatusReturnParameters(hci.HCI_ErrorCode.SUCCESS)

    def _cancelled(self, pending: hci.HCI_LE_Create_Connection_Command | hci.HCI_LE_Extended_Create_Connection_Command) -> None:
        self.send_hci_packet(
            hci.HCI_LE_Connection_Complete_Event(
                status=hci.HCI_ErrorCode.UNKNOWN_CONNECTION_IDENTIFIER_ERROR,
                connection_handle=0,
                role=hci.Role.CENTRAL,
                peer_address_type=pending.peer_address.address_type,
                peer_address=pending.peer_address,
                connection_interval=0,
                peripheral_latency=0,
                supervision_timeout=0,
                central_clock_accuracy=0,
            )
        )

    def on_le_disconnected(self, connection: controller.Connection, reason: int) -> None:
        if self.le_connections.get(connection.peer_address) is connection:  # else it is over already
            super().on_le_disconnected(connection, reason)
