"""The linking code and its messages: what a person may type, and what the broker may not change."""

import contextlib

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
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
    shapes = ((linking.ASK, None, None), (linking.ANSWER, key, None), (linking.BOX, box, key), (linking.LINKED, linking.DONE, None))
    for kind, body, link_key in shapes:
        assert linking.decode_message(linking.encode_message(kind, link_id, body, link_key)) == (kind, link_id, body, link_key)


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
    """A long name is cut at a character's end; of very many epochs the newest stay; its length says next to nothing."""
    epochs = [linking.Epoch(bytes([number]) * 16, b"r" * 32, b"w" * 32) for number in range(70)]
    made = linking.Box(label, subject, b"t" * 16, b"a" * 32, epochs[:3], [label, "Ben"])
    box = linking.decode_box(linking.encode_box(made))
    assert (box.tag, box.approval_key, box.epochs, box.subject) == (b"t" * 16, b"a" * 32, epochs[:3], subject)
    assert label.startswith(box.label)
    assert len(box.label.encode()) <= linking.LABEL_BYTES
    assert linking.decode_box(linking.encode_box(made._replace(epochs=epochs))).epochs == epochs[6:]
    assert len(linking.encode_box(made)) == len(linking.encode_box(made._replace(label="", recipients=[]))) == 1024


KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()


def verify(public_key: bytes, signed: bytes, signature: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, signed)
    except InvalidSignature:
        return False
    return True


@given(st.sampled_from([linking.NEWS, linking.NEW_BOX, linking.REQUEST, linking.LEAVE]), st.integers(0, 2**53 - 1))
def test_what_a_home_says_arrives_and_nobody_else_can_say_it(verb: int, sequence: int) -> None:
    """It comes back as it went; with another key's signature, or another word, it is refused."""
    said = linking.encode_talk(PUBLIC, verb, sequence, b"b" * 17, KEY.sign)
    assert linking.is_talk(said)
    assert linking.decode_talk(said, verify) == (PUBLIC, verb, sequence, b"b" * 17)
    other = Ed25519PrivateKey.from_private_bytes(b"o" * 32)
    for forged in (linking.encode_talk(PUBLIC, verb, sequence, b"b" * 17, other.sign), said.replace(b"bbbb", b"bbbc", 1)):
        with pytest.raises(BadLinkMessage):
            linking.decode_talk(forged, verify)


@given(st.lists(st.builds(linking.Decision, st.binary(min_size=16, max_size=16), st.sampled_from([0, 1]), st.just(b"m" * 32)), max_size=5))
def test_the_sites_word_comes_back_as_it_went(decisions: list[linking.Decision]) -> None:
    """Known or not, the version of the box, and each decision."""
    word = linking.Word(linking.link_name(PUBLIC), True, 7, decisions)
    assert linking.is_word(linking.encode_word(word))
    assert linking.decode_word(linking.encode_word(word)) == word


@given(st.binary(max_size=400))
def test_what_is_said_under_a_link_is_understood_or_refused(data: bytes) -> None:
    """Nothing but BadLinkMessage comes out of any bytes."""
    for read in (linking.decode_word, linking.decode_request, linking.decode_box, lambda data: linking.decode_talk(data, verify)):
        with pytest.raises(BadLinkMessage):
            read(data)


@given(st.text(max_size=60), st.integers(0, 2**31))
def test_a_request_says_what_is_asked(name: str, utc_s: int) -> None:
    """What, of how many readings, since when; and all requests are of one length."""
    data = linking.encode_request(linking.Request("split", name, 12, utc_s))
    assert len(data) == 1024
    request = linking.decode_request(data)
    assert (request.what, request.count, request.utc_s) == ("split", 12, utc_s)
    assert name.startswith(request.name)


def test_one_decision_is_not_another() -> None:
    """What an account's MAC covers names the request and the decision."""
    covered = {linking.decision_message(bytes([number]) * 16, decision) for number in (1, 2) for decision in (0, 1)}
    assert len(covered) == 4
