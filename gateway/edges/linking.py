"""Links on their way: what `links.py` decides is written down, sent, and sent again until the site has answered.

A link lives in the database, so a restart in the middle of it goes on where it was.
"""

import asyncio
from collections.abc import Callable

from structlog.typing import FilteringBoundLogger

from gateway import links
from gateway.edges import households, linkbook
from gateway.edges.buffer import Buffer
from gateway.edges.log import utc_ms
from gateway.edges.mqtt import Outside
from gateway.edges.way import Way
from gateway.errors import IllegalEvent, LinkRefused
from gateway.links import Link
from gateway.pseudonyms import Keys
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
        keys_of: Callable[[bytes, int], Keys],
        linked: Callable[[], None],
        changed: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._way = way
        self._log = log
        self._outside = outside
        self._keys_of = keys_of
        self._linked = linked
        self._changed = changed
        self._sent_ms: dict[tuple[bytes, str], int] = {}

    async def begin(self, typed: str, subject: int) -> None:
        """Begin to link a subject with a typed code. Raises LinkRefused: no code, linked already, or a code that was used."""
        link = links.begin(typed, subject, utc_ms())
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
            subject = self._buffer.read(lambda connection: households.subject(connection, link.subject))
            keys = self._keys_of(subject["person_id"], subject["epoch"])
            box = links.box_for(keys, account_key, subject["name"], subject["kind"])
        await self._buffer.write(lambda connection: linkbook.move_link(connection, link, state, account_key, box, utc_ms()))
        self._log.info(f"link.{state}", subject=link.subject)
        self._changed()
        self._send_due()
        if state == links.LINKED:
            self._linked()

    def _send_due(self) -> None:
        if not self._outside.connected:
            return
        now_ms = utc_ms()
        for link in self._buffer.read(linkbook.open_links):
            owed = links.message_for(link)
            key = (link.link_id, link.state)
            if owed is not None and now_ms - self._sent_ms.get(key, 0) >= links.AGAIN_MS:
                self._sent_ms[key] = now_ms
                self._outside.publish("link", owed)
