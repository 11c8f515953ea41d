"""The linking code and its messages: what a person may type, and what the broker may not change."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import linking
from protocol.errors import BadLinkCode, BadLinkMessage

ids = st.binary(min_size=5, max_size=5)
keys = st.binary(min_size=32, max_size=32)


@given(ids, keys)
def test_a_typed_code_carries_the_link_and_the_keys_fingerprint(link_id: bytes, key: bytes) -> None:
    """What the site shows is what the home understands."""
    assert linking.parse_code(linking.encode_code(link_id, key)) == (link_id, linking.fingerprint(key))


@given(ids, keys, st.sampled_from([str.lower, lambda code: code.replace("-", " "), lambda code: f"  {code.replace('-', '')}\n"]))
def test_a_code_forgives_how_it_is_typed(link_id: bytes, key: bytes, typed: object) -> None:
    """Case, spaces and hyphens do not matter, nor O for 0 and I or L for 1."""
    code = linking.encode_code(link_id, key)
    assert linking.parse_code(typed(code)) == linking.parse_code(code)  # type: ignore[operator]
    assert linking.parse_code(code.replace("0", "o").replace("1", "l")) == linking.parse_code(code)


@pytest.mark.parametrize("typed", ["", "ABCD", "ABCD-" * 7, "UUUU-" * 6, "é" * 24, "A" * 5000])
def test_what_is_no_code_is_refused(typed: str) -> None:
    """Too short, too long, or a letter that no code has."""
    with pytest.raises(BadLinkCode):
        linking.parse_code(typed)


@given(ids, keys, keys)
def test_another_key_has_another_fingerprint(link_id: bytes, key: bytes, other: bytes) -> None:
    """A key put in its place by the broker does not fit the typed code."""
    if key != other:
        assert linking.parse_code(linking.encode_code(link_id, key)).fingerprint != linking.fingerprint(other)


@given(ids, keys, st.binary(min_size=1, max_size=300))
def test_messages_come_back_as_they_went(link_id: bytes, key: bytes, box: bytes) -> None:
    """Each of the four messages survives the way."""
    for kind, body in ((linking.ASK, None), (linking.ANSWER, key), (linking.BOX, box), (linking.LINKED, linking.DONE)):
        assert linking.decode_message(linking.encode_message(kind, link_id, body)) == (kind, link_id, body)


@given(st.binary(max_size=600))
def test_bytes_from_the_broker_are_a_message_or_refused(data: bytes) -> None:
    """Nothing but BadLinkMessage comes out of any bytes."""
    with contextlib.suppress(BadLinkMessage):
        linking.decode_message(data)


@pytest.mark.parametrize(
    ("kind", "body"),
    [(linking.ASK, b"x"), (linking.ANSWER, b"short"), (linking.BOX, b""), (linking.LINKED, 7), (linking.LINKED, True), (9, None)],
)
def test_a_message_of_the_wrong_shape_is_refused(kind: int, body: object) -> None:
    """Each kind has one shape."""
    with pytest.raises(BadLinkMessage):
        linking.decode_message(linking.encode_message(kind, b"12345", body))  # type: ignore[arg-type]


@given(st.text(max_size=80), st.sampled_from([linking.PERSON, linking.ROOM]))
def test_a_box_holds_the_keys_and_a_name_that_fits(label: str, subject: int) -> None:
    """A long name is cut at a character's end."""
    box = linking.decode_box(linking.encode_box(linking.Box(b"p" * 16, b"r" * 32, b"w" * 32, label, subject)))
    assert box[:3] == (b"p" * 16, b"r" * 32, b"w" * 32)
    assert label.startswith(box.label)
    assert len(box.label.encode()) <= linking.LABEL_BYTES
