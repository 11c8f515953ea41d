"""EDHOC's initiator against RFC 9529's trace 2, against lakers as the other end, and against whoever tampers; under both Pythons."""

import hashlib
import json
import secrets
from functools import cache
from typing import Any

import cbor2
import lakers
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from protocol import edhoc, errors
from tests.on_micropython import ROOT, BATCH_KiB, both_pythons, there
from tests.protocol import edhoc_bodies as bodies

VECTORS = ROOT / "tests/vectors/edhoc"
TRACE = {name: bytes.fromhex(value) for name, value in json.loads((VECTORS / "rfc9529_trace_2.json").read_text()).items()}
OWN = [b"\x04" + TRACE["g_i"] + TRACE["g_i_y"], b"\x2b", TRACE["cred_i"]]
RESPONDER = [b"\x04" + TRACE["g_r"] + TRACE["g_r_y"], b"\x32", TRACE["cred_r"]]
RUN = [TRACE["x"], TRACE["i"], OWN, RESPONDER, TRACE["c_i"], [6, 2]]


def key_pair() -> tuple[bytes, bytes]:
    made = ec.generate_private_key(ec.SECP256R1())
    public = made.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    return made.private_numbers().private_value.to_bytes(32, "big"), public


@both_pythons
def test_the_initiator_plays_trace_2_of_rfc_9529(call) -> None:
    """Messages 1 and 3 and OSCORE's secret and salt are the RFC's, byte by byte."""
    message_1, outcome, agreed = call(bodies.initiated, *RUN, TRACE["message_2"])
    assert message_1 == TRACE["message_1"]
    assert outcome == ["value", TRACE["message_3"]]
    assert agreed == [TRACE["oscore_master_secret"], TRACE["oscore_master_salt"], TRACE["c_r"], TRACE["c_i"]]


def test_each_hash_and_key_on_the_way_is_the_rfcs(monkeypatch: pytest.MonkeyPatch) -> None:
    """TH_2 to TH_4, the pseudorandom keys, both proofs and the plaintexts, as trace 2 lists them."""
    seen: set[bytes] = set()
    for name in ("hmac", "expand"):
        function = getattr(bodies.hkdf, "hmac_sha256" if name == "hmac" else name)
        monkeypatch.setattr(bodies.hkdf, function.__name__, recording(function, seen))
    monkeypatch.setattr(bodies, "sha256", lambda data: Digest(data, seen))
    bodies.initiated(*RUN, TRACE["message_2"])
    wanted = (
        "h_message_1",
        "th_2",
        "prk_2e",
        "salt_3e2m",
        "prk_3e2m",
        "mac_2",
        "th_3",
        "salt_4e3m",
        "prk_4e3m",
        "mac_3",
        "th_4",
        "prk_out",
    )
    assert [name for name in (*wanted, "prk_exporter") if TRACE[name] not in seen] == []


def recording(function: Any, seen: set[bytes]) -> Any:
    def recorded(*arguments: Any) -> bytes:
        result: bytes = function(*arguments)
        seen.add(result)
        return result

    return recorded


class Digest:
    """SHA-256 that remembers what came out."""

    def __init__(self, data: bytes, seen: set[bytes]) -> None:
        self._data, self._seen = data, seen

    def digest(self) -> bytes:
        result = hashlib.sha256(self._data).digest()
        self._seen.add(result)
        return result


@cache
def draft_traces() -> list[dict[str, Any]]:
    """The traces of the draft; SOURCE.md says which of their rows still hold."""
    return list(json.loads((VECTORS / "vectors-p256.json").read_text()).values())


@both_pythons
def test_the_drafts_traces_hold_where_they_still_apply(call) -> None:
    """Agreement, decompression and key derivation of the six traces: what RFC 9528 left as it was."""
    agreements, derivations, expected = [], [], []
    for trace in draft_traces():
        value = {
            name: bytes.fromhex(item) for name, item in trace.items() if isinstance(item, str) and len(item) % 2 == 0 and _is_hex(item)
        }
        agreements.append(([value["x_raw"], value["g_y_raw"]], value["g_xy_raw"]))
        agreements.append(([value["y_raw"], b"\x04" + value["g_x_raw"] + value["g_x_raw_y_coordinate"]], value["g_xy_raw"]))
        if trace["method"] != "03":
            continue
        agreements.append(([value["x_raw"], value["g_r_raw"]], value["g_rx_raw"]))
        agreements.append(([value["i_raw"], value["g_y_raw"]], value["g_iy_raw"]))
        assert hashlib.sha256(value["message_1"]).digest() == value["h_message_1_raw"]
        for info, prk, result, length in (
            ("info_k_3", "prk_3e2m_raw", "k_3_raw", 16),
            ("info_iv_3", "prk_3e2m_raw", "iv_3_raw", 13),
            ("info_mac_2", "prk_3e2m_raw", "mac_2_raw", 8),
            ("info_mac_3", "prk_4e3m_raw", "mac_3_raw", 8),
            ("info_oscore_secret", "prk_exporter", "oscore_secret_raw", 16),
            ("info_oscore_salt", "prk_exporter", "oscore_salt_raw", 8),
        ):
            derivations.append([value[prk], value[info], length])
            expected.append(value[result])
    assert call(bodies.derived_keys, derivations) == expected
    few = agreements if call is not there else agreements[-4:]  # one costs 70 million instructions there
    assert call(bodies.shared_secrets, [row for row, _ in few]) == [["value", result] for _, result in few]


def _is_hex(text: str) -> bool:
    return all(letter in "0123456789abcdef" for letter in text)


def respond(message_1: bytes, private: bytes, claims: bytes, connection_id: bytes) -> tuple[Any, bytes]:
    responder = lakers.EdhocResponder(private, claims)
    responder.process_message_1(message_1)
    return responder, responder.prepare_message_2(lakers.CredentialTransfer.ByReference, connection_id, [])


class Run:
    """Our initiator, stopped between its messages, and lakers at the other end."""

    def __init__(self, connection_id: bytes = b"\xaa\xbb\xcc") -> None:
        self.device, self.home = key_pair(), key_pair()
        self.ephemeral = key_pair()[0]
        self.own, self.responder = edhoc.credential(self.device[1]), edhoc.credential(self.home[1])
        self.initiator = edhoc.Initiator(self.device[0], self.own, self.responder, bodies.device_crypto(self.ephemeral), b"\x05")
        self.message_1 = bodies.run_steps(self.initiator.begin_steps())
        self.other, self.message_2 = respond(self.message_1, self.home[0], self.responder.claims, connection_id)

    def finish(self, message_2: bytes) -> bytes:
        return bytes(bodies.run_steps(self.initiator.finish_steps(message_2)))


@pytest.mark.parametrize("connection_id", [b"\x17", b"\x37", b"\x00", b"\xaa\xbb\xcc", b"\x00\x01", b"\xff"])
def test_lakers_agrees_with_us(connection_id: bytes) -> None:
    """Whatever name it chooses for the connection, both ends export the same secret and salt, and it knows who we are."""
    run = Run(connection_id)
    message_3 = run.finish(run.message_2)
    name, _ = run.other.parse_message_3(message_3)
    assert cbor2.loads(name) == {4: run.own.key_id}
    run.other.verify_message_3(run.own.claims)
    run.other.completed_without_message_4()
    assert run.initiator.agreed is not None
    assert run.initiator.agreed.master_secret == run.other.edhoc_exporter(0, b"", 16)
    assert run.initiator.agreed.master_salt == run.other.edhoc_exporter(1, b"", 8)
    assert (run.initiator.agreed.sender_id, run.initiator.agreed.recipient_id) == (connection_id, b"\x05")


def test_every_changed_bit_of_message_2_is_refused() -> None:
    """Somebody between the two changes one bit, any bit: nothing is agreed, and it is one of our errors."""
    run = Run()
    for place in range(len(run.message_2)):
        changed = bytearray(run.message_2)
        changed[place] ^= 1 << secrets.randbelow(8)
        with pytest.raises((errors.NotEDHOC, errors.NotCBOR)):
            run.finish(bytes(changed))
        run.initiator._ephemeral = run.ephemeral  # a run is over after a refusal; here it is tried again
        assert run.initiator.agreed is None


def test_who_changes_message_1_on_the_way_makes_no_link() -> None:
    """T18: method, suite, key and name are in what both ends prove, so nobody on the way can talk them into something older or weaker."""
    run = Run()
    changes = [run.message_1[:at] + bytes([run.message_1[at] ^ 1 << secrets.randbelow(8)]) + run.message_1[at + 1 :] for at in range(37)]
    changes += [b"\x03\x82\x06\x02" + run.message_1[2:], b"\x03\x82\x03\x02" + run.message_1[2:], run.message_1 + b"\x20\x41a"]
    heard = 0
    for changed in changes:
        try:
            _, message_2 = respond(changed, run.home[0], run.responder.claims, b"\xaa\xbb\xcc")
        except BaseException:  # noqa: S112  # lakers refuses, or panics where a key is off the curve, which the gateway sees to
            continue
        heard += 1
        with pytest.raises((errors.NotEDHOC, errors.NotCBOR)):
            run.finish(message_2)
        assert run.initiator.agreed is None
        run.initiator._ephemeral = run.ephemeral  # a run is over after a refusal; here it is tried again
    assert heard > 3, "some of them the home could not know for changed"


def test_nothing_on_the_air_names_either_end() -> None:
    """T16: in none of the three messages stands a key id or a static key of the two; who records them learns no name."""
    run = Run()
    said = run.message_1 + run.message_2 + run.finish(run.message_2)
    for credential in (run.own, run.responder):
        assert credential.key_id not in said
        assert not any(credential.public_key[at : at + 8] in said for at in range(1, 58))


def test_a_stolen_device_key_cannot_play_the_home() -> None:
    """T16: who has the device's own private key, and answers in the home's name, fails: the proof needs the home's."""
    run = Run()
    thief = edhoc.Credential(run.home[1], run.responder.key_id, run.responder.claims)
    with_other_key, public = key_pair()
    lie = edhoc.credential(public)
    for private, claims in ((run.device[0], run.own.claims), (with_other_key, lie.claims)):
        _, message_2 = respond(run.message_1, private, claims, b"\xaa\xbb\xcc")
        with pytest.raises((errors.UnknownCredential, errors.MacBroken)):
            run.finish(message_2)
        run.initiator._ephemeral = run.ephemeral
    # the thief even names the home's key: lakers checks nothing of its own claims against its key
    forged = thief.claims.replace(run.home[1][1:33], public[1:33]).replace(run.home[1][33:], public[33:])
    _, message_2 = respond(run.message_1, with_other_key, forged, b"\xaa\xbb\xcc")
    with pytest.raises(errors.MacBroken):
        run.finish(message_2)


def test_two_first_messages_have_nothing_in_common() -> None:
    """T16: the first message shows neither the device's name nor anything else that stays."""
    device, home = key_pair(), key_pair()
    own, responder = edhoc.credential(device[1]), edhoc.credential(home[1])
    messages = []
    for _ in range(2):
        initiator = edhoc.Initiator(device[0], own, responder, bodies.device_crypto(key_pair()[0]), bytes([secrets.randbelow(24)]))
        messages.append(bodies.run_steps(initiator.begin_steps()))
    assert messages[0][:4] == messages[1][:4] == b"\x03\x02\x58\x20"  # method, suite, length: the same for every device of this kind
    assert not any(one == other for one, other in zip(windows(messages[0][4:]), windows(messages[1][4:]), strict=True))
    for message in messages:
        assert own.key_id not in message
        assert device[1][1:33] not in message


def windows(data: bytes) -> list[bytes]:
    return [data[at : at + 4] for at in range(len(data) - 3)]


def test_a_recording_stays_closed_when_both_static_keys_are_lost() -> None:
    """T16: who recorded everything and later gets both static keys still lacks an ephemeral one: static secrets alone give other keys."""
    run = Run()
    run.finish(run.message_2)
    static = ec.derive_private_key(int.from_bytes(run.device[0], "big"), ec.SECP256R1()).exchange(
        ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), run.home[1])
    )
    schedule = edhoc.Schedule(bodies.device_crypto(run.ephemeral), run.message_1, run.message_2[2:34], static)
    with pytest.raises((errors.NotEDHOC, errors.NotCBOR)):
        run.initiator._read_plaintext_2(schedule.keystream(run.message_2[34:]))
    assert run.initiator._ephemeral == b"", "the device forgot its own as soon as it could"


REFUSED = [
    (b"", "NotEDHOC"),
    (b"\x01\x60", "NotEDHOC"),  # an error message
    (b"\x02\x06", "WrongSuite"),
    (b"\x58\x20" + bytes(32), "NotEDHOC"),  # no ciphertext
    (b"\x58\x29" + b"\xff" * 41, "PointOffCurve"),  # not below p
    (b"\x58\x29" + (5).to_bytes(32, "big") + bytes(9), None),  # a point, and then noise
    (b"\x58\x29" + (2).to_bytes(32, "big") + bytes(9), "PointOffCurve"),  # no point has this x
    (b"\x5f\xff", "Indefinite"),
    (b"\x58\x29" + bytes(300), "NotEDHOC"),
    (b"\x58", "CutShort"),
]


@both_pythons
def test_what_is_no_message_2_is_refused_by_name(call) -> None:
    """Errors of the other end, points off the curve, other encodings, nothing at all."""
    device, home = key_pair(), key_pair()
    given_ = [list(edhoc.credential(device[1])), list(edhoc.credential(home[1]))]
    chosen = [row for row in REFUSED if row[1] is not None or call is not there]
    outcomes = call(bodies.refused_messages_2, key_pair()[0], device[0], *given_, [message for message, _ in chosen])
    for (message, name), outcome in zip(chosen, outcomes, strict=True):
        assert outcome[0] == "refused", message.hex()
        assert name is None or outcome[1] == name, message.hex()


@given(st.lists(st.integers(-300, 300) | st.binary(max_size=4) | st.none() | st.text(max_size=2), max_size=6))
def test_critical_external_data_is_refused(items: list[object]) -> None:
    """Pairs of a label and perhaps a value; a negative label may not be ignored, and anything else is no data."""
    try:
        edhoc.refuse_critical(items)
    except errors.CriticalData:
        assert any(isinstance(item, int) and item < 0 for item in items)
    except errors.NotEDHOC:
        pass
    else:
        assert all(isinstance(item, bytes) or (isinstance(item, int) and item >= 0) for item in items)


@given(st.binary(max_size=8))
def test_an_identifier_has_one_form(identifier: bytes) -> None:
    """Bytes come back; a small integer in bytes is refused, because it has a shorter form."""
    item = cbor2.loads(edhoc.encode_identifier(identifier))
    assert edhoc.decode_identifier(item) == identifier
    if isinstance(item, int):
        with pytest.raises(errors.NotEDHOC):
            edhoc.decode_identifier(identifier)


@given(st.lists(st.binary(max_size=60), max_size=3))
@settings(max_examples=50)
def test_hostile_messages_2_end_in_our_errors(messages: list[bytes]) -> None:
    """Whatever comes, nothing but our refusals."""
    for message in messages:
        with pytest.raises((errors.NotEDHOC, errors.NotCBOR)):
            edhoc.parse_message_2(message[:32])


def test_points_off_the_curve_are_no_keys() -> None:
    """SP 800-56A: x without a y, coordinates not below p, a y of another point, other lengths; under both Pythons the same."""
    private, public = key_pair()
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    rows = [
        [private, public[:33] + (int.from_bytes(public[33:], "big") ^ 1).to_bytes(32, "big")],
        [private, (p + 5).to_bytes(32, "big")],
        [private, b"\x04" + bytes(64)],
        [private, b"\x02" + public[1:]],
        [private, public[:40]],
        [private, (2).to_bytes(32, "big")],
    ]
    assert bodies.shared_secrets(rows) == [["refused", "PointOffCurve"]] * len(rows)
    assert there(bodies.shared_secrets, rows, heap_KiB=BATCH_KiB) == bodies.shared_secrets(rows)
