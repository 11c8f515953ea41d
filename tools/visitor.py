"""A person's browser, reduced to what pages without scripts need: pages, forms and tables.

It knows nothing of Foyer's insides: it fetches a page, fills in the form that stands there and reads the rows of the table, so
what it sees is what a person would.
"""

import ssl
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from typing import NamedTuple
from urllib.parse import urljoin

import httpx


class NoSuchForm(Exception):
    """The page has no form of that kind; the message says what it has."""


class Form(NamedTuple):
    """A form as it stands on a page: where it goes, how, and the fields it already holds."""

    page: str
    action: str
    method: str
    fields: dict[str, str]


class Row(NamedTuple):
    """A row of a table: its data attributes and the text of its cells."""

    data: dict[str, str]
    cells: list[str]


class Page(NamedTuple):
    """A page as it arrived."""

    status: int
    url: str
    text: str
    forms: list[Form]
    rows: list[Row]

    def form(self, action: str) -> Form:
        """Return the form whose address ends with `action`, or else contains it. Raises NoSuchForm: there is none."""
        for fits in (lambda form: form.action.endswith(action), lambda form: action in form.action):
            for form in filter(fits, self.forms):
                return form
        raise NoSuchForm(f"{self.url} ({self.status}) has no form to {action}, only {[form.action for form in self.forms]}")


class Visitor:
    """One person at one browser: keeps cookies, follows redirections, sends what a browser sends with a form."""

    def __init__(self, address: str, verify: ssl.SSLContext | bool = True) -> None:
        self.address = address
        self._client = httpx.AsyncClient(base_url=address, verify=verify, follow_redirects=True, timeout=30.0)

    async def __aenter__(self) -> "Visitor":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    async def get(self, path: str) -> Page:
        return read_page(await self._client.get(path))

    async def json(self, path: str) -> object:
        answer = await self._client.get(path)
        answer.raise_for_status()
        return answer.json()

    async def events(self, path: str) -> AsyncIterator[tuple[str, str]]:
        """Yield the name and data of each server-sent event, for as long as they come."""
        async with self._client.stream("GET", path, timeout=None) as answer:
            name = ""
            async for line in answer.aiter_lines():
                field, _, value = line.partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, value

    async def submit(self, form: Form, **filled: str) -> Page:
        """Send a form with its own fields and those filled in; return the page that follows."""
        fields = form.fields | filled
        target = urljoin(form.page, form.action)
        if form.method == "get":
            return read_page(await self._client.get(target, params=fields))
        headers = {"Origin": self.address.rstrip("/"), "Sec-Fetch-Site": "same-origin", "Referer": form.page}
        return read_page(await self._client.post(target, data=fields, headers=headers))


def read_page(answer: httpx.Response) -> Page:
    """Return the Page in an answer."""
    reader = _Reader(str(answer.url))
    reader.feed(answer.text)
    return Page(answer.status_code, str(answer.url), answer.text, reader.forms, reader.rows)


def read_rows(text: str) -> list[Row]:
    """Return the rows of the tables in a page's text."""
    reader = _Reader("")
    reader.feed(text)
    return reader.rows


class _Reader(HTMLParser):
    def __init__(self, url: str) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.rows: list[Row] = []
        self._url = url
        self._form: Form | None = None
        self._select: str | None = None
        self._cells: list[str] | None = None
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._form = Form(self._url, attributes.get("action", self._url), attributes.get("method", "get").lower(), {})
            self.forms.append(self._form)
        elif tag in ("input", "textarea", "button") and self._form and attributes.get("name"):
            self._field(tag, attributes)
        elif tag == "select" and self._form and attributes.get("name"):
            self._select = attributes["name"]
        elif tag == "option" and self._form and self._select:
            if "selected" in attributes or self._select not in self._form.fields:
                self._form.fields[self._select] = attributes.get("value", "")
        elif tag == "tr":
            self._cells = []
            data = {name.removeprefix("data-"): value for name, value in attributes.items() if name.startswith("data-")}
            self.rows.append(Row(data, self._cells))
        elif tag in ("td", "th") and self._cells is not None:
            self._cells.append("")
            self._in_cell = True

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "select":
            self._select = None
        elif tag == "tr":
            self._cells = None
        elif tag in ("td", "th"):
            self._in_cell = False

    def handle_data(self, data: str) -> None:
        if self._in_cell and self._cells:
            self._cells[-1] = " ".join(f"{self._cells[-1]} {data}".split())

    def _field(self, tag: str, attributes: dict[str, str]) -> None:
        kind = attributes.get("type", "submit" if tag == "button" else "text")
        if self._form is None or kind in ("submit", "button", "reset"):
            return
        if kind in ("checkbox", "radio") and "checked" not in attributes:
            return
        self._form.fields.setdefault(attributes["name"], attributes.get("value", "on" if kind == "checkbox" else ""))
