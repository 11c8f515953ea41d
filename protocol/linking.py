"""How a home is linked to an account: the code a person types, the four messages behind it, and what the two say to each other later.

The site shows a code: 40 random bits that name the request, and 80 bits of the SHA-256 of the account's public key. Whoever types
it at home has thereby carried the key's fingerprint past the broker and everything else on the net: the home pins that key and
seals to it the link box, which holds what the owner needs to find, open and erase what is theirs (threats T1, T12).

From then on the home talks under a key of that link alone (`Talk`): it replaces the box when a name of the subject was added or
somebody else may read along, asks what only the account may allow, and leaves. The site's word back is as good as the broker, so what
an account allows carries a MAC under a key that only the home and the opened box hold (threats T2).

The alphabet is Crockford's base 32: no I, L, O or U, and forgiving of their look-alikes. What is left out: how long a code lives,
which is the site's to say, and the cipher, which is handed in (HPKE, RFC 9180).
"""

from collections import namedtuple
from hashlib import sha256

from protocol import cbor
from protocol.envelope import pad, unpad
from protocol.errors import BadEnvelope, BadLinkCode, BadLinkMessage, NotCBOR

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LINK_ID_BYTES = 5
FINGERPRINT_BYTES = 10
PUBLIC_KEY_BYTES = 32
LABEL_BYTES = 40
LARGEST_MESSAGE_BYTES = 16 * 1024
BOX_INFO = b"foyer link 2"
REQUEST_INFO = b"foyer request 1"
TAG_BYTES = 16
REQUEST_ID_BYTES = 16
MAC_BYTES = 32
EPOCHS_AT_MOST = 64
RECIPIENTS_AT_MOST = 16

PERSON = 0
ROOM = 1

ASK, ANSWER, BOX, LINKED, TALK, WORD = 2, 3, 4, 5, 6, 7

# What a home says in a Talk.
NEWS, NEW_BOX, REQUEST, LEAVE = 0, 1, 2, 3

# What an account decides. Under FAREWELL as request it says that it left, of itself.
DECLINED, APPROVED = 0, 1
FAREWELL = bytes(REQUEST_ID_BYTES)

# Status of LINKED.
DONE = 0
EXPIRED = 1

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TALK_PURPOSE = b"foyer talk\x00"
_LOOK_ALIKES = {"O": "0", "I": "1", "L": "1"}

Code = namedtuple("Code", ("link_id", "fingerprint"))
Message = namedtuple("Message", ("kind", "link_id", "body", "link_key"))
# tag: names the subject for this account for ever; epochs: the oldest first; recipients: the names of all who hold a box
Box = namedtuple("Box", ("label", "subject", "tag", "approval_key", "epochs", "recipients"))
Epoch = namedtuple("Epoch", ("pseudonym", "root_key", "write_seed"))
Talk = namedtuple("Talk", ("link_key", "verb", "sequence", "body"))
Word = namedtuple("Word", ("link_name", "is_known", "box_version", "decisions"))
Decision = namedtuple("Decision", ("request_id", "decision", "mac"))
# what an account is asked: what, somebody's name in it, of how many readings, the first of them when
Request = namedtuple("Request", ("what", "name", "count", "utc_s"))


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


def encode_message(kind: int, link_id: bytes, body: "bytes | int | None" = None, link_key: "bytes | None" = None) -> bytes:
    """Return the bytes of one linking message; body: None for ASK, bytes for ANSWER and BOX, a status for LINKED.

    link_key: with a BOX, the public half (32 bytes, Ed25519) of the key under which the home will talk about this link.
    """
    fields: "dict[int, object]" = {0: kind, 1: link_id}
    if body is not None:
        fields[2] = body
    if link_key is not None:
        fields[3] = link_key
    return cbor.encode(fields)


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
        or (kind == ANSWER and set(fields) == {0, 1, 2} and _is_bytes(body, PUBLIC_KEY_BYTES))
        or (kind == BOX and set(fields) == {0, 1, 2, 3} and isinstance(body, bytes) and len(body) > 0 and _is_bytes(fields[3], 32))
        or (kind == LINKED and set(fields) == {0, 1, 2} and body in (DONE, EXPIRED) and not isinstance(body, bool))
    )
    if not fits:
        raise BadLinkMessage("kind %d does not look so" % kind)
    return Message(kind, link_id, body, fields.get(3))


def is_talk(data: bytes) -> bool:
    """Return whether bytes begin as a Talk."""
    return data[:3] == b"\xa4\x00\x06"


def is_word(data: bytes) -> bool:
    """Return whether bytes begin as a Word."""
    return data[:3] == b"\xa5\x00\x07"


def link_name(link_key: bytes) -> bytes:
    """Return the 16 bytes by which the site answers a link."""
    return sha256(link_key).digest()[:16]


def encode_talk(link_key: bytes, verb: int, sequence: int, body: bytes, sign: "Callable[[bytes], bytes]") -> bytes:
    """Return the bytes of a Talk; sign(bytes) -> 64 bytes, by the private half of link_key (Ed25519)."""
    payload = cbor.encode({0: verb, 1: sequence, 2: body})
    return cbor.encode({0: TALK, 1: link_key, 2: payload, 3: sign(_TALK_PURPOSE + payload)})


def decode_talk(data: bytes, verify: "Callable[[bytes, bytes, bytes], bool]") -> Talk:
    """Return the Talk in bytes from the broker; verify(public_key, signed_bytes, signature) -> bool: Ed25519.

    Raises BadLinkMessage: it is none, or not signed by its link's key.
    """
    fields = _decode_map(data, LARGEST_MESSAGE_BYTES)
    key, payload, signature = fields.get(1), fields.get(2), fields.get(3)
    if set(fields) != {0, 1, 2, 3} or fields[0] != TALK or not _is_bytes(key, 32) or not _is_bytes(signature, 64):
        raise BadLinkMessage("not a talk")
    if not isinstance(payload, bytes) or not verify(key, _TALK_PURPOSE + payload, signature):  # type: ignore[arg-type]
        raise BadLinkMessage("not signed by its link")
    said = _decode_map(payload, LARGEST_MESSAGE_BYTES)
    if set(said) != {0, 1, 2} or said[0] not in (NEWS, NEW_BOX, REQUEST, LEAVE) or isinstance(said[0], bool):
        raise BadLinkMessage("not a verb")
    if not _is_count(said[1], 2**53) or not isinstance(said[2], bytes):
        raise BadLinkMessage("not a talk's fields")
    if (said[0] == REQUEST and len(said[2]) <= REQUEST_ID_BYTES) or (said[0] == NEW_BOX and not said[2]):
        raise BadLinkMessage("a talk with nothing in it")
    return Talk(key, said[0], said[1], said[2])


def encode_word(word: Word) -> bytes:
    """Return the bytes of the site's Word to a home."""
    return cbor.encode({0: WORD, 1: word.link_name, 2: int(word.is_known), 3: word.box_version, 4: [list(each) for each in word.decisions]})


def decode_word(data: bytes) -> Word:
    """Return the Word in bytes from the broker. Raises BadLinkMessage: it is none."""
    fields = _decode_map(data, LARGEST_MESSAGE_BYTES)
    decisions = fields.get(4)
    if set(fields) != {0, 1, 2, 3, 4} or fields[0] != WORD or not _is_bytes(fields[1], 16) or not isinstance(decisions, list):
        raise BadLinkMessage("not a word")
    if fields[2] not in (0, 1) or isinstance(fields[2], bool) or not _is_count(fields[3], 2**53):
        raise BadLinkMessage("not a word's fields")
    return Word(fields[1], fields[2] == 1, fields[3], [_decision(each) for each in decisions])


def decision_message(request_id: bytes, decision: int) -> bytes:
    """Return what an account's MAC (HMAC-SHA-256 under the box's approval key) covers."""
    return cbor.encode(["foyer decision", request_id, decision])


def encode_request(request: Request) -> bytes:
    """Return the padded plaintext of what an account is asked; its name is cut to 40 bytes."""
    return pad(cbor.encode({0: 1, 1: request.what, 2: _cut(request.name), 3: request.count, 4: request.utc_s}))


def decode_request(data: bytes) -> Request:
    """Return the Request in opened bytes. Raises BadLinkMessage: it is none."""
    fields = _decode_padded(data)
    if set(fields) != {0, 1, 2, 3, 4} or fields[0] != 1 or not _is_text(fields[1]) or not _is_text(fields[2]):
        raise BadLinkMessage("not a request")
    if not _is_count(fields[3], 2**32) or not _is_count(fields[4], 2**40):
        raise BadLinkMessage("not a request's numbers")
    return Request(fields[1], fields[2], fields[3], fields[4])


def encode_box(box: Box) -> bytes:
    """Return the padded plaintext of a link box; names are cut to 40 bytes at a character's end, and of many epochs the newest stay."""
    epochs = [list(each) for each in box.epochs[-EPOCHS_AT_MOST:]]
    names = [_cut(each) for each in box.recipients[:RECIPIENTS_AT_MOST]]
    return pad(cbor.encode({0: 2, 1: epochs, 4: _cut(box.label), 5: box.subject, 6: box.tag, 7: box.approval_key, 8: names}))


def decode_box(data: bytes) -> Box:
    """Return the Box in opened bytes. Raises BadLinkMessage: it is none."""
    fields = _decode_padded(data)
    if set(fields) != {0, 1, 4, 5, 6, 7, 8} or fields[0] != 2:
        raise BadLinkMessage("not a link box")
    epochs, names = fields[1], fields[8]
    if not isinstance(epochs, list) or not 1 <= len(epochs) <= EPOCHS_AT_MOST or not isinstance(names, list):
        raise BadLinkMessage("no epochs or recipients")
    if len(names) > RECIPIENTS_AT_MOST or not all(_is_text(name) for name in names):
        raise BadLinkMessage("names that are none")
    if not _is_text(fields[4]) or fields[5] not in (PERSON, ROOM) or isinstance(fields[5], bool):
        raise BadLinkMessage("a label or subject that is none")
    if not _is_bytes(fields[6], TAG_BYTES) or not _is_bytes(fields[7], 32):
        raise BadLinkMessage("a key of the wrong length")
    return Box(fields[4], fields[5], fields[6], fields[7], [_epoch(each) for each in epochs], names)


def _epoch(fields: object) -> Epoch:
    if not isinstance(fields, list) or len(fields) != 3:
        raise BadLinkMessage("not an epoch")
    if not _is_bytes(fields[0], 16) or not _is_bytes(fields[1], 32) or not _is_bytes(fields[2], 32):
        raise BadLinkMessage("a key of the wrong length")
    return Epoch(fields[0], fields[1], fields[2])


def _decision(fields: object) -> Decision:
    if not isinstance(fields, list) or len(fields) != 3 or fields[1] not in (DECLINED, APPROVED) or isinstance(fields[1], bool):
        raise BadLinkMessage("not a decision")
    if not _is_bytes(fields[0], REQUEST_ID_BYTES) or not _is_bytes(fields[2], MAC_BYTES):
        raise BadLinkMessage("not a decision's bytes")
    return Decision(fields[0], fields[1], fields[2])


def _cut(label: str) -> str:
    while len(label.encode()) > LABEL_BYTES:
        label = label[:-1]
    return label


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value.encode()) <= LABEL_BYTES


def _is_bytes(value: object, length: int) -> bool:
    return isinstance(value, bytes) and len(value) == length


def _is_count(value: object, end: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < end


def _decode_padded(data: bytes) -> "dict[object, object]":
    try:
        return _decode_map(unpad(data), LARGEST_MESSAGE_BYTES)
    except BadEnvelope as error:
        raise BadLinkMessage("not padded: %s" % error) from None


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
