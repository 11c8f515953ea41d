"""The table of a link's states, and what its events mean."""

import itertools

import pytest

from gateway import links
from gateway.errors import IllegalEvent, LinkRefused
from protocol import linking

KEY = bytes(range(32))


def test_only_a_key_that_fits_leads_to_linked() -> None:
    """From every state, no order of events reaches LINKED without KEY_FITS before SITE_LINKED."""
    events = {event for row in links.TRANSITIONS.values() for event in row}
    for order in itertools.product(sorted(events), repeat=3):
        state = links.ASKING
        for event in order:
            try:
                state = links.after(state, event)
            except IllegalEvent:
                continue
        if state == links.LINKED:
            assert order.index(links.KEY_FITS) < len(order) - 1 - order[::-1].index(links.SITE_LINKED)


def test_ends_are_ends() -> None:
    """A refused, expired or linked link never opens again."""
    for end in (links.LINKED, links.REFUSED, links.EXPIRED):
        assert set(links.TRANSITIONS[end].values()) <= {end}


def test_a_typed_code_begins_a_link_and_its_key_is_known_again() -> None:
    """The fingerprint in the code fits its key and no other."""
    link = links.begin(linking.encode_code(b"abcde", KEY).lower().replace("-", " "), 7, 1000)
    assert (link.link_id, link.subject, link.state) == (b"abcde", 7, links.ASKING)
    assert links.event_of(link, linking.Message(linking.ANSWER, b"abcde", KEY, None)) == links.KEY_FITS
    assert links.event_of(link, linking.Message(linking.ANSWER, b"abcde", bytes(32), None)) == links.KEY_DIFFERS
    assert links.event_of(link, linking.Message(linking.LINKED, b"abcde", linking.EXPIRED, None)) == links.SITE_EXPIRED
    assert links.event_of(link, linking.Message(linking.ASK, b"abcde", None, None)) is None


@pytest.mark.parametrize("typed", ["", "ABCD", "U" * 24, "A" * 25, "é" * 24])
def test_what_is_no_code_is_refused(typed: str) -> None:
    """Too short, too long, or letters no code has."""
    with pytest.raises(LinkRefused):
        links.begin(typed, 1, 0)
