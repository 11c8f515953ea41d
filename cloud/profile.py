"""What a person may amend of their account: its e-mail address, and the language of its letters (R14).

Where letters are sent, a new address must first show that it is its person's: a letter there carries a link, and the change is in the
link itself, sealed under the account's erasure key together with what it changes. So nothing waits in the store, the link serves once
and for its own account alone, and whether the address was free is told to whoever reads its letters and to nobody else.
"""

import base64
import binascii

from cloud import accounts, audit, letters, wrapping
from cloud.admission import Admission, check_address
from cloud.errors import CannotUnwrap, Declined
from cloud.stores import writing
from protocol import cbor
from protocol.errors import ProtocolError

LINK_LIFE_S = 86400
LONGEST_TOKEN = 800
_PURPOSE = b"foyer new address\x00"


def ask_for_address(admission: Admission, account_id: bytes, typed: str, password: str, now_utc_s: int) -> bool:
    """Change the address, or write to the new one where letters are sent; return whether it is changed already.

    Raises Declined: it is no address, or the present one, or (without letters) taken; or the password is wrong.
    """
    address = check_address(typed)
    admission.check_again(account_id, password)
    before, language = admission.address_and_language(account_id)
    if address == before:
        raise Declined("address_same")
    if not admission.letters_lead_to:
        _move(admission, account_id, address, now_utc_s)
        return True
    key = admission.erasure.of(account_id)
    token = _token(admission, account_id, address, now_utc_s)
    lead = f"{admission.letters_lead_to}/{language}"
    with writing(admission.engine) as connection:
        is_free = accounts.account_with_address(connection, admission.address_mac(address)) is None
        name, link = ("new-address", f"{lead}/address?token={token}") if is_free else ("taken", f"{lead}/sign-in")
        letters.queue(connection, account_id, key, letters.compose(name, language, address, link=link), now_utc_s)
    return False


def address_in(admission: Admission, account_id: bytes, token: str, now_utc_s: int) -> str:
    """Return the new address that a letter's link carries. Raises Declined("new_address_wrong"): another's, used, old, or none."""
    try:
        if len(token) > LONGEST_TOKEN:
            raise Declined("new_address_wrong")
        box = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        fields = cbor.decode(wrapping.unwrap(admission.erasure.of(account_id), box, _PURPOSE + account_id))
    except (binascii.Error, ValueError, CannotUnwrap, ProtocolError):
        raise Declined("new_address_wrong") from None
    address, of, made_utc_s = fields if isinstance(fields, list) and len(fields) == 3 else ("", b"", 0)
    if of != _present(admission, account_id) or now_utc_s - made_utc_s > LINK_LIFE_S:
        raise Declined("new_address_wrong")
    return str(address)


def confirm_address(admission: Admission, account_id: bytes, token: str, now_utc_s: int) -> None:
    """Change the address to that of the link. Raises Declined: the link is none, or somebody else was quicker with the address."""
    _move(admission, account_id, address_in(admission, account_id, token, now_utc_s), now_utc_s)


def change_language(admission: Admission, account_id: bytes, language: str, now_utc_s: int) -> None:
    """Write letters in this language from now on. Raises Declined("no_such_choice"): there are two."""
    if language not in letters.LANGUAGES:
        raise Declined("no_such_choice")
    address, before = admission.address_and_language(account_id)
    if language == before:
        return
    with writing(admission.engine) as connection:
        admission.keep_personal(connection, account_id, address, language)
        audit.write(connection, account_id, admission.erasure.of(account_id), "language-changed", now_utc_s)


def _move(admission: Admission, account_id: bytes, address: str, now_utc_s: int) -> None:
    before, language = admission.address_and_language(account_id)
    key = admission.erasure.of(account_id)
    with writing(admission.engine) as connection:
        accounts.take_address(connection, account_id)
        accounts.give_address(connection, account_id, admission.address_mac(address))
        admission.keep_personal(connection, account_id, address, language)
        audit.write(connection, account_id, key, "address-changed", now_utc_s)
        if admission.letters_lead_to:
            letter = letters.compose("moved", language, before, link=f"{admission.letters_lead_to}/{language}/")
            letters.queue(connection, account_id, key, letter, now_utc_s)


def _token(admission: Admission, account_id: bytes, address: str, now_utc_s: int) -> str:
    fields = cbor.encode([address, _present(admission, account_id), now_utc_s])
    box = wrapping.wrap(admission.erasure.of(account_id), fields, _PURPOSE + account_id)
    return base64.urlsafe_b64encode(box).rstrip(b"=").decode()


def _present(admission: Admission, account_id: bytes) -> bytes:
    """Return what names the present address: a link that was used is for another than this."""
    return admission.address_mac(admission.address_of(account_id))
