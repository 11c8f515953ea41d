"""Messages invented from the tables that the code checks by: valid ones, and ones with one thing wrong. Used by both kinds of judge.

pycddl takes bytes for a number when their length is in its range, and text or numbers where `bytes .size` stands (see definition.py), so a
value of another type is null or a boolean here, which it does refuse; the other confusions are tested against our code alone.
"""

from typing import Any

from hypothesis import strategies as st

from protocol import batches, commands, live, manifest, pairing, readings, updates
from protocol.receipts import ALREADY_STORED, FALLING, RISING

BIG = (1 << 48) - 1
UPTIME = st.lists(st.integers(0, BIG), min_size=2, max_size=2)
# rule of the definition: {key: (strategy of right values, least, most, must be there)}; least and most are None where there are none
Table = dict[int, tuple[st.SearchStrategy[Any], int | None, int | None, bool]]


def _integers(rules: dict[int, tuple[int, int, bool]]) -> Table:
    return {key: (st.integers(least, most), least, most, needed) for key, (least, most, needed) in rules.items()}


def _reading(kind: int) -> Table:
    table = _integers({**readings._COMMON, **readings.FIELDS[kind]})
    if kind == readings.CUFF:  # ranges in which the three stand in their order whatever is drawn
        for key, (least, most) in {readings.DIASTOLIC: (20, 79), readings.MAP: (80, 119), readings.SYSTOLIC: (120, 280)}.items():
            table[key] = (st.integers(least, most), None, None, True)
    return {readings.KIND: (st.just(kind), None, None, True), readings.UPTIME: (UPTIME, None, None, True), **table}


def _typed(rules: dict[int, tuple[type, int, int, bool]]) -> Table:
    table: Table = {}
    for key, (kind, least, most, needed) in rules.items():
        if kind is int:
            table[key] = (st.integers(least, most), least, most, needed)
        elif kind is bytes:
            table[key] = (st.binary(min_size=least, max_size=most), None, None, needed)
        elif kind is str:
            table[key] = (st.text("abcs3_", min_size=least, max_size=most), None, None, needed)
    return table


KINDS = ("arm", "stop", "identify", "update", "report", "choose", "restart")


def _command(kind: int) -> Table:
    own = _typed(commands.ARGUMENTS[kind])
    return {0: (st.just(kind), None, None, True), 1: _typed(commands.RESULT)[1], 8: (UPTIME, None, None, True), **own}


BOARDS = st.lists(st.text("abcs3_", min_size=1, max_size=16), min_size=1, max_size=8)
LIST = st.tuples(st.integers(1, 128), st.integers(1, 1 << 27), st.integers(1, 1 << 14), st.binary(min_size=32, max_size=32)).map(list)
RUNS = st.lists(
    st.tuples(st.integers(0, (1 << 40) - 1), st.integers(1, 16), st.binary(min_size=8, max_size=8)).map(list), min_size=1, max_size=16
)
PAIRINGS = {
    "hello": pairing.HELLO,
    "answer": pairing.ANSWER,
    "open": pairing.OPEN,
    "home": pairing.HOME,
    "device": pairing.DEVICE,
    "refusal": pairing.REFUSAL,
    "ask": pairing.ASK,
    "state": pairing.STATE,
}
RULES: dict[str, Table] = {
    **{name: _reading(kind) for kind, name in enumerate(readings.KIND_NAMES)},
    "live": {0: (st.just(2), None, None, True), 2: (UPTIME, None, None, True), **_integers(live.FIELDS)},
    "receipt": {
        1: (st.integers(0, (1 << 40) - 1), 0, (1 << 40) - 1, True),
        2: (st.binary(min_size=8, max_size=8), None, None, True),
        3: (st.integers(0, BIG), 0, BIG, True),
        4: (st.integers(0, ALREADY_STORED), 0, ALREADY_STORED, True),
        5: (st.text("ABZ19", min_size=1, max_size=3), None, None, False),
        6: (st.sampled_from([FALLING, RISING]), None, None, False),
    },
    "refusal": {0: (st.integers(0, 65535), 0, 65535, True)},
    "range-receipt": {3: (st.integers(0, BIG), 0, BIG, True), 5: (RUNS, None, None, True)},
    **{name: _command(kind) for kind, name in enumerate(KINDS, 1)},
    "presence": {2: (UPTIME, None, None, True)},
    "result": _typed(commands.RESULT),
    **{f"pairing-{name}": _typed(rules) for name, rules in PAIRINGS.items()},
    "manifest": {**_typed(manifest.RULES), 3: (BOARDS, None, None, True), 6: (LIST, None, None, True)},
    "update-report": _typed(updates.RULES),
}
assert batches.MAX_READINGS == 16  # as RUNS has it


MINUTE = (st.integers(0, 2**31 - 1), 0, 2**31 - 1, True)
# Between home and cloud, on computers only; a write key and its pseudonym belong together, so whoever tests fills them in.
BETWEEN_HOME_AND_CLOUD: dict[str, Table] = {
    "batch": {
        0: (st.just(2), 2, 2, True),
        3: (st.lists(st.tuples(MINUTE[0], st.binary(min_size=16, max_size=16), st.binary(max_size=40)).map(list)), None, None, True),
        4: MINUTE,
        5: (st.binary(min_size=32, max_size=32), None, None, True),
        6: (st.just(0), 0, 2, True),
    },
    "batch-page": {
        0: (st.just(2), 2, 2, True),
        1: (st.binary(min_size=32, max_size=32), None, None, True),
        4: (st.just(0), 0, 1, True),
        5: (st.lists(st.tuples(MINUTE[0], st.binary(min_size=16, max_size=16), st.binary(max_size=40)).map(list)), None, None, True),
        6: (st.just(0), 0, 1, True),
    },
    "batch-receipt": {
        0: (st.just(2), 2, 2, True),
        1: (st.binary(min_size=32, max_size=32), None, None, True),
        2: (
            st.lists(
                st.tuples(st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8), st.integers(0, 2)).map(list), max_size=50
            ),
            None,
            None,
            True,
        ),
        3: (st.integers(0, 2**53 - 1), 0, 2**53 - 1, True),
        4: (st.integers(0, 1), 0, 1, True),
    },
}


@st.composite
def invented(draw: st.DrawFn, rule: str) -> dict[Any, Any]:
    """Draw a message for a rule: right, or with one key absent, out of range, of another type, or unknown."""
    table = RULES.get(rule) or BETWEEN_HOME_AND_CLOUD[rule]
    message = {key: draw(values) for key, (values, _, _, needed) in table.items() if needed or draw(st.booleans())}
    flaw = draw(st.sampled_from(["none", "none", "absent", "beyond", "type", "unknown"]))
    key = draw(st.sampled_from(sorted(table)))
    _, least, most, _ = table[key]
    if flaw == "absent":
        message.pop(key, None)
    elif flaw == "beyond" and least is not None and most is not None:
        below = least - draw(st.integers(1, 1000))
        # pycddl knows no upper end of a range that begins below zero
        message[key] = below if least < 0 else draw(st.sampled_from([below, most + draw(st.integers(1, 1000))]))
    elif flaw == "type":
        message[key] = draw(st.sampled_from([None, True, False]))
    elif flaw == "unknown":
        message[draw(st.integers(-3, 31).filter(lambda label: label not in table))] = 1
    return message
