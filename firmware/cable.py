"""A device that is not set up waits for a technician on its cable: a browser may give it its Wi-Fi (Improv), Ctrl-C opens the interpreter.

A network is tried before it is kept, and kept before the browser is told. Only a device without settings or keys listens, so whoever
plugs a cable into a working one changes nothing this way.
"""

import select
import sys
import time

import micropython
import network

from firmware import ROOT
from firmware.flash import replacing
from firmware.flash.settings import PATH, check
from protocol import cbor, improv
from protocol.errors import ProtocolError

_CTRL_C = 3
_LOOK_MS = 10
_SILENCE_MS = 500  # a packet takes some milliseconds
_JOIN_MS = 15_000
_LAST_WORDS_MS = 300
_GONE_MS = 5000  # there is no line: look again after a new start
_GATEWAY = ["gateway.local", 5683]
_CHIP = "ESP32-S3"


def wait(longest_ms: int) -> None:
    """Serve the cable until a network has been given, or for so long. Raises KeyboardInterrupt: somebody wants the interpreter."""
    micropython.kbd_intr(-1)  # its byte is part of packets
    try:
        _Serving().run(longest_ms)
    finally:
        micropython.kbd_intr(_CTRL_C)


class _Serving:
    def __init__(self):
        self._release = _map(ROOT + "/release.cbor")
        self._settings = _map(PATH)
        self._listener = improv.Listener()
        self._line = select.poll()
        self._line.register(sys.stdin, select.POLLIN)
        self._station = network.WLAN(network.STA_IF)

    def run(self, longest_ms):
        began_ms = heard_ms = time.ticks_ms()
        while time.ticks_diff(time.ticks_ms(), began_ms) < longest_ms:
            if not self._line.poll(0):
                if time.ticks_diff(time.ticks_ms(), heard_ms) > _SILENCE_MS:
                    self._listener.forget()
                time.sleep_ms(_LOOK_MS)
                continue
            heard_ms = time.ticks_ms()
            byte = sys.stdin.buffer.read(1)
            if not byte:
                time.sleep_ms(_GONE_MS)
                return
            request = self._listener.feed(byte[0])
            if request == improv.INTERRUPT:
                raise KeyboardInterrupt
            if request and self._answer(request):
                time.sleep_ms(_LAST_WORDS_MS)
                return

    def _answer(self, request):
        """Answer one request; return whether a network was given."""
        if request.command == improv.SEND_WIFI:
            return self._take(request.data)
        if request.command == improv.ASK_STATE:
            has = bool(self._settings.get("ssid"))
            _say(improv.state(improv.PROVISIONED if has else improv.READY))
            if has:
                _say(improv.result(improv.ASK_STATE, []))
        elif request.command == improv.ASK_DEVICE:
            kind = self._release.get("kind", "device")
            name = self._settings.get("device", kind)
            _say(improv.result(improv.ASK_DEVICE, ["Foyer", str(self._release.get("version", "")), _CHIP, f"Foyer {name}"]))
        elif request.command == improv.ASK_NETWORKS:
            self._tell_networks()
        else:
            _say(improv.error(improv.BAD_PACKET if request.command is None else improv.UNKNOWN_COMMAND))
        return False

    def _tell_networks(self):
        self._station.active(True)
        told = []
        for ssid, _, _, rssi_dBm, security, _ in self._station.scan():  # the strongest first
            if ssid and ssid not in told:
                told.append(ssid)
                try:
                    name = ssid.decode()
                except UnicodeError:
                    continue  # a name nobody could type
                _say(improv.result(improv.ASK_NETWORKS, [name, str(rssi_dBm), "YES" if security else "NO"]))
        _say(improv.result(improv.ASK_NETWORKS, []))

    def _take(self, data):
        given = improv.credentials(data)
        if given is None:
            _say(improv.error(improv.BAD_PACKET))
            return False
        _say(improv.error(improv.NO_ERROR))
        _say(improv.state(improv.PROVISIONING))
        if not self._joins(*given):
            _say(improv.state(improv.READY))
            _say(improv.error(improv.UNABLE_TO_CONNECT))
            return False
        settings = {"device": self._release.get("kind"), "gateway": _GATEWAY}
        settings.update(self._settings)
        settings["ssid"], settings["password"] = given
        replacing.replace(PATH, cbor.encode(check(settings)))
        _say(improv.state(improv.PROVISIONED))
        _say(improv.result(improv.SEND_WIFI, []))
        return True

    def _joins(self, ssid, password):
        station = self._station
        station.active(True)
        station.disconnect()
        station.config(reconnects=1)
        station.connect(ssid, password)
        began_ms = time.ticks_ms()
        try:
            while not station.isconnected():
                refused = station.status() in (network.STAT_WRONG_PASSWORD, network.STAT_NO_AP_FOUND)
                if refused or time.ticks_diff(time.ticks_ms(), began_ms) > _JOIN_MS:
                    return False
                time.sleep_ms(_LOOK_MS)
            return True
        finally:
            station.active(False)


def _say(packet):
    sys.stdout.buffer.write(packet)


def _map(path):
    """Return the map in a file; an empty one where there is none that can be read."""
    data = replacing.read(path)
    try:
        found = cbor.decode(data) if data else {}
    except ProtocolError:
        return {}
    return found if isinstance(found, dict) else {}
