"""`foyer device check`: the device tests itself, and its record keeps the result."""

import hashlib
from typing import NamedTuple

from tools import introduce, release, technician
from tools.faults import Fault
from tools.records import Records, now


class Line(NamedTuple):
    """One test: its name, whether it passed, and what was found."""

    name: str
    passed: bool
    words: str


class Found(NamedTuple):
    """A device's self-test; recorded: whether a record of it was here to keep the result."""

    serial: str | None
    lines: list[Line]
    recorded: bool


def check(port: str, records: Records, radio: bool) -> Found:
    """Test the device on a port, then start it anew. Raises Fault: it cannot be tested at all."""
    seen = technician.run(port, "look")
    kind = introduce.check_firmware(port, seen, None)
    if not seen["kid"] or seen["unfinished"]:
        raise Fault("not-provisioned", port=port)
    built = next((made for made in _possible(kind) if made.digest == seen["release"]["digest"]), None)
    lines = []
    files = {}
    if built is not None:
        files = {name: hashlib.sha256(data).hexdigest() for name, data in built.files.items()}
    else:
        lines.append(Line("release", True, f"{seen['release']['version']} is not what these sources build, so files are not compared"))
    answer = technician.run(port, "check", {"kind": kind, "files": files, "radio": radio})
    lines += [Line(*line) for line in answer["lines"]]
    technician.reset(port)
    record = records.of_serial(seen["serial"])
    if record is not None:
        kept = {"at": now(), "passed": all(line.passed for line in lines), "lines": [list(line) for line in lines]}
        records.write({**record, "checks": [*record.get("checks", []), kept]})
    return Found(seen["serial"], lines, record is not None)


def _possible(kind: str) -> list[release.Release]:
    """Return what these sources may have built for a kind of device: for its processor, and for any."""
    return [release.of_sources(kind, portable) for portable in (False, True)]
