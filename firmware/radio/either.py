"""The way home of a device that has two: over Wi-Fi, and over Bluetooth while Wi-Fi is away.

Both carry the same protected link, so a question that was asked over one may be asked again over the other, and the home knows it for
the same. The code for Bluetooth is loaded when Wi-Fi is first missed.
"""

from micropython import const

from firmware.errors import NoNetwork
from firmware.radio import wifi

_WIFI_AGAIN_MS = const(300_000)


class Either:
    """As `way.Way`; settings, session, clock and alive as there."""

    def __init__(self, settings, session, clock, alive):
        self._arguments = (settings, session, clock, alive)
        self._clock = clock
        self._wifi = self._way = wifi.Wifi(settings, session, clock, alive)
        self._ble = None
        self._since_ms = 0
        self.came = _never

    @property
    def heard(self):
        """Called with each new state of what is observed."""
        return self._wifi.heard

    @heard.setter
    def heard(self, hear):
        self._wifi.heard = hear

    @property
    def awake(self) -> bool:
        """Whether the radio in use is on."""
        return self._way.awake

    @property
    def observes(self) -> bool:
        """Whether the home will say what changes."""
        return self._way.observes

    async def post(self, path: str, payload: bytes, content_format: int):
        """As `Way.post`."""
        return await self._ask(lambda: self._way.post(path, payload, content_format))

    async def fetch(self, path: str, payload, content_format: int, hurried):
        """As `Way.fetch`."""
        return await self._ask(lambda: self._way.fetch(path, payload, content_format, hurried))

    async def get(self, path: str, options, hurried):
        """As `Way.get`."""
        return await self._ask(lambda: self._way.get(path, options, hurried))

    async def _ask(self, ask):
        if self._way is not self._wifi and self._clock.up_ms() - self._since_ms > _WIFI_AGAIN_MS:
            self._way.off()
            self._way = self._wifi
        if self._way is self._wifi:
            try:
                return await ask()
            except NoNetwork:
                self._wifi.off()
                self._way = self._nearby()
                self._since_ms = self._clock.up_ms()
        return await ask()

    def _nearby(self):
        if self._ble is None:
            from firmware.radio import seldom  # spares memory: Wi-Fi is seldom away

            self._ble = seldom.Seldom(*self._arguments)
            self._ble.heard = self._wifi.heard
            self._ble.came = self.came
        return self._ble

    def hear(self) -> None:
        """As `Way.hear`."""
        self._way.hear()

    def say(self, path: str, payload: bytes, content_format: int) -> None:
        """As `Way.say`."""
        self._way.say(path, payload, content_format)

    def begin(self) -> None:
        """Switch the radio in use on."""
        self._way.begin()

    def signal(self):
        """Return how well the network is heard, or None."""
        return self._way.signal()

    def off(self) -> None:
        """Switch both radios off."""
        self._wifi.off()
        if self._ble is not None:
            self._ble.off()


def _never():
    return False
