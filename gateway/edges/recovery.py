"""What lies in the accounts, brought home again: after a database was put together anew, or a home restored from a backup.

Each name asks the account store for its rows, a page at a time, and opens them with the keys it sealed them with. A reading comes home if
a device that the home knows signed it: the keys of a name are its owner's too, so what is sealed under them proves nothing here. The ends
of the chains come home as well, and until all names have theirs nothing is sealed, so that no row takes another's place or goes twice.

What a home knows after that may be older than what the accounts hold: a reading that lies in an account whose row the home never saw was
given to it later, and one whose row is not there any more was taken out later; whose that is then, somebody at home is asked.
"""

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from sqlite3 import Connection
from sqlite3 import Row as Found

from structlog.typing import FilteringBoundLogger

from gateway import climate, configuration, reception, records, sealing
from gateway.devices import Device
from gateway.edges import custody, households, ledger, places, questions, summaries
from gateway.edges.buffer import Buffer
from gateway.edges.custody import Custody
from gateway.edges.log import utc_ms
from gateway.edges.mqtt import Outside
from gateway.edges.sending import account_keys
from gateway.edges.way import Way
from gateway.errors import BadReceipt, FileUnusable, NoRoom, Refused
from gateway.sealing import Chain, Packet, Page, Row
from protocol import envelope, readings, seals
from protocol.errors import SealBroken

_LARGEST = 1 << 53  # of a number in an entry: its owner writes what they like, and SQLite's end is near 2**63
_PAUSE_S = 1.0
_WORDS = ("came", "there", "other", "unproved", "broken", "asked")
_HOME_PLACES = (places.KEPT, places.INBOX, places.HOME)


class Recovery:
    """known(): every device that may have signed what is in an account, in force or not; done: called when all names have their rows."""

    def __init__(
        self,
        buffer: Buffer,
        way: Way,
        log: FilteringBoundLogger,
        outside: Outside,
        book: Custody,
        settings: configuration.Configuration,
        known: Callable[[], Sequence[Device]],
        done: Callable[[], None],
    ) -> None:
        self._buffer = buffer
        self._way = way
        self._log = log
        self._outside = outside
        self._book = book
        self._known = known
        self._done = done
        self._sealing_key, self._receipt_key = account_keys(settings.cloud)
        self._first_ms = settings.delivery.receipt_timeout_ms
        self._longest_ms = settings.delivery.longest_back_off_ms
        self._asked: Packet | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._connected = asyncio.Event()

    async def begin(self) -> None:
        """Note which names are to be asked, if they are; before anything is sealed. Raises FileUnusable: the disk is full."""
        if self._buffer.read(lambda connection: households.household(connection, households.WANTED_BACK)) is not None:
            try:
                await self._buffer.write(lambda connection: begin(connection, self._book))
            except NoRoom as error:
                raise FileUnusable(self._buffer.path, str(error), "make room on its disk") from None

    def connection_changed(self) -> None:
        """Go on when there is a connection."""
        (self._connected.set if self._outside.connected else self._connected.clear)()

    def heard(self, payload: bytes) -> bool:
        """Take what answers a question of this; return whether it does."""
        if self._asked is None or self._answer is None or not sealing.answers(payload, self._asked):
            return False
        if not self._answer.done():
            self._answer.set_result(payload)
        return True

    async def run(self) -> None:
        """Bring home what is wanted, a page at a time, and end."""
        counts = Counter(dict.fromkeys(_WORDS, 0))
        wanted = False
        while (name := self._buffer.read(next_name)) is not None:
            wanted = True
            await self._connected.wait()
            try:
                page = await self._ask(name)
                counts.update(await self._buffer.write(lambda c, n=name, p=page: take(c, self._book, n, p, self._known(), utc_ms())))  # type: ignore[misc]  # bound now
            except (BadReceipt, NoRoom) as error:
                self._way.refuse("bad_receipt") if isinstance(error, BadReceipt) else self._way.count("no_room")
                await asyncio.sleep(_PAUSE_S)
                continue
            if not page.more:  # the next name at a moment of its own
                await asyncio.sleep(_PAUSE_S * (1 + secrets.randbelow(1000) / 1000))
        if wanted:
            self._log.info("home.brought_back", **counts)
            self._done()

    async def _ask(self, name: Found) -> Page:
        """Ask until there is an answer. Raises BadReceipt: one that the ingester did not make."""
        keys = self._book.keys(name["person_id"], name["epoch"], name["generation"])
        wait_ms = self._first_ms
        while True:
            packet = sealing.pack(keys, [], utc_ms(), self._sealing_key, secrets.token_bytes, back_after=name["back_after"])
            self._asked, self._answer = packet, asyncio.get_running_loop().create_future()
            self._outside.publish("up", packet.payload)
            try:
                async with asyncio.timeout(wait_ms / 1000):
                    return sealing.open_page(await self._answer, packet, self._receipt_key)
            except TimeoutError:
                wait_ms = min(2 * wait_ms, self._longest_ms)
                await self._connected.wait()
            finally:
                self._asked = self._answer = None


def begin(connection: Connection, book: Custody) -> None:
    """Mark every name that stands, and those that follow from a linked subject and were lost with their page."""
    for row in households.subjects(connection):
        book.announce(connection, row["subject"])
    connection.execute(
        "UPDATE epochs SET back_after = ? WHERE state = ? AND subject IN (SELECT subject FROM subjects)",
        (envelope.FROM_THE_FIRST, custody.STANDS),
    )
    connection.execute("DELETE FROM household WHERE name = ?", (households.WANTED_BACK,))


def next_name(connection: Connection) -> Found | None:
    """Return a name that has not all its rows back."""
    found: Found | None = connection.execute("SELECT * FROM epochs WHERE back_after IS NOT NULL ORDER BY pseudonym LIMIT 1").fetchone()
    return found


def take(connection: Connection, book: Custody, name: Found, page: Page, known: Iterable[Device], now_ms: int) -> Counter[str]:
    """Take one page of a name's rows home; return what became of them, by word (_WORDS)."""
    counts: Counter[str] = Counter()
    after = None
    if connection.execute("SELECT 1 FROM subjects WHERE subject = ?", (name["subject"],)).fetchone():  # not erased meanwhile
        counts, after = _take_page(connection, book, name, page, list(known), now_ms)
    connection.execute("UPDATE epochs SET back_after = ? WHERE pseudonym = ?", (after, name["pseudonym"]))
    if next_name(connection) is None:
        counts["asked"] += _compare(connection, book)
    return counts


def _take_page(
    connection: Connection, book: Custody, name: Found, page: Page, devices: list[Device], now_ms: int
) -> tuple[Counter[str], bytes | None]:
    """Take what is on a page; return what became of it, and the id behind which more follows."""
    keys = book.keys(name["person_id"], name["epoch"], name["generation"])
    counts: Counter[str] = Counter()
    for row in page.rows:
        try:
            entry = sealing.open_row(keys, row)
            _follow(connection, keys.pseudonym, row, entry)
            counts[_take(connection, name, row, entry, devices, now_ms)] += 1
        except SealBroken:
            counts["broken"] += 1
        except Refused:
            counts["unproved"] += 1
    if page.is_erased:
        book.was_erased(connection, keys.pseudonym, now_ms)
    if counts["came"]:
        ledger.add(connection, records.BROUGHT_BACK, "account", name["subject"], counts["came"], now_ms)
    return counts, page.rows[-1].row_id if page.more else None


_STANDING = (
    "SELECT r.row_id, r.reading, r.state, e.subject, r.row_id IN (SELECT row_id FROM brought) AS lies_there,"
    " EXISTS (SELECT 1 FROM brought b WHERE b.pseudonym = r.pseudonym AND b.number = r.number AND b.is_stone) AS stone_lies_there"
    " FROM rows r JOIN epochs e USING (pseudonym) WHERE r.state IN ('queued', 'account') AND e.state = 'stands'"
)


def _compare(connection: Connection, book: Custody) -> int:
    """Make what the home knows of its rows agree with what lies in the accounts, now that all of it was seen; return how many to ask of."""
    doubtful = connection.execute(
        f"SELECT DISTINCT p.reading, p.place, p.row_id FROM ({_STANDING}) s JOIN readings p USING (reading)"  # noqa: S608  # our own words
        " WHERE p.row_id IS NOT s.row_id OR s.stone_lies_there OR s.lies_there = (s.state = 'queued')"
    ).fetchall()
    asked = sum(_compare_one(connection, book, each) for each in doubtful)
    connection.execute("DELETE FROM brought")
    for row in households.subjects(connection):
        custody.learn_anew(connection, row["subject"])
    return asked


def _compare_one(connection: Connection, book: Custody, reading: Found) -> bool:
    """Let one row of a reading stand, take out the others, and lay the stones that are missing; return whether somebody is to be asked."""
    rows = connection.execute(f"{_STANDING} AND r.reading = ? ORDER BY r.row_id IS ?", (reading["reading"], reading["row_id"])).fetchall()
    able = [row for row in rows if not row["stone_lies_there"] and (row["lies_there"] or row["state"] == custody.QUEUED)]
    # in an account before on the way there; then the one that the home takes for the present one, which came last
    stays = max(reversed(able), key=lambda row: int(row["lies_there"]), default=None)
    for row in rows:
        if row is stays:
            continue
        take_out = book.withdraw_row if row["lies_there"] or row["state"] == custody.QUEUED else book.note_withdrawn
        take_out(connection, row["row_id"], stone=not row["stone_lies_there"])
    if reading["place"] not in (places.ACCOUNT, places.SEALED):
        return False
    if stays is None:
        connection.execute(
            "UPDATE readings SET place = ?, subject = NULL, reason = 'taken_out', probability = NULL, row_id = NULL WHERE reading = ?",
            (places.INBOX, reading["reading"]),
        )
        return True
    place = places.ACCOUNT if stays["lies_there"] else places.SEALED
    connection.execute("UPDATE rows SET state = ? WHERE row_id = ? AND ?", (custody.ACCOUNT, stays["row_id"], stays["lies_there"]))
    connection.execute("DELETE FROM outgoing WHERE row_id = ? AND ?", (stays["row_id"], stays["lies_there"]))
    connection.execute(
        "UPDATE readings SET place = ?, subject = ?, row_id = ? WHERE reading = ?",
        (place, stays["subject"], stays["row_id"], reading["reading"]),
    )
    return False


def _follow(connection: Connection, pseudonym: bytes, row: Row, entry: dict[int, object]) -> None:
    """Let a name's chain go on behind this row, if it ended before it. Raises SealBroken: no home counts as far."""
    number, values, is_stone = _whole(entry[seals.NUMBER]), entry[seals.VALUES], entry[seals.KIND] == seals.STONE
    # a stone stands where another row stood, whose digest the next one names
    stood = values[seals.TAKEN_OUT] if is_stone and isinstance(values, dict) else sha256(row.sealed).digest()
    connection.execute("INSERT OR IGNORE INTO brought VALUES (?, ?, ?, ?)", (row.row_id, pseudonym, number, is_stone))
    if number >= questions.chain(connection, pseudonym).number:
        custody.set_chain(connection, pseudonym, Chain(stood, number + 1))


def _take(connection: Connection, name: Found, row: Row, entry: dict[int, object], devices: list[Device], now_ms: int) -> str:
    if entry[seals.KIND] == seals.STONE or connection.execute("SELECT 1 FROM rows WHERE row_id = ?", (row.row_id,)).fetchone():
        return "there"
    utc_s = _whole(entry[seals.UTC])
    if entry[seals.SIGNED] == b"":
        return _take_mean(connection, name, row, entry, utc_s, now_ms)
    reading, device = _proved(entry, devices)
    found = connection.execute("SELECT * FROM readings WHERE kid = ? AND sequence = ?", (reading.kid, reading.sequence)).fetchone()
    if found is not None and (found["digest"] != reading.digest or found["place"] == places.FORGOTTEN):
        return "other"
    new = found is None
    number = _keep(connection, reading, device, utc_s, entry.get(seals.UNCERTAINTY, 0)) if new else found["reading"]
    _settle(connection, name, row, entry, number, "account")
    return "came" if new or found["place"] in _HOME_PLACES else "there"


def _proved(entry: dict[int, object], devices: list[Device]) -> tuple[reception.Reading, Device]:
    """Return the reading in an entry, and the device of this home that signed it. Raises Refused: none did."""
    for device in devices:
        if (device.pairing, device.public_key) == (entry[seals.PAIRING], entry[seals.DEVICE_KEY]):
            reading = reception.open_reading(bytes(entry[seals.SIGNED]), device)  # type: ignore[call-overload]  # looked at when opened
            if reading.kind == entry[seals.KIND]:
                return reading, device
    raise Refused


def _keep(connection: Connection, reading: reception.Reading, device: Device, utc_s: int, uncertainty: object) -> int:
    # received when it was taken at the earliest: what bounds the times of others by it never claims too much
    cursor = connection.execute(
        "INSERT INTO readings (kid, sequence, kind, boot, up_ms, utc_s, uncertainty_s, time_source, digest, signed, pairing, public_key,"
        " received_ms) VALUES (?, ?, ?, ?, ?, ?, ?, 'account', ?, ?, ?, ?, ?)",
        (
            *(reading.kid, reading.sequence, reading.kind, reading.boot, reading.up_ms, utc_s, None if uncertainty == -1 else uncertainty),
            *(reading.digest, reading.signed, device.pairing, device.public_key, utc_s * 1000),
        ),
    )
    return int(cursor.lastrowid or 0)


def _take_mean(connection: Connection, name: Found, row: Row, entry: dict[int, object], utc_s: int, now_ms: int) -> str:
    """Take a mean of a room's climate, so that it is not made and sent a second time; what else no device signed stays where it is."""
    values = entry[seals.VALUES]
    numbers = [values.get(key) for key in _MEAN] if isinstance(values, dict) else []
    if entry[seals.KIND] != readings.CLIMATE or not all(type(each) is int and abs(each) < 1 << 31 for each in numbers) or not numbers:
        return "unproved"
    span_s, centi_Cel, percent = numbers
    if span_s is None or centi_Cel is None or percent is None or not 0 < span_s <= climate.HOUR_S:
        return "unproved"
    made = climate.Summary(utc_s - span_s // 2, span_s, centi_Cel, percent)
    there = summaries.made_of(connection, name["subject"], made)
    number = summaries.keep(connection, name["subject"], made, now_ms) if there is None else there
    _settle(connection, name, row, entry, number, summaries.reason(span_s))
    return "came" if there is None else "there"


_MEAN = (readings.SPAN_SECONDS, readings.TEMPERATURE, readings.HUMIDITY)


def _settle(connection: Connection, name: Found, row: Row, entry: dict[int, object], reading: int, reason: str) -> None:
    connection.execute(
        "UPDATE readings SET place = ?, subject = ?, reason = ?, probability = NULL, row_id = ? WHERE reading = ?",
        (places.ACCOUNT, name["subject"], reason, row.row_id, reading),
    )
    connection.execute(
        "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            *(row.row_id, reading, name["pseudonym"], row.minute, entry[seals.NUMBER], entry[seals.PREVIOUS]),
            *(sha256(row.sealed).digest(), custody.ACCOUNT),
        ),
    )


def _whole(value: object) -> int:
    if not isinstance(value, int) or value >= _LARGEST:
        raise SealBroken("a number that no home writes")
    return value
