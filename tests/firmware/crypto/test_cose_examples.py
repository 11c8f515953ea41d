"""AES-CCM, HMAC, HKDF and ECDH as published COSE messages use them, under both Pythons; tests/vectors/cose/SOURCE.md lists them all."""

import base64
import json
from pathlib import Path
from typing import Any

import cbor2

from tests.firmware.crypto import bodies
from tests.on_micropython import both_pythons, there

FOLDER = Path(__file__).parents[2] / "vectors/cose"
NONCE_BYTES = 13  # firmware/crypto/ccm.py does OSCORE's nonces and no others


def examples(*folders: str) -> dict[str, dict[str, Any]]:
    """Return the examples of these folders by their names."""
    paths = [path for folder in folders for path in sorted((FOLDER / folder).glob("*.json"))]
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def parts(example: dict[str, Any]) -> list[Any]:
    """Return the parts of an example's message, whatever its tag."""
    message = cbor2.loads(bytes.fromhex(example["output"]["cbor"]))
    found: list[Any] = message.value if isinstance(message, cbor2.CBORTag) else message
    return found


def of(example: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(example["intermediates"][name])


def plaintext(example: dict[str, Any]) -> bytes:
    return str(example["input"]["plaintext"]).encode()


def number(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@both_pythons
def test_aes_ccm_seals_and_opens_as_the_examples_do(call) -> None:
    """Each of the eight with 13-byte nonces, keys of 128 and 256 bits and tags of 64 and 128 bits; one changed bit and none opens."""
    rows, sealed, broken = [], [], []
    for name, example in examples("aes-ccm-examples").items():
        _, unprotected, ciphertext, *_ = parts(example)
        nonce = unprotected[5]
        if len(nonce) == NONCE_BYTES:
            tag_bytes = len(ciphertext) - len(plaintext(example))
            assert tag_bytes in (8, 16), name
            rows.append([of(example, "CEK_hex"), nonce, of(example, "AAD_hex"), plaintext(example), tag_bytes])
            sealed.append(ciphertext)
            changed = bytes([ciphertext[0] ^ 1]) + ciphertext[1:]
            broken.append([of(example, "CEK_hex"), nonce, of(example, "AAD_hex"), changed, tag_bytes])
    assert len(rows) == 8
    assert call(bodies.sealed, rows) == sealed
    assert call(bodies.opened, broken) == ["TagBroken"] * 8


HS256, HS256_64 = 5, 4
TAG_OF_MAC, TAG_OF_MAC0 = 97, 17


@both_pythons
def test_hmac_tells_the_examples_that_are_sound_from_those_that_are_not(call) -> None:
    """Those with SHA-256, whole and cut to 64 bits: over what a message itself says, its tag is right exactly where the example says so.

    Where it says not, another tag, algorithm or context stands in the message.
    """
    rows, tags, sound, knows = [], [], [], []
    for name, example in examples("hmac-examples", "mac0-tests").items():
        said = example["input"].get("mac") or example["input"]["mac0"]
        if said.get("alg", "HS256") not in ("HS256", "HS256/64"):
            continue
        protected, unprotected, payload, tag, *_ = parts(example)
        context = "MAC" if "mac" in example["input"] else "MAC0"
        external = bytes.fromhex(said.get("external", ""))
        algorithm = (cbor2.loads(protected) if protected else {}).get(1, unprotected.get(1))
        rows.append([of(example, "CEK_hex"), cbor2.dumps([context, b"" if protected == b"\xa0" else protected, external, payload])])
        tags.append(tag)
        knows.append(algorithm in (HS256, HS256_64) and number_of(example) in (None, TAG_OF_MAC, TAG_OF_MAC0))
        sound.append("fail" not in name and "Incorrect" not in example["title"])
    codes = call(bodies.codes, rows)
    found = [known and code[: len(tag)] == tag for code, tag, known in zip(codes, tags, knows, strict=True)]
    assert found == sound
    assert (sound.count(True), sound.count(False)) == (7, 8)


def number_of(example: dict[str, Any]) -> int | None:
    message = cbor2.loads(bytes.fromhex(example["output"]["cbor"]))
    return message.tag if isinstance(message, cbor2.CBORTag) else None


@both_pythons
def test_hkdf_derives_the_examples_keys(call) -> None:
    """All fourteen of HKDF-SHA-256: with and without salt, and whatever stands in their contexts."""
    rows, keys = [], []
    for example in examples("hkdf-hmac-sha-examples").values():
        recipient = (example["input"].get("enveloped") or example["input"]["mac"])["recipients"][0]
        salt = parts(example)[-1][0][1].get(-20, b"")
        context = bytes.fromhex(example["intermediates"]["recipients"][0]["Context_hex"])
        rows.append([salt, number(recipient["key"]["k"]), context, len(of(example, "CEK_hex"))])
        keys.append(of(example, "CEK_hex"))
    assert len(rows) == 14
    assert call(bodies.derived, rows) == keys


@both_pythons
def test_ecdh_agrees_on_the_examples_secrets(call) -> None:
    """All six of P-256, with ephemeral and with static keys, and the keys that HKDF makes of their secrets."""
    rows, secrets, derivations, keys = [], [], [], []
    for example in examples("ecdh-direct-examples").values():
        recipient = (example["input"].get("enveloped") or example["input"]["mac"])["recipients"][0]
        unprotected = parts(example)[-1][0][1]
        theirs = unprotected.get(-1) or unprotected[-2]
        within = example["intermediates"]["recipients"][0]
        rows.append([number(recipient["key"]["d"]), b"\x04" + theirs[-2] + theirs[-3]])
        secrets.append(bytes.fromhex(within["Secret_hex"]))
        derivations.append([unprotected.get(-20, b""), secrets[-1], bytes.fromhex(within["Context_hex"]), len(of(example, "CEK_hex"))])
        keys.append(of(example, "CEK_hex"))
    assert len(rows) == 6
    few = slice(None) if call is not there else slice(2)  # one costs 70 million instructions there
    assert call(bodies.shared_secrets, rows[few]) == secrets[few]
    assert call(bodies.derived, derivations) == keys
