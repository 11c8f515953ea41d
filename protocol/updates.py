"""What a device says of an update: how it stands, while it goes on and when it is over. And where the home keeps what it offers.

A device asks for `u` (Block2, RFC 7959) and gets the signed manifest, and for `u/NAME` and gets a file: NAME is the first eight bytes of
its SHA-256 in hexadecimal, so a file that two releases share is one. It is told the number of the release and the manifest's size by the
command that starts it. Every word it says of it is a POST to `u` that the home answers when it is on disk.
"""

from protocol import cbor, errors, fields

PATH = "u"
FORMAT = 60  # application/cbor

STATE, SEQUENCE, PERCENT, FAULT_CODE = 0, 1, 2, 21
FETCHING, READY, TRYING, KEPT, GIVEN_BACK, REFUSED = 0, 1, 2, 3, 4, 5
OVER = (KEPT, GIVEN_BACK, REFUSED)
MAX_SEQUENCE = (1 << 32) - 1
NAME_BYTES = 8
MAX_REPORT_BYTES = 64

RULES: "fields.Rules" = {
    STATE: (int, FETCHING, REFUSED, True),
    SEQUENCE: (int, 0, MAX_SEQUENCE, True),
    PERCENT: (int, 0, 100, False),
    FAULT_CODE: (int, 1, 65535, False),
}


def encode(state: int, sequence: int, percent: "int | None" = None, fault: int = 0) -> bytes:
    """Return the report's bytes; fault 0 for none."""
    said = {STATE: state, SEQUENCE: sequence}
    if percent is not None:
        said[PERCENT] = percent
    if fault:
        said[FAULT_CODE] = fault
    return cbor.encode(said)


def decode(data: bytes) -> "dict[int, object]":
    """Return the report that `data` holds. Raises NotCBOR, BadUpdateReport."""
    if len(data) > MAX_REPORT_BYTES:
        raise errors.BadUpdateReport(None, len(data))
    return fields.check(cbor.decode(data), RULES, errors.BadUpdateReport)


def name_of(digest: bytes) -> str:
    """Return the name under which a file is asked for."""
    return "".join([f"{byte:02x}" for byte in digest[:NAME_BYTES]])
