"""protocol/foyer.cddl as pycddl can read it: validate(rule, bytes).

pycddl 0.6 knows no range that begins below zero, no `.cbor` beside other array items, and no label given by a control. For it, such a range
becomes its lower bound and `.cbor` disappears (what is inside is validated by its own rule); extensions are tested against our code alone.
It also takes bytes for a number when their length is in its range, and text or a number where `bytes .size` stands.
"""

import re
from functools import cache
from pathlib import Path

import pycddl

TEXT = (Path(__file__).parent.parent.parent / "protocol" / "foyer.cddl").read_text(encoding="utf-8")


@cache
def schema(rule: str) -> pycddl.Schema:
    """Return the definition with `rule` as its start."""
    text = re.sub(r"(-\d+)\.\.\d+", r"int .ge \1", TEXT)
    return pycddl.Schema(f"start = {rule}\n" + re.sub(r" \.cbor [a-z-]+", "", text))


def valid(rule: str, data: bytes) -> bool:
    """Whether the definition accepts the bytes."""
    try:
        schema(rule).validate_cbor(data)
    except pycddl.ValidationError:
        return False
    return True
