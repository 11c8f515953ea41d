"""Where each sealed row stands, and moving what was sealed: to another person, to nobody, to a new name, out of the account for good.

Whoever a reading is given to, the row its old owner has is withdrawn by a message under the old owner's own write key, and a stone takes
its place in the old chain, so that the old owner sees that it was taken out and not lost. All of it is one transaction: the page, the
queue and the chain never disagree. Each method is a question in the sense of `questions.py`; the keys and the randomness are handed in.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from sqlite3 import Connection
from sqlite3 import Row as Found

from gateway import body, people, reception, sealing
from gateway.edges import households, places, questions
from gateway.people import Alone
from gateway.pseudonyms import Keys
from gateway.sealing import Chain, Origin, Row
from protocol import cbor, envelope, readings, seals

# What an entry of the queue is.
ROW, STONE, WITHDRAWAL, ERASURE = "row", "stone", "withdrawal", "erasure"
# How a sealed row stands.
QUEUED, ACCOUNT, CONFLICT, WITHDRAWN, ERASED = "queued", "account", "conflict", "withdrawn", "erased"
# How a name stands.
STANDS, ERASING = "stands", "erasing"

# Why a reading is empty that an account has: the home kept it as long as it was told to.
LET_GO = "let_go"

# A reading that no device signed but the home worked out: its key id.
NO_DEVICE = b""

KeysOf = Callable[[bytes, int, int], Keys]


@dataclass(frozen=True, slots=True)
class Sealed:
    """A reading that was just sealed and queued."""

    reading: int
    kid: bytes
    sequence: int
    digest8: bytes
    row_id: bytes


@dataclass(frozen=True, slots=True)
class Custody:
    """Moves what is sealed. keys: of a person's id, an epoch and the number of a home secret; newest: of the secret that new
    names follow from; random(n): n random bytes; each_climate: every value of a room's climate is sealed, and not its summaries alone."""

    keys: KeysOf
    random: Callable[[int], bytes]
    newest: int = 0
    each_climate: bool = False

    def seal(self, connection: Connection, limit: int, now_ms: int) -> list[Sealed]:
        """Seal and queue readings whose subject has an account, oldest first."""
        sealed: list[Sealed] = []
        for row in questions.sealable(connection, limit, self.each_climate):
            keys = self.keys(row["person_id"], row["epoch"], row["generation"])
            self._open_name(connection, row, keys, now_ms)
            chain = questions.chain(connection, keys.pseudonym)
            origin = Origin(b"", b"", b"") if row["kid"] == NO_DEVICE else Origin(row["signed"], row["pairing"], row["public_key"])
            values = reception.stored_values(row["signed"])
            if row["kind"] == readings.SCALE:
                values |= body.added(values, row["utc_s"], households.body_facts(connection, row["subject"]))
            closed, after = sealing.seal(keys, chain, row["kind"], int(row["utc_s"]), values, origin, self.random, row["uncertainty_s"])
            self._queue(connection, ROW, row["reading"], keys.pseudonym, closed)
            connection.execute(
                "INSERT INTO rows VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (closed.row_id, row["reading"], keys.pseudonym, closed.minute, chain.number, chain.previous, after.previous, QUEUED),
            )
            connection.execute(
                "UPDATE readings SET place = ?, row_id = ? WHERE reading = ?", (places.SEALED, closed.row_id, row["reading"])
            )
            set_chain(connection, keys.pseudonym, after)
            sealed.append(Sealed(row["reading"], row["kid"], row["sequence"], row["digest"][:8], closed.row_id))
        return sealed

    def give(self, connection: Connection, reading: int, subject: int | None, reason: str, probability: float | None = None) -> bool:
        """Give a reading to somebody else, or to the inbox (None); return False if there is no such reading or it does not fit them."""
        row = connection.execute("SELECT kind, place, subject FROM readings WHERE reading = ?", (reading,)).fetchone()
        if row is None or row["place"] == places.FORGOTTEN or not _fits(connection, row["kind"], subject):
            return False
        if subject is not None and subject == row["subject"]:
            return True
        self.withdraw(connection, [reading])
        connection.execute(
            "UPDATE readings SET place = ?, subject = ?, reason = ?, probability = ?, row_id = NULL WHERE reading = ?",
            (places.INBOX if subject is None else places.HOME, subject, reason, probability, reading),
        )
        if row["kind"] == readings.SCALE:
            for whose in (row["subject"], subject):
                if whose is not None:
                    learn_anew(connection, whose)
        return True

    def forget(self, connection: Connection, numbers: Iterable[int], reason: str) -> None:
        """Withdraw readings and empty them. Their numbers and digests stay, so that a device that sends one again is still receipted."""
        chosen = list(numbers)
        self.withdraw(connection, chosen)
        whose = {connection.execute("SELECT subject FROM readings WHERE reading = ?", (reading,)).fetchone()[0] for reading in chosen}
        for reading in chosen:
            _empty(connection, reading, reason)
        for subject in whose - {None}:
            learn_anew(connection, subject)

    def let_go(self, connection: Connection, before_ms: int, limit: int) -> int:
        """Empty readings that arrived before a time and lie in an account; return how many. Nothing is withdrawn: the account keeps them.

        A room's climate counts as there when a mean around it is. Their numbers and digests stay, as of deleted ones; so do the rows
        they are in, under names that can still be erased.
        """
        found = connection.execute(
            "SELECT reading FROM readings r WHERE (place = ?1 OR place = ?2 AND kind = ?3 AND kid != ?4 AND EXISTS ("
            " SELECT 1 FROM readings m WHERE m.subject = r.subject AND m.kind = ?3 AND m.kid = ?4 AND m.place = ?1"
            " AND m.utc_s BETWEEN r.utc_s - 1800 AND r.utc_s + 1800)) AND received_ms < ?5"
            " AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.reading = r.reading) ORDER BY reading LIMIT ?6",
            (places.ACCOUNT, places.HOME, readings.CLIMATE, NO_DEVICE, before_ms, limit),
        ).fetchall()
        for row in found:
            _empty(connection, row["reading"], LET_GO)
        return len(found)

    def carried(self, connection: Connection, reading: int, child: int, lighter: int, now_ms: int) -> int | None:
        """Make a child's reading of the difference between a weighing in somebody's arms and theirs alone; return its number.

        The weighing in arms is nobody's then, and stays at home. None: the two are no such pair (any more).
        """
        both = {
            row["reading"]: row
            for row in connection.execute("SELECT * FROM readings WHERE reading IN (?, ?) AND kind = 0", (reading, lighter))
        }
        if len(both) < 2 or both[reading]["place"] != places.INBOX or both[lighter]["subject"] is None:
            return None
        grams = [reception.stored_fields(both[each]["signed"])[readings.GRAMS] for each in (reading, lighter)]
        near = abs(both[reading]["utc_s"] - both[lighter]["utc_s"]) <= people.ARMS_WITHIN_S and both[reading]["kid"] == both[lighter]["kid"]
        somebody = connection.execute("SELECT kind FROM subjects WHERE subject = ?", (child,)).fetchone()
        difference_g = grams[0] - grams[1]
        if not near or somebody is None or somebody["kind"] != 0 or not 500 <= difference_g <= 2 * people.HEAVIEST_IN_ARMS_g:
            return None
        if both[lighter]["subject"] == child:
            return None
        sequence = connection.execute("SELECT coalesce(max(sequence), 0) + 1 FROM readings WHERE kid = ?", (NO_DEVICE,)).fetchone()[0]
        fields = {readings.KIND: readings.SCALE, readings.GRAMS: difference_g, readings.STABLE: 1}
        signed = cbor.encode([b"", {}, cbor.encode(fields), b""])
        cursor = connection.execute(
            "INSERT INTO readings (kid, sequence, kind, boot, up_ms, utc_s, uncertainty_s, time_source, digest, signed, pairing,"
            " public_key, received_ms, place, subject, reason)"
            " VALUES (?, ?, 0, 0, 0, ?, ?, 'difference', ?, ?, x'', x'', ?, ?, ?, 'in_arms')",
            (
                *(NO_DEVICE, sequence, both[reading]["utc_s"], both[reading]["uncertainty_s"]),
                *(sha256(signed + bytes([sequence & 255])).digest(), signed, now_ms, places.HOME, child),
            ),
        )
        made = int(cursor.lastrowid or 0)
        connection.execute("INSERT INTO differences VALUES (?, ?, ?)", (made, reading, lighter))
        connection.execute("UPDATE readings SET place = ?, reason = 'in_arms' WHERE reading = ?", (places.PART, reading))
        learn_anew(connection, child)
        return made

    def put_down(self, connection: Connection, reading: int) -> bool:
        """Undo such a difference: the child's reading goes, and the weighing in arms waits in the inbox again."""
        row = connection.execute("SELECT heavier FROM differences WHERE reading = ?", (reading,)).fetchone()
        if row is None:
            return False
        self.forget(connection, [reading], "put_down")
        connection.execute("UPDATE readings SET place = ?, reason = 'in_arms' WHERE reading = ?", (places.INBOX, row["heavier"]))
        return True

    def withdraw(self, connection: Connection, numbers: Iterable[int]) -> int:
        """Take the rows of readings out of the accounts, wherever they have got to; return how many rows."""
        count = 0
        for reading in numbers:
            for row in connection.execute(
                "SELECT row_id FROM rows WHERE reading = ? AND state IN (?, ?, ?)", (reading, QUEUED, ACCOUNT, CONFLICT)
            ).fetchall():
                count += 1
                self.withdraw_row(connection, row["row_id"])
        return count

    def withdraw_row(self, connection: Connection, row_id: bytes, *, stone: bool = True) -> None:
        """Take one row out of the account, wherever it has got to; stone: and put one in its place."""
        row = self.note_withdrawn(connection, row_id, stone=stone)
        if row is not None:
            self._queue(connection, WITHDRAWAL, None, row["pseudonym"], Row(row["minute"], row_id, envelope.WITHDRAWN))

    def note_withdrawn(self, connection: Connection, row_id: bytes, *, stone: bool) -> Found | None:
        """Note that a row is not in the account; stone: put one in its place. Return it, None if its name does not stand any more."""
        connection.execute("UPDATE rows SET state = ? WHERE row_id = ?", (WITHDRAWN, row_id))
        connection.execute("DELETE FROM outgoing WHERE row_id = ?", (row_id,))
        row: Found | None = connection.execute(
            "SELECT r.*, e.person_id, e.epoch, e.generation FROM rows r JOIN epochs e USING (pseudonym) WHERE r.row_id = ? AND e.state = ?",
            (row_id, STANDS),
        ).fetchone()
        if row is not None and stone:
            keys = self.keys(row["person_id"], row["epoch"], row["generation"])
            entry = seals.stone_at(row["previous"], row["number"], row["digest"], row["minute"])
            self._queue(connection, STONE, None, row["pseudonym"], sealing.seal_entry(keys, row["minute"], entry, self.random))
        return row

    def rotate(self, connection: Connection, subject: int) -> None:
        """Begin a new epoch: what is sent from now on goes under a new name, and so does whatever has not arrived yet."""
        waiting = connection.execute("SELECT reading FROM readings WHERE subject = ? AND place = ?", (subject, places.SEALED)).fetchall()
        self.withdraw(connection, [row["reading"] for row in waiting])
        for row in waiting:
            connection.execute("UPDATE readings SET place = ?, row_id = NULL WHERE reading = ?", (places.HOME, row["reading"]))
        connection.execute(
            "UPDATE subjects SET epoch = epoch + 1, generation = ?, stopped_ms = NULL, box_version = box_version + 1 WHERE subject = ?",
            (self.newest, subject),
        )
        self.announce(connection, subject)

    def rename_everybody(self, connection: Connection) -> int:
        """Begin a new epoch for whoever has an account, because the secret before the newest may be known; return for how many."""
        linked = connection.execute("SELECT subject FROM subjects WHERE account_key IS NOT NULL").fetchall()
        for row in linked:
            self.rotate(connection, row["subject"])
        return len(linked)

    def announce(self, connection: Connection, subject: int) -> None:
        """Write down a linked subject's present name: its accounts know it before anything is sent under it, and may erase it too."""
        row = connection.execute("SELECT * FROM subjects WHERE subject = ? AND account_key IS NOT NULL", (subject,)).fetchone()
        if row is not None:
            self._open_name(connection, row, self.keys(row["person_id"], row["epoch"], row["generation"]), 0)

    def erase_names(self, connection: Connection, subject: int) -> None:
        """Have every name of a subject erased in the account store; what was on its way under them is dropped."""
        for row in connection.execute("SELECT pseudonym FROM epochs WHERE subject = ? AND state = ?", (subject, STANDS)).fetchall():
            connection.execute("DELETE FROM outgoing WHERE pseudonym = ?", (row["pseudonym"],))
            connection.execute("UPDATE rows SET state = ? WHERE pseudonym = ? AND state != ?", (WITHDRAWN, row["pseudonym"], ERASED))
            connection.execute("UPDATE epochs SET state = ? WHERE pseudonym = ?", (ERASING, row["pseudonym"]))
            self._queue(connection, ERASURE, None, row["pseudonym"], Row(0, self.random(seals.ROW_ID_BYTES), envelope.WITHDRAWN))

    def erase_subject(self, connection: Connection, subject: int) -> None:
        """Erase a person or room: in the accounts, and here with every reading."""
        self.erase_names(connection, subject)
        numbers = [row["reading"] for row in connection.execute("SELECT reading FROM readings WHERE subject = ?", (subject,))]
        self.forget(connection, numbers, "erased")
        connection.execute("UPDATE recipients SET state = 'leaving' WHERE subject = ?", (subject,))
        connection.execute("DELETE FROM requests WHERE subject = ?", (subject,))
        connection.execute("DELETE FROM subjects WHERE subject = ?", (subject,))

    def was_erased(self, connection: Connection, pseudonym: bytes, now_ms: int) -> int | None:
        """Take the ingester's word that a name is erased; return the subject if it was an account that did it, None if it was asked here.

        Nothing more is sent of that subject until somebody at home says so; what it says of readings here is for the home to decide.
        """
        name = connection.execute("SELECT * FROM epochs WHERE pseudonym = ?", (pseudonym,)).fetchone()
        if name is None or name["state"] == ERASED:
            return None
        connection.execute("DELETE FROM outgoing WHERE pseudonym = ?", (pseudonym,))
        connection.execute("UPDATE epochs SET state = ? WHERE pseudonym = ?", (ERASED, pseudonym))
        for row in connection.execute("SELECT reading FROM rows WHERE pseudonym = ? AND state != ?", (pseudonym, WITHDRAWN)).fetchall():
            connection.execute(
                "UPDATE readings SET place = ?, row_id = NULL WHERE reading = ? AND place IN (?, ?, ?)",
                (places.ERASED, row["reading"], places.SEALED, places.ACCOUNT, places.CONFLICT),
            )
        connection.execute("UPDATE rows SET state = ? WHERE pseudonym = ? AND state != ?", (ERASED, pseudonym, WITHDRAWN))
        if name["state"] == ERASING:
            return None
        connection.execute("UPDATE subjects SET stopped_ms = coalesce(stopped_ms, ?) WHERE subject = ?", (now_ms, name["subject"]))
        return int(name["subject"])

    def send_again(self, connection: Connection, subject: int) -> None:
        """Send a subject's readings again after an account erased them, under a new name, because the home says so."""
        connection.execute("UPDATE readings SET place = ? WHERE subject = ? AND place = ?", (places.HOME, subject, places.ERASED))
        self.rotate(connection, subject)

    def _open_name(self, connection: Connection, row: Found, keys: Keys, now_ms: int) -> None:
        connection.execute(
            "INSERT INTO epochs (pseudonym, subject, person_id, epoch, generation, ask_ms) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING",
            (keys.pseudonym, row["subject"], row["person_id"], row["epoch"], row["generation"], now_ms),
        )

    def _queue(self, connection: Connection, what: str, reading: int | None, pseudonym: bytes, row: Row) -> None:
        connection.execute(
            "INSERT INTO outgoing (what, reading, pseudonym, minute, row_id, sealed) VALUES (?, ?, ?, ?, ?, ?)",
            (what, reading, pseudonym, row.minute, row.row_id, row.sealed),
        )


def names_to_ask(connection: Connection, now_ms: int, limit: int) -> list[Found]:
    """Return names whose standing is to be asked by now and under which nothing waits that would ask by itself."""
    return connection.execute(
        "SELECT * FROM epochs e WHERE state = ? AND ask_ms <= ? AND NOT EXISTS (SELECT 1 FROM outgoing o WHERE o.pseudonym = e.pseudonym)"
        " ORDER BY ask_ms LIMIT ?",
        (STANDS, now_ms, limit),
    ).fetchall()


def next_ask_ms(connection: Connection) -> int | None:
    """Return when the next name is to be asked after."""
    found: int | None = connection.execute("SELECT min(ask_ms) FROM epochs WHERE state = ?", (STANDS,)).fetchone()[0]
    return found


def ask_later(connection: Connection, pseudonym: bytes, ask_ms: int) -> None:
    """Note when to ask next how a name stands."""
    connection.execute("UPDATE epochs SET ask_ms = ? WHERE pseudonym = ?", (ask_ms, pseudonym))


def names_of(connection: Connection, subject: int) -> list[Found]:
    """Return every name of a subject that stands, the oldest first."""
    return connection.execute("SELECT * FROM epochs WHERE subject = ? AND state = ? ORDER BY epoch", (subject, STANDS)).fetchall()


def learn_anew(connection: Connection, subject: int) -> None:
    """Learn a body from the weighings that are somebody's now, after one was given, taken or deleted by hand."""
    row = connection.execute("SELECT usual_g FROM subjects WHERE subject = ? AND kind = 0", (subject,)).fetchone()
    if row is None or row["usual_g"] is None:
        return
    newest = connection.execute(
        "SELECT utc_s, signed FROM readings WHERE subject = ? AND kind = ? ORDER BY utc_s DESC LIMIT ?",
        (subject, readings.SCALE, people.HISTORY),
    ).fetchall()
    weighings = [people.weighing_of(reception.stored_fields(each["signed"]), each["utc_s"]) for each in reversed(newest)]
    shown = people.learnt_anew(row["usual_g"], [each for each in weighings if each is not None])
    if shown is not None:
        households.learn_body(connection, subject, shown)


def alone_near(connection: Connection, kid: bytes, utc_s: float, besides: int, settled: Mapping[int, int]) -> list[Alone]:
    """Return the weighings of known people on the same scale within some minutes; settled: whose readings are, known but not yet kept."""
    rows = connection.execute(
        "SELECT reading, subject, signed FROM readings WHERE kid = ? AND kind = ? AND place != ? AND utc_s BETWEEN ? AND ? AND reading != ?"
        " ORDER BY reading DESC LIMIT 20",
        (kid, readings.SCALE, places.FORGOTTEN, utc_s - people.ARMS_WITHIN_S, utc_s + people.ARMS_WITHIN_S, besides),
    ).fetchall()
    found: list[Alone] = []
    for row in rows:
        whose, grams = settled.get(row["reading"], row["subject"]), reception.stored_fields(row["signed"]).get(readings.GRAMS)
        if whose is not None and isinstance(grams, int):
            found.append(Alone(row["reading"], whose, grams))
    return found


def difference_of(connection: Connection, reading: int) -> Found | None:
    """Return which two weighings a reading was worked out from; None: its device signed it."""
    found: Found | None = connection.execute("SELECT * FROM differences WHERE reading = ?", (reading,)).fetchone()
    return found


def erased_of(connection: Connection, subject: int) -> list[int]:
    """Return the readings of somebody that an account erased there and the home still has."""
    rows = connection.execute("SELECT reading FROM readings WHERE subject = ? AND place = ?", (subject, places.ERASED))
    return [row["reading"] for row in rows]


def count_sent(connection: Connection, subject: int) -> int:
    """Return how many readings of somebody the account store has receipted: what their account should show, also of what is let go here."""
    found = connection.execute(
        "SELECT count(*) FROM rows JOIN epochs USING (pseudonym) WHERE subject = ? AND rows.state = ?", (subject, ACCOUNT)
    )
    return int(found.fetchone()[0])


def chosen(connection: Connection, subject: int, choice: "Choice") -> list[int]:
    """Return the readings of somebody that a choice takes in."""
    rows = connection.execute(
        "SELECT reading, kind, signed FROM readings WHERE subject = ? AND utc_s >= ? AND utc_s < ? ORDER BY reading",
        (subject, choice.since_s, choice.until_s),
    )
    return [row["reading"] for row in rows if choice.takes(row["kind"], row["signed"])]


@dataclass(frozen=True, slots=True)
class Choice:
    """Part of somebody's history: from one moment to before another, and of the weighings those within two weights."""

    since_s: int
    until_s: int
    lightest_g: int = 0
    heaviest_g: int = 2**31
    weighings_only: bool = False

    def takes(self, kind: int, signed: bytes) -> bool:
        """Return whether a reading of that time belongs to it."""
        if kind != readings.SCALE:
            return not self.weighings_only
        grams = reception.stored_fields(signed).get(readings.GRAMS, 0)
        return bool(self.lightest_g <= grams < self.heaviest_g)

    def as_json(self) -> str:
        """Return it as it is kept with a request."""
        return json.dumps([self.since_s, self.until_s, self.lightest_g, self.heaviest_g, self.weighings_only])


def _empty(connection: Connection, reading: int, reason: str) -> None:
    connection.execute(
        "UPDATE readings SET place = ?, subject = NULL, reason = ?, probability = NULL, row_id = NULL,"
        " utc_s = 0, uncertainty_s = NULL, signed = x'', pairing = x'', public_key = x'' WHERE reading = ?",
        (places.FORGOTTEN, reason, reading),
    )
    connection.execute("DELETE FROM stops WHERE reading = ?", (reading,))
    connection.execute("DELETE FROM differences WHERE reading = ? OR heavier = ? OR lighter = ?", (reading, reading, reading))


def set_chain(connection: Connection, pseudonym: bytes, end: Chain) -> None:
    """Write down where a pseudonym's sealed rows have got to."""
    connection.execute(
        "INSERT INTO chains VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET previous = excluded.previous, number = excluded.number",
        (pseudonym, end.previous, end.number),
    )


def _fits(connection: Connection, kind: int, subject: int | None) -> bool:
    if subject is None:
        return True
    somebody = connection.execute("SELECT kind FROM subjects WHERE subject = ?", (subject,)).fetchone()
    return somebody is not None and (somebody["kind"] == 1) == (kind == readings.CLIMATE)
