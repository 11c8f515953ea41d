"""The accounts store: its tables, and the questions asked about accounts.

Nothing here tells what anybody weighs, and nothing here can be joined with the readings store: pseudonyms are inside link boxes,
which only the account's private key opens, and that key is wrapped by the password's. Columns that say something about a person
are sealed under the account's erasure key; an e-mail address is found by a keyed MAC of it. Every primary key begins with what a
distributed engine would spread the rows by.
"""

from typing import NamedTuple

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.exc import IntegrityError

from cloud.errors import Declined

METADATA = MetaData()


def _account_column() -> Column[bytes]:
    owner = ForeignKey("accounts.account_id", ondelete="CASCADE")
    return Column("account_id", LargeBinary(16), owner, nullable=False, comment="random")


ACCOUNTS = Table(
    "accounts",
    METADATA,
    Column("account_id", LargeBinary(16), primary_key=True, comment="random"),
    Column("personal", LargeBinary, nullable=False, comment="sealed under the erasure key: e-mail address, language"),
    Column("password_profile", Text, nullable=False, comment="name of an argon2id profile"),
    Column("password_salt", LargeBinary(16), nullable=False, comment="random"),
    Column("password_verifier", LargeBinary(32), nullable=False, comment="secret: peppered half of the argon2id root"),
    Column("public_key", LargeBinary(32), nullable=False, comment="X25519, public; homes seal link boxes to it"),
    Column("password_wrap", LargeBinary, nullable=False, comment="private key under the password's key, under the erasure key"),
    Column("recovery_wrap", LargeBinary, nullable=False, comment="private key under the recovery code's key, under the erasure key"),
    Column("created_day", Integer, nullable=False, comment="UTC days since 1970"),
)

ADDRESSES = Table(
    "addresses",
    METADATA,
    Column("address_mac", LargeBinary(32), primary_key=True, comment="pseudonymous: HMAC of the e-mail address under the pepper"),
    _account_column(),
)

SESSIONS = Table(
    "sessions",
    METADATA,
    Column("session_digest", LargeBinary(32), primary_key=True, comment="SHA-256 of the session id"),
    _account_column(),
    Column("store_half", LargeBinary(32), nullable=False, comment="secret: half of the session's key, useless without the cookie's"),
    Column("key_box", LargeBinary, nullable=False, comment="private key under the session's key, under the erasure key"),
    Column("personal", LargeBinary, nullable=False, comment="sealed under the erasure key: browser family, time zone"),
    Column("recovery_box", LargeBinary, comment="a new recovery code under the session's key, until it has been written down"),
    Column("created_utc_s", BigInteger, nullable=False, comment="personal: time of a connection, kept 30 days"),
    Column("seen_utc_s", BigInteger, nullable=False, comment="personal: time of a connection, kept 30 days"),
    Column("waits", Integer, nullable=False, server_default="0", comment="1: until a passkey follows the password, it is no session"),
)

LINK_CODES = Table(
    "link_codes",
    METADATA,
    Column("link_mac", LargeBinary(32), primary_key=True, comment="HMAC of the link id under the pepper"),
    _account_column(),
    Column("link_id_box", LargeBinary, nullable=False, comment="sealed under the erasure key: the link id, to show the code again"),
    Column("made_utc_s", BigInteger, nullable=False, comment="a code lives 15 minutes"),
    Column("box_digest", LargeBinary(32), comment="SHA-256 of the one box this code took"),
)

LINK_BOXES = Table(
    "link_boxes",
    METADATA,
    _account_column(),
    Column("box_id", LargeBinary(16), nullable=False, comment="random"),
    Column("box", LargeBinary, nullable=False, comment="pseudonym, keys, label: sealed to the account's key, under the erasure key"),
    PrimaryKeyConstraint("account_id", "box_id"),
)

LINKS = Table(
    "links",
    METADATA,
    Column("link_mac", LargeBinary(32), primary_key=True, comment="HMAC under the pepper of the key that a home talks under"),
    _account_column(),
    Column("box_id", LargeBinary(16), nullable=False, comment="random: which box is this link's"),
    Column("box_version", BigInteger, nullable=False, comment="counts from 0: the newest box the home sent"),
)

REQUESTS = Table(
    "requests",
    METADATA,
    _account_column(),
    Column("request_id", LargeBinary(16), nullable=False, comment="random"),
    Column("link_mac", LargeBinary(32), nullable=False, comment="which link asks"),
    Column("box", LargeBinary, nullable=False, comment="what a home asks: sealed to the account's key, under the erasure key"),
    Column("made_utc_s", BigInteger, nullable=False, comment="kept 30 days"),
    Column("decision", Integer, comment="0 declined, 1 approved"),
    Column("mac", LargeBinary(32), comment="by which the home knows that the account itself decided"),
    PrimaryKeyConstraint("account_id", "request_id"),
)

FAREWELLS = Table(
    "farewells",
    METADATA,
    Column("link_mac", LargeBinary(32), primary_key=True, comment="HMAC under the pepper of the key of a link that an account ended"),
    Column("mac", LargeBinary(32), nullable=False, comment="by which the home knows that the account itself did"),
    Column("until_day", Integer, nullable=False, comment="UTC days since 1970: as long as a home may be away"),
)

CONSENTS = Table(
    "consents",
    METADATA,
    _account_column(),
    Column("consent_id", LargeBinary(16), nullable=False, comment="random"),
    Column("purpose", Text, nullable=False, comment="one of cloud/consents.py"),
    Column("text_digest", LargeBinary(32), nullable=False, comment="SHA-256 of the text that was shown"),
    Column("language", Text, nullable=False, comment="of that text"),
    Column("given_utc_s", BigInteger, nullable=False, comment="when it was given or withdrawn"),
    Column("state", Text, nullable=False, comment="given or withdrawn"),
    Column("method", Text, nullable=False, comment="where on the site, or by a letter's link"),
    PrimaryKeyConstraint("account_id", "consent_id"),
)

CONFIRMATIONS = Table(
    "confirmations",
    METADATA,
    Column("token_digest", LargeBinary(32), primary_key=True, comment="SHA-256 of the token in a letter"),
    _account_column(),
    Column("address_mac", LargeBinary(32), nullable=False, comment="pseudonymous: the address that the letter went to"),
    Column("made_utc_s", BigInteger, nullable=False, comment="unconfirmed accounts are erased after a day"),
)

LETTERS = Table(
    "letters",
    METADATA,
    _account_column(),
    Column("letter_id", LargeBinary(16), nullable=False, comment="random"),
    Column("box", LargeBinary, nullable=False, comment="sealed under the erasure key: a letter that waits to be sent"),
    Column("due_utc_s", BigInteger, nullable=False, comment="when to try next"),
    Column("tries", Integer, nullable=False, comment="how often it was tried"),
    PrimaryKeyConstraint("account_id", "letter_id"),
)

LOG_ENTRIES = Table(
    "log_entries",
    METADATA,
    Column("account_id", LargeBinary(16), nullable=False, comment="random; zeros: the operator's own log"),
    Column("number", Integer, nullable=False, comment="counts from 0"),
    Column("keep_until_day", Integer, nullable=False, comment="UTC days since 1970; then the box is emptied"),
    Column("box", LargeBinary, comment="sealed under the erasure key: what happened and when"),
    Column("box_digest", LargeBinary(32), nullable=False, comment="SHA-256 of the box"),
    Column("entry_digest", LargeBinary(32), nullable=False, comment="SHA-256 over the entry before and this one"),
    PrimaryKeyConstraint("account_id", "number"),
)

NOTICES = Table(
    "notices",
    METADATA,
    Column("slot", LargeBinary(16), primary_key=True, comment="pseudonymous: derived from a subject's keys; no account stands beside it"),
    Column("body", LargeBinary, nullable=False, comment="sealed to the account's key at home: devices, last orders, a challenge"),
    Column("left_utc_s", BigInteger, nullable=False, comment="when it was left; forgotten after 30 days without another"),
    Column("answered_utc_s", BigInteger, comment="when an order went out under its challenge"),
)

OUTCOMES = Table(
    "outcomes",
    METADATA,
    Column("kind", Text, nullable=False, comment="of the devices that a release is for"),
    Column("sequence", BigInteger, nullable=False, comment="the release's number"),
    Column("home_mac", LargeBinary(16), nullable=False, comment="MAC of an alias and this release under the pepper: joins nothing"),
    Column("share", Integer, nullable=False, comment="to how many homes in a hundred it was offered then"),
    Column("fault", Integer, nullable=False, comment="why it did not stay in that home; 0: it is kept"),
    Column("day", Integer, nullable=False, comment="UTC days since 1970; forgotten after 400"),
    PrimaryKeyConstraint("kind", "sequence", "home_mac"),
)

HALTS = Table(
    "halts",
    METADATA,
    Column("kind", Text, nullable=False, comment="of the devices that a release is for"),
    Column("sequence", BigInteger, nullable=False, comment="the release's number"),
    Column("halted_utc_s", BigInteger, comment="since when nobody is offered it; empty: it goes on"),
    Column("by", Text, nullable=False, comment="homes, by their failures, or the operator"),
    Column("forgiven", Integer, nullable=False, comment="failures that no longer count"),
    PrimaryKeyConstraint("kind", "sequence"),
)

NOTES = Table(
    "notes",
    METADATA,
    _account_column(),
    Column("note_mac", LargeBinary(32), nullable=False, comment="MAC of the row's id under the subject's key: joins nothing"),
    Column("box", LargeBinary, nullable=False, comment="sealed under the subject's key, under the erasure key: what was written"),
    PrimaryKeyConstraint("account_id", "note_mac"),
)

GRANTS = Table(
    "grants",
    METADATA,
    _account_column(),
    Column("grant_id", LargeBinary(16), nullable=False, comment="random"),
    Column("public_key", LargeBinary(32), nullable=False, comment="X25519, public; what is shared is sealed to it"),
    Column("about", LargeBinary, nullable=False, comment="sealed under the erasure key: with whom, what, which period"),
    Column("box", LargeBinary, nullable=False, comment="pseudonyms, leaf keys: sealed to the grant's key, under the erasure key"),
    Column("expires_utc_s", BigInteger, nullable=False, comment="when it ends by itself"),
    PrimaryKeyConstraint("account_id", "grant_id"),
)

GRANT_KEYS = Table(
    "grant_keys",
    METADATA,
    Column("key_digest", LargeBinary(32), primary_key=True, comment="SHA-256 of a credential's id"),
    _account_column(),
    Column("grant_id", LargeBinary(16), nullable=False, comment="random"),
    Column("use", Text, nullable=False, comment="secret, token or link"),
    Column("box", LargeBinary, nullable=False, comment="the grant's private key under the credential's half, under the erasure key"),
    Column("expires_utc_s", BigInteger, nullable=False, comment="when it ends by itself"),
)

PASSKEYS = Table(
    "passkeys",
    METADATA,
    Column("credential_digest", LargeBinary(32), primary_key=True, comment="SHA-256 of the credential's id"),
    _account_column(),
    Column("box", LargeBinary, nullable=False, comment="sealed under the erasure key: public key, count, what the person calls it"),
    Column("wrap", LargeBinary, comment="private key under the passkey's PRF, under the erasure key; none: a second factor"),
)


class Account(NamedTuple):
    """One account as it is kept; nothing in it can be read without the erasure key, and its keys not without the password."""

    account_id: bytes
    personal: bytes
    password_profile: str
    password_salt: bytes
    password_verifier: bytes
    public_key: bytes
    password_wrap: bytes
    recovery_wrap: bytes
    created_day: int

    def __repr__(self) -> str:
        return "Account(***)"


class Password(NamedTuple):
    """What a change of password replaces."""

    profile: str
    salt: bytes
    verifier: bytes
    wrap: bytes

    def __repr__(self) -> str:
        return "Password(***)"


def add_account(connection: Connection, account: Account) -> None:
    """Store a new account; nobody finds it by an address yet."""
    connection.execute(insert(ACCOUNTS).values(**account._asdict()))


def give_address(connection: Connection, account_id: bytes, address_mac: bytes) -> None:
    """Let an account be found by its address. Raises Declined("address_taken"): there is one with this address."""
    try:
        connection.execute(insert(ADDRESSES).values(address_mac=address_mac, account_id=account_id))
    except IntegrityError:
        raise Declined("address_taken") from None


def take_address(connection: Connection, account_id: bytes) -> None:
    """Let an account be found by no address: another follows in the same transaction."""
    connection.execute(delete(ADDRESSES).where(ADDRESSES.c.account_id == account_id))


def await_confirmation(connection: Connection, account_id: bytes, address_mac: bytes, token_digest: bytes, now_utc_s: int) -> None:
    """Note that a letter with this token is on its way."""
    connection.execute(
        insert(CONFIRMATIONS).values(token_digest=token_digest, account_id=account_id, address_mac=address_mac, made_utc_s=now_utc_s)
    )


def account_confirmed_by(connection: Connection, token_digest: bytes, since_utc_s: int) -> tuple[Account, bytes] | None:
    """Return the account that a letter's token confirms and its address's MAC, or None: unknown, used, or too old."""
    chosen = select(ACCOUNTS, CONFIRMATIONS.c.address_mac).join(CONFIRMATIONS, CONFIRMATIONS.c.account_id == ACCOUNTS.c.account_id)
    fresh = chosen.where(CONFIRMATIONS.c.token_digest == token_digest, CONFIRMATIONS.c.made_utc_s > since_utc_s)
    row = connection.execute(fresh).one_or_none()
    return None if row is None else (Account(*row[:-1]), row.address_mac)


def confirmed(connection: Connection, account_id: bytes) -> None:
    """Forget the tokens of an account that was confirmed."""
    connection.execute(delete(CONFIRMATIONS).where(CONFIRMATIONS.c.account_id == account_id))


def is_confirmed(connection: Connection, account_id: bytes) -> bool:
    """Whether the account is found by an address: only then was that address its person's to give."""
    return connection.execute(select(ADDRESSES.c.account_id).where(ADDRESSES.c.account_id == account_id)).first() is not None


def unconfirmed_before(connection: Connection, utc_s: int) -> list[bytes]:
    """Return the accounts whose letters were not answered in time."""
    return list(connection.execute(select(CONFIRMATIONS.c.account_id).where(CONFIRMATIONS.c.made_utc_s <= utc_s)).scalars())


def account_ids(connection: Connection) -> list[bytes]:
    """Return every account."""
    return list(connection.execute(select(ACCOUNTS.c.account_id).order_by(ACCOUNTS.c.account_id)).scalars())


def remove_account(connection: Connection, account_id: bytes) -> None:
    """Delete an account and all that hangs on it."""
    connection.execute(delete(LOG_ENTRIES).where(LOG_ENTRIES.c.account_id == account_id))
    connection.execute(delete(ACCOUNTS).where(ACCOUNTS.c.account_id == account_id))


def account_of(connection: Connection, account_id: bytes) -> Account | None:
    """Return an account, or None."""
    row = connection.execute(select(ACCOUNTS).where(ACCOUNTS.c.account_id == account_id)).one_or_none()
    return None if row is None else Account(*row)


def account_with_address(connection: Connection, address_mac: bytes) -> Account | None:
    """Return the account with this address, or None."""
    chosen = select(ACCOUNTS).join(ADDRESSES, ADDRESSES.c.account_id == ACCOUNTS.c.account_id)
    row = connection.execute(chosen.where(ADDRESSES.c.address_mac == address_mac)).one_or_none()
    return None if row is None else Account(*row)


def change_personal(connection: Connection, account_id: bytes, personal: bytes) -> None:
    """Replace what is kept of a person, sealed under their erasure key."""
    connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.account_id == account_id).values(personal=personal))


def change_password(connection: Connection, account_id: bytes, password: Password) -> None:
    """Replace everything that depends on the password."""
    connection.execute(
        update(ACCOUNTS)
        .where(ACCOUNTS.c.account_id == account_id)
        .values(
            password_profile=password.profile,
            password_salt=password.salt,
            password_verifier=password.verifier,
            password_wrap=password.wrap,
        )
    )


def change_recovery(connection: Connection, account_id: bytes, recovery_wrap: bytes) -> None:
    """Replace the recovery code's wrap: the code before it opens nothing any more."""
    connection.execute(update(ACCOUNTS).where(ACCOUNTS.c.account_id == account_id).values(recovery_wrap=recovery_wrap))
