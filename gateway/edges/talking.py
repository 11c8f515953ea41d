"""What is said under a link after it was made: new boxes, requests, leaving; and what the site answers.

Everything that is owed follows from the database, so nothing is lost over a restart: a box that is older than the subject's, a request
that is open, a link that is leaving. Each is said again until the answer shows that it was heard. Without anything owed the site is asked
now and then whether the account left of itself. What an account decides is believed by its MAC; the rest of the site's word only says
what need not be sent again.
"""

import asyncio
import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from sqlite3 import Connection
from sqlite3 import Row as Found

from structlog.typing import FilteringBoundLogger

from gateway import approvals, links, sealing
from gateway.edges import custody, households, linkbook, requests
from gateway.edges.buffer import Buffer
from gateway.edges.custody import Custody
from gateway.edges.log import utc_ms
from gateway.edges.mqtt import Outside
from gateway.edges.way import Way
from gateway.errors import NoRoom
from gateway.pseudonyms import Keyring
from protocol import linking
from protocol.errors import ProtocolError

_PAUSE_S = 0.5
AGAIN_MS = 5000
# Once a request has waited this long, its answer may take its time.
_SOON_MS = 600_000
_SELDOM_MS = 300_000


@dataclass
class _Said:
    """When something was last said under a link, and what it was made of."""

    at_ms: int
    what: tuple[int, ...]


class Talking:
    """Talks under every link. decided: called when an account's word moved something."""

    def __init__(
        self,
        buffer: Buffer,
        way: Way,
        log: FilteringBoundLogger,
        outside: Outside,
        book: Custody,
        keyring: Keyring,
        ask_after_ms: int,
        decided: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._way = way
        self._log = log
        self._outside = outside
        self._book = book
        self._keyring = keyring
        self._ask_after_ms = ask_after_ms
        self._decided = decided
        self._said: dict[bytes, _Said] = {}
        # What was said of a link counts only if it was said after what it answers.
        self.unknown: set[bytes] = set()

    async def run(self) -> None:
        """Say what is owed, until cancelled."""
        while True:
            await asyncio.sleep(_PAUSE_S)
            now_ms = utc_ms()
            if self._buffer.read(functools.partial(_is_any_old, now_ms=now_ms)):
                await self._buffer.write(functools.partial(requests.expire, now_ms=now_ms))
            if self._outside.connected:
                for row in self._buffer.read(linkbook.all_recipients):
                    self._talk(row, now_ms)

    def _talk(self, row: Found, now_ms: int) -> None:
        """Say what is owed to one link, if it is time."""
        asked = self._buffer.read(lambda connection: _asked_of(connection, row))
        box_owed = row["state"] == linkbook.LINKED and row["newest_box"] is not None and row["newest_box"] > row["box_version"]
        leaves = row["state"] == linkbook.LEAVING
        what = (int(leaves), row["newest_box"] or 0 if box_owed else 0, len(asked))
        said = self._said.get(row["link_id"])
        if said is None:
            # the first question of a link comes at a time of its own
            said = self._said[row["link_id"]] = _Said(now_ms - secrets.randbelow(self._ask_after_ms), (0, 0, 0))
        waited_ms = now_ms - said.at_ms
        if leaves or box_owed or asked:
            fresh = leaves or box_owed or any(now_ms - each["made_ms"] < _SOON_MS for each in asked)
            if said.what == what and waited_ms < (AGAIN_MS if fresh else _SELDOM_MS):
                return
        elif waited_ms < self._ask_after_ms and said.what == what:
            return
        self._said[row["link_id"]] = _Said(now_ms, what)
        keys = links.keys_of_link(self._keyring, row["generation"], row["person_id"], row["link_id"], row["account_key"])
        if leaves:
            self._say(keys, linking.LEAVE, now_ms, b"")
        elif box_owed:
            self._say(keys, linking.NEW_BOX, row["newest_box"], self._box(row, keys))
        for each in asked:
            words = linking.encode_request(self._buffer.read(functools.partial(requests.in_words_of, request=each)))
            sealed = sealing.close_to(row["account_key"], words, linking.REQUEST_INFO)
            self._say(keys, linking.REQUEST, now_ms, each["request_id"] + sealed)
        if not (leaves or box_owed or asked):
            self._say(keys, linking.NEWS, now_ms, b"")

    def _box(self, row: Found, keys: links.LinkKeys) -> bytes:
        return self._buffer.read(lambda connection: box_of(connection, self._book, row["subject"], keys, row["account_key"]))

    def _say(self, keys: links.LinkKeys, verb: int, sequence: int, body: bytes) -> None:
        self._outside.publish("link", linking.encode_talk(keys.public, verb, sequence, body, keys.sign))

    async def heard(self, payload: bytes) -> None:
        """Take the site's word."""
        try:
            word = linking.decode_word(payload)
        except ProtocolError:
            self._way.refuse("bad_link_message")
            return
        for row in self._buffer.read(linkbook.all_recipients):
            keys = links.keys_of_link(self._keyring, row["generation"], row["person_id"], row["link_id"], row["account_key"])
            if linking.link_name(keys.public) == word.link_name:
                await self._take(row, keys, word)
                return
        self._way.refuse("unknown_link")

    async def _take(self, row: Found, keys: links.LinkKeys, word: linking.Word) -> None:
        decisions = [each for each in word.decisions if keys.decided(each)]
        if len(decisions) < len(word.decisions):
            self._way.refuse("false_decision")
            self._log.warning("link.false_decision", subject=row["subject"])
        now_ms = utc_ms()

        def write(connection: Connection) -> list[str]:
            linkbook.box_taken(connection, row["link_id"], word.box_version if word.is_known else 0)
            moved = [requests.decide(connection, self._book, row, each, now_ms) for each in decisions]
            if not word.is_known:
                linkbook.left(connection, row["link_id"])
            return [state for state in moved if state is not None]

        try:
            moved = await self._buffer.write(write)
        except NoRoom:  # the site says it again when it is asked again
            self._way.count("no_room")
            return
        if word.is_known or row["state"] == linkbook.LEAVING or decisions:
            self.unknown.discard(row["link_id"])
        elif row["link_id"] not in self.unknown:
            self.unknown.add(row["link_id"])
            self._log.warning("link.unknown", subject=row["subject"])
        for state in moved:
            self._log.info(f"request.{state}", subject=row["subject"])
        if moved:
            self._decided()


def box_of(connection: Connection, book: Custody, subject_: int, keys: links.LinkKeys, account_key: bytes) -> bytes:
    """Return the box of a subject for one account: every name that stands and the one that comes next, and who else holds a box."""
    subject = households.subject(connection, subject_)
    names = [book.keys(row["person_id"], row["epoch"], row["generation"]) for row in custody.names_of(connection, subject_)]
    present = book.keys(subject["person_id"], subject["epoch"], subject["generation"])
    if all(each.pseudonym != present.pseudonym for each in names):
        names.append(present)
    held_by = [row["name"] for row in linkbook.recipients(connection, subject_) if row["state"] == linkbook.LINKED]
    return links.box_for(dict(subject), names, keys, account_key, held_by)


def _asked_of(connection: Connection, row: Found) -> list[Found]:
    """Return the open requests that a link has a say in."""
    if row["state"] != linkbook.LINKED:
        return []
    subject = connection.execute("SELECT * FROM subjects WHERE subject = ?", (row["subject"],)).fetchone()
    if subject is None:
        return []
    say = [each["link_id"] for each in approvals.approvers(subject, linkbook.recipients(connection, row["subject"]))]
    return requests.open_requests(connection, row["subject"]) if row["link_id"] in say else []


def _is_any_old(connection: Connection, now_ms: int) -> bool:
    oldest = next(iter(requests.open_requests(connection)), None)
    return oldest is not None and oldest["made_ms"] < now_ms - approvals.LIVES_MS
