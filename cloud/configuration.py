"""The settings of the account store, read from one TOML file and checked before anything starts.

Every setting stands in SETTINGS with its meaning, unit, default and the reason for it; a setting that is not there is refused, so
a slip of the pen is a sentence and not a surprise. Paths are taken from the folder of the file. Secrets are never settings: they
live in files of the folder that [keys] names.
"""

import re
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from cloud.errors import BadConfiguration

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "::1")
# The two roles of a PostgreSQL server; what each may is in cloud/migrations/roles.sql.
INGESTER_ROLE, SITE_ROLE = "foyer_ingester", "foyer_site"


class Setting(NamedTuple):
    """One setting: what it means with its unit, its default (None: it must be given) and why that default."""

    meaning: str
    default: str | int | None
    reason: str


SETTINGS: dict[str, dict[str, Setting]] = {
    "stores": {
        "accounts": Setting(
            "address of the accounts store: sqlite:///FILE or postgresql://HOST/DATABASE",
            None,
            "two stores, so that neither alone tells who weighs what",
        ),
        "readings": Setting("readings store, likewise", None, "the only store the ingester opens"),
    },
    "broker": {
        "host": Setting("name or address of the MQTT broker", None, "it must match the broker's certificate"),
        "port": Setting("its TLS port", 8883, "the port registered for MQTT over TLS"),
        "authority": Setting("PEM file of the authority that signed the broker's certificate", None, "no other authority is believed"),
        "ingester_name": Setting("beginning of this ingester's MQTT client id", "ingester-1", "each ingester of a broker needs its own"),
        "ingester_certificate": Setting("PEM file of the ingester's client certificate", None, "the access list goes by its name"),
        "ingester_key": Setting("PEM file of its private key", None, "readable by the ingester alone"),
        "site_certificate": Setting("PEM file of the site's client certificate", None, "the site may link homes and read no readings"),
        "site_key": Setting("PEM file of its private key", None, "readable by the site alone"),
    },
    "keys": {
        "directory": Setting("folder of key files, mode 0700", None, "outside every database and every backup of one"),
    },
    "metrics": {
        "ingester_port": Setting("port of the ingester's figures for Prometheus, this machine only", 0, "0: none are served"),
        "site_port": Setting("port of the site's figures for Prometheus, this machine only", 0, "0: none are served"),
    },
    "mail": {
        "host": Setting("name of the mail server", "", "empty: no letters; allowed for a site on this machine only"),
        "port": Setting("its port", 587, "the port registered for handing in mail"),
        "security": Setting('"starttls", "tls" or "none"', "starttls", "none is for this machine only"),
        "sender": Setting("address that letters come from", "", "needed with a host"),
        "username": Setting("name to sign in with at the mail server", "", "empty: none is asked"),
        "password_file": Setting("file with its password", "", "a secret is never a setting"),
        "authority": Setting("PEM file of the authority that signed its certificate", "", "empty: those of the system"),
    },
    "site": {
        "bind": Setting("address to listen at", "127.0.0.1", "a proxy with TLS stands before it on the net"),
        "port": Setting("port to listen at, TCP", 8080, "needs no privilege"),
        "address": Setting("the address people type, https unless it is this machine", None, "other names are refused: DNS rebinding"),
        "contact": Setting("e-mail address for questions of privacy", "privacy@localhost", "shown at the foot of every page"),
        "proxy": Setting("address of the proxy whose X-Forwarded-For is believed", "", "empty: nobody's word for where a request is from"),
        "controller": Setting("name and country of who operates this", "whoever runs this machine", "stands in consents and receipts"),
        "libraries": Setting("folder of uPlot's built files", "", "empty: node_modules/uplot/dist beside the project"),
        "installer": Setting("folder of ESP Web Tools' built files", "", "empty: node_modules/esp-web-tools/dist/web beside the project"),
        "releases": Setting("folder of firmware releases that technicians may download", "", "empty: none are offered"),
        "halt_homes": Setting(
            "homes in which an update must have failed before its roll-out halts by itself", 3, "fewer homes that lie halt nothing"
        ),
        "halt_percent": Setting(
            "and how many in a hundred of those that said how it went, %", 5, "three failures among thousands are chance"
        ),
    },
}


@dataclass(frozen=True)
class Stores:
    """The two databases; the ingester is handed `readings` only."""

    accounts: URL
    readings: URL


@dataclass(frozen=True)
class Broker:
    """Where the broker is, whom to believe, and who we are there."""

    host: str
    port: int
    ingester_name: str
    authority: Path
    ingester_certificate: Path
    ingester_key: Path
    site_certificate: Path
    site_key: Path


@dataclass(frozen=True)
class Site:
    """Where the site listens and what it is called."""

    bind: str
    port: int
    address: str
    contact: str
    libraries: Path
    installer: Path
    releases: Path | None
    proxy: str
    controller: str
    halt_homes: int
    halt_percent: int

    @property
    def secure(self) -> bool:
        """Whether people reach it over https; without it cookies cannot carry the __Host- prefix."""
        return self.address.startswith("https:")


@dataclass(frozen=True)
class Mail:
    """How to reach the mail server; security: "tls", "starttls" or "none"."""

    host: str
    port: int
    security: str
    sender: str
    username: str
    password_file: Path | None
    authority: Path | None


@dataclass(frozen=True)
class Metrics:
    """Where figures are served; 0: nowhere."""

    ingester_port: int
    site_port: int


@dataclass(frozen=True)
class Configuration:
    """Every setting, checked."""

    stores: Stores
    broker: Broker
    keys: Path
    site: Site
    mail: Mail | None
    metrics: Metrics


def read(path: Path) -> Configuration:
    """Return the checked settings of a TOML file.

    Raises BadConfiguration: the file or a setting is missing, unknown or wrong; its text is one sentence.
    """
    given = _given(path)
    for wrong in _strange(given):
        raise wrong
    values, folder = _complete(given), path.resolve().parent
    site = _site(values["site"], folder)
    return Configuration(
        Stores(_store("accounts", values, folder), _store("readings", values, folder)),
        _broker(values["broker"], folder),
        _keys(values, folder),
        site,
        _mail(values["mail"], folder, site),
        _metrics(values["metrics"]),
    )


def mistakes(path: Path) -> list[BadConfiguration]:
    """Return what is wrong with the settings in a file: all that are unknown or missing, else the first of each part."""
    try:
        given = _given(path)
    except BadConfiguration as error:
        return [error]
    found = list(_strange(given))
    if found:
        return found
    values, folder = _complete(given), path.resolve().parent
    parts: tuple[Callable[[], object], ...] = (
        lambda: _store("accounts", values, folder),
        lambda: _store("readings", values, folder),
        lambda: _broker(values["broker"], folder),
        lambda: _keys(values, folder),
        lambda: _mail(values["mail"], folder, _site(values["site"], folder)),
        lambda: _metrics(values["metrics"]),
    )
    for part in parts:
        try:
            part()
        except BadConfiguration as error:
            found.append(error)
    return found


def must_exist(setting: str, path: Path) -> Path:
    """Return the path. Raises BadConfiguration: there is no such file."""
    if not path.is_file():
        raise BadConfiguration(setting, f"{path} is not there; make the certificates first.")
    return path


def _given(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise BadConfiguration("file", f"{path} cannot be read ({error.strerror}); name it with --configuration.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadConfiguration("file", f"{path} is not TOML: {error}.") from None


def _strange(given: dict[str, object]) -> Iterator[BadConfiguration]:
    """Yield what is unknown or missing, in the file's order and then in ours."""
    for section in given:
        if section not in SETTINGS:
            yield BadConfiguration(f"[{section}]", f"there is no such section; there are {', '.join(SETTINGS)}.")
    for section, settings in SETTINGS.items():
        found = given.get(section, {})
        if not isinstance(found, dict):
            yield BadConfiguration(f"[{section}]", "must be a section, not a value.")
            continue
        for name in found:
            if name not in settings:
                yield BadConfiguration(f"{section}.{name}", f"there is no such setting; [{section}] has {', '.join(settings)}.")
        for name, setting in settings.items():
            if setting.default is None and name not in found:
                yield BadConfiguration(f"{section}.{name}", f"is missing; it is the {setting.meaning}.")


def _complete(given: dict[str, object]) -> dict[str, dict[str, object]]:
    return {
        section: {name: setting.default for name, setting in settings.items()} | dict(given.get(section, {}))  # type: ignore[call-overload]  # a section, as _strange has seen
        for section, settings in SETTINGS.items()
    }


def _broker(values: dict[str, object], folder: Path) -> Broker:
    return Broker(
        _text("broker.host", values["host"]),
        _port("broker.port", values["port"]),
        _text("broker.ingester_name", values["ingester_name"]),
        *(
            folder / _text(f"broker.{name}", values[name])
            for name in ("authority", "ingester_certificate", "ingester_key", "site_certificate", "site_key")
        ),
    )


def _keys(values: dict[str, dict[str, object]], folder: Path) -> Path:
    return folder / _text("keys.directory", values["keys"]["directory"])


def _metrics(values: dict[str, object]) -> Metrics:
    return Metrics(*(_port_or_none(f"metrics.{name}", values[name]) for name in ("ingester_port", "site_port")))


def _text(setting: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise BadConfiguration(setting, "must be text in quotes.")
    return value


def _number(setting: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise BadConfiguration(setting, f"must be a whole number from {least} to {most}.")
    return value


def _port(setting: str, value: object) -> int:
    return _number(setting, value, 1, 65535)


def _port_or_none(setting: str, value: object) -> int:
    return 0 if value == 0 and not isinstance(value, bool) else _port(setting, value)


def _store(name: str, values: dict[str, dict[str, object]], folder: Path) -> URL:
    setting = f"stores.{name}"
    try:
        url = make_url(_text(setting, values["stores"][name]))
    except ArgumentError:
        raise BadConfiguration(setting, 'is no database address; write "sqlite:///NAME.db".') from None
    if url.get_backend_name() == "postgresql":
        return _server(setting, url, folder)
    if url.get_backend_name() != "sqlite":
        raise BadConfiguration(setting, f"a store is kept in SQLite or PostgreSQL, not in {url.get_backend_name()}.")
    if not url.database or url.database == ":memory:":
        raise BadConfiguration(setting, 'must name a file: "sqlite:///NAME.db".')
    return url.set(database=str(folder / url.database))


def _server(setting: str, url: URL, folder: Path) -> URL:
    if url.username or url.password:
        raise BadConfiguration(
            setting, "names nobody: each part signs in as a role of its own, with the password that ?passfile=FILE has for it."
        )
    if not url.database:
        raise BadConfiguration(setting, 'must name a database: "postgresql://HOST/DATABASE".')
    query = {name: value if isinstance(value, str) else value[-1] for name, value in url.query.items()}
    if "passfile" in query:
        query["passfile"] = str(must_exist(setting, folder / query["passfile"]))
    host = url.host or query.get("host", "")
    if host and host not in LOOPBACK_NAMES and not host.startswith("/") and query.get("sslmode") != "verify-full":
        raise BadConfiguration(setting, "must end in ?sslmode=verify-full, because it is on another machine.")
    return url.set(drivername="postgresql+psycopg", query=query)


def of_role(url: URL, role: str) -> URL:
    """Return the address of a store for one part: on PostgreSQL it signs in as a role of its own, a file knows no roles."""
    return url.set(username=role) if url.get_backend_name() == "postgresql" else url


def _site(values: dict[str, object], folder: Path) -> Site:
    address = _text("site.address", values["address"]).rstrip("/")
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
        raise BadConfiguration("site.address", 'must look like "https://example.org", without a path.')
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_NAMES:
        raise BadConfiguration("site.address", "must begin with https, because passwords and health travel to it.")
    modules = Path(__file__).parents[1] / "node_modules"
    proxy = values["proxy"]
    return Site(
        _text("site.bind", values["bind"]),
        _port("site.port", values["port"]),
        address,
        _text("site.contact", values["contact"]),
        _folder(values["libraries"], folder) or modules / "uplot/dist",
        _folder(values["installer"], folder) or modules / "esp-web-tools/dist/web",
        _folder(values["releases"], folder),
        proxy if isinstance(proxy, str) else _text("site.proxy", proxy),
        _text("site.controller", values["controller"]),
        _number("site.halt_homes", values["halt_homes"], 1, 1_000_000),
        _number("site.halt_percent", values["halt_percent"], 0, 100),
    )


def _folder(value: object, beside: Path) -> Path | None:
    """Return the folder that a setting names, or None when it is empty."""
    return beside / value if isinstance(value, str) and value else None


def _mail(values: dict[str, object], folder: Path, site: Site) -> Mail | None:
    if not values["host"]:
        if site.secure:
            raise BadConfiguration("mail.host", "is missing; without letters anybody could ask this site who has an account.")
        return None
    host, security = _text("mail.host", values["host"]), _text("mail.security", values["security"])
    if security not in ("starttls", "tls", "none"):
        raise BadConfiguration("mail.security", 'must be "starttls", "tls" or "none".')
    if security == "none" and host not in LOOPBACK_NAMES:
        raise BadConfiguration("mail.security", "must not be none, because letters name people.")
    sender = _text("mail.sender", values["sender"])
    if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+", sender):
        raise BadConfiguration("mail.sender", "must be an e-mail address.")
    files = {name: folder / str(values[name]) if values[name] else None for name in ("password_file", "authority")}
    username = str(values["username"])
    return Mail(host, _port("mail.port", values["port"]), security, sender, username, files["password_file"], files["authority"])
