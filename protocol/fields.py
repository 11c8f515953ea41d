"""Maps with integer keys, checked against a table of rules: what commands, manifests and range receipts share.

A rule is (type, least, most, must be there); for an int least and most are its range, for bytes, text and lists their length. Keys from
32 on are extensions, an integer or up to 32 bytes, kept and ignored; every other key must have a rule (`protocol/readings.py` says why).
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Rules = dict[int, tuple[type, int, int, bool]]

FIRST_EXTENSION = 32
MAX_EXTENSION_BYTES = 32


def check(
    fields: object, rules: "Rules", refusal: "Callable[[object, object], Exception]", free_from: "int | None" = FIRST_EXTENSION
) -> "dict[int, object]":
    """Return `fields` itself if it follows the rules. Raises refusal(key, what stood there, or None): the first that does not.

    free_from: keys from here on need no rule; None: every key needs one.
    """
    if not isinstance(fields, dict):
        raise refusal(None, fields)
    for key, rule in rules.items():
        if rule[3] and key not in fields:
            raise refusal(key, None)
    for key, value in fields.items():
        if not is_integer(key):
            raise refusal(key, value)
        if free_from is not None and key >= free_from:
            if not is_integer(value) and not (isinstance(value, bytes) and len(value) <= MAX_EXTENSION_BYTES):
                raise refusal(key, value)
        elif key not in rules or not _follows(value, rules[key]):
            raise refusal(key, value)
    return fields


def is_integer(value: object) -> bool:
    """Return whether it is a number and not true or false, which are numbers to Python."""
    return isinstance(value, int) and not isinstance(value, bool)


def _follows(value: object, rule: "tuple[type, int, int, bool]") -> bool:
    kind, least, most, _ = rule
    if kind is int:
        return is_integer(value) and least <= value <= most  # type: ignore[operator]
    return isinstance(value, kind) and least <= len(value) <= most  # type: ignore[arg-type]
