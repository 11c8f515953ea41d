"""Erasing, so that nothing can be read anywhere any more: rows, links, keys, the store's journal, and whatever backups hold.

The rows of a pseudonym are deleted on an order signed by its write key, the same key that signs every batch: nobody else can erase
them (threats T4). A tombstone, which is a digest, keeps a queue or a restored backup from bringing them back. Then the account's
erasure key is destroyed, which makes every copy of its personal columns unreadable, link boxes and with them the data keys
included. Then the rows go, and the files are emptied of what they held: deleting alone leaves pseudonyms in the main file and the
journal (notes on privacy, point 8).

An erasure that was interrupted is finished at the next start, by the same step that follows a restored backup: an account without
its key is removed, and tombstones, which are kept outside the databases too, are laid again.
"""

import json
import time
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import OperationalError

from cloud import accounts, audit, stores, tombstones, wrapping
from cloud.admission import Admission
from cloud.errors import CannotUnwrap, Declined
from cloud.intake import verify_write_key
from cloud.readings import LAPSE_DAYS, SEALED_ROWS, TOMBSTONES, erase, lay, tombstone_of, withdraw
from protocol import cbor, cose, envelope, sign1
from protocol.errors import ProtocolError

ROWS_IN_ORDER = 50
LARGEST_ORDER_BYTES = 4096
ORDER_LIFE_S = 3600
_ORDER_AAD = b"foyer erase"

JOURNAL = {
    "sqlite": "emptied, file rewritten",
    "postgresql": "the database's own log keeps older bytes for a while; the keys that open them are destroyed",
}


class Order(NamedTuple):
    """What an owner wants gone: the rows named, or with no names all of the pseudonym."""

    pseudonym: bytes
    row_ids: list[bytes]


class Receipt(NamedTuple):
    """What was done, in words that a program can check, and the site's signature over exactly those bytes."""

    text: str
    signature: str
    site_key: str


def order(write_seed: bytes, row_ids: list[bytes], now_utc_s: int) -> bytes:
    """Return an order signed by the write key that a link box holds."""
    key = Ed25519PrivateKey.from_private_bytes(write_seed)
    public = key.public_key().public_bytes_raw()
    return bytes(cose.sign1(cbor.encode({0: 1, 1: public, 2: row_ids, 3: now_utc_s}), b"", _ORDER_AAD, key.sign, envelope.ED25519))


def check_order(data: bytes, now_utc_s: int) -> Order:
    """Return what an order asks. Raises Declined("order_wrong"): not an order, too old, or not the write key's."""
    try:
        if len(data) > LARGEST_ORDER_BYTES:
            raise Declined("order_wrong")
        parsed = sign1.parse_sign1(data, (envelope.ED25519,))
        fields = cbor.decode(parsed.payload)
        if not isinstance(fields, dict) or set(fields) != {0, 1, 2, 3} or fields[0] != 1:
            raise Declined("order_wrong")
        public, row_ids, made_utc_s = fields[1], fields[2], fields[3]
        shaped = isinstance(public, bytes) and isinstance(row_ids, list) and isinstance(made_utc_s, int)
        if not shaped or len(row_ids) > ROWS_IN_ORDER or any(not isinstance(each, bytes) or len(each) != 16 for each in row_ids):
            raise Declined("order_wrong")
        sign1.verify1(parsed, _ORDER_AAD, lambda tbs, signature: verify_write_key(public, tbs, signature))
    except ProtocolError:
        raise Declined("order_wrong") from None
    if abs(now_utc_s - made_utc_s) > ORDER_LIFE_S:
        raise Declined("order_wrong")
    return Order(envelope.pseudonym_of(public), row_ids)


def erase_rows(connection: Connection, asked: Order, now_utc_s: int) -> int:
    """Delete the rows of an order and lay their tombstones; return how many went."""
    day = now_utc_s // 86400
    return withdraw(connection, asked.pseudonym, asked.row_ids, day) if asked.row_ids else erase(connection, asked.pseudonym, day)


def lift(connection: Connection, pseudonym: bytes) -> None:
    """Take a pseudonym's tombstone away: somebody at home linked it anew, after the erasure."""
    connection.execute(delete(TOMBSTONES).where(TOMBSTONES.c.digest == tombstone_of(pseudonym)))


def scrub(engine: Engine) -> None:
    """Empty the journal and rewrite the file, so that no byte of what was deleted is left in either.

    Another process may be reading; it is waited for, and asked again at the next erasure or start. A PostgreSQL server keeps its log
    for everybody and cleans up after deletions by itself; until then it is the destroyed keys that make the bytes unreadable.
    """
    if stores.is_server(engine):
        return
    raw = engine.raw_connection()
    try:
        for step in ("PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"):
            raw.cursor().execute(step).fetchall()
    except OperationalError:
        return
    finally:
        raw.close()


def erase_account(
    admission: Admission, account_id: bytes, rows_erased: int, rows_left: str, site_key: Ed25519PrivateKey, controller: str
) -> Receipt:
    """Destroy an account's key, remove its rows, scrub the store, and return the signed receipt.

    rows_erased: how many sealed rows of readings went before, by their owner's orders; rows_left: what became of others, in words.
    """
    digest = name_of(account_id)
    admission.erasure.destroy(account_id)
    with stores.writing(admission.engine) as connection:
        accounts.remove_account(connection, account_id)
        audit.write_for_operator(connection, "account-erased", account=digest, rows=str(rows_erased))
    scrub(admission.engine)
    text = json.dumps(
        {
            "foyer": "receipt of an erasure",
            "account_sha256": digest,
            "done_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "by": controller,
            "rows_of_readings_erased": rows_erased,
            "other_rows": rows_left,
            "personal_columns": "deleted, and their key destroyed: no copy or backup of them can be opened",
            "journal": JOURNAL[admission.engine.dialect.name],
            "kept": "a digest of each erased pseudonym for 13 months, so that nothing comes back",
        },
        ensure_ascii=False,
        indent=1,
    )
    return sign(text, site_key)


def sign(text: str, site_key: Ed25519PrivateKey) -> Receipt:
    """Return a text with the site's signature (Ed25519 over its UTF-8 bytes)."""
    return Receipt(text, site_key.sign(text.encode()).hex(), site_key.public_key().public_bytes_raw().hex())


def after_restore(admission: Admission, readings: Engine, folder: Path, now_utc_s: int) -> tuple[int, int]:
    """Erase again what a restored backup brought back; return how many accounts and rows. Nothing to do costs two queries."""
    with admission.engine.connect() as connection:
        ids = accounts.account_ids(connection)
    without_key = [account_id for account_id in ids if not _has_key(admission, account_id)]
    if without_key:
        with stores.writing(admission.engine) as connection:
            for account_id in without_key:
                accounts.remove_account(connection, account_id)
        scrub(admission.engine)
    rows = 0
    outside = tombstones.outside(folder, now_utc_s)
    if outside:
        with stores.writing(readings) as connection:
            for pseudonym in connection.execute(select(SEALED_ROWS.c.pseudonym).distinct()).scalars().all():
                if tombstone_of(pseudonym) in outside:
                    rows += erase_rows(connection, Order(pseudonym, []), now_utc_s)
            lay(connection, sorted(outside), now_utc_s // 86400 + LAPSE_DAYS)
        if rows:
            scrub(readings)
    return len(without_key), rows


def _has_key(admission: Admission, account_id: bytes) -> bool:
    try:
        admission.erasure.of(account_id)
    except CannotUnwrap:
        return False
    return True


def name_of(account_id: bytes) -> str:
    """Return what an erased account is called in receipts and in the operator's log."""
    return wrapping.digest(account_id).hex()
