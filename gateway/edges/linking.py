"""Links on their way: what `links.py` decides is written down, sent, and sent again until the site has answered.

A link lives in the database, so a restart in the middle of it goes on where it was.
"""

import asyncio
import functools
from collections.abc import Callable
from sqlite3 import Connection

from structlog.typing import FilteringBoundLogger

from gateway import links
from gateway.edges import households, linkbook
from gateway.edges.buffer import Buffer
from gateway.edges.custody import Custody
from gateway.edges.log import utc_ms
from gateway.edges.mqtt import Outside
from gateway.edges.talking import box_of
from gateway.edges.way import Way
from gateway.errors import IllegalEvent, LinkRefused
from gateway.links import Link
from gateway.pseudonyms import Keyring
from protocol import linking
from protocol.errors import ProtocolError

_PAUSE_S = 0.5


class Linking:
    """Carries open links along; `linked` is called when a subject was linked."""

    def __init__(
        self,
        buffer: Buffer,
        way: Way,
        log: FilteringBoundLogger,
        outside: Outside,
        book: Custody,
        keyring: Keyring,
        linked: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._way = way
        self._log = log
        self._outside = outside
        self._book = book
        self._keyring = keyring
        self._linked = linked
        self._changed = changed
        self._sent_ms: dict[tuple[bytes, str], int] = {}

    async def begin(self, typed: str, subject: int, name: str = "") -> None:
        """Begin to link a subject with a typed code; name: of whose account it is.

        Raises LinkRefused: no code, a code that was used, or linked already and nobody who has a say let in one more.
        """
        link = links.begin(typed, subject, utc_ms(), name)
        if not await self._buffer.write(lambda connection: linkbook.begin_link(connection, link)):
            raise LinkRefused("link.used")
        self._log.info("link.begun", subject=subject)
        self._send_due()

    async def answered(self, payload: bytes) -> None:
        """Take a message of the site."""
        try:
            message = linking.decode_message(payload)
        except ProtocolError:
            self._way.refuse("bad_link_message")
            return
        link = self._buffer.read(lambda connection: linkbook.link(connection, message.link_id))
        event = None if link is None else links.event_of(link, message)
        if link is None or event is None:
            self._way.refuse("unknown_link")
            return
        await self._happened(link, event, message.body if event == links.KEY_FITS else None)

    async def run(self) -> None:
        """Send again what is owed and let old links expire, until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_S)
            for link in self._buffer.read(linkbook.open_links):
                if utc_ms() - link.started_ms > links.LIVES_MS:
                    await self._happened(link, links.TOO_LATE, None)
            self._send_due()

    async def _happened(self, link: Link, event: str, account_key: bytes | None) -> None:
        try:
            state = links.after(link.state, event)
        except IllegalEvent:
            self._way.refuse("link_out_of_turn")
            return
        if state == link.state:
            return
        box = None
        if account_key is not None:
            key = account_key
            newest = self._keyring.newest
            await self._buffer.write(lambda connection: linkbook.pin_generation(connection, link.subject, newest))
            box = self._buffer.read(lambda connection: self._box(connection, link, key))

        def write(connection: Connection) -> None:
            linkbook.move_link(connection, link, state, account_key, box, utc_ms())
            if state == links.LINKED:
                self._book.announce(connection, link.subject)

        await self._buffer.write(write)
        self._log.info(f"link.{state}", subject=link.subject)
        self._changed()
        self._send_due()
        if state == links.LINKED:
            self._linked()

    def _box(self, connection: Connection, link: Link, account_key: bytes) -> bytes:
        return box_of(connection, self._book, link.subject, self._keys(connection, link, account_key), account_key)

    def _keys(self, connection: Connection, link: Link, account_key: bytes) -> links.LinkKeys:
        subject = households.subject(connection, link.subject)
        return links.keys_of_link(self._keyring, subject["generation"], subject["person_id"], link.link_id, account_key)

    def _send_due(self) -> None:
        if not self._outside.connected:
            return
        now_ms = utc_ms()
        for link in self._buffer.read(linkbook.open_links):
            public_key = b""
            if link.account_key is not None:
                public_key = self._buffer.read(functools.partial(self._keys, link=link, account_key=link.account_key)).public
            owed = links.message_for(link, public_key)
            said = (link.link_id, link.state)
            if owed is not None and now_ms - self._sent_ms.get(said, 0) >= links.AGAIN_MS:
                self._sent_ms[said] = now_ms
                self._outside.publish("link", owed)
