"""OSCORE against RFC 8613's own values and against aiocoap, both roles, under both Pythons; and the replay window."""

import json
from pathlib import Path

import aiocoap
import pytest
from aiocoap import oscore as theirs
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from hypothesis import given
from hypothesis import strategies as st

from protocol import coap, errors, oscore, oscore_opening, oscore_server
from tests.on_micropython import both_pythons
from tests.protocol import bodies

FILE = Path(__file__).parent.parent / "vectors" / "oscore" / "rfc8613_appendix_c.json"
SECTIONS = {section["section"]: {name: value for name, value in section["values"]} for section in json.loads(FILE.read_text())}  # noqa: C416
SECRET, SALT = bytes.fromhex("0102030405060708090a0b0c0d0e0f10"), bytes.fromhex("9e7ca92223786340")


def field(section: str, name: str) -> bytes:
    return bytes.fromhex(SECTIONS[section].get(name, ""))


@both_pythons
@pytest.mark.parametrize("section", ["C.1.1", "C.1.2", "C.2.1", "C.2.2", "C.3.1", "C.3.2"])
def test_keys_are_the_rfcs(call, section: str) -> None:
    """Derived keys and common IV are those of appendices C.1 to C.3, and so are both nonces of sequence 0."""
    id_context = field(section, "ID Context") or None
    sender_id, recipient_id = field(section, "Sender ID"), field(section, "Recipient ID")
    got = call(bodies.derived, SECRET, field(section, "Master Salt"), sender_id, recipient_id, id_context)
    assert got[3:] == [field(section, "Sender Key"), field(section, "Recipient Key"), field(section, "Common IV")]
    assert oscore.nonce(got[5], sender_id, b"\0") == field(section, "sender nonce")
    assert oscore.nonce(got[5], recipient_id, b"\0") == field(section, "recipient nonce")


def context_of(keys_from: str) -> list[object]:
    return [
        field(keys_from, "Sender ID"),
        field(keys_from, "Recipient ID"),
        field(keys_from, "ID Context") or None,
        field(keys_from, "Sender Key"),
        field(keys_from, "Recipient Key"),
        field(keys_from, "Common IV"),
    ]


@both_pythons
@pytest.mark.parametrize(("section", "keys_from"), [("C.4", "C.1.1"), ("C.5", "C.2.1"), ("C.6", "C.3.1")])
def test_a_request_is_the_rfcs_and_opens_at_the_other_end(call, section: str, keys_from: str) -> None:
    """The protected request equals appendix C byte by byte; the server reads what was said, and its number."""
    plain = field(section, "Unprotected CoAP request")
    sealed, opened, binding, sequence, aad = call(bodies.protected_request, context_of(keys_from), plain, 0x14)
    assert sealed == field(section, "Protected CoAP request (OSCORE message)")
    assert aad == field(section, "AAD")
    assert binding == [field(section, "kid"), b"\x14"]
    assert (opened[0], sequence) == (plain[1], 0x14)
    assert opened[1] == ((coap.URI_PATH, b"tv1"),)


@both_pythons
@pytest.mark.parametrize(("section", "sequence"), [("C.7", None), ("C.8", 0)])
def test_a_response_is_the_rfcs_and_opens_at_the_client(call, section: str, sequence: int | None) -> None:
    """With and without a Partial IV of its own the protected response equals appendix C."""
    plain = field(section, "Unprotected CoAP response")
    sealed, opened = call(bodies.protected_response, context_of("C.1.2"), [b"", b"\x14"], plain, sequence)
    assert sealed == field(section, "Protected CoAP response (OSCORE message)")
    assert opened == [coap.CHANGED + 1, (), b"Hello World!"]


REFUSED_OPTIONS = ["00", "06", "07", "0601020304050607", "02", "020001", "20", "40", "8101", "11", "110105", "11010201", "0101ff", "1001"]


@both_pythons
def test_malformed_options_are_refused(call) -> None:
    """Reserved bits and lengths, lengths that lie, leading zeros and leftovers are NotOSCORE."""
    got = call(bodies.option_outcomes, [bytes.fromhex(value) for value in REFUSED_OPTIONS])
    assert got == [["refused", "NotOSCORE"]] * len(REFUSED_OPTIONS)


def seal(key: bytes, nonce: bytes, aad: bytes, plaintext: bytes) -> bytes:
    return AESCCM(key, 8).encrypt(nonce, plaintext, aad)


def open_(key: bytes, nonce: bytes, aad: bytes, sealed: bytes) -> bytes:
    try:
        return AESCCM(key, 8).decrypt(nonce, sealed, aad)
    except InvalidTag:
        raise errors.TagBroken(len(sealed)) from None


class TheirContext(theirs.CanProtect, theirs.CanUnprotect, theirs.SecurityContextUtils):
    """aiocoap's end, in memory."""

    alg_aead = theirs.algorithms[theirs.DEFAULT_ALGORITHM]
    hashfun = theirs.hashfunctions[theirs.DEFAULT_HASHFUNCTION]
    id_context = None
    echo_recovery = None

    def __init__(self, sender_id: bytes, recipient_id: bytes) -> None:
        self.sender_id, self.recipient_id = sender_id, recipient_id
        self.sender_sequence_number = 0
        self.derive_keys(SALT, SECRET)
        self.recipient_replay_window = theirs.ReplayWindow(32, lambda: None)
        self.recipient_replay_window.initialize_empty()

    def post_seqnoincrease(self) -> None:
        """Nothing is kept."""


ids = st.tuples(st.binary(max_size=7), st.binary(max_size=7)).filter(lambda pair: pair[0] != pair[1])


@given(ids, st.integers(0, 2**40 - 1), st.binary(max_size=300), st.binary(max_size=200))
def test_aiocoap_opens_ours_and_we_open_aiocoaps(pair: tuple[bytes, bytes], sequence: int, request: bytes, response: bytes) -> None:
    """A request sealed here is read by aiocoap, and its sealed answer is read here, for any ids, number and payloads."""
    ours = oscore.derive(SECRET, SALT, *pair, lambda salt, secret, info, length: bodies.hkdf.hkdf(salt, secret, info, length))
    server = TheirContext(pair[1], pair[0])
    options = ((coap.URI_PATH, b"r"), (coap.CONTENT_FORMAT, b"\x12"))
    code, outer, sealed, binding = oscore.protect_request(ours, coap.POST, options, request, sequence, seal)
    incoming = aiocoap.Message.decode(coap.encode(coap.Message(coap.CON, code, 7, b"tk", outer, sealed)))
    incoming.direction = theirs.Direction.INCOMING
    read, request_id = server.unprotect(incoming)
    assert (read.code, read.payload, read.opt.uri_path, read.opt.content_format) == (aiocoap.POST, request, ("r",), 18)
    answer, _ = server.protect(aiocoap.Message(code=aiocoap.CHANGED, payload=response), request_id)
    answer.mtype, answer.mid, answer.token = aiocoap.ACK, 7, b"tk"
    received = coap.decode(answer.encode())
    opened = oscore_opening.unprotect_response(ours, binding, received.options, received.payload, open_)
    assert opened == oscore_opening.Opened(coap.CHANGED, (), response)


@given(st.data())
def test_a_response_opens_only_for_its_request_and_unaltered(data: st.DataObject) -> None:
    """Another request's binding, a changed bit, a missing option or a wrong key id is refused, each by name."""
    client = oscore.derive(SECRET, SALT, b"\x01", b"", bodies.hkdf.hkdf)
    server = bodies.other_end(client)
    first, second = (oscore.Binding(b"\x01", oscore.encode_sequence(number)) for number in (5, 6))
    own = data.draw(st.none() | st.integers(0, 9))
    _, options, sealed = oscore_server.protect_response(server, first, coap.CHANGED, (), b"receipt", seal, own)
    assert oscore_opening.unprotect_response(client, first, options, sealed, open_).payload == b"receipt"
    at, bit = data.draw(st.integers(0, len(sealed) - 1)), 1 << data.draw(st.integers(0, 7))
    altered = sealed[:at] + bytes((sealed[at] ^ bit,)) + sealed[at + 1 :]
    for binding, payload in ((second, sealed), (first, altered), (first, sealed[:7]), (first, b"")):
        with pytest.raises(errors.TagBroken):
            oscore_opening.unprotect_response(client, binding, options, payload, open_)
    with pytest.raises(errors.NotOSCORE):
        oscore_opening.unprotect_response(client, first, (), sealed, open_)
    with pytest.raises(errors.WrongContext):
        oscore_opening.unprotect_response(client, first, ((coap.OSCORE, b"\x08\x07"),), sealed, open_)


def test_a_used_up_sequence_is_refused() -> None:
    """2^40 - 1 is the last number; after it there is no message, rather than a nonce twice."""
    client = oscore.derive(SECRET, SALT, b"\x01", b"", bodies.hkdf.hkdf)
    oscore.protect_request(client, coap.POST, (), b"x", 2**40 - 1, seal)
    with pytest.raises(errors.SequenceTooLarge):
        oscore.protect_request(client, coap.POST, (), b"x", 2**40, seal)


@given(st.lists(st.integers(0, 80), max_size=60), st.integers(0, 40))
def test_the_window_takes_each_number_once_and_none_too_old(numbers: list[int], start: int) -> None:
    """Against a set of everything seen: accepted means never seen and less than 32 behind the newest."""
    got = bodies.windows([["fresh", start]] + [["strike", number] for number in numbers])[1:]
    seen, newest = set(range(start + 1)), start
    for number, outcome in zip(numbers, got, strict=True):
        allowed = number not in seen and number > newest - 32
        assert outcome == (None if allowed else "Replayed")
        if allowed:
            seen.add(number)
            newest = max(newest, number)


@both_pythons
def test_a_lost_window_a_jump_and_a_number_too_large_are_told_apart(call) -> None:
    """Nothing is accepted before freshness is proved; a jump over 4096 and 2^40 have errors of their own."""
    steps = [["strike", 3], ["fresh", 3], ["strike", 3], ["strike", 4], ["strike", 4 + 4096], ["strike", 9000], ["strike", 1 << 40]]
    assert call(bodies.windows, steps) == ["Replayed", None, "Replayed", None, None, "SequenceJump", "SequenceTooLarge"]
