"""What bonded phones are told, when the owner wants it: the SIG's services of this device's kind, with the consent of its users.

Here is what is said to whom; the radio is `ble.py`'s. The last few measurements are held in memory and told once to each user; a phone that
was not there before the device fell asleep has missed them, and the home has them. Nothing names anybody.
"""

from micropython import const

from protocol import readings, sig

WINDOW_MS = const(120_000)  # from the start that the owner asked for: a phone may bond, and a user register
_MOST_HELD = const(4)
_READ = const(0x0202)  # enciphered
_WRITE = const(0x1008)
_NOTIFY = const(0x10)
_INDICATE = const(0x20)
_NO_CONSENT = const(0x80)  # of the User Data Service, section 1.6
_NOT_BONDED = const(0x05)  # ATT: insufficient authentication
_IRREGULAR = const(1)  # of the cuff's FLAGS
_SERVICES = {
    "scale": (
        (sig.WEIGHT_SCALE, ((sig.WEIGHT_MEASUREMENT, _INDICATE), (sig.WEIGHT_FEATURE, _READ))),
        (sig.BODY_COMPOSITION, ((sig.BODY_MEASUREMENT, _INDICATE), (sig.BODY_FEATURE, _READ))),
    ),
    "cuff": ((sig.BLOOD_PRESSURE, ((sig.PRESSURE_MEASUREMENT, _INDICATE), (sig.PRESSURE_FEATURE, _READ))),),
    "babyphone": ((sig.ENVIRONMENT, ((sig.TEMPERATURE, _READ | _NOTIFY), (sig.HUMIDITY, _READ | _NOTIFY))),),
}
_USER_DATA = (
    sig.USER_DATA,
    (
        (sig.CHANGE_INCREMENT, _READ),
        (sig.USER_INDEX, _READ),
        (sig.USER_CONTROL, _WRITE | _INDICATE),
        (sig.LANGUAGE, _READ),
    ),
)
_DEVICE = (sig.DEVICE_INFORMATION, ((sig.MANUFACTURER, _READ), (sig.MODEL, _READ)))


class Phones:
    """device: its kind; language: of its display; opened: the owner's window is open."""

    def __init__(self, device: str, language: str, opened: bool):
        own = _SERVICES[device]
        self._services = own + ((_DEVICE,) if device == "babyphone" else (_USER_DATA, _DEVICE))
        self._handles = {}
        self._values = {
            sig.WEIGHT_FEATURE: sig.WEIGHT_FEATURES,
            sig.BODY_FEATURE: sig.BODY_FEATURES,
            sig.PRESSURE_FEATURE: sig.PRESSURE_FEATURES,
            sig.CHANGE_INCREMENT: bytes(4),
            sig.USER_INDEX: bytes((sig.UNKNOWN_USER,)),
            sig.LANGUAGE: language.encode(),
            sig.MANUFACTURER: b"Foyer",
            sig.MODEL: device.encode(),
        }
        self._consents = None  # where there is nobody to give any: a room
        if device != "babyphone":
            from firmware.radio import consents  # spares memory: a babyphone has none left

            self._consents = consents.Consents()
            self._consents.open = opened
        self._asked = []
        self._answers = []
        self._held = []  # (number, characteristic, value)
        self._number = 0
        self._told = {}  # user: the number of the last measurement told
        self.changed = []  # (handle, value): what the stack is to hold from now on
        self.safe = False  # the phone is bonded and the link enciphered

    @property
    def advertised(self) -> bytes:
        """The services, as an advertisement lists them."""
        own = b"".join([uuid.to_bytes(2, "little") for uuid, _ in self._services if uuid != sig.DEVICE_INFORMATION])
        return bytes((1 + len(own), 0x03)) + own

    @property
    def waiting(self) -> bool:
        """Whether a measurement is held that somebody may want."""
        return bool(self._held) and self._held[-1][0] not in self._told.values()

    def services(self, uuid):
        """Return what the stack is to register; uuid: its UUID."""
        return tuple([(uuid(name), tuple([(uuid(each), flags) for each, flags in inside])) for name, inside in self._services])

    def registered(self, handles) -> None:
        """Take the handles in the shape in which the services were given."""
        for (_, inside), found in zip(self._services, handles):
            for (name, _), handle in zip(inside, found):
                self._handles[name] = handle
        self.changed = [(self._handles[name], value) for name, value in self._values.items() if name in self._handles]

    def measured(self, kind: int, fields: dict) -> None:
        """Hold what was measured; kind and fields as a reading has them."""
        if kind == readings.CLIMATE:
            self._set(sig.TEMPERATURE, sig.temperature(fields[readings.TEMPERATURE]))
            self._set(sig.HUMIDITY, sig.humidity(fields[readings.HUMIDITY]))
        elif kind == readings.SCALE:
            grams = fields[readings.GRAMS]
            self._hold(sig.WEIGHT_MEASUREMENT, sig.weight(grams))
            if readings.IMPEDANCE in fields:
                self._hold(sig.BODY_MEASUREMENT, sig.composition())
        elif kind == readings.CUFF:
            numbers = [fields[name] for name in (readings.SYSTOLIC, readings.DIASTOLIC, readings.MAP, readings.PULSE)]
            self._hold(sig.PRESSURE_MEASUREMENT, sig.pressure(*numbers, fields[readings.FLAGS] & _IRREGULAR))

    def wrote(self, handle: int, data: bytes) -> None:
        """A phone wrote to the control point; answered at the next `look`."""
        if handle == self._handles.get(sig.USER_CONTROL) and not self._asked:  # one at a time, section 3.5.2
            self._asked.append(data)

    def may_read(self, handle: int) -> int:
        """Return 0, or the ATT error that says why not. That the link is enciphered is the stack's to see to."""
        if handle in (self._handles.get(sig.TEMPERATURE), self._handles.get(sig.HUMIDITY)):
            return 0 if self.safe else _NOT_BONDED
        personal = handle in (self._handles.get(sig.LANGUAGE), self._handles.get(sig.CHANGE_INCREMENT))
        return _NO_CONSENT if personal and self._user is None else 0

    @property
    def _user(self):
        return self._consents and self._consents.user

    def gone(self) -> None:
        """The link is over: consent was given for it alone."""
        self.safe = False
        self._asked.clear()
        self._answers.clear()
        if self._consents:
            self._consents.user = None
        self._set(sig.USER_INDEX, bytes((sig.UNKNOWN_USER,)))

    def close(self) -> None:
        """The owner's window is over."""
        if self._consents:
            self._consents.open = False

    def poll(self):
        """Return (handle, value) that is to be indicated now, the same until `told`, or None. Raises OSError: the flash refuses."""
        if not self.safe:
            return None
        while self._asked:
            self._answers.append(self._consents.answer(self._asked.pop()))
            user = self._consents.user
            self._set(sig.USER_INDEX, bytes((sig.UNKNOWN_USER if user is None else user,)))
        if self._answers:
            return self._handles[sig.USER_CONTROL], self._answers[0]
        due = self._due()
        return due and (self._handles[due[1]], due[2])

    def told(self) -> None:
        """The phone has what `poll` gave."""
        if self._answers:
            self._answers.pop(0)
        elif due := self._due():
            self._told[self._user] = due[0]

    def _due(self):
        user = self._user
        if user is not None:
            for each in self._held:
                if each[0] > self._told.get(user, 0):
                    return each
        return None

    def _hold(self, name, value):
        self._number += 1
        self._held.append((self._number, name, value))
        if len(self._held) > _MOST_HELD:
            self._held.pop(0)

    def _set(self, name, value):
        self._values[name] = value
        if name in self._handles:
            self.changed.append((self._handles[name], value))
