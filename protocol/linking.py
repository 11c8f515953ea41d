"""How a home is linked to an account: the code a person types, and the four messages behind it.

The site shows a code: 40 random bits that name the request, and 80 bits of the SHA-256 of the account's public key. Whoever types
it at home has thereby carried the key's fingerprint past the broker and everything else on the net: the home pins that key and
seals to it the link box, which holds what the owner needs to find, open and erase what is theirs (threats T1, T12).

The alphabet is Crockford's base 32: no I, L, O or U, and forgiving of their look-alikes. What is left out: how long a code lives,
which is the site's to say, and the cipher, which is handed in (HPKE, RFC 9180).
"""

from collections import namedtuple
from hashlib import sha256

from protocol import cbor
from protocol.errors import BadLinkCode, BadLinkMessage, NotCBOR

LINK_ID_BYTES = 5
FINGERPRINT_BYTES = 10
PUBLIC_KEY_BYTES = 32
LABEL_BYTES = 40
LARGEST_MESSAGE_BYTES = 512
BOX_INFO = b"foyer link 1"

PERSON = 0
ROOM = 1

ASK, ANSWER, BOX, LINKED = 2, 3, 4, 5

# Status of LINKED.
DONE = 0
EXPIRED = 1

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LOOK_ALIKES = {"O": "0", "I": "1", "L": "1"}

Code = namedtuple("Code", ("link_id", "fingerprint"))
Message = namedtuple("Message", ("kind", "link_id", "body"))
Box = namedtuple("Box", ("pseudonym", "root_key", "write_seed", "label", "subject"))


def fingerprint(public_key: bytes) -> bytes:
    """Return the first 80 bits of the SHA-256 of an account's public key (32 bytes, X25519)."""
    return sha256(public_key).digest()[:FINGERPRINT_BYTES]


def encode_code(link_id: bytes, public_key: bytes) -> str:
    """Return the code as a person reads it: six groups of four characters."""
    number = int.from_bytes(link_id + fingerprint(public_key), "big")
    letters = ""
    for _ in range(24):
        letters = _ALPHABET[number & 31] + letters
        number >>= 5
    return "-".join(letters[start : start + 4] for start in range(0, 24, 4))


def parse_code(typed: str) -> Code:
    """Return the Code that a person typed, forgiving case, spaces, hyphens, O for 0 and I or L for 1.

    Raises BadLinkCode: too short, too long, or a character that no code has.
    """
    if len(typed) > 200:
        raise BadLinkCode("length", len(typed))
    number = 0
    count = 0
    for character in typed.upper():
        if character in " -\t\r\n\u00a0\u2010\u2011\u2013":
            continue
        value = _ALPHABET.find(_LOOK_ALIKES.get(character, character))
        if value < 0:
            raise BadLinkCode("character", character)
        number = number << 5 | value
        count += 1
    if count != 24:
        raise BadLinkCode("length", count)
    packed = number.to_bytes(LINK_ID_BYTES + FINGERPRINT_BYTES, "big")
    return Code(packed[:LINK_ID_BYTES], packed[LINK_ID_BYTES:])


def encode_message(kind: int, link_id: bytes, body: "bytes | int | None" = None) -> bytes:
    """Return the bytes of one linking message; body: None for ASK, bytes for ANSWER and BOX, a status for LINKED."""
    return cbor.encode({0: kind, 1: link_id} if body is None else {0: kind, 1: link_id, 2: body})


def decode_message(data: bytes) -> Message:
    """Return the Message in bytes from the broker.

    Raises BadLinkMessage: too long, not CBOR, or not one of the four.
    """
    fields = _decode_map(data, LARGEST_MESSAGE_BYTES)
    kind = fields.get(0)
    link_id = fields.get(1)
    body = fields.get(2)
    if not isinstance(kind, int) or not isinstance(link_id, bytes) or len(link_id) != LINK_ID_BYTES:
        raise BadLinkMessage("no kind or link id")
    fits = (
        (kind == ASK and set(fields) == {0, 1})
        or (kind == ANSWER and isinstance(body, bytes) and len(body) == PUBLIC_KEY_BYTES)
        or (kind == BOX and isinstance(body, bytes) and len(body) > 0)
        or (kind == LINKED and body in (DONE, EXPIRED) and not isinstance(body, bool))
    )
    if not fits or not set(fields) <= {0, 1, 2}:
        raise BadLinkMessage("kind %d does not look so" % kind)
    return Message(kind, link_id, body)


def encode_box(box: Box) -> bytes:
    """Return the plaintext of a link box; its label is cut to 40 bytes at a character's end."""
    label = box.label
    while len(label.encode()) > LABEL_BYTES:
        label = label[:-1]
    return cbor.encode({0: 1, 1: box.pseudonym, 2: box.root_key, 3: box.write_seed, 4: label, 5: box.subject})


def decode_box(data: bytes) -> Box:
    """Return the Box in opened bytes. Raises BadLinkMessage: it is none."""
    fields = _decode_map(data, LARGEST_MESSAGE_BYTES)
    if set(fields) != {0, 1, 2, 3, 4, 5} or fields[0] != 1:
        raise BadLinkMessage("not a link box")
    box = Box(fields[1], fields[2], fields[3], fields[4], fields[5])
    lengths = ((box.pseudonym, 16), (box.root_key, 32), (box.write_seed, 32))
    if any(not isinstance(field, bytes) or len(field) != length for field, length in lengths):
        raise BadLinkMessage("a key of the wrong length")
    if not isinstance(box.label, str) or len(box.label.encode()) > LABEL_BYTES or box.subject not in (PERSON, ROOM):
        raise BadLinkMessage("a label or subject that is none")
    return box


def _decode_map(data: bytes, largest_bytes: int) -> "dict[object, object]":
    if len(data) > largest_bytes:
        raise BadLinkMessage("too long: %d bytes" % len(data))
    try:
        fields = cbor.decode(data)
    except NotCBOR as error:
        raise BadLinkMessage("not CBOR: %s" % error) from None
    if not isinstance(fields, dict):
        raise BadLinkMessage("not a map")
    return fields
