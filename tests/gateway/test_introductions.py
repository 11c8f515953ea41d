"""Introductions at the devices' door, attacked: strangers, forgers, thieves, floods, and what a context outlives."""

import contextlib
import json
import secrets
from typing import Any

import cbor2
import lakers
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from gateway import devices
from gateway.edges import contexts as contexts_
from gateway.edges import introductions
from gateway.edges.contexts import Contexts
from gateway.edges.link_key import public_bytes
from tests.gateway.counterpart import Counterpart, claims

KEY = ec.generate_private_key(ec.SECP256R1())
GATEWAY = public_bytes(KEY)
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


def enrolled(*counterparts: Counterpart, key: ec.EllipticCurvePrivateKey = KEY) -> Contexts:
    made = Contexts(key)
    made.enrol([devices.parse("x", json.dumps(each.enrolment())) for each in counterparts])
    return made


def begin(home: Contexts, device: Counterpart, gateway: bytes = GATEWAY) -> tuple[object, bytes, bytes]:
    """Return a device's EDHOC after message 2, the connection's name, and message 3."""
    initiator = lakers.EdhocInitiator()
    message_2 = home.introductions.take(b"\xf5" + initiator.prepare_message_1(b"\x05", []), HERE)
    theirs, _, _ = initiator.parse_message_2(message_2)
    private = device.link_private.private_numbers().private_value.to_bytes(32, "big")
    initiator.verify_message_2(private, claims(device.link_key), claims(gateway))
    message_3, _ = initiator.prepare_message_3(lakers.CredentialTransfer.ByReference, [])
    return initiator, bytes(theirs), message_3


def introduce(home: Contexts, device: Counterpart, gateway: bytes = GATEWAY) -> bytes:
    """Return the id under which the gateway now knows the device's link."""
    _, theirs, message_3 = begin(home, device, gateway)
    assert home.introductions.take(cbor2.dumps(theirs) + message_3, HERE) == b""
    return theirs


def refused(home: Contexts, payload: bytes) -> bytes:
    with pytest.raises(introductions.Refused) as refusal:
        home.introductions.take(payload, HERE)
    return refusal.value.answer


def test_stranger_forger_and_noise_get_one_answer() -> None:
    """T21: an unknown device, a wrong proof, a connection nobody began and noise: the same bytes."""
    device, stranger = Counterpart(), Counterpart()
    home = enrolled(device)
    _, theirs, message_3 = begin(home, stranger)
    answers = {refused(home, cbor2.dumps(theirs) + message_3)}
    _, theirs, message_3 = begin(home, device)
    answers.add(refused(home, cbor2.dumps(theirs) + message_3[:-1] + bytes([message_3[-1] ^ 1])))
    answers.add(refused(home, cbor2.dumps(b"\x01\x02\x03") + message_3))
    answers |= {refused(home, noise) for noise in (b"", b"\xf5", b"\xf5\x03", secrets.token_bytes(60), b"\xf5" + bytes(40))}
    assert len(answers) == 1


class Recorded:
    """A responder whose every step is written down."""

    def __init__(self, responder: Any) -> None:
        self.responder = responder
        self.steps: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.steps.append(name)
        return getattr(self.responder, name)


def test_a_stranger_costs_what_a_forger_costs() -> None:
    """T21: an unknown device is refused after the same arithmetic as a known one whose proof is wrong, so its time tells nothing."""
    device = Counterpart()
    home = enrolled(device)
    steps = []
    for who, bent in ((Counterpart(), 0), (device, 1)):
        _, theirs, message_3 = begin(home, who)
        half_open = home.introductions._half_open[theirs]
        responder = Recorded(half_open.responder)
        home.introductions._half_open[theirs] = half_open._replace(responder=responder)
        if bent:  # a proof made with another key for this device's name
            home.introductions._devices = {
                name: (known, claims[:-1] + bytes([claims[-1] ^ 1])) for name, (known, claims) in home.introductions._devices.items()
            }
        refused(home, cbor2.dumps(theirs) + message_3)
        steps.append(responder.steps)
    assert steps[0] == steps[1] == ["parse_message_3", "verify_message_3"]


P = 2**256 - 2**224 + 2**192 + 2**96 - 1


@pytest.mark.parametrize("x", [1, 2, 7, P, P + 1, 2**256 - 1], ids=hex)
def test_an_ephemeral_key_off_the_curve_is_refused_like_any_noise(x: int) -> None:
    """SP 800-56A: no point of P-256 has this x; whoever sends it gets the answer of noise, and the next introduction is as good as ever."""
    device = Counterpart()
    home = enrolled(device)
    answer = refused(home, b"\xf5\x03\x02\x58\x20" + x.to_bytes(32, "big") + b"\x05")
    assert answer == refused(home, b"\xf5")
    introduce(home, device)


@pytest.mark.parametrize("x", [b"\x58\x1f" + bytes(31), b"\x58\x21" + bytes(33), b"\x05", b"\x60"], ids=bytes.hex)
def test_an_ephemeral_key_of_another_form_is_refused_like_any_noise(x: bytes) -> None:
    """Not 32 bytes, or no bytes at all."""
    home = enrolled(Counterpart())
    assert refused(home, b"\xf5\x03\x02" + x + b"\x05") == refused(home, b"\xf5")


X = public_bytes(ec.generate_private_key(ec.SECP256R1()))[1:33]


@pytest.mark.parametrize(
    "message_1",
    [
        b"\x84\x03\x02\x58\x20" + X + b"\x0e",
        b"\x03\x02\x58\x20" + X + b"\x41\x0e",
        b"\x03\x02\x58\x20" + X + b"\x0e\x00\x00\x00\x00\x00\x00",
        b"\x03\x02\x58\x1f" + X[:31] + b"\x0e",
        b"\x03\x02\x58\x21\x02" + X + b"\x0e",
        b"\x03\x02\x58\x22" + X + b"\x00\x00\x0e",
        b"\x18\x03\x02\x58\x20" + X + b"\x0e",
        b"\x03\x18\x02\x58\x20" + X + b"\x0e",
        b"\x03\x02\x59\x00\x20" + X + b"\x0e",
        b"\x03\x02\x5f\x58\x20" + X + b"\xff\x0e",
        b"\x03\x9f\x06\x02\xff\x58\x20" + X + b"\x0e",
    ],
    ids=["array", "C_I as bytes", "too many", "31 bytes", "compressed", "34 bytes", "method", "suite", "length", "bytes", "suites"],
)
def test_a_first_message_in_a_second_form_is_refused_like_any_noise(message_1: bytes) -> None:
    """The kinds of invalid traces in RFC 9529 section 4: surplus arrays and byte strings, wrong lengths, CBOR that is not deterministic."""
    home = enrolled(Counterpart())
    assert refused(home, b"\xf5" + message_1) == refused(home, b"\xf5")


@given(st.data())
def test_whatever_stands_in_a_message_of_an_introduction_ends_in_a_refusal_or_an_answer(data: st.DataObject) -> None:
    """Messages 1 and 3 with bytes changed, cut or put in: nothing but Refused comes out, a panic of the library neither."""
    device = Counterpart()
    home = enrolled(device)
    message_1 = b"\xf5" + lakers.EdhocInitiator().prepare_message_1(b"\x05", [])
    _, theirs, message_3 = begin(home, device)
    for message in (message_1, cbor2.dumps(theirs) + message_3):
        bent = bytearray(message)
        at = data.draw(st.integers(0, len(bent)))
        bent[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=3))
        with contextlib.suppress(introductions.Refused):
            home.introductions.take(bytes(bent), HERE)


def test_another_suite_is_told_which_one_we_do() -> None:
    """RFC 9528 section 6.3: error 2 with our suite."""
    device = Counterpart()
    message_1 = b"\x03\x00" + b"\x58\x20" + bytes(32) + b"\x05"
    assert refused(enrolled(device), b"\xf5" + message_1) == b"\x02\x02"


def test_message_3_again_opens_nothing() -> None:
    """Half-open introductions are used once: a recording of message 3 finds none."""
    device = Counterpart()
    home = enrolled(device)
    _, theirs, message_3 = begin(home, device)
    home.introductions.take(cbor2.dumps(theirs) + message_3, HERE)
    before = home.find(theirs)
    refused(home, cbor2.dumps(theirs) + message_3)
    assert home.find(theirs) is before


def test_who_answers_message_2_is_where_it_was_sent_and_nowhere_else() -> None:
    """A link is at the address of its introduction; a message 3 that somebody recorded and sends from elsewhere proves no address."""
    device = Counterpart()
    home = enrolled(device)
    honest = home.find(introduce(home, device))
    assert honest is not None
    assert honest.is_at(HERE, None)
    assert not honest.is_at(ELSEWHERE, None)
    assert not honest.is_at(ELSEWHERE, honest.echo_for(HERE))
    assert honest.is_at(ELSEWHERE, honest.echo_for(ELSEWHERE))
    _, theirs, message_3 = begin(home, device)
    home.introductions.take(cbor2.dumps(theirs) + message_3, ELSEWHERE)
    moved = home.find(theirs)
    assert moved is not None
    assert not moved.is_at(HERE, None)
    assert not moved.is_at(ELSEWHERE, None)
    assert not moved.is_at(ELSEWHERE, honest.echo_for(ELSEWHERE)), "a proof is of one link"


def test_a_flood_of_first_messages_keeps_little() -> None:
    """At most 16 half-open ones are held, the newest; and who has the oldest begins again."""
    device = Counterpart()
    home = enrolled(device)
    _, theirs, message_3 = begin(home, device)
    for _ in range(40):
        home.introductions.take(b"\xf5" + lakers.EdhocInitiator().prepare_message_1(b"\x01", []), HERE)
    assert len(home.introductions._half_open) == 16
    refused(home, cbor2.dumps(theirs) + message_3)
    introduce(home, device)


def test_a_link_ends_when_its_successor_is_used_and_not_before() -> None:
    """A new introduction does not lock the device out of the link it has: somebody may have lost the last answer."""
    device = Counterpart()
    home = enrolled(device)
    first = introduce(home, device)
    context = home.find(first)
    assert context is not None
    home.confirm(context)
    second = introduce(home, device)
    assert home.find(first) is context
    successor = home.find(second)
    assert successor is not None
    home.confirm(successor)
    assert home.find(first) is None
    third, fourth = introduce(home, device), introduce(home, device)
    assert home.find(third) is None, "of two that nobody used, the later stays"
    assert home.find(fourth) is not None


def test_no_two_links_share_a_key_or_a_nonce() -> None:
    """T17: a gateway restored from a backup has the same link key and no context; what it agrees on is fresh."""
    device = Counterpart()
    keys = set()
    for _ in range(3):
        home = enrolled(device)  # the same enrolment and key, as after a restart or from a backup
        context = home.find(introduce(home, device))
        assert context is not None
        assert context.sender_sequence_number == 0
        keys |= {context.sender_key, context.recipient_key}
    assert len(keys) == 6


def test_two_gateways_hear_one_device_and_only_its_own_opens() -> None:
    """A second gateway with its own key cannot be taken for the home, even with the device enrolled at both."""
    device = Counterpart()
    other_key = ec.generate_private_key(ec.SECP256R1())
    home, neighbour = enrolled(device), enrolled(device, key=other_key)
    introduce(home, device)
    with pytest.raises(Exception, match=r"(?i)mac|verif"):
        begin(neighbour, device)  # the device pins its home's key
    assert introduce(neighbour, device, public_bytes(other_key)), "provisioned anew it would be let in there"


def test_a_device_that_left_is_out_at_once() -> None:
    """T13: taking the enrolment away ends its link, and a new introduction fails."""
    device, other = Counterpart(), Counterpart()
    home = enrolled(device, other)
    gone, stays = introduce(home, device), introduce(home, other)
    home.enrol([devices.parse("x", json.dumps(other.enrolment()))])
    assert home.find(gone) is None
    assert home.find(stays) is not None
    _, theirs, message_3 = begin(home, device)
    refused(home, cbor2.dumps(theirs) + message_3)


def test_a_million_failed_tags_end_a_link(monkeypatch: pytest.MonkeyPatch) -> None:
    """T21: a tag has 64 bits, so after 2^20 failures the context is gone, and the device introduces itself anew."""
    assert contexts_._MOST_FAILURES == 2**20
    monkeypatch.setattr(contexts_, "_MOST_FAILURES", 8)
    device = Counterpart()
    home = enrolled(device)
    worn = introduce(home, device)
    context = home.find(worn)
    assert context is not None
    for _ in range(8):
        context.fail()
    assert home.find(worn) is None
    assert home.find(introduce(home, device)) is not None
