"""The home's folder (home.data): made where it is missing, used by one gateway at a time, and its keys read under the master key."""

import contextlib
import datetime
import fcntl
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric import ec

from gateway.configuration import Configuration
from gateway.edges import master_key, permissions
from gateway.edges.home_secret import home_secrets_in
from gateway.edges.link_key import link_key_in
from gateway.edges.pages.authority import Papers, papers
from gateway.errors import FileUnusable
from gateway.pseudonyms import Keyring

_PARTS = ("enrolments", "keys", "page")


class Keys(NamedTuple):
    """The home's own: secrets behind its pseudonyms, the key its devices know it by, the one it rings phones with, its page's papers."""

    ring: Keyring
    link: ec.EllipticCurvePrivateKey
    push: ec.EllipticCurvePrivateKey
    papers: Papers


@contextlib.contextmanager
def alone_in(path: Path) -> Iterator[Path]:
    """Make the folder where it is missing, and keep every other gateway out of it.

    Two gateways on one database would use an OSCORE number twice (threats T17). Raises FileUnusable: there is another, or the folder
    cannot be made.
    """
    try:
        for each in (path, *(path / part for part in _PARTS)):
            each.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise FileUnusable(path, error.strerror or str(error), "choose a folder with home.data that the gateway may write") from None
    with (path / "lock").open("a") as lock:
        (path / "lock").chmod(0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise FileUnusable(path, "another gateway is using it", "stop that one first") from None
        yield path


def keys_in(folder: Path, settings: Configuration) -> Keys:
    """Return the home's keys, made where they are missing. Raises CannotStart: one is readable by others, damaged, or cannot be opened."""
    for secret in permissions.loose(settings):
        raise secret
    with master_key.opened(settings.home.master_key_file, folder) as master:
        return Keys(
            Keyring(tuple(home_secrets_in(folder / "keys", master))),
            link_key_in(folder / "keys", master),
            link_key_in(folder / "keys", master, "push.key"),
            papers(folder / "page", settings.page.host_names, datetime.datetime.now(datetime.UTC), master),
        )
