"""The gateway's one configuration file: every setting, with its unit, its default and why it is what it is.

The file is TOML; each table below is a class here, and each setting a field with its reason beside it. Paths are relative to the file.
Anything unknown, missing or out of range ends the start with one sentence and exit status 2: a setting that is silently ignored is a
setting that somebody relies on. `describe()` gives the same text to the documentation and its test.
"""

import dataclasses
import ipaddress
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.errors import BadConfiguration

_HEX_32 = re.compile(r"[0-9a-fA-F]{64}")
_CONTACT = re.compile(r"mailto:[^@\s]+@[^@\s]+|https://[^/\s]+(/\S*)?")
_HOST_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def _about(reason: str, form: str = "text", *, unit: str = "", least: int = 0, most: int = 0) -> dict[str, Any]:
    """Describe one setting; form: text, path, port, whole, hosts, contact or key (32 bytes in hexadecimal)."""
    return {"reason": reason, "unit": unit, "least": least, "most": most, "form": form}


@dataclass(frozen=True, slots=True)
class Home:
    """[home]: where everything the home knows is kept."""

    data: Path = field(metadata=_about("the folder of the database, the keys and the enrolments, for the gateway's user only", "path"))
    master_key: Path | None = field(
        default=None,
        metadata=_about(
            "the file of the key over the other keys, apart so that a copy of data opens nothing; unset: beside data, its name with .key",
            "path",
        ),
    )
    largest_MiB: int = field(
        default=4096,
        metadata=_about(
            "a full database refuses new readings, which then wait on their devices, rather than filling the machine's disk",
            "whole",
            unit="MiB",
            least=1,
            most=1_000_000,
        ),
    )

    keep_days: int = field(
        default=0,
        metadata=_about(
            "how long a reading is kept here once its account has it; what no account has receipted always stays; 0 keeps everything",
            "whole",
            unit="days",
            least=0,
            most=36_500,
        ),
    )

    copy_hours: int = field(
        default=24,
        metadata=_about(
            "how old the copy of the database may be, from which a damaged one is mended; it takes as much room again; 0 keeps none",
            "whole",
            unit="hours",
            least=0,
            most=720,
        ),
    )

    @property
    def master_key_file(self) -> Path:
        """Where the master key is."""
        return self.master_key or self.data.with_name(f"{self.data.name}.key")


@dataclass(frozen=True, slots=True)
class Coap:
    """[coap]: the devices' door."""

    bind: str = field(default="::", metadata=_about("the address devices send to; :: is every address of this machine"))
    port: int = field(default=5683, metadata=_about("the port of CoAP (RFC 7252); 0 takes any free one", "port"))
    messages_per_s: int = field(
        default=100,
        metadata=_about(
            "what one address may send for long; a device that empties its memory sends ten, and one gone wild must not drown others",
            "whole",
            unit="messages/s",
            least=1,
            most=100_000,
        ),
    )


@dataclass(frozen=True, slots=True)
class Page:
    """[page]: the family's page, over HTTPS with a certificate of the home's own authority."""

    bind: str = field(default="::", metadata=_about("the address browsers connect to"))
    port: int = field(default=8443, metadata=_about("above 1023, so no special right is needed; 0 takes any free one", "port"))
    host_names: tuple[str, ...] = field(
        default=("foyer.local", "localhost", "127.0.0.1"),
        metadata=_about("the names and addresses the page may be asked for under; any other is refused (DNS rebinding)", "hosts"),
    )
    session_days: int = field(
        default=30, metadata=_about("how long a browser stays signed in after its last use", "whole", unit="days", least=1, most=400)
    )


@dataclass(frozen=True, slots=True)
class Discovery:
    """[discovery]: whether the home can be found on its own network."""

    announce: bool = field(
        default=True,
        metadata=_about("whether devices and browsers find this home by name (mDNS), also after its address changed", "flag"),
    )


@dataclass(frozen=True, slots=True)
class Broker:
    """[broker]: the way out; leave the table out and everything stays at home."""

    host: str = field(metadata=_about("the broker's name as in its certificate"))
    authority: Path = field(metadata=_about("the certificate that signed the broker's; no other is trusted", "path"))
    certificate: Path = field(metadata=_about("the client certificate; its common name, a random alias, is all a broker learns", "path"))
    key: Path = field(metadata=_about("the certificate's private key, mode 0600", "path"))
    port: int = field(default=8883, metadata=_about("the port of MQTT over TLS", "port"))


@dataclass(frozen=True, slots=True)
class Cloud:
    """[cloud]: whom sealed readings are for; needed with [broker]."""

    sealing_key: bytes = field(metadata=_about("the ingester's X25519 public key: batches are closed to it, so a broker reads none", "key"))
    receipt_key: bytes = field(metadata=_about("the ingester's Ed25519 public key: without its word nothing leaves the queue", "key"))
    site: str = field(default="", metadata=_about("the address of the account's site, shown on the page"))


@dataclass(frozen=True, slots=True)
class Delivery:
    """[delivery]: how readings are sent on."""

    in_flight: int = field(
        default=20,
        metadata=_about("messages that wait for a receipt; measured: more is slower", "whole", unit="messages", least=1, most=100),
    )
    rows_in_message: int = field(default=50, metadata=_about("sealed readings in one message", "whole", unit="rows", least=1, most=50))
    receipt_timeout_ms: int = field(
        default=10_000,
        metadata=_about("a receipt takes some 50 ms; after this the rows are sent again", "whole", unit="ms", least=100, most=600_000),
    )
    longest_back_off_ms: int = field(
        default=300_000,
        metadata=_about("the pause doubles up to this while nobody answers", "whole", unit="ms", least=100, most=3_600_000),
    )
    ask_after_s: int = field(
        default=86_400,
        metadata=_about(
            "how often an account store is asked whether an account erased or left; about once a day, each at a time of its own",
            "whole", unit="s", least=1, most=2_592_000,
        ),
    )  # fmt: skip
    climate_minutes: int = field(
        default=15,
        metadata=_about(
            "a room's climate leaves the home as means over so long and over an hour, so that nobody's minutes are in it;"
            " 0 sends each value as its device signed it",
            "whole", unit="minutes", least=0, most=60,
        ),
    )  # fmt: skip
    reconnect_ms: int = field(
        default=1000, metadata=_about("the first pause after the broker was lost; it doubles", "whole", unit="ms", least=50, most=60_000)
    )


@dataclass(frozen=True, slots=True)
class Updates:
    """[updates]: new software for the devices; without a key none is taken from anywhere."""

    keys: Path | None = field(
        default=None,
        metadata=_about("the public keys that sign releases, one file; what they have not signed reaches no device of this home", "path"),
    )


@dataclass(frozen=True, slots=True)
class HomeAssistant:
    """[home_assistant]: a broker in this home that a Home Assistant listens to; leave the table out and nobody is told anything."""

    host: str = field(metadata=_about("the broker's name or address; refused unless every address of it is in this home"))
    port: int = field(default=1883, metadata=_about("the port of MQTT, without TLS as Home Assistant's own broker has it", "port"))
    user: str = field(default="", metadata=_about("the name this gateway has at the broker; empty: none is needed"))
    password_file: Path | None = field(
        default=None, metadata=_about("the file with its password, mode 0600, so that it is in no configuration", "path")
    )
    language: str = field(default="en", metadata=_about("en or fr: what the values are called there", "language"))
    alarms: bool = field(
        default=False,
        metadata=_about("whether the nursery's alarms are told there too, crying among them; a Home Assistant keeps a history", "flag"),
    )


@dataclass(frozen=True, slots=True)
class Push:
    """[push]: ringing browsers that sleep, for those who ask for it at the nursery's page."""

    carriers: tuple[str, ...] = field(
        default=("fcm.googleapis.com", "push.services.mozilla.com", "push.apple.com", "notify.windows.com"),
        metadata=_about("the browsers' makers that may carry an alarm; a browser with another address is refused", "hosts"),
    )
    contact: str = field(
        default="mailto:nobody@foyer.invalid",
        metadata=_about(
            "whom a carrier may write to about this home's messages (RFC 8292), mailto: or https://; some ask for a real one", "contact"
        ),
    )


@dataclass(frozen=True, slots=True)
class Metrics:
    """[metrics]: figures for Prometheus; leave the table out and no port is opened."""

    port: int = field(metadata=_about("the port of plain HTTP that Prometheus asks at; 0 takes any free one", "port"))
    bind: str = field(default="127.0.0.1", metadata=_about("this machine alone may ask, because nobody has to sign in for figures"))


@dataclass(frozen=True, slots=True)
class Ble:
    """[ble]: the devices' door over Bluetooth; leave the table out and Bluetooth is left alone."""

    backend: str = field(
        metadata=_about("bleak, for this machine's own Bluetooth (BlueZ); or a module with a backend for it, as the simulator's")
    )
    address: str = field(default="", metadata=_about("where such a module finds its air; bleak needs none"))
    visits: int = field(
        default=3,
        metadata=_about(
            "devices spoken with at the same time; an ordinary adapter holds seven links", "whole", unit="links", least=1, most=20
        ),
    )


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything the gateway was told."""

    home: Home
    coap: Coap
    page: Page
    discovery: Discovery
    delivery: Delivery
    broker: Broker | None
    cloud: Cloud | None
    home_assistant: HomeAssistant | None
    push: Push = field(default_factory=Push)
    metrics: Metrics | None = None
    ble: Ble | None = None
    updates: Updates = field(default_factory=Updates)


_TABLES: dict[str, type[Any]] = {
    "home": Home,
    "coap": Coap,
    "page": Page,
    "discovery": Discovery,
    "broker": Broker,
    "cloud": Cloud,
    "delivery": Delivery,
    "home_assistant": HomeAssistant,
    "push": Push,
    "metrics": Metrics,
    "ble": Ble,
    "updates": Updates,
}


def read(path: Path) -> Configuration:
    """Return the Configuration in a file. Raises BadConfiguration: missing, not TOML, or a setting that cannot be."""
    try:
        text = path.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        cause = error.strerror if isinstance(error, OSError) else "it is not text"
        raise BadConfiguration("", f"The configuration {path} cannot be read ({cause}): give one with --configuration.") from None
    return parse(text, path)


def parse(text: str, path: Path) -> Configuration:
    """Return the Configuration in a file's text; `path` names the file in errors and is where relative paths start."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadConfiguration("", f"The configuration {path} is not TOML: {error}.") from None
    for name in tables:
        if name not in _TABLES or not isinstance(tables[name], dict):
            raise BadConfiguration(name, f"The configuration {path} has a table [{name}] that means nothing: take it out.")
    folder = path.resolve().parent
    read_ = {name: _table(name, kind, tables.get(name, {}), folder) for name, kind in _TABLES.items() if name in tables or _optional(kind)}
    if "home" not in read_:
        raise BadConfiguration("home.data", f"The configuration {path} has no [home] with data: say in which folder to keep readings.")
    broker, cloud = read_.get("broker"), read_.get("cloud")
    if (broker is None) != (cloud is None):
        raise BadConfiguration("cloud", f"The configuration {path} needs both [broker] and [cloud], or neither.")
    return Configuration(
        read_["home"],
        read_["coap"],
        read_["page"],
        read_["discovery"],
        read_["delivery"],
        broker,
        cloud,
        read_.get("home_assistant"),
        read_["push"],
        read_.get("metrics"),
        read_.get("ble"),
        read_["updates"],
    )


def mistakes(path: Path) -> list[BadConfiguration]:
    """Return everything that is wrong with the settings in a file, in its order; nothing, if it can be read."""
    found: list[BadConfiguration] = []
    try:
        read(path)
    except BadConfiguration as first:
        found.append(first)
    if not found or "." not in found[0].setting:
        return found
    tables = tomllib.loads(path.read_text(encoding="utf-8"))
    for name, kind in _TABLES.items():
        given = dict(tables.get(name, {}))
        while True:
            try:
                _table(name, kind, given, path.resolve().parent)
                break
            except BadConfiguration as wrong:
                if name in tables and wrong.setting not in [each.setting for each in found]:
                    found.append(wrong)
                # without the wrong setting the next one shows; one that is missing ends the table
                if given.pop(wrong.setting.partition(".")[2], None) is None:
                    break
    return found


def describe() -> list[tuple[str, str, str, str]]:
    """Return (name, unit, default, reason) of every setting, in order."""
    rows = []
    for table, kind in _TABLES.items():
        for each in dataclasses.fields(kind):
            default = "required" if each.default is dataclasses.MISSING else repr(each.default)
            rows.append((f"{table}.{each.name}", each.metadata["unit"], default, each.metadata["reason"]))
    return rows


def _optional(kind: type[Any]) -> bool:
    return all(each.default is not dataclasses.MISSING for each in dataclasses.fields(kind))


def _table(name: str, kind: type[Any], given: dict[str, object], folder: Path) -> Any:
    known = {each.name: each for each in dataclasses.fields(kind)}
    for key in given:
        if key not in known:
            raise BadConfiguration(f"{name}.{key}", f"The setting {name}.{key} does not exist: those of [{name}] are {', '.join(known)}.")
    values: dict[str, object] = {}
    for key, each in known.items():
        setting = f"{name}.{key}"
        if key in given:
            values[key] = _value(setting, each.metadata, given[key], folder)
        elif each.default is dataclasses.MISSING:
            raise BadConfiguration(setting, f"The setting {setting} is missing: {each.metadata['reason']}.")
    return kind(**values)


def _value(setting: str, about: Any, given: object, folder: Path) -> object:
    form = about["form"]
    if form == "path" and isinstance(given, str) and given:
        return folder / given
    if form == "port" and isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 65535:
        return given
    if form == "whole" and isinstance(given, int) and not isinstance(given, bool) and about["least"] <= given <= about["most"]:
        return given
    if form == "flag" and isinstance(given, bool):
        return given
    if form == "language" and given in ("en", "fr"):
        return given
    if form == "hosts" and isinstance(given, list) and given and all(isinstance(name, str) and _is_host(name) for name in given):
        return tuple(given)
    if form == "contact" and isinstance(given, str) and len(given) <= 200 and _CONTACT.fullmatch(given):
        return given
    if form == "key" and isinstance(given, str) and _HEX_32.fullmatch(given):
        return bytes.fromhex(given)
    if form == "text" and isinstance(given, str) and len(given) <= 500:
        return given
    forms = {
        "path": "a path",
        "port": "a port from 0 to 65535",
        "whole": f"a whole number of {about['unit']} from {about['least']} to {about['most']}",
        "flag": "true or false",
        "language": "en or fr",
        "hosts": "a list of host names in lower case or addresses",
        "contact": "an address that begins with mailto: or https://",
        "key": "64 hexadecimal digits",
        "text": "a text",
    }
    raise BadConfiguration(setting, f"The setting {setting} must be {forms[form]}.")


def _is_host(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return _HOST_NAME.fullmatch(name) is not None
    return True
