"""Every row of what must be refused, as data: which decoder, which bytes, which error, and where the rule stands."""

from protocol import cbor

ES256_HEADER = cbor.encode({1: -9, 4: b"kid!"})
SIGNATURE = (1).to_bytes(32, "big") * 2


def sign1(protected: object = ES256_HEADER, unprotected: object = None, payload: object = b"\xa0", signature: object = SIGNATURE) -> bytes:
    return cbor.encode([protected, {} if unprotected is None else unprotected, payload, signature])


# rule, decoder (see refused_bodies.py), bytes, error
ROWS: list[tuple[str, str, bytes, str]] = [
    ("RFC 8949 4.2.1 indefinite bytes", "cbor", b"\x5f\x41a\xff", "Indefinite"),
    ("RFC 8949 4.2.1 indefinite array", "cbor", b"\x9f\x01\xff", "Indefinite"),
    ("RFC 8949 4.2.1 indefinite map", "cbor", b"\xbf\x01\x02\xff", "Indefinite"),
    ("RFC 8949 4.2.1 non-minimal", "cbor", b"\x18\x05", "NonMinimal"),
    ("RFC 8949 4.2.1 non-minimal length", "cbor", b"\x58\x01a", "NonMinimal"),
    ("RFC 8949 4.2.1 unsorted", "cbor", b"\xa2\x02\x00\x01\x00", "Unsorted"),
    ("RFC 9052 3 duplicate labels in one map", "cbor", b"\xa2\x01\x00\x01\x00", "DuplicateLabel"),
    ("RFC 9052 3 duplicate labels across both buckets", "sign1", sign1(unprotected={4: b"kid!"}), "DuplicateLabel"),
    ("RFC 8949 10 depth over 8", "cbor", b"\x81" * 9 + b"\x00", "TooDeep"),
    ("RFC 8949 10 length over what remains", "cbor", b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff", "CutShort"),
    ("RFC 8949 10 count over what remains", "cbor", b"\x9b\x00\x00\x00\x01\x00\x00\x00\x00", "CutShort"),
    ("RFC 8949 3 tag", "cbor", b"\xc1\x00", "UnexpectedTag"),
    ("RFC 8949 3 tag that builds a regular expression", "cbor", b"\xd8\x23\x61a", "UnexpectedTag"),
    ("RFC 8949 3 tag that builds a cycle", "cbor", b"\xd8\x1c\x81\xd8\x1d\x00", "UnexpectedTag"),
    ("RFC 8949 3 trailing bytes", "cbor", b"\x00\x00", "TrailingBytes"),
    ("RFC 8949 app. F reserved 28", "cbor", b"\x1c", "ReservedInformation"),
    ("RFC 8949 app. F reserved 30", "cbor", b"\x7e", "ReservedInformation"),
    ("RFC 8949 app. F stray break", "cbor", b"\xff", "StrayBreak"),
    ("RFC 8949 app. F bad UTF-8", "cbor", b"\x62\xc3\x28", "BadText"),
    ("RFC 3629 surrogate", "cbor", b"\x63\xed\xa0\x80", "BadText"),
    ("RFC 8949 3.3 simple under 32 in two bytes", "cbor", b"\xf8\x14", "BadSimple"),
    ("RFC 8949 3.3 simple we do not use", "cbor", b"\xf7", "BadSimple"),
    ("ours: a float", "cbor", b"\xfb" + bytes(8), "FloatRefused"),
    ("ours: a label that is true", "cbor", b"\xa1\xf5\x00", "BadLabel"),
    ("RFC 9052 3.1 algorithm absent", "sign1", sign1(cbor.encode({4: b"kid!"})), "AlgorithmAbsent"),
    ("RFC 9052 3.1 algorithm unprotected", "sign1", sign1(cbor.encode({4: b"kid!"}), {1: -9}), "AlgorithmUnprotected"),
    ("RFC 9053 2.1 not the key's algorithm", "sign1", sign1(cbor.encode({1: -8, 4: b"kid!"})), "WrongAlgorithm"),
    ("RFC 9864 the deprecated ES256", "sign1", sign1(cbor.encode({1: -7, 4: b"kid!"})), "WrongAlgorithm"),
    ("RFC 9052 2 wrong COSE tag", "sign1", b"\xd2" + sign1(), "UnexpectedTag"),
    ("RFC 9052 4.4 another structure", "sign1", cbor.encode([ES256_HEADER, {}, b"\xa0", []]), "SignatureLength"),
    ("RFC 9052 4.4 another number of parts", "sign1", cbor.encode([ES256_HEADER, {}, b"\xa0"]), "NotCOSE"),
    ("RFC 9052 3.1 unknown crit", "sign1", sign1(cbor.encode({1: -9, 2: [99], 4: b"kid!"})), "UnknownCritical"),
    ("RFC 9052 3.1 IV and partial IV", "sign1", sign1(cbor.encode({1: -9, 4: b"kid!", 5: b"a", 6: b"b"})), "TwoIVs"),
    ("RFC 9053 2.1 signature not 64 bytes", "sign1", sign1(signature=bytes(63)), "SignatureLength"),
    ("RFC 9053 2.1 r zero", "verify", sign1(signature=bytes(32) + b"\x01" * 32), "SignatureRange"),
    ("RFC 9053 2.1 s not below the order", "verify", sign1(signature=b"\x01" * 32 + b"\xff" * 32), "SignatureRange"),
    ("RFC 9052 3.1 unknown key, bad signature: one answer", "verify", sign1(), "BadSignature"),
    ("SP 800-56A point off the curve", "point", b"\x04" + bytes(64), "PointOffCurve"),
    ("RFC 9053 7.1 wrong curve: a point of P-384", "point", b"\x04" + bytes(96), "PointOffCurve"),
    ("RFC 8613 7 sequence of 2^40", "window", (1 << 40).to_bytes(6, "big"), "SequenceTooLarge"),
    ("ours: a jump over 4096", "window", (1000 + 4097).to_bytes(6, "big"), "SequenceJump"),
    ("RFC 8613 7.4 outside the window", "window", (1000 - 32).to_bytes(6, "big"), "Replayed"),
    ("RFC 8613 7.4 seen before", "window", (1000).to_bytes(6, "big"), "Replayed"),
    ("RFC 7252 3 token length 9", "coap", b"\x49\x02\x00\x01" + bytes(9), "TokenTooLong"),
    ("RFC 7252 3 token length 15", "coap", b"\x4f\x02\x00\x01" + bytes(15), "TokenTooLong"),
    ("RFC 7252 3.1 option nibble 15", "coap", b"\x40\x02\x00\x01\xf0", "OptionReserved"),
    ("RFC 7252 3 marker without payload", "coap", b"\x40\x02\x00\x01\xff", "MarkerWithoutPayload"),
    ("RFC 7252 3 version not 1", "coap", b"\x80\x02\x00\x01", "WrongVersion"),
    ("RFC 7252 4.1 empty with a token", "coap", b"\x41\x00\x00\x01t", "EmptyNotEmpty"),
    ("RFC 7252 3 cut short", "coap", b"\x40\x02\x00", "MessageCutShort"),
    ("ours: over 4 KiB", "coap", b"\x40\x02\x00\x01\xff" + bytes(4096), "MessageTooLarge"),
    ("RFC 8613 6.1 reserved bits", "option", b"\x20", "NotOSCORE"),
    ("BLE: a gap", "frames", bytes((0, 0, 0, 9, 1, 2)) + bytes((0, 40, 3, 4, 5, 6)), "FragmentGap"),
    ("BLE: an overlap", "frames", bytes((0, 0, 0, 9, 1, 2)) + bytes((0, 0, 0, 9, 1, 3)), "FragmentOverlap"),
    ("BLE: a wrong total", "frames", bytes((0, 0, 0, 9, 1, 2)) + bytes((0, 0x81, 3, 4, 5, 6)), "FragmentTotal"),
    ("BLE: a second object", "frames", bytes((0, 0, 0, 9, 1, 2)) + bytes((1, 1, 3, 4, 5, 6)), "SecondObject"),
    ("BLE: 10 s without a fragment", "late frames", bytes((0, 0, 0, 9, 1, 2)) + bytes((0, 1, 3, 4, 5, 6)), "FragmentLate"),
    ("RFC 9124 older sequence", "manifest", b"older", "OlderRelease"),
    ("RFC 9124 other vendor", "manifest", b"vendor", "OtherDevice"),
    ("RFC 9124 other class", "manifest", b"class", "OtherDevice"),
]
