"""What a clause is tested on: a site with its stores, its letters, and people who use it. Made when a clause asks for it.

A module per clause (R01.py …) says what must hold (`holds`) and what change of the product must be noticed (`MUTATIONS`): each of
them is made, and then `holds` must fail. A clause that no program can test says why (`UNTESTABLE`).
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Route

from cloud.site import routes
from cloud.site.premises import Premises as Site
from tests.cloud.postbox import Postbox
from tests.cloud.site.conftest import Premises
from tests.cloud.site.test_take import Furnished

Mutation = Callable[[pytest.MonkeyPatch], None]
PUBLIC = ("", "terms", "rules", "register", "sign-in", "recover", "mailbox", "shared", "technicians", "offline")
PAGES = ("home", "weight", "pressure", "climate", "devices", "homes", "link", "account", "share", "log", "take")


class Stage:
    """One site for one clause."""

    def __init__(self, folder: Path, said: Callable[[], str]) -> None:
        self.folder = folder
        self.said = said
        self._site: Premises | None = None
        self.postbox: Postbox | None = None

    @property
    def site(self) -> Premises:
        if self._site is None:
            self._site = Premises(self.folder)
        return self._site

    def with_letters(self) -> Premises:
        """Return a site that sends letters."""
        self.postbox = Postbox().__enter__()
        mail = f'[mail]\nhost = "127.0.0.1"\nport = {self.postbox.port}\nsecurity = "none"\nsender = "foyer@example.org"\n'
        self._site = Premises(self.folder, mail)
        return self._site

    def ada(self, email: str = "ada@example.org") -> Furnished:
        """Return somebody with an account, a person, a room and readings of every kind."""
        return Furnished(self.site, email)

    def close(self) -> None:
        if self._site is not None:
            self._site.close()
        if self.postbox is not None:
            self.postbox.__exit__()


def replaced(where: Any, name: str, by: Any) -> Mutation:
    """A product in which one thing is another."""
    return lambda patch: patch.setattr(where, name, by)


def undone(where: Any, name: str) -> Mutation:
    """A product in which a deed is left undone."""
    return replaced(where, name, lambda *_, **__: None)


def rendered(change: Callable[[str], str]) -> Mutation:
    """A product whose pages are changed."""
    whole = Site.render
    return replaced(Site, "render", lambda self, *given, **more: change(whole(self, *given, **more)))


def rerouted(path: str, endpoint: Any) -> Mutation:
    """A product in which an address leads elsewhere."""
    others = [each for each in routes.ROUTES if each.path != path]
    return replaced(routes, "ROUTES", [Route(path, endpoint), *others])
