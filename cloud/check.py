"""`--check`: what would keep the ingester or the site from starting or serving, found without starting either, each as one sentence.

Nothing is made or changed: a store that is not there yet is no fault if its folder could hold it.
"""

import datetime
import os
import socket
import ssl
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from cryptography import x509
from sqlalchemy.engine import URL

from cloud import broker, configuration, keys, stores
from cloud.configuration import INGESTER_ROLE, SITE_ROLE, Broker, Configuration, Mail, Site, of_role
from cloud.errors import BadConfiguration, CannotStart

REACHED_S = 5.0
UPLOT = ("uPlot.iife.min.js", "uPlot.min.css")


def problems(path: Path) -> list[CannotStart]:
    """Return what is wrong with the configuration in a file and with all that it names."""
    wrong = configuration.mistakes(path)
    return [*wrong] if wrong else list(_of(configuration.read(path)))


def _of(settings: Configuration) -> Iterator[CannotStart]:
    yield from _keys(settings.keys)
    for role, store, url in (
        (SITE_ROLE, "accounts", settings.stores.accounts),
        (INGESTER_ROLE, "readings", settings.stores.readings),
        (SITE_ROLE, "readings", settings.stores.readings),
    ):
        yield from _store(of_role(url, role), store)
    yield from _broker(settings.broker)
    yield from _site(settings.site)
    if settings.mail is not None:
        yield from _mail(settings.mail)
    ports = {
        "site.port": settings.site.port,
        "metrics.ingester_port": settings.metrics.ingester_port,
        "metrics.site_port": settings.metrics.site_port,
    }
    for name, port in ports.items():
        yield from _port(name, settings.site.bind if name == "site.port" else "127.0.0.1", port)


def _said(look: Callable[[], object]) -> Iterator[CannotStart]:
    try:
        look()
    except CannotStart as error:
        yield error


def _keys(folder: Path) -> Iterator[CannotStart]:
    for look in (keys.ingester_keys, keys.site_key, keys.pepper, keys.ErasureKeys):
        yield from _said(lambda look=look: look(folder))  # type: ignore[misc]  # mypy does not read the default
    if folder.is_dir():
        open_to_others = [each for each in (folder, *folder.iterdir()) if each.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO)]
        if open_to_others:
            yield BadConfiguration(
                "keys.directory", f"{open_to_others[0]} can be used by others than its owner; take that away with chmod go=."
            )


def _store(url: URL, store: str) -> Iterator[CannotStart]:
    if url.get_backend_name() == "sqlite":
        file = Path(str(url.database))
        if not file.exists():
            there = next(each for each in file.parents if each.exists())
            if not os.access(there, os.W_OK | os.X_OK):
                yield BadConfiguration(f"stores.{store}", f"{there} cannot be written; choose a folder that can.")
            return
    engine = stores.open_store(url, read_only=True)
    try:
        yield from _said(lambda: stores.look(engine, store))
    finally:
        engine.dispose()


def _broker(settings: Broker) -> Iterator[CannotStart]:
    contexts = []
    for name, certificate, key in (
        ("ingester", settings.ingester_certificate, settings.ingester_key),
        ("site", settings.site_certificate, settings.site_key),
    ):
        try:
            contexts.append(broker.context(settings, certificate, key))
        except CannotStart as error:
            yield error
            continue
        until = x509.load_pem_x509_certificate(certificate.read_bytes()).not_valid_after_utc
        if until < datetime.datetime.now(datetime.UTC):
            yield BadConfiguration(f"broker.{name}_certificate", f"{certificate} ran out on {until:%Y-%m-%d}; make another.")
    for context in contexts[:1]:
        address = settings.host, settings.port
        try:
            with socket.create_connection(address, REACHED_S) as line, context.wrap_socket(line, server_hostname=settings.host):
                pass
        except ssl.SSLError as error:
            yield BadConfiguration(
                "broker", f"{settings.host}:{settings.port} does not speak TLS 1.3 as the broker that is meant ({error.reason})."
            )
        except OSError as error:
            yield BadConfiguration(
                "broker", f"{settings.host}:{settings.port} does not answer ({error.strerror or error}); start the broker."
            )


def _site(settings: Site) -> Iterator[CannotStart]:
    for name in UPLOT:
        if not (settings.libraries / name).is_file():
            yield BadConfiguration("site.libraries", f"{settings.libraries / name} is not there; install it with npm ci.")
    for setting, folder in (("site.installer", settings.installer), ("site.releases", settings.releases)):
        if folder is not None and not folder.is_dir():
            yield BadConfiguration(setting, f"{folder} is no folder.")


def _mail(settings: Mail) -> Iterator[CannotStart]:
    for name, file in (("password_file", settings.password_file), ("authority", settings.authority)):
        if file is not None and not os.access(file, os.R_OK):
            yield BadConfiguration(f"mail.{name}", f"{file} cannot be read.")


def _port(setting: str, bind: str, port: int) -> Iterator[CannotStart]:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError as error:
            yield BadConfiguration(setting, f"port {port} at {bind} cannot be opened ({error.strerror}); is it running already?")
