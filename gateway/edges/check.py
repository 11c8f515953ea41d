"""`--check`: everything that would keep the gateway from starting or serving, found without starting it, each as one sentence.

Nothing is made or changed: a folder that is not there yet is no fault if it could be made.
"""

import os
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from gateway import configuration
from gateway.configuration import Configuration
from gateway.edges import master_key, mqtt, permissions, sending
from gateway.errors import CannotStart, FileUnusable, PortTaken


def problems(path: Path) -> list[CannotStart]:
    """Return what is wrong with the configuration in a file and with all that it names."""
    wrong = configuration.mistakes(path)
    return [*wrong] if wrong else list(_of(configuration.read(path)))


def _of(settings: Configuration) -> Iterator[CannotStart]:
    yield from _folder(settings.home.data)
    yield from permissions.loose(settings)
    wrong = master_key.missing(settings.home.master_key_file, settings.home.data)
    if wrong is not None:
        yield wrong
    yield from _database(settings.home.data / "home.db")
    for name, bind, port, kind in (
        ("coap.port", settings.coap.bind, settings.coap.port, socket.SOCK_DGRAM),
        ("page.port", settings.page.bind, settings.page.port, socket.SOCK_STREAM),
    ):
        yield from _port(name, bind, port, kind)
    if settings.broker is not None:
        for look in (
            lambda broker: mqtt.alias_of(broker.certificate),
            mqtt.tls_of,
            lambda _: sending.account_keys(settings.cloud),
        ):
            try:
                look(settings.broker)
            except CannotStart as error:
                yield error


def _folder(path: Path) -> Iterator[CannotStart]:
    there = next(each for each in (path, *path.parents) if each.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        yield FileUnusable(path, f"{there} cannot be written", "choose a folder with home.data that the gateway may write")


def _database(path: Path) -> Iterator[CannotStart]:
    if not path.exists():
        return
    try:
        with closing(sqlite3.connect(path, timeout=5.0)) as connection:
            said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.Error as error:
        said = str(error)
    if said != "ok":
        yield FileUnusable(path, said, "start the gateway, which sets it aside and puts together what can be read, or restore a backup")


def _port(name: str, bind: str, port: int, kind: socket.SocketKind) -> Iterator[CannotStart]:
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, kind) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(kind is socket.SOCK_STREAM))
        try:
            probe.bind((bind, port))
        except OSError as error:
            yield PortTaken(name, bind, port, error.strerror or str(error))
