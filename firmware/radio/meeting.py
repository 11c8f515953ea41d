"""The Bluetooth of a device that looks for a home: it says so, and takes a new bond, which is kept only when the pairing is."""

from firmware.flash import replacing
from firmware.radio import ble, bonds
from protocol import nearby, pairing

_FOLDER = "/state"


class Meeting(ble.Ble):
    """As `Ble`, in the shape of `seeking.Seeking`; whoever connects proves by the exchange that they know the label, or learns nothing."""

    def __init__(self, settings, session, clock, alive):
        ble.Ble.__init__(self, dict(settings, phones=0), session, clock, alive)
        self._flags = nearby.PAIRING
        self._hurry = True
        self._bonds.open = True
        self._bonds.keep = _not_yet

    @property
    def station(self):
        """The radio."""
        return self._radio

    def settle(self) -> None:
        """Do nothing: there is nobody else on the link."""

    def keep(self, told):
        """The pairing is made: keep the bond; return the settings that name the home's Wi-Fi, if we were told of it. Raises OSError."""
        replacing.make_folder(_FOLDER)  # before a device's first life there is none
        bonds.Bonds.keep(self._bonds)
        if pairing.SSID in told:
            return {"ssid": told[pairing.SSID], "password": told.get(pairing.PASSWORD, "")}
        return None


def _not_yet():
    pass
