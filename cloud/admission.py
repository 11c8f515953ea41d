"""How one comes in: registering, signing in, coming back with a recovery code, changing the password.

Each is one argon2id run (or two, for a new password) and one transaction. "Wrong password" and "no such account" take the same
run and the same statements and are answered alike. What is returned is the text of a cookie; the private key is never kept.

Where letters can be sent, registering tells nothing at all: the page says "look into your mailbox", and only the letter there knows
whether the address was free. The account is found by its address once the letter's link and the password have come together.
Whatever happens to an account is written into its log in the same transaction.
"""

import base64
import hmac
import os
import re
import unicodedata
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, Engine

from cloud import accounts, audit, bearers, consents, credentials, hpke, letters, passkeys, sessions, wrapping
from cloud.accounts import Account, Password
from cloud.bearers import Bearer
from cloud.errors import CannotUnwrap, Declined
from cloud.keys import ErasureKeys, Pepper
from cloud.stores import writing
from protocol import cbor

ACCOUNT_ID_BYTES = 16
CONFIRM_WITHIN_S = 86400
LONGEST_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets

# no quoted local parts and nothing that could end a header line; whether it exists, only a letter to it can tell
_ADDRESS = re.compile(r"[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+@[^\s@<>()\[\]\\,;:\"\x00-\x1f\x7f]+")
_PASSWORD_PURPOSE = b"foyer wrap password\x00"
_RECOVERY_PURPOSE = b"foyer wrap recovery\x00"
_PERSONAL_PURPOSE = b"foyer account personal\x00"
_BROWSER_PURPOSE = b"foyer session personal\x00"


class Browser(NamedTuple):
    """By what a person recognises a session: "Firefox, Linux", and the time zone in which their times are shown."""

    words: str
    zone: str


@dataclass(frozen=True)
class Admission:
    """The doors of one accounts store."""

    engine: Engine
    pepper: Pepper
    erasure: ErasureKeys
    # where letters' links lead; empty: no letters are sent, and an account is there at once
    letters_lead_to: str = ""

    def register(
        self,
        address: str,
        password: str,
        language: str,
        accepted: set[str],
        browser: Browser,
        now_utc_s: int,
        chosen: frozenset[str] = frozenset(),
    ) -> str | None:
        """Make an account and return the cookie of its first session, or None: a letter is on its way to the address.

        The recovery code waits in the first session. With letters, a taken address gets a letter too, and None is returned alike.
        Raises Declined: a consent is missing, the address is none or (without letters) taken, or the password too weak.
        """
        for needed in consents.NEEDED:
            if needed not in accepted:
                raise Declined(f"{needed}_not_accepted")
        address = check_address(address)
        password = credentials.check_password(password, address)
        account_id, private_key = os.urandom(ACCOUNT_ID_BYTES), hpke.new_private_key()
        erasure_key = self.erasure.make(account_id)
        try:
            code = credentials.new_recovery_code()
            protected = self._protect(password, account_id, private_key, erasure_key)
            account = Account(
                account_id,
                _personal_box(erasure_key, account_id, address, language),
                protected.profile,
                protected.salt,
                protected.verifier,
                hpke.public_half(private_key),
                protected.wrap,
                self._recovery_wrap(code, account_id, private_key, erasure_key),
                now_utc_s // 86400,
            )
            address_mac = self.address_mac(address)
            text = bearers.new_text()
            with writing(self.engine) as connection:
                owner = accounts.account_with_address(connection, address_mac)
                accounts.add_account(connection, account)
                for purpose in consents.ACKNOWLEDGED:
                    consents.record(connection, account_id, purpose, language, now_utc_s)
                consents.choose(connection, account_id, set(chosen), language, now_utc_s, "register")
                audit.write(connection, account_id, erasure_key, "registered", now_utc_s)
                if self.letters_lead_to:
                    self._ask_to_confirm(connection, account, owner, address, language, erasure_key, now_utc_s)
                    return None
                accounts.give_address(connection, account_id, address_mac)
                cookie, session = self._open(connection, text, account_id, private_key, erasure_key, browser, now_utc_s)
                sessions.keep_recovery_code(connection, session, cookie, code)
        except BaseException:
            # no account came of it, so no key may stay behind
            self.erasure.destroy(account_id)
            raise
        return text

    def confirm(self, token: str, password: str, browser: Browser, now_utc_s: int) -> str:
        """Bring the letter's link and the password together; return the cookie of the first session, in which a recovery code waits.

        Raises Declined("confirm_wrong"): no such link, too old, used, or not the password; always the same.
        """
        since_utc_s = now_utc_s - CONFIRM_WITHIN_S
        with self.engine.connect() as connection:
            found = accounts.account_confirmed_by(connection, wrapping.digest(token.encode()), since_utc_s)
        account, address_mac = found or (None, b"")
        try:
            stretched = self._verify(account, os.urandom(credentials.SALT_BYTES), password)
        except Declined:
            raise Declined("confirm_wrong") from None
        account_id = stretched[0].account_id
        erasure_key = self.erasure.of(account_id)
        private_key = _unwrap_twice(erasure_key, stretched[1].wrap_key, stretched[0].password_wrap, _PASSWORD_PURPOSE + account_id)
        code, text = credentials.new_recovery_code(), bearers.new_text()
        with writing(self.engine) as connection:
            try:
                accounts.give_address(connection, account_id, address_mac)
            except Declined:
                # somebody else was quicker with the same address
                raise Declined("confirm_wrong") from None
            accounts.confirmed(connection, account_id)
            accounts.change_recovery(connection, account_id, self._recovery_wrap(code, account_id, private_key, erasure_key))
            audit.write(connection, account_id, erasure_key, "confirmed", now_utc_s)
            cookie, session = self._open(connection, text, account_id, private_key, erasure_key, browser, now_utc_s)
            sessions.keep_recovery_code(connection, session, cookie, code)
        return text

    def forget_unconfirmed(self, now_utc_s: int) -> int:
        """Erase the accounts whose letter was not answered within a day; return how many."""
        with writing(self.engine) as connection:
            old = accounts.unconfirmed_before(connection, now_utc_s - CONFIRM_WITHIN_S)
            for account_id in old:
                accounts.remove_account(connection, account_id)
        for account_id in old:
            self.erasure.destroy(account_id)
        return len(old)

    def keep_house(self, now_utc_s: int) -> None:
        """Do what time asks for: unconfirmed accounts go, and old entries of logs are emptied."""
        self.forget_unconfirmed(now_utc_s)
        with writing(self.engine) as connection:
            audit.empty_old(connection, now_utc_s)

    def _ask_to_confirm(
        self,
        connection: Connection,
        account: Account,
        owner: Account | None,
        address: str,
        language: str,
        erasure_key: bytes,
        now_utc_s: int,
    ) -> None:
        # the same rows are written whether the address is taken or not; only the letter differs
        token = base64.urlsafe_b64encode(os.urandom(24)).decode()
        address_mac = self.address_mac(address)
        accounts.await_confirmation(connection, account.account_id, address_mac, wrapping.digest(token.encode()), now_utc_s)
        name = "confirm" if owner is None else "taken"
        link = f"{self.letters_lead_to}/{language}/" + (f"confirm?token={token}" if owner is None else "sign-in")
        letters.queue(connection, account.account_id, erasure_key, letters.compose(name, language, address, link=link), now_utc_s)

    def tell(self, connection: Connection, account_id: bytes, erasure_key: bytes, name: str, now_utc_s: int) -> None:
        """Queue a notice to the account's own address, in the transaction of what it tells; nothing where no letters are sent."""
        account = accounts.account_of(connection, account_id)
        if not self.letters_lead_to or account is None:
            return
        address, language = self._personal(account, erasure_key)
        letter = letters.compose(name, language, address, link=f"{self.letters_lead_to}/{language}/recover")
        letters.queue(connection, account_id, erasure_key, letter, now_utc_s)

    def sign_in(self, address: str, password: str, browser: Browser, now_utc_s: int) -> str:
        """Return the cookie of a new session. Raises Declined("sign_in_wrong"): for any reason, always the same."""
        account, stretched = self._authenticate(address, password)
        try:
            erasure_key = self.erasure.of(account.account_id)
            private_key = _unwrap_twice(erasure_key, stretched.wrap_key, account.password_wrap, _PASSWORD_PURPOSE + account.account_id)
        except CannotUnwrap:
            # erased since: the row may come from a restored backup, and says nothing any more
            raise Declined("sign_in_wrong") from None
        text = bearers.new_text()
        moved = None
        if account.password_profile != credentials.CURRENT:
            moved = self._protect(password, account.account_id, private_key, erasure_key)
        with writing(self.engine) as connection:
            if moved is not None:
                accounts.change_password(connection, account.account_id, moved)
            waits = passkeys.is_asked_besides(connection, account.account_id)
            if not waits:
                audit.write(connection, account.account_id, erasure_key, "signed-in", now_utc_s, browser=browser.words)
            self._open(connection, text, account.account_id, private_key, erasure_key, browser, now_utc_s, waits)
        return text

    def begin(self, connection: Connection, account_id: bytes, private_key: bytes, browser: Browser, now_utc_s: int) -> str:
        """Return the cookie of a new session of who came in by a passkey; one whose address is not confirmed, or locked, does not."""
        if not accounts.is_confirmed(connection, account_id):
            raise Declined("passkey_wrong")
        text, erasure_key = bearers.new_text(), self.erasure.of(account_id)
        audit.write(connection, account_id, erasure_key, "signed-in-by-passkey", now_utc_s, browser=browser.words)
        self._open(connection, text, account_id, private_key, erasure_key, browser, now_utc_s)
        return text

    def recover(self, address: str, code: str, password: str, browser: Browser, now_utc_s: int) -> str:
        """Set a new password by the recovery code; every session ends, a new code waits in the session whose cookie is returned.

        Raises Declined("recovery_wrong"): no such account or code, always the same; or what is wrong with the password.
        """
        password = credentials.check_password(password, address)
        key = credentials.recovery_key(code, self.pepper.password)
        with self.engine.connect() as connection:
            account = accounts.account_with_address(connection, self.address_mac(address))
        if account is None:
            raise Declined("recovery_wrong")
        account_id = account.account_id
        try:
            erasure_key = self.erasure.of(account_id)
            private_key = _unwrap_twice(erasure_key, key, account.recovery_wrap, _RECOVERY_PURPOSE + account_id)
        except CannotUnwrap:
            raise Declined("recovery_wrong") from None
        protected = self._protect(password, account_id, private_key, erasure_key)
        new_code, text = credentials.new_recovery_code(), bearers.new_text()
        with writing(self.engine) as connection:
            accounts.change_password(connection, account_id, protected)
            accounts.change_recovery(connection, account_id, self._recovery_wrap(new_code, account_id, private_key, erasure_key))
            sessions.revoke_all(connection, account_id)
            audit.write(connection, account_id, erasure_key, "recovered", now_utc_s, browser=browser.words)
            self.tell(connection, account_id, erasure_key, "recovered", now_utc_s)
            cookie, session = self._open(connection, text, account_id, private_key, erasure_key, browser, now_utc_s)
            sessions.keep_recovery_code(connection, session, cookie, new_code)
        return text

    def change_password(self, account_id: bytes, old: str, new: str, keep_session: bytes, now_utc_s: int) -> None:
        """Replace the password; every session but the one named ends. Raises Declined("password_wrong"), or what is wrong with the new."""
        address = self.address_of(account_id)
        new = credentials.check_password(new, address)
        try:
            account, stretched = self._authenticate(address, old)
        except Declined:
            raise Declined("password_wrong") from None
        erasure_key = self.erasure.of(account_id)
        private_key = _unwrap_twice(erasure_key, stretched.wrap_key, account.password_wrap, _PASSWORD_PURPOSE + account_id)
        protected = self._protect(new, account_id, private_key, erasure_key)
        with writing(self.engine) as connection:
            accounts.change_password(connection, account_id, protected)
            sessions.revoke_all(connection, account_id, keep_session)
            audit.write(connection, account_id, erasure_key, "password-changed", now_utc_s)
            self.tell(connection, account_id, erasure_key, "password", now_utc_s)

    def new_recovery_code(self, session: sessions.Session, cookie: Bearer, now_utc_s: int) -> None:
        """Replace the recovery code; the new one waits in this session until it has been written down."""
        erasure_key = self.erasure.of(session.account_id)
        private_key = sessions.private_key(session, cookie, erasure_key)
        code = credentials.new_recovery_code()
        wrap = self._recovery_wrap(code, session.account_id, private_key, erasure_key)
        with writing(self.engine) as connection:
            accounts.change_recovery(connection, session.account_id, wrap)
            audit.write(connection, session.account_id, erasure_key, "recovery-code-made", now_utc_s)
            sessions.keep_recovery_code(connection, session, cookie, code)

    def address_of(self, account_id: bytes) -> str:
        """Return the e-mail address of an account. Raises CannotUnwrap: it was erased."""
        with self.engine.connect() as connection:
            account = accounts.account_of(connection, account_id)
        if account is None:
            raise CannotUnwrap("account")
        return self._personal(account, self.erasure.of(account_id))[0]

    def check_again(self, account_id: bytes, password: str) -> None:
        """Ask for the password once more before something that cannot be undone. Raises Declined("password_wrong")."""
        try:
            self._authenticate(self.address_of(account_id), password)
        except Declined:
            raise Declined("password_wrong") from None

    def account_with(self, address: str) -> bytes | None:
        """Return the account of an address, or None: what an operator asks who has a letter in hand."""
        with self.engine.connect() as connection:
            account = accounts.account_with_address(connection, self.address_mac(address))
        return account and account.account_id

    def address_and_language(self, account_id: bytes) -> tuple[str, str]:
        """Return where and in which language to write. Raises CannotUnwrap: it was erased."""
        with self.engine.connect() as connection:
            account = accounts.account_of(connection, account_id)
        if account is None:
            raise CannotUnwrap("account")
        return self._personal(account, self.erasure.of(account_id))

    def keep_personal(self, connection: Connection, account_id: bytes, address: str, language: str) -> None:
        """Replace what is kept of a person: where and in which language to write."""
        accounts.change_personal(connection, account_id, _personal_box(self.erasure.of(account_id), account_id, address, language))

    def _personal(self, account: Account, erasure_key: bytes) -> tuple[str, str]:
        personal = cbor.decode(wrapping.unwrap(erasure_key, account.personal, _PERSONAL_PURPOSE + account.account_id))
        return (str(personal[0]), str(personal[1])) if isinstance(personal, dict) else ("", "en")

    def browser_of(self, session: sessions.Session) -> Browser:
        """Return by what a session is recognised."""
        purpose = _BROWSER_PURPOSE + session.account_id
        fields = cbor.decode(wrapping.unwrap(self.erasure.of(session.account_id), session.personal, purpose))
        return Browser(str(fields[0]), str(fields[1])) if isinstance(fields, dict) else Browser("", "UTC")

    def _authenticate(self, address: str, password: str) -> tuple[Account, credentials.Stretched]:
        address_mac = self.address_mac(address)
        with self.engine.connect() as connection:
            account = accounts.account_with_address(connection, address_mac)
        # an address without an account gets a salt of its own that never changes, and the same long run
        return self._verify(account, address_mac[: credentials.SALT_BYTES], password)

    def _verify(self, account: Account | None, other_salt: bytes, password: str) -> tuple[Account, credentials.Stretched]:
        salt = account.password_salt if account else other_salt
        profile = account.password_profile if account else credentials.CURRENT
        stretched = credentials.stretch(password, salt, self.pepper.password, profile)
        expected = account.password_verifier if account else os.urandom(32)
        if not hmac.compare_digest(stretched.verifier, expected) or account is None:
            raise Declined("sign_in_wrong")
        return account, stretched

    def _protect(self, password: str, account_id: bytes, private_key: bytes, erasure_key: bytes) -> Password:
        salt = os.urandom(credentials.SALT_BYTES)
        stretched = credentials.stretch(password, salt, self.pepper.password)
        wrap = _wrap_twice(erasure_key, stretched.wrap_key, private_key, _PASSWORD_PURPOSE + account_id)
        return Password(credentials.CURRENT, salt, stretched.verifier, wrap)

    def _recovery_wrap(self, code: str, account_id: bytes, private_key: bytes, erasure_key: bytes) -> bytes:
        key = credentials.recovery_key(code, self.pepper.password)
        return _wrap_twice(erasure_key, key, private_key, _RECOVERY_PURPOSE + account_id)

    def _open(
        self,
        connection: Connection,
        text: str,
        account_id: bytes,
        private_key: bytes,
        erasure_key: bytes,
        browser: Browser,
        now_utc_s: int,
        waits: bool = False,
    ) -> tuple[Bearer, sessions.Session]:
        cookie = sessions.parse_cookie(text)
        if cookie is None:
            raise CannotUnwrap("a cookie of our own making")
        personal = wrapping.wrap(erasure_key, cbor.encode({0: browser.words, 1: browser.zone}), _BROWSER_PURPOSE + account_id)
        return cookie, sessions.open_session(connection, cookie, account_id, private_key, erasure_key, personal, now_utc_s, waits)

    def address_mac(self, address: str) -> bytes:
        """Return by what an account is found: a MAC of its address under the pepper."""
        return wrapping.mac(self.pepper.address, _fold(address).encode())


def check_address(typed: str) -> str:
    """Return an e-mail address in the one form that is used. Raises Declined("address_wrong"): it is none."""
    address = _fold(typed)
    if len(address) > LONGEST_ADDRESS or not _ADDRESS.fullmatch(address):
        raise Declined("address_wrong")
    if any(part == "" for part in address.split("@")[1].split(".")):
        raise Declined("address_wrong")
    return address


def _fold(typed: str) -> str:
    return unicodedata.normalize("NFKC", typed).strip().casefold()


def _personal_box(erasure_key: bytes, account_id: bytes, address: str, language: str) -> bytes:
    return wrapping.wrap(erasure_key, cbor.encode({0: address, 1: language}), _PERSONAL_PURPOSE + account_id)


def _wrap_twice(erasure_key: bytes, key: bytes, private_key: bytes, purpose: bytes) -> bytes:
    return wrapping.wrap(erasure_key, wrapping.wrap(key, private_key, purpose), purpose)


def _unwrap_twice(erasure_key: bytes, key: bytes, box: bytes, purpose: bytes) -> bytes:
    return wrapping.unwrap(key, wrapping.unwrap(erasure_key, box, purpose), purpose)
