"""Constants in device code become values: what is compiled does the same, line by line, and what is asked for by name stays."""

import ast
from pathlib import Path

import pytest

from tools import build
from tools.constants import Constants

SOURCES = {
    "firmware.limits": (
        'from micropython import const\n\nFIRST, SECOND = 1, "two"\n_HIDDEN = const(3)\nTHIRD = const(_HIDDEN << 2)\n'
        "FAR = 1 << 40\nTABLE = {FIRST: SECOND}\n"
    ),
    "firmware.user": (
        "from firmware import limits\nfrom protocol import faults\n\n\ndef use(number=limits.FIRST):\n"
        "    if number == limits.THIRD - (\n        limits.FIRST\n    ):\n"
        "        return limits.TABLE, faults.LATE, limits.FAR\n    raise ValueError\n"
    ),
    "firmware.taker": (
        "from firmware.limits import FIRST, TABLE\nfrom firmware.limits import SECOND as OTHER\n\n\n"
        "def take():\n    return FIRST, TABLE, OTHER\n"
    ),
    "protocol.faults": "LATE = -5\nSHOWN = 7\n",
    "firmware.teller": 'from protocol import faults\n\n\ndef tell():\n    return f"{faults.SHOWN}", faults.LATE\n',
    "firmware.boards.one": "PIN = 4\n",
    "protocol.kinds": "LATE = 9\nEARLY = 1\n",
    "firmware.two": (
        "from protocol import kinds\n\n\ndef one():\n    from protocol import seldom as kinds\n\n    return kinds.LATE\n\n\n"
        "def other():\n    return kinds.LATE\n"
    ),
    "protocol.seldom": "LATE = 11\n",
    "firmware.shadow": "from protocol import faults\n\n\ndef of(faults):\n    return faults.LATE\n",
}


def test_values_stand_where_names_stood_and_lines_stay() -> None:
    """Numbers and texts, in defaults and over several lines; a table, a number beyond the small ones and f-strings keep their names."""
    known = Constants(SOURCES)
    user = known.inlined("firmware.user")
    assert "limits.FIRST" not in user
    assert "limits.THIRD" not in user
    assert "number=1" in user
    assert "12 - (" in user
    assert "limits.TABLE, (-5), limits.FAR" in user
    assert "faults" not in user, "nobody needs the import"
    assert [user.count("\n"), user.split("\n")[9].strip()] == [SOURCES["firmware.user"].count("\n"), "raise ValueError"]
    assert known.inlined("protocol.faults").split("\n")[:2] == ["pass", "SHOWN = 7"]
    assert "{faults.SHOWN}" in known.inlined("firmware.teller")
    limits = known.inlined("firmware.limits")
    assert "FIRST" not in limits
    assert "TABLE = {1: 'two'}" in limits
    taker = known.inlined("firmware.taker").split("\n")
    assert taker[:2] == ["from firmware.limits import TABLE", "pass"]
    assert taker[5] == "    return 1, TABLE, 'two'"
    assert known.inlined("firmware.boards.one") == SOURCES["firmware.boards.one"]
    assert known.inlined("firmware.shadow") == SOURCES["firmware.shadow"], "a parameter of that name is no module"


def test_a_name_that_is_imported_as_two_things_is_left_alone() -> None:
    """Which of the two is meant is the interpreter's to say: both keep what may be asked for."""
    known = Constants(SOURCES)
    assert known.inlined("firmware.two") == SOURCES["firmware.two"]
    assert "LATE = 9" in known.inlined("protocol.kinds")
    assert "LATE = 11" in known.inlined("protocol.seldom")


def test_what_comes_over_the_cable_finds_its_names() -> None:
    """A visitor's constants stay defined, beside their values elsewhere."""
    known = Constants(SOURCES, ["from firmware import limits\nprint(limits.THIRD)\n"])
    assert "THIRD = const(_HIDDEN << 2)" in known.inlined("firmware.limits")


@pytest.mark.parametrize("device", build.DEVICES)
def test_nothing_asks_for_a_constant_that_is_gone(device: str) -> None:
    """In what is compiled for a device, every name read from a module of ours is still defined in it."""
    texts = build.inlined(build.sources())
    carried = build.modules(device)
    for name in carried:
        tree = ast.parse(texts[name])
        modules = {
            alias.asname or alias.name: f"{node.module}.{alias.name}"
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom)
            for alias in node.names
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr[0].isupper():
                module = modules.get(node.value.id)
                if module in texts and module != "protocol.errors":
                    assert node.attr in texts[module], f"{name} asks {module} for {node.attr}"
        for full in modules.values():
            module, _, wanted = full.rpartition(".")
            if module in texts and full not in texts:
                defined = "protocol.error_tree" if module == "protocol.errors" else module
                assert wanted in texts[defined], f"{name} imports {wanted} of {module}"
    assert len(carried) > 30
    assert all(Path(build.path_of(name)).is_file() for name in carried)
