"""`foyer decode`: any Foyer message, from hex, base64 or a file, as commented diagnostic notation (RFC 8949 section 8).

It says what kind of message it is, what every field means, and precisely what is wrong with one that would be refused. It holds no keys:
what is sealed stays sealed, and a signature is shown and not checked.
"""

import argparse
import base64
import binascii
import functools
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from protocol import (
    batches,
    cbor,
    coap,
    commands,
    edhoc,
    envelope,
    errors,
    faults,
    introduction,
    linking,
    live,
    manifest,
    oscore_opening,
    pairing,
    readings,
    receipts,
    refusals,
    sign1,
    updates,
)

LARGEST_BYTES = 256 * 1024

_COMMON = {0: "kind", 1: "sequence", 2: "start of the device, milliseconds since", 3: "seconds since 1970", 9: "battery, %"}
_OF_KIND: dict[int, dict[int, str]] = {
    readings.SCALE: {10: "grams", 11: "stable", 12: "impedance, ohm", 15: "bare feet"},
    readings.CUFF: {10: "systolic, mmHg", 11: "diastolic, mmHg", 12: "mean, mmHg", 13: "pulse per minute", 14: "flags", 17: "who"},
    readings.CLIMATE: {13: "temperature, 1/100 Cel", 14: "humidity, %", 16: "loudness, half dB(A)", 18: "crying"},
    readings.STATUS: {20: "reset cause", 21: "fault", 22: "waiting", 23: "refused", 24: "starts"},
    readings.FAULT: {21: "fault"},
}
_RECEIPT = {1: "sequence", 2: "first 8 bytes of SHA-256 of what was signed", 3: "the gateway's clock, ms since 1970", 4: "status"}
_RECEIPT |= {5: "initials of whose it is", 6: "trend of the weight"}
_RUNS = {3: "the gateway's clock, ms since 1970", 5: "runs: first sequence, count, digest"}
_RESULT = {0: "command", 1: "number", 4: "outcome", 5: "highest number so far", 21: "fault"}
_COMMAND = {
    0: "command",
    1: "number",
    8: "until: start of the device, and its uptime in ms",
    10: "who",
    11: "for, s",
    12: "language",
    13: "unit",
    14: "level, %",
    15: "sound",
    16: "volume, %",
    17: "for, minutes",
    18: "key",
    19: "sequence of the release",
    20: "bytes of its manifest",
    22: "phones may read",
}
_MANIFEST = {
    0: "version",
    1: "vendor",
    2: "class",
    3: "boards",
    4: "sequence",
    5: "bytecode",
    6: "files, their bytes, and the list's bytes and SHA-256",
    7: "least battery, %",
    8: "version",
    9: "what it brings",
    10: "ce qu'elle apporte",
}
_REPORT = {0: "state of an update", 1: "sequence", 2: "percent", 21: "fault"}
_BATCH = {
    0: "version",
    1: "pseudonym",
    2: "write key",
    3: "rows: minute, id, sealed",
    4: "made, minutes since 1970",
    5: "reply key",
    6: "brings, erases, asks back",
}
# between home and cloud: how many keys, which of them has which type, what it is, its keys, and who decides whether it is right
_FAR: list[tuple[set[int], int, type, int | None, str, dict[int, str], Callable[[bytes], object] | None]] = [
    (
        {0, 1, 2, 3, 4, 5, 6},
        3,
        list,
        2,
        "a batch of sealed rows",
        _BATCH,
        None,
    ),
    (
        {0, 1, 2, 3, 4, 5, 6, 8},
        3,
        list,
        2,
        "a batch of sealed rows",
        {**_BATCH, 8: "back: after this id"},
        None,
    ),
    (
        {0, 1, 4, 5, 6},
        5,
        list,
        2,
        "a page of rows",
        {0: "version", 1: "SHA-256 of the message", 4: "erased", 5: "rows: minute, id, sealed", 6: "more follow"},
        None,
    ),
    (
        {0, 1, 2, 3, 4},
        2,
        list,
        2,
        "a receipt for sealed rows",
        {0: "version", 1: "SHA-256 of the message", 2: "rows: id, digest, status", 3: "committed, ms since 1970", 4: "erased"},
        None,
    ),
    ({0, 1}, 1, bytes, 2, "a link message", {0: "link message: question", 1: "link id"}, linking.decode_message),
    ({0, 1, 2}, 2, bytes, 3, "a link message", {0: "link message: key", 1: "link id", 2: "account's key"}, linking.decode_message),
    (
        {0, 1, 2, 3},
        2,
        bytes,
        4,
        "a link message",
        {0: "link message: box", 1: "link id", 2: "sealed box", 3: "link's key"},
        linking.decode_message,
    ),
    ({0, 1, 2}, 2, int, 5, "a link message", {0: "link message: answer", 1: "link id", 2: "status"}, linking.decode_message),
    (
        {0, 1, 2, 3},
        2,
        bytes,
        6,
        "what a home says under a link",
        {0: "talk", 1: "link's key", 2: "what is said, as CBOR", 3: "signature, not checked here"},
        functools.partial(linking.decode_talk, verify=lambda *_: True),
    ),
    (
        {0, 1, 2, 3, 4},
        4,
        list,
        7,
        "the site's word under a link",
        {0: "word", 1: "name of the link", 2: "link known", 3: "version of its box", 4: "decisions: request, decision, MAC"},
        linking.decode_word,
    ),
    ({0, 1, 2}, 2, bytes, 6, "a notice for an account", {0: "notice", 1: "slot", 2: "closed"}, None),
    ({0, 1, 2}, 2, bytes, 7, "an order from the site", {0: "order", 1: "slot", 2: "closed"}, None),
    (
        {0, 1, 2, 3},
        2,
        int,
        8,
        "how a release fared in a home",
        {0: "outcome", 1: "class of devices", 2: "number of the release", 3: "fault, 0: kept"},
        None,
    ),
    (
        {0, 1, 2, 3, 4},
        1,
        str,
        1,
        "what an account is asked",
        {0: "version", 1: "what", 2: "name", 3: "readings", 4: "the first, s since 1970"},
        None,
    ),
]
_WORDS = {
    "kind": readings.KIND_NAMES,
    "status": ("stored", "was stored already"),
    "command": ("", "arm", "stop", "show yourself", "look for an update", "say your status", "choose", "restart"),
    "outcome": ("done", "refused", "too late", "not understood", "interrupted"),
}
_PAIRING = {
    0: "version",
    1: "nonce",
    2: "tag",
    3: "digest",
    4: "the home's link key",
    5: "pairing",
    6: "signing key",
    7: "link key",
    8: "serial number",
    9: "kind of device",
    10: "proof",
    11: "decision",
    12: "pressed",
    13: "the home's Wi-Fi",
    14: "its password",
    21: "fault",
}
_OF_PAIRING = {
    "a device's hello, to be paired": pairing.HELLO,
    "the home's answer to a hello": pairing.ANSWER,
    "a pairing's opening, closed in a digest": pairing.OPEN,
    "the home's part of a pairing": pairing.HOME,
    "the device's part of a pairing": pairing.DEVICE,
    "where a pairing stands": pairing.STATE,
    "a device's question where a pairing stands": pairing.ASK,
    "a device's no to a pairing": pairing.REFUSAL,
}
_HEADER = {1: "algorithm", 4: "key id"}
_ALGORITHMS = {-9: "ESP256", -19: "Ed25519"}
_COAP_TYPES = ("confirmable", "non-confirmable", "acknowledgement", "reset")
_OPTIONS = {6: "Observe", 9: "OSCORE", 11: "Uri-Path", 12: "Content-Format", 23: "Block2", 252: "Echo"}


class NotUnderstood(Exception):
    """The input is neither hex, base64 nor a file; the message says what to do."""


def read(given: str, stdin: bytes = b"") -> bytes:
    """Return the bytes that an argument means. Raises NotUnderstood."""
    if given == "-":
        return _from_text(stdin)
    path = Path(given)
    try:
        if path.is_file():
            if path.stat().st_size > LARGEST_BYTES:
                raise NotUnderstood(f"{given} has more than {LARGEST_BYTES} bytes: no message of Foyer is that large.")
            return _from_text(path.read_bytes())
    except OSError:
        pass  # too long for a name, so it is the message itself
    data = _text(given)
    if data is None:
        raise NotUnderstood("This is neither a file, nor hexadecimal, nor base64: give one of the three, or - for the standard input.")
    return data


def _from_text(data: bytes) -> bytes:
    """Return what a file holds: itself, or what its text says."""
    try:
        text = _text(data.decode("ascii"))
    except UnicodeDecodeError:
        return data
    return data if text is None else text


def _text(text: str) -> bytes | None:
    packed = "".join(text.split()).removeprefix("h'").removesuffix("'").replace(":", "")
    if not packed:
        return None
    try:
        return bytes.fromhex(packed)
    except ValueError:
        pass
    try:
        return base64.b64decode(packed.replace("-", "+").replace("_", "/") + "=" * (-len(packed) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def explain(data: bytes) -> tuple[str, errors.ProtocolError | None]:
    """Return the message as commented notation, and what is wrong with it, if anything."""
    try:
        value = cbor.decode(data)
    except errors.NotCBOR as wrong:
        return _padded(data) or _not_one_item(data, wrong)
    title, names, check = _kind_of(value)
    lines: list[str] = []
    if title == "a signed object":
        return _signed(data, value)
    _write(lines, value, names, 0)
    lines[0] += f"  / {title}, {len(data)} bytes /"
    return "\n".join(lines), _wrong(check, data)


def _padded(data: bytes) -> tuple[str, errors.ProtocolError | None] | None:
    """Explain what is padded, as everything between home and cloud is before it is closed; None: it is not."""
    try:
        text, wrong = explain(envelope.unpad(data))
    except errors.BadEnvelope:
        return None
    for title, check in (
        ("a batch of sealed rows", functools.partial(envelope.decode_batch, verify=lambda *_: True)),
        ("a page of rows", functools.partial(envelope.decode_page, verify=lambda *_: True)),
        ("a receipt for sealed rows", functools.partial(envelope.decode_receipt, verify=lambda *_: True)),
        ("what an account is asked", linking.decode_request),
    ):
        if f": {title} /" in text or f"/ {title}," in text:
            wrong = wrong or _wrong(check, data)
    return f"/ padded to {len(data)} bytes /\n{text}", wrong


def _not_one_item(data: bytes, wrong: errors.NotCBOR) -> tuple[str, errors.ProtocolError | None]:
    """Explain what is a datagram or a CBOR sequence; what is neither is refused as the CBOR it seems to be."""
    if data and data[0] >> 6 == 1:
        # a datagram of ours begins with 0x40..0x7f, where CBOR has short bytes and text
        try:
            return _datagram(data), None
        except errors.NotCoAP as broken:
            return f"h'{data[:40].hex()}'  / {len(data)} bytes, version 1 of CoAP /", broken
    try:
        items, _ = cbor.decode_sequence(data, edhoc.MAX_ITEMS)
    except errors.NotCBOR:
        return f"h'{data[:40].hex()}'  / {len(data)} bytes /", wrong
    if items[:1] == [True]:
        items = items[1:]
    if len(items) >= 4 and items[0] == edhoc.METHOD:
        words = ("method: static keys on both sides", "cipher suite", "ephemeral key, x", "connection id")
        lines = [f"{_scalar(item)}  / {words[place] if place < 4 else 'external data'} /" for place, item in enumerate(items)]
        return f"/ EDHOC message 1, {len(data)} bytes /\n" + ",\n".join(lines), None
    return f"h'{data[:40].hex()}'  / {len(data)} bytes /", wrong


def _kind_of(value: object) -> tuple[str, Mapping[int, str], Callable[[bytes], object] | None]:
    """Return what a CBOR item is, the names of its keys, and who decides whether it is right."""
    if isinstance(value, list) and len(value) == 4 and isinstance(value[0], bytes) and isinstance(value[1], dict):
        return "a signed object", {}, sign1.parse_sign1
    if isinstance(value, list) and value and all(isinstance(part, bytes) for part in value):
        return f"a batch of {len(value)} signed readings", {}, batches.decode
    if not isinstance(value, dict):
        return "no message of Foyer", {}, None
    for title, rules in _OF_PAIRING.items():
        if _wrong(functools.partial(pairing.decode, rules=rules), cbor.encode(value)) is None:
            return title, _PAIRING, functools.partial(pairing.decode, rules=rules)
    keys = {key for key in value if isinstance(key, int) and key < readings.FIRST_EXTENSION}
    kind = value.get(0)
    if {1, 2, 3, 4} <= keys <= set(_RECEIPT):
        return "a receipt", _RECEIPT, receipts.decode
    if keys == {3, 5}:
        return "a range receipt", _RUNS, batches.decode_receipt
    if keys == {0}:
        return "a refusal", {0: "fault"}, receipts.decode_refusal
    if {5, 6, 7} <= keys:
        return "an update manifest", _MANIFEST, manifest.decode
    if {0, 1} <= keys <= {0, 1, 2, 21} and all(isinstance(value[key], int) for key in keys):
        return "a report of an update", _REPORT, updates.decode
    for far_keys, place, kind_there, number, title, names, check in _FAR:
        if keys == far_keys and isinstance(value[place], kind_there) and kind == number:
            return title, names, check
    if keys == {2}:
        return "a device's presence", {2: _COMMON[2]}, commands.decode_presence
    if isinstance(value.get(2), list):
        if kind == readings.CLIMATE and 1 not in keys:
            return "a live value", {**_COMMON, **_OF_KIND[readings.CLIMATE]}, live.decode
        own = _OF_KIND.get(kind, {}) if isinstance(kind, int) else {}
        return "a reading", {**_COMMON, **own}, readings.decode
    if 4 in keys and {0, 1} <= keys:
        return "a command's result", _RESULT, commands.decode_result
    if {0, 1, 8} <= keys:
        return "a command", _COMMAND, commands.decode
    return "no message of Foyer", {}, None


def _wrong(check: Callable[[bytes], object] | None, data: bytes) -> errors.ProtocolError | None:
    if check is not None:
        try:
            check(data)
        except errors.ProtocolError as error:
            return error
    return None


def _signed(data: bytes, value: object) -> tuple[str, errors.ProtocolError | None]:
    assert isinstance(value, list)  # noqa: S101  as `_kind_of` saw
    protected, unprotected, payload, signature = value
    lines = [f"[  / a signed object (COSE_Sign1), {len(data)} bytes /"]
    wrong: errors.ProtocolError | None = None
    for part, words, names in ((protected, "protected header", _HEADER), (payload, "payload", None)):
        try:
            inner = cbor.decode(part)
        except errors.NotCBOR as error:
            lines.append(f"  {_scalar(part)},  / {words}: not CBOR /")
            wrong = wrong or error
            continue
        title, keys, check = _kind_of(inner)
        lines.append(f"  <<  / {words}, {len(part)} bytes{'' if names else ': ' + title} /")
        _write(lines, inner, names or keys, 2)
        lines.append("  >>,")
        wrong = wrong or (None if names else _wrong(check, part))
        if words == "protected header":
            lines.append(f"  {_scalar(unprotected)},  / unprotected header /")
    half = len(signature) // 2 if isinstance(signature, bytes) else 0
    lines.append(f"  {_scalar(signature)}  / signature: r and s of {half} bytes, not checked here /")
    lines.append("]")
    algorithms = (-9, -19)
    return "\n".join(lines), _wrong(lambda message: sign1.parse_sign1(message, algorithms), data) or wrong


def _datagram(data: bytes) -> str:
    message = coap.decode(data)
    code = f"{message.code >> 5}.{message.code & 31:02}"
    lines = [
        f"/ a CoAP datagram, {len(data)} bytes /",
        f"type {message.type}  / {_COAP_TYPES[message.type]} /",
        f"code {code}",
        f"message id 0x{message.message_id:04x}",
        f"token {_scalar(message.token)}",
    ]
    for number, value in message.options:
        words = _OPTIONS.get(number, "unknown")
        lines.append(f"option {number} {_scalar(value)}  / {words}{_option_words(number, value)} /")
    if message.payload:
        sealed = coap.option(message.options, coap.OSCORE) is not None
        plain = tuple(value for number, value in message.options if number == coap.URI_PATH) == introduction.PATH
        words = "sealed by OSCORE" if sealed else "an introduction (EDHOC)" if plain else "in clear"
        lines.append(f"payload {_scalar(message.payload)}  / {len(message.payload)} bytes, {words} /")
        if plain and message.payload[:1] == b"\xf5":
            lines.append(explain(message.payload)[0])
    return "\n".join(lines)


def _option_words(number: int, value: bytes) -> str:
    if number == coap.URI_PATH:
        return f": {value.decode('ascii', 'replace')}"
    if number == coap.OSCORE:
        fields = oscore_opening.decompress(value)
        piv = "none" if fields.partial_iv is None else int.from_bytes(fields.partial_iv, "big")
        return f": number {piv}, key id {'none' if fields.kid is None else _scalar(fields.kid)}"
    if number == coap.CONTENT_FORMAT:
        return f": {int.from_bytes(value, 'big')}"
    return ""


def _write(lines: list[str], value: object, names: Mapping[int, str], depth: int) -> None:
    """Append a value as notation; the outermost map gets one line and a comment for each key."""
    indent = "  " * depth
    if not isinstance(value, dict):
        lines.append(indent + _scalar(value))
        return
    lines.append(indent + "{")
    for label, item in value.items():
        name = names.get(label, "extension, ignored" if isinstance(label, int) and label >= readings.FIRST_EXTENSION else "unknown")
        lines.append(f"{indent}  {_scalar(label)}: {_scalar(item)},  / {name}{_meaning(name, item)} /")
    lines.append(indent + "}")


def _meaning(name: str, value: object) -> str:
    if name == "algorithm" and isinstance(value, int) and value in _ALGORITHMS:
        return f": {_ALGORITHMS[value]}"
    if name == "fault" and isinstance(value, int) and value in faults.FAULTS:
        return f": {faults.FAULTS[value]}"
    words = _WORDS.get(name, ())
    return f": {words[value]}" if isinstance(value, int) and 0 <= value < len(words) else ""


def _scalar(value: object) -> str:
    """Return a value in diagnostic notation on one line."""
    if isinstance(value, bytes):
        return f"h'{value.hex()}'"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_scalar, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_scalar(label)}: {_scalar(item)}" for label, item in value.items()) + "}"
    return str(value)


def main(arguments: list[str]) -> int:
    """Print each message and what is wrong with it; the status is 1 if anything is."""
    parser = argparse.ArgumentParser(prog="./foyer decode", description="Print any Foyer message as commented diagnostic notation.")
    parser.add_argument("message", nargs="+", help="hexadecimal, base64, a file, or - for the standard input")
    status = 0
    for given in parser.parse_args(arguments).message:
        try:
            data = read(given, sys.stdin.buffer.read() if given == "-" else b"")
        except NotUnderstood as error:
            sys.stderr.write(f"{error}\n")
            return 2
        text, wrong = explain(data)
        sys.stdout.write(text + "\n")
        if wrong is not None:
            sys.stdout.write(f"Refused as {type(wrong).__name__}: {refusals.sentence(wrong)}\n")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
