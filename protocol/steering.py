"""Orders for a home's devices from the account's site, so that nothing between them reads, makes or repeats one.

The home leaves a notice for each person with a linked account and a right: what may be told to which device, how the last orders went, and
a challenge. It is closed twice, to the account's public key that the home pinned when it was linked (HPKE, RFC 9180), and under a key
that only home and owner can derive; so whoever opens it holds the pinned key, and whoever wrote it is the home. An order is closed under
a key made of that challenge: to close one is to prove possession of the pinned key, and since the home takes each challenge once, no
order is done twice (threats T15). The store keeps a notice under a slot, a number derived like a pseudonym: neither account nor home
stands beside it.

Left out: the ciphers and HKDF, which are handed in, and how long a challenge lives, which is the home's to say.
"""

from collections import namedtuple

from protocol import cbor, commands, seals
from protocol.errors import BadOrder, NotCBOR, SealBroken

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Cipher = Callable[[bytes, bytes, bytes, bytes], bytes]
    Opening = Callable[[bytes, bytes, bytes, bytes], bytes | None]
    Hkdf = Callable[[bytes, bytes, bytes, int], bytes]

NOTICE, ORDER = 6, 7  # beside the four kinds of linking.py
SLOT_BYTES = 16
CHALLENGE_BYTES = 32
LARGEST_MESSAGE_BYTES = 16 * 1024
LARGEST_ORDER_BYTES = 1024
NOTICE_INFO = b"foyer notice 1"
MOST_DEVICES = 40
_BEFORE_UPDATES = 6  # fields of a device in the notice of a home that says nothing of updates yet
# how both pages name what a command may carry besides itself
COMFORTS = {
    "language": commands.LANGUAGE,
    "unit": commands.UNIT,
    "level": commands.LEVEL,
    "sound": commands.SOUND,
    "loudness": commands.LOUDNESS,
    "minutes": commands.MINUTES,
}
_ALIAS = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-"

Message = namedtuple("Message", ("kind", "slot", "body"))
# devices: of DeviceNotice; alias: under which the home hears, on the broker
Notice = namedtuple("Notice", ("challenge", "alias", "made_utc_s", "devices"))
# functions: kinds of command; said: of Said, updates: of Update, the newest first; seen_utc_s: None if it was never heard;
# runs: the version it runs; offered: a newer one that is at home; "" for none
DeviceNotice = namedtuple("DeviceNotice", ("kid", "kind", "name", "functions", "seen_utc_s", "said", "runs", "offered", "updates"))
# one order and what became of it; state: a word of gateway/orders.py; fault: 0 for none
Said = namedtuple("Said", ("function", "state", "at_utc_s", "fault"))
# one update and how it stands; state: a word of gateway/updates.py; percent: of its files that have arrived; fault: 0 for none
Update = namedtuple("Update", ("version", "state", "percent", "at_utc_s", "fault"))
Order = namedtuple("Order", ("kid", "function", "arguments", "made_utc_s"))


def slot_of(root_key: bytes, hkdf: "Hkdf") -> bytes:
    """Return where a subject's notices are left; the store cannot tell whose it is."""
    return hkdf(b"", root_key, b"foyer notice slot 1", SLOT_BYTES)


def notice_key(root_key: bytes, hkdf: "Hkdf") -> bytes:
    """Return the key under which home and owner close notices to each other."""
    return hkdf(b"", root_key, b"foyer notice key 1", 32)


def order_key(challenge: bytes, hkdf: "Hkdf") -> bytes:
    """Return the key of the one order that a challenge is for."""
    return hkdf(b"", challenge, b"foyer order key 1", 32)


def encode_message(kind: int, slot: bytes, body: bytes) -> bytes:
    """Return the bytes of a notice or an order on its way."""
    return cbor.encode({0: kind, 1: slot, 2: body})


def decode_message(data: bytes) -> "Message | None":
    """Return the Message in bytes from the broker, or None: it is none of these two."""
    if len(data) > LARGEST_MESSAGE_BYTES:
        return None
    try:
        fields = cbor.decode(data)
    except NotCBOR:
        return None
    if not isinstance(fields, dict) or set(fields) != {0, 1, 2} or fields[0] not in (NOTICE, ORDER) or isinstance(fields[0], bool):
        return None
    if not isinstance(fields[1], bytes) or len(fields[1]) != SLOT_BYTES or not isinstance(fields[2], bytes):
        return None
    if fields[0] == ORDER and len(fields[2]) > LARGEST_ORDER_BYTES:
        return None
    return Message(fields[0], fields[1], fields[2])


def encode_notice(notice: Notice) -> bytes:
    """Return the plaintext of a notice, padded so that its length tells little."""
    devices = [
        [each.kid, each.kind, each.name, list(each.functions), each.seen_utc_s or 0, [list(said) for said in each.said]]
        + [each.runs, each.offered, [list(update) for update in each.updates]]
        for each in notice.devices
    ]
    return seals.pad(cbor.encode({0: 1, 1: notice.challenge, 2: notice.alias, 3: notice.made_utc_s, 4: devices}))


def decode_notice(data: bytes) -> Notice:
    """Return the Notice in opened bytes. Raises BadOrder: it is none."""
    fields = _padded(data)
    if set(fields) != {0, 1, 2, 3, 4} or fields[0] != 1 or not isinstance(fields[4], list) or len(fields[4]) > MOST_DEVICES:
        raise BadOrder("not a notice")
    challenge, alias, made_utc_s = fields[1], fields[2], fields[3]
    if not isinstance(challenge, bytes) or len(challenge) != CHALLENGE_BYTES or not _is_alias(alias) or not _is_count(made_utc_s):
        raise BadOrder("not a notice's head")
    return Notice(challenge, alias, made_utc_s, [_device(each) for each in fields[4]])


def encode_order(order: Order) -> bytes:
    """Return the plaintext of an order, padded."""
    return seals.pad(cbor.encode({0: 1, 1: order.kid, 2: order.function, 3: order.arguments, 4: order.made_utc_s}))


def decode_order(data: bytes) -> Order:
    """Return the Order in opened bytes. Raises BadOrder: it is none."""
    fields = _padded(data)
    if set(fields) != {0, 1, 2, 3, 4} or fields[0] != 1:
        raise BadOrder("not an order")
    kid, function, arguments, made_utc_s = fields[1], fields[2], fields[3], fields[4]
    if not isinstance(kid, bytes) or len(kid) != 4 or not _is_count(function) or not _is_count(made_utc_s):
        raise BadOrder("not an order's head")
    if not isinstance(arguments, dict) or len(arguments) > 8 or not all(_is_count(key) and _is_count(arguments[key]) for key in arguments):
        raise BadOrder("not an order's arguments")
    return Order(kid, function, arguments, made_utc_s)


def close_order(challenge: bytes, slot: bytes, order: Order, hkdf: "Hkdf", seal: "Cipher", nonce: bytes) -> bytes:
    """Return an order closed under its challenge; seal(key, nonce, plaintext, associated data): AES-256-GCM."""
    return nonce + seal(order_key(challenge, hkdf), nonce, encode_order(order), slot)


def open_order(challenge: bytes, slot: bytes, body: bytes, hkdf: "Hkdf", open_: "Opening") -> "Order | None":
    """Return the order that was closed under this challenge, or None: under another. Raises BadOrder: what is inside is no order."""
    if len(body) <= seals.NONCE_BYTES:
        return None
    opened = open_(order_key(challenge, hkdf), body[: seals.NONCE_BYTES], body[seals.NONCE_BYTES :], slot)
    return None if opened is None else decode_order(opened)


def _device(fields: object) -> DeviceNotice:
    if not isinstance(fields, list) or len(fields) not in (_BEFORE_UPDATES, 9):
        raise BadOrder("not a device")
    kid, kind, name, functions, seen_utc_s, said, runs, offered, updates = fields if len(fields) == 9 else fields + ["", "", []]
    texts = _is_text(kind, 16) and _is_text(name, 80) and _is_text(runs, 32) and _is_text(offered, 32)
    lists = _is_list(functions, 32) and _is_list(said, 20) and _is_list(updates, 20)
    if not isinstance(kid, bytes) or len(kid) != 4 or not texts or not lists or not _is_count(seen_utc_s):
        raise BadOrder("not a device")
    if not all(_is_count(each) for each in functions):
        raise BadOrder("not a device's functions")
    told = [_said(each) for each in said]
    return DeviceNotice(kid, kind, name, functions, seen_utc_s or None, told, runs, offered, [_update(each) for each in updates])


def _said(fields: object) -> Said:
    if not isinstance(fields, list) or len(fields) != 4:
        raise BadOrder("not what became of an order")
    function, state, at_utc_s, fault = fields
    if not _is_count(function) or not isinstance(state, str) or len(state) > 16 or not _is_count(at_utc_s) or not _is_count(fault):
        raise BadOrder("not what became of an order")
    return Said(function, state, at_utc_s, fault)


def _update(fields: object) -> Update:
    if not isinstance(fields, list) or len(fields) != 5:
        raise BadOrder("not an update")
    version, state, percent, at_utc_s, fault = fields
    if not _is_text(version, 32) or not _is_text(state, 16) or not all(_is_count(each) for each in (percent, at_utc_s, fault)):
        raise BadOrder("not an update")
    return Update(version, state, percent, at_utc_s, fault)


def _padded(data: bytes) -> "dict[int, object]":
    try:
        fields = cbor.decode(seals.unpad(data))
    except (NotCBOR, SealBroken):
        raise BadOrder("not padded CBOR") from None
    if not isinstance(fields, dict):
        raise BadOrder("not a map")
    return fields


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and len(value) <= most


def _is_list(value: object, most: int) -> bool:
    return isinstance(value, list) and len(value) <= most


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 48


def _is_alias(value: object) -> bool:
    # it becomes a part of a topic, so nothing that a broker would read as another
    return isinstance(value, str) and 0 < len(value) <= 64 and all(character in _ALIAS for character in value)
