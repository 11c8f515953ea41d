"""COSE_Sign1 against the working group's examples, OpenSSL and hostile messages, under both Pythons."""

import base64
import hashlib
import json
from pathlib import Path

import cbor2
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from firmware.crypto import new_key, p256
from protocol import cbor, cose, errors, readings, sign1
from tests.on_micropython import BATCH_KiB, both_pythons, there
from tests.protocol import bodies
from tests.protocol.definition import valid

FOLDER = Path(__file__).parent.parent / "vectors" / "cose"
EXAMPLES = {path.relative_to(FOLDER).as_posix(): json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.rglob("*.json"))}
SIGN1 = {name: example for name, example in EXAMPLES.items() if "sign0" in example["input"]}
KEY = hashlib.sha256(b"a device").digest()
KID = hashlib.sha256(new_key.public_key(KEY)).digest()[:4]
PAIRING = b"pairing!"
AAD = cose.reading_aad(readings.SCALE, PAIRING)
PAYLOAD = readings.encode({0: 0, 1: 300, 2: [12, 3600000], 10: 72400, 11: 1})


def sign(tbs: bytes) -> bytes:
    return p256.sign(KEY, hashlib.sha256(tbs).digest())


def verify(tbs: bytes, signature: bytes) -> bool:
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), new_key.public_key(KEY))
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    try:
        public.verify(der, tbs, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


GOOD = cose.sign1(PAYLOAD, KID, AAD, sign)


@both_pythons
def test_what_is_signed_is_what_the_examples_sign(call) -> None:
    """Every Sign1 example whose inputs are sound gives the same Sig_structure, `a0` counting as no bytes."""
    rows, expected = [], []
    for name, example in SIGN1.items():
        if "fail" in name:
            continue
        protected, _, payload, _ = untagged(example)
        rows.append([protected, bytes.fromhex(example["input"]["sign0"].get("external", "")), payload])
        expected.append(example["intermediates"]["ToBeSign_hex"].lower())
    assert len(rows) >= 8
    assert [tbs.hex() for tbs in call(bodies.sig_structures, rows)] == expected


def untagged(example: dict[str, object]) -> list[object]:
    """Return the four parts of an example, whatever its tag."""
    decoded = cbor2.loads(bytes.fromhex(example["output"]["cbor"]))  # type: ignore[index]
    return decoded.value if isinstance(decoded, cbor2.CBORTag) else decoded


def test_every_example_is_something_we_refuse() -> None:
    """Tags, other algorithms, other structures, kid in the open: no published example passes for one of our readings."""
    assert len(EXAMPLES) == 117
    for name, example in EXAMPLES.items():
        message = bytes.fromhex(example["output"].get("cbor", "f6"))
        with pytest.raises((errors.NotCBOR, errors.NotCOSE)):
            sign1.parse_sign1(message)
        assert name


def test_the_ecdsa_examples_verify_with_the_same_arithmetic() -> None:
    """Their P-256 signatures over our Sig_structure are good, and the failing ones are not."""
    good = bad = 0
    for name, example in SIGN1.items():
        key = example["input"]["sign0"]["key"]
        if example["input"]["sign0"]["alg"] != "ES256" or key.get("crv") != "P-256":
            continue
        point = b"\4" + coordinate(key, "x") + coordinate(key, "y")
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        parts = untagged(example)
        tbs = cose.sig_structure(parts[0], bytes.fromhex(example["input"]["sign0"].get("external", "")), parts[2])  # type: ignore[arg-type]
        der = encode_dss_signature(int.from_bytes(parts[3][:32], "big"), int.from_bytes(parts[3][32:], "big"))  # type: ignore[index]
        try:
            public.verify(der, tbs, ec.ECDSA(hashes.SHA256()))
            good += 1
        except InvalidSignature:
            assert "fail" in name
            bad += 1
    assert (good >= 5, bad >= 2) == (True, True)


def coordinate(key: dict[str, str], name: str) -> bytes:
    return from_base64(key[name]) if name in key else bytes.fromhex(key[f"{name}_hex"])


def from_base64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_a_reading_signed_on_the_device_verifies_on_the_computer() -> None:
    """parse, verify with OpenSSL, and the definition agrees on the shape."""
    message = sign1.parse_sign1(GOOD)
    assert (message.algorithm, message.kid, message.payload) == (cose.ESP256, KID, PAYLOAD)
    tbs = sign1.verify1(message, AAD, verify)
    assert cose.digest8(tbs) == hashlib.sha256(tbs).digest()[:8]
    assert valid("signed-reading", GOOD)
    assert valid("protected-header", message.protected)
    assert valid("reading-aad", AAD)


def test_step_by_step_gives_the_same_message() -> None:
    """A device that signs between other work puts the same bytes together."""
    protected = cose.protected_header(KID)
    assert cose.assemble(protected, PAYLOAD, sign(cose.sig_structure(protected, AAD, PAYLOAD))) == GOOD


OF_THE_HOME = cbor.encode([cose.VERSION, cose.ROLE_DEVICE + 1, readings.SCALE, PAIRING])


@pytest.mark.parametrize(
    "aad",
    [
        cose.reading_aad(readings.CUFF, PAIRING),
        cose.reading_aad(readings.SCALE, b"another!"),
        cose.reading_aad(0, PAIRING, 2),
        OF_THE_HOME,
        b"",
    ],
)
def test_signed_bytes_fit_no_other_kind_pairing_version_or_role(aad: bytes) -> None:
    """The same signature under another external_aad is a bad signature (threats T18)."""
    with pytest.raises(errors.BadSignature):
        sign1.verify1(sign1.parse_sign1(GOOD), aad, verify)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 7))
def test_a_single_changed_bit_is_refused(at: int, bit: int) -> None:
    """Wherever it is: not CBOR, not COSE, or a bad signature, and the key id is inside the signature."""
    altered = GOOD[:at] + bytes((GOOD[at] ^ 1 << bit,)) + GOOD[at + 1 :]
    with pytest.raises((errors.NotCBOR, errors.NotCOSE)):
        sign1.verify1(sign1.parse_sign1(altered), AAD, verify)


def test_a_signature_turned_over_is_the_same_reading() -> None:
    """(r, n - s) verifies too: so the digest is of what was signed, and does not change."""
    order = sign1._P256_ORDER
    message = sign1.parse_sign1(GOOD)
    turned = message.signature[:32] + (order - int.from_bytes(message.signature[32:], "big")).to_bytes(32, "big")
    other = sign1.parse_sign1(cose.assemble(message.protected, message.payload, turned))
    assert cose.digest8(sign1.verify1(other, AAD, verify)) == cose.digest8(sign1.verify1(message, AAD, verify))


PROTECTED = cose.protected_header(KID)
SIGNATURE = b"\1" * 64


def parts(protected: object = PROTECTED, unprotected: object = None, payload: object = b"x", signature: object = SIGNATURE) -> bytes:
    return cbor.encode([protected, {} if unprotected is None else unprotected, payload, signature])


def header(**labels: object) -> bytes:
    numbers = {"alg": 1, "crit": 2, "content": 3, "kid": 4, "iv": 5, "partial_iv": 6}
    return cbor.encode({numbers[name]: value for name, value in labels.items()})


REFUSED = [
    (b"", "CutShort"),
    (b"\xd2" + parts(), "UnexpectedTag"),
    (parts() + b"\0", "TrailingBytes"),
    (cbor.encode({1: 2}), "NotCOSE"),
    (cbor.encode([PROTECTED, {}, b"x"]), "NotCOSE"),
    (cbor.encode([PROTECTED, {}, b"x", SIGNATURE, 0]), "NotCOSE"),
    (parts(payload=None), "NotCOSE"),
    (parts(payload="x"), "NotCOSE"),
    (parts(protected={1: -9}), "BadHeader"),
    (parts(protected=cbor.encode([1])), "BadHeader"),
    (parts(unprotected=[]), "BadHeader"),
    (parts(protected=b"\xa2\x01\x28\x01\x28"), "DuplicateLabel"),
    (parts(protected=b"\xa2\x04\x44abcd\x01\x28"), "Unsorted"),
    (parts(protected=b"\xa1\x01\x38\x08"), "NonMinimal"),
    (parts(unprotected={4: KID}), "DuplicateLabel"),
    (parts(unprotected={1: -9}), "DuplicateLabel"),
    (parts(protected=b""), "AlgorithmAbsent"),
    (parts(protected=b"\xa0"), "AlgorithmAbsent"),
    (parts(protected=header(kid=KID)), "AlgorithmAbsent"),
    (parts(protected=header(kid=KID), unprotected={1: -9}), "AlgorithmUnprotected"),
    (parts(protected=header(alg=-7, kid=KID)), "WrongAlgorithm"),
    (parts(protected=header(alg=-8, kid=KID)), "WrongAlgorithm"),
    (parts(protected=header(alg=True, kid=KID)), "WrongAlgorithm"),
    (parts(protected=header(alg="ES256", kid=KID)), "WrongAlgorithm"),
    (parts(protected=header(alg=-9, crit=[99], kid=KID)), "UnknownCritical"),
    (parts(unprotected={2: [4]}), "UnknownCritical"),
    (parts(protected=header(alg=-9, kid=KID, iv=b"1"), unprotected={6: b"2"}), "TwoIVs"),
    (parts(protected=header(alg=-9, kid=KID, iv=b"1", partial_iv=b"2")), "TwoIVs"),
    (parts(protected=header(alg=-9, kid=KID, iv=b"1")), "BadHeader"),
    (parts(protected=header(alg=-9, content=60, kid=KID)), "BadHeader"),
    (parts(unprotected={3: 60}), "BadHeader"),
    (parts(protected=header(alg=-9)), "BadHeader"),
    (parts(protected=header(alg=-9, kid=b"abc")), "BadHeader"),
    (parts(protected=header(alg=-9, kid="abcd")), "BadHeader"),
    (parts(protected=header(alg=-19, kid=b"")), "BadHeader"),
    (parts(signature=b"\1" * 63), "SignatureLength"),
    (parts(signature=b"\1" * 65), "SignatureLength"),
    (parts(signature=b""), "SignatureLength"),
    (parts(signature=None), "SignatureLength"),
]


@both_pythons
def test_each_rule_has_its_own_refusal(call) -> None:
    """Headers, buckets, algorithms, critical parameters and lengths: refused by the error named after the rule."""
    messages = [message for message, _ in REFUSED]
    outcomes = there(bodies.sign1_outcomes, messages, heap_KiB=BATCH_KiB) if call is there else call(bodies.sign1_outcomes, messages)
    assert [(message, got) for (message, _), (_, got) in zip(REFUSED, outcomes, strict=True)] == REFUSED


def test_an_algorithm_the_key_does_not_have_is_refused_before_its_key_is_looked_for() -> None:
    """-19 is good where it is expected, and only there; there the key id may be absent."""
    message = parts(protected=header(alg=-19))
    assert sign1.parse_sign1(message, (cose.ED25519,)).kid == b""
    with pytest.raises(errors.WrongAlgorithm):
        sign1.parse_sign1(message)
    with pytest.raises(errors.WrongAlgorithm):
        sign1.parse_sign1(GOOD, (cose.ED25519,))


@pytest.mark.parametrize("half", [0, sign1._P256_ORDER, 2**256 - 1])
@pytest.mark.parametrize("first", [True, False])
def test_r_and_s_are_in_range_before_any_arithmetic(half: int, first: bool) -> None:
    """Zero, the order and more are SignatureRange, and the verifier is not asked."""
    halves = [half.to_bytes(32, "big"), b"\1" * 32]
    message = sign1.parse_sign1(parts(signature=b"".join(halves if first else halves[::-1])))

    def not_asked(_tbs: bytes, _signature: bytes) -> bool:
        raise AssertionError

    with pytest.raises(errors.SignatureRange):
        sign1.verify1(message, AAD, not_asked)


def test_ed25519_messages_round_trip() -> None:
    """What travels between home and cloud: algorithm -19, no key id, an aad of its own."""
    key = ed25519.Ed25519PrivateKey.from_private_bytes(KEY)

    def holds(tbs: bytes, signature: bytes) -> bool:
        try:
            key.public_key().verify(signature, tbs)
        except InvalidSignature:
            return False
        return True

    message = sign1.parse_sign1(cose.sign1(b"rows", b"", b"foyer batch", key.sign, cose.ED25519), (cose.ED25519,))
    sign1.verify1(message, b"foyer batch", holds)
    with pytest.raises(errors.BadSignature):
        sign1.verify1(message, b"foyer receipt", holds)


@given(st.binary(max_size=200))
def test_hostile_bytes_raise_nothing_but_our_errors(data: bytes) -> None:
    """Any bytes are a Sign1 or one of our refusals."""
    assert bodies.sign1_outcomes([data])[0][0] in ("value", "refused")
