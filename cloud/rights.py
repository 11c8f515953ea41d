"""Letters by post (R17): what whoever runs this can do for a person who writes instead of signing in. The same code as the pages.

They can lock an account, unlock it, hand out what is held, and erase it. They can read nothing: what they hand out is sealed as it
lies in the store, and only the password or the recovery code of its person opens it. Each letter is noted in the operator's log, and
a hand-out in the person's own log as well.
"""

import base64
import json
import time
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import delete, select

from cloud import accounts, audit, erasure, sessions, stores
from cloud.accounts import ADDRESSES, METADATA
from cloud.admission import Admission
from cloud.errors import CannotStart

DEEDS = ("lock", "unlock", "export", "erase")


def lock(admission: Admission, address: str) -> None:
    """End every session, and let nobody sign in until it is unlocked. Raises CannotStart: no account has this address."""
    account_id = _account(admission, address)
    with stores.writing(admission.engine) as connection:
        sessions.revoke_all(connection, account_id)
        connection.execute(delete(ADDRESSES).where(ADDRESSES.c.account_id == account_id))
        audit.write_for_operator(connection, "letter-lock", account=_digest(account_id))


def unlock(admission: Admission, address: str) -> None:
    """Let the person of a locked account sign in again. Raises CannotStart: no locked account has this address."""
    with admission.engine.connect() as connection:
        waiting = accounts.unconfirmed_before(connection, int(time.time()))
        ids = [each for each in accounts.account_ids(connection) if each not in waiting]
        locked = [each for each in ids if not accounts.is_confirmed(connection, each)]
    # a locked account is found by opening addresses one by one: rare enough, and no second index of people is kept for it
    own = [each for each in locked if admission.address_of(each) == address]
    if len(own) != 1:
        raise CannotStart("No locked account has this address.")
    with stores.writing(admission.engine) as connection:
        accounts.give_address(connection, own[0], admission.address_mac(address))
        audit.write_for_operator(connection, "letter-unlock", account=_digest(own[0]))


def export(admission: Admission, address: str) -> bytes:
    """Return all that the accounts store holds of a person, sealed as it is. Raises CannotStart: no account has this address."""
    account_id = _account(admission, address)
    held: dict[str, Any] = {}
    with stores.writing(admission.engine) as connection:
        audit.write(connection, account_id, admission.erasure.of(account_id), "handed-out", int(time.time()))
        audit.write_for_operator(connection, "letter-export", account=_digest(account_id))
        # a notice is nobody's whom the store could name: its slot says whose it is to its owner alone
        for table in (each for each in METADATA.sorted_tables if "account_id" in each.c):
            rows = connection.execute(select(table).where(table.c.account_id == account_id)).mappings()
            held[table.name] = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return json.dumps({"foyer": "sealed export", "tables": held}, indent=1).encode()


def erase(admission: Admission, address: str, site_key: Ed25519PrivateKey, controller: str) -> erasure.Receipt:
    """Erase an account and return the receipt. Raises CannotStart: no account has this address.

    Its rows of readings cannot be found from here, because nobody but their owner knows their pseudonyms. The only copies in the
    cloud of the keys that open them are destroyed; the rows themselves go when they have not been renewed for 13 months.
    """
    account_id = _account(admission, address)
    with stores.writing(admission.engine) as connection:
        audit.write_for_operator(connection, "letter-erase", account=_digest(account_id))
    left = "cannot be found without their owner; their keys here are destroyed, so nobody can open them"
    return erasure.erase_account(admission, account_id, 0, left, site_key, controller)


def _account(admission: Admission, address: str) -> bytes:
    account_id = admission.account_with(address)
    if account_id is None:
        raise CannotStart("No account has this address.")
    return account_id


def _digest(account_id: bytes) -> str:
    return erasure.name_of(account_id)


def _plain(value: object) -> object:
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
