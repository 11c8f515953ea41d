"""An account's word to its homes: a MAC under a key that is inside the link box, so only its owner's session can make it."""

from cloud import links, stores, wrapping
from cloud.site.opening import box_in
from cloud.site.premises import Visitor
from protocol import linking


def word_of(box: linking.Box, request_id: bytes, decision: int) -> bytes:
    """Return what proves to a home that this account decided so."""
    return wrapping.mac(box.approval_key, linking.decision_message(request_id, decision))


def say_farewells(visitor: Visitor, now_utc_s: int) -> None:
    """Leave word for every home that this account ends its link."""
    private_key, erasure_key = visitor.private_key(), visitor.erasure_key()
    with stores.writing(visitor.premises.accounts) as connection:
        for link_mac, sealed in links.links_of(connection, visitor.account_id, erasure_key):
            box = box_in(private_key, sealed)
            if box is not None:
                links.say_farewell(connection, link_mac, word_of(box, linking.FAREWELL, linking.APPROVED), now_utc_s // 86400)
