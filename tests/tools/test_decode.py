"""`foyer decode`: every message of the wire is named and commented, and a bad one is refused by its rule, in one sentence."""

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import cbor, commands, envelope, linking, live, outcomes, steering
from tests.protocol import object_bodies, wire_example
from tests.protocol.inventions import KINDS, RULES
from tests.protocol.refused import ROWS
from tests.protocol.test_edhoc import TRACE
from tests.protocol.test_protocol_objects import collected
from tools import decode

TITLES = {"live": "a live value", "receipt": "a receipt", "refusal": "a refusal", "range-receipt": "a range receipt"}
TITLES |= {"presence": "a device's presence", "result": "a command's result", "manifest": "an update manifest"}
TITLES |= {"update-report": "a report of an update"}
MADE = wire_example.objects()
TITLES |= dict.fromkeys(KINDS, "a command")
TITLES |= {"pairing-hello": "a device's hello", "pairing-answer": "the home's answer", "pairing-open": "closed in a digest"}
TITLES |= {"pairing-home": "the home's part", "pairing-device": "the device's part", "pairing-state": "where a pairing stands"}
TITLES |= {"pairing-ask": "a device's question", "pairing-refusal": "a device's no"}
BAD = [(rule, data, name) for rule, decoder, data, name in ROWS if decoder in ("cbor", "coap")]


@pytest.mark.parametrize("rule", RULES)
def test_every_kind_of_message_is_named_and_each_field_commented(rule: str) -> None:
    """Whatever the code accepts is recognised for what it is; no field of it is unknown, and nothing is wrong."""
    right = [message for message in collected(rule) if object_bodies.outcomes(rule, [message]) == ["accepted"]]
    assert right
    for message in right:
        text, wrong = decode.explain(message)
        assert wrong is None
        assert TITLES.get(rule, "a reading") in text
        assert "unknown" not in text


LINK = bytes(32)
FAR = {
    "a batch of sealed rows": envelope.encode_batch(
        LINK, [envelope.Row(29_000_000, bytes(16), b"sealed")], 29_000_000, LINK, lambda _: bytes(64)
    ),
    "a page of rows": envelope.encode_page(
        envelope.Page(LINK, [envelope.Row(29_000_000, bytes(16), b"sealed")], 0, True), lambda _: bytes(64)
    ),
    "a receipt for sealed rows": envelope.encode_receipt(
        envelope.Receipt(LINK, [envelope.RowReceipt(bytes(16), bytes(8), 0)], 1_750_000_000_000, 0), lambda _: bytes(64)
    ),
    "back: after this id": envelope.encode_batch(LINK, [], 29_000_000, LINK, lambda _: bytes(64), back_after=bytes(16)),
    "a link message": linking.encode_message(linking.ASK, b"5byte"),
    "link message: key": linking.encode_message(linking.ANSWER, b"5byte", LINK),
    "link message: box": linking.encode_message(linking.BOX, b"5byte", b"sealed", LINK),
    "link message: answer": linking.encode_message(linking.LINKED, b"5byte", linking.DONE),
    "what a home says under a link": linking.encode_talk(LINK, linking.NEWS, 5, b"", lambda _: bytes(64)),
    "the site's word under a link": linking.encode_word(linking.Word(bytes(16), True, 3, [])),
    "a notice for an account": steering.encode_message(steering.NOTICE, bytes(16), b"closed"),
    "an order from the site": steering.encode_message(steering.ORDER, bytes(16), b"closed"),
    "how a release fared in a home": outcomes.encode(outcomes.Outcome("scale", 258, 167)),
    "what an account is asked": linking.encode_request(linking.Request("move", "Ada", 3, 1_750_000_000)),
}


@pytest.mark.parametrize("title", FAR)
def test_what_travels_between_home_and_cloud_is_named(title: str) -> None:
    """As it is before it is closed: padded or not, every field commented, nothing wrong; bent, it is refused by a rule."""
    text, wrong = decode.explain(FAR[title])
    assert wrong is None, text
    assert title in text
    assert "unknown" not in text


@pytest.mark.parametrize("title", ["a batch of sealed rows", "a receipt for sealed rows"])
def test_what_is_wrong_with_an_envelope_is_said(title: str) -> None:
    """An id that is too short, inside all that is right around it."""
    bent = FAR[title].replace(b"\x50" + bytes(16), b"\x4f" + bytes(15), 2)[:-1] + b"\x00\x00"
    _, wrong = decode.explain(bent[: len(FAR[title])])
    assert wrong is not None


def test_the_example_of_the_wire_is_explained() -> None:
    """Signed bytes show algorithm, key id and reading; datagrams their options; EDHOC its first message."""
    text, wrong = decode.explain(MADE["signed"])
    assert wrong is None
    assert "ESP256" in text
    assert "10: 72400,  / grams /" in text
    text, wrong = decode.explain(MADE["request"])
    assert wrong is None
    assert "OSCORE: number 320" in text
    assert "EDHOC message 1" in decode.explain(TRACE["message_1"])[0]


@pytest.mark.parametrize(
    "write", [bytes.hex, lambda data: base64.b64encode(data).decode(), lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")]
)
def test_hex_base64_and_files_are_one(write, tmp_path: Path) -> None:
    """The same bytes, typed, in a file of text, or in a file as they are."""
    data = MADE["receipt"]
    assert decode.read(write(data)) == data
    for name, content in (("text", (write(data) + "\n").encode()), ("raw", data)):
        (tmp_path / name).write_bytes(content)
        assert decode.read(str(tmp_path / name)) == data


def test_what_is_nothing_of_the_three_is_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence and status 2, no traceback."""
    assert decode.main(["not a message!"]) == 2
    assert "neither a file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("rule", "data", "name"),
    # Another version's first byte is CBOR's, which it is then taken for; and the largest message is longer than a command line.
    [
        (rule, data, name)
        for rule, decoder, data, name in ROWS
        if decoder in ("cbor", "coap") and rule != "RFC 7252 3 version not 1" and name != "MessageTooLarge"
    ],
)
def test_a_bad_message_is_refused_by_its_rule(rule: str, data: bytes, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The type of the refusal, its sentence, and status 1."""
    assert decode.main([data.hex()]) == 1
    said = capsys.readouterr().out
    assert f"Refused as {name}: " in said or (data[0] >> 6 == 1 and "Refused as" in said)


def test_a_reading_out_of_range_says_which_field(capsys: pytest.CaptureFixture[str]) -> None:
    """The field, what it holds, and that this is refused."""
    assert decode.main([cbor.encode({0: 0, 1: 5, 2: [1, 2], 10: 5, 11: 1}).hex()]) == 1
    assert "BadReading: Field 10 of the reading is 5" in capsys.readouterr().out
    assert decode.main([commands.encode({0: 1, 1: 2, 8: [3, 4]}).hex(), live.encode({0: 2, 2: [1, 2], 16: 5}).hex()]) == 0


@given(st.binary(max_size=120))
def test_anything_is_printed_or_refused(data: bytes) -> None:
    """No input makes a traceback."""
    text, _ = decode.explain(data)
    assert text
