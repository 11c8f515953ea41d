"""Notices and orders: what was closed opens again, under its own key only, and hostile bytes are refused with our own error."""

import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, seals, steering
from protocol.errors import BadOrder
from protocol.steering import DeviceNotice, Notice, Order, Said, Update

COUNTS = st.integers(0, (1 << 48) - 1)
SLOT = bytes(range(16))
ORDERS = st.builds(
    Order, st.binary(min_size=4, max_size=4), st.integers(0, 255), st.dictionaries(st.integers(0, 99), COUNTS, max_size=8), COUNTS
)
SAID = st.builds(Said, st.integers(0, 255), st.text(max_size=16), COUNTS, COUNTS)
DEVICES = st.builds(
    DeviceNotice,
    st.binary(min_size=4, max_size=4),
    st.sampled_from(["scale", "cuff", "babyphone"]),
    st.text(max_size=80),
    st.lists(st.integers(0, 255), max_size=32),
    st.none() | st.integers(1, 1 << 40),
    st.lists(SAID, max_size=5),
    *(st.text(max_size=32), st.text(max_size=32)),
    st.lists(st.builds(Update, st.text(max_size=32), st.text(max_size=16), COUNTS, COUNTS, COUNTS), max_size=3),
)
NOTICES = st.builds(
    Notice, st.binary(min_size=32, max_size=32), st.from_regex(r"[0-9a-zA-Z-]{1,64}", fullmatch=True), COUNTS, st.lists(DEVICES, max_size=6)
)


def hkdf(salt: bytes, secret: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt or None, info).derive(secret)


def seal(key: bytes, nonce: bytes, plain: bytes, associated: bytes) -> bytes:
    return AESGCM(key).encrypt(nonce, plain, associated)


def open_(key: bytes, nonce: bytes, sealed: bytes, associated: bytes) -> bytes | None:
    try:
        return AESGCM(key).decrypt(nonce, sealed, associated)
    except (InvalidTag, ValueError):
        return None


@given(NOTICES)
def test_a_notice_survives_its_way(notice: Notice) -> None:
    """Encoded and decoded it is the same, in steps of length that do not tell one device's name from another's."""
    data = steering.encode_notice(notice)
    assert steering.decode_notice(data) == notice
    assert len(data) % seals.PADDING_STEP_BYTES == 0


@given(NOTICES)
def test_a_home_that_says_nothing_of_updates_yet_is_understood(notice: Notice) -> None:
    """The site is updated before the homes are."""
    fields = cbor.decode(seals.unpad(steering.encode_notice(notice)))
    fields[4] = [each[:6] for each in fields[4]]
    devices = [each._replace(runs="", offered="", updates=[]) for each in notice.devices]
    assert steering.decode_notice(seals.pad(cbor.encode(fields))) == notice._replace(devices=devices)


@pytest.mark.parametrize(
    "change", [{6: 7}, {6: "x" * 33}, {7: None}, {8: "x"}, {8: [[]]}, {8: [["1", "kept", -1, 0, 0]]}, {8: [["1", "k" * 17, 0, 0, 0]]}]
)
def test_a_device_whose_updates_make_no_sense_is_none(change: dict[int, object]) -> None:
    """Other types, too long, too little, below nothing."""
    device = [b"kid1", "cuff", "Cuff", [1], 0, [], "0.1.0", "", [["0.1.0", "kept", 0, 0, 0]]]
    notice = {0: 1, 1: bytes(32), 2: "00ff", 3: 0}
    assert steering.decode_notice(seals.pad(cbor.encode({**notice, 4: [device]}))).devices[0].runs == "0.1.0"
    for at, value in change.items():
        device[at] = value
    with pytest.raises(BadOrder):
        steering.decode_notice(seals.pad(cbor.encode({**notice, 4: [device]})))


@given(ORDERS, st.binary(min_size=32, max_size=32), st.binary(min_size=32, max_size=32), st.integers(0, 200))
def test_an_order_opens_under_its_own_challenge_and_slot_only(order: Order, challenge: bytes, other: bytes, place: int) -> None:
    """Another challenge, another slot or one changed byte open nothing."""
    body = steering.close_order(challenge, SLOT, order, hkdf, seal, os.urandom(12))
    assert steering.open_order(challenge, SLOT, body, hkdf, open_) == order
    if other != challenge:
        assert steering.open_order(other, SLOT, body, hkdf, open_) is None
    assert steering.open_order(challenge, bytes(16), body, hkdf, open_) is None
    changed = bytearray(body)
    changed[place % len(body)] ^= 1
    assert steering.open_order(challenge, SLOT, bytes(changed), hkdf, open_) is None
    assert steering.open_order(challenge, SLOT, body[:12], hkdf, open_) is None


@given(
    st.binary(max_size=200)
    | st.recursive(COUNTS | st.binary(max_size=20) | st.text(max_size=9), st.lists).map(lambda tree: cbor.encode([tree]))
)
def test_hostile_bytes_are_refused(data: bytes) -> None:
    """Whatever is inside a box that opens, it is a notice or an order or our own error."""
    assert steering.decode_message(data) is None
    for padded in (data, seals.pad(data)):
        for decode in (steering.decode_notice, steering.decode_order):
            with pytest.raises(BadOrder):
                decode(padded)


@pytest.mark.parametrize("alias", ["", "a/b", "+", "#", "a b", "é", "a" * 65, 7])
def test_an_alias_cannot_reach_another_topic(alias: object) -> None:
    """What a notice names becomes a part of a topic, so nothing that a broker reads as more than one level is taken."""
    with pytest.raises(BadOrder):
        steering.decode_notice(steering.encode_notice(Notice(bytes(32), alias, 0, [])))


@pytest.mark.parametrize("change", [{0: 5}, {0: True}, {1: b"short"}, {2: "text"}, {3: 1}, {0: 7, 2: bytes(1025)}])
def test_other_messages_are_none_of_these(change: dict[int, object]) -> None:
    """Wrong kinds, short slots, more keys and orders too long are left to whoever else listens."""
    message = {0: 6, 1: SLOT, 2: b"body"}
    assert steering.decode_message(cbor.encode(message)) == steering.Message(6, SLOT, b"body")
    assert steering.decode_message(cbor.encode(message | change)) is None
