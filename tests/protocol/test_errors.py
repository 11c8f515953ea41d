"""The tree of refusals: what errors.py makes on demand is what errors.pyi tells people and type checkers, under both Pythons."""

import ast

import pytest

from protocol import error_tree, errors
from tests.on_micropython import ROOT, BATCH_KiB, there
from tests.protocol import error_bodies as bodies


def written() -> dict[str, tuple[str, list[str], str]]:
    """Return each class of errors.pyi with its parent, its own facts and what it says."""
    found = {}
    for node in ast.parse((ROOT / "protocol/errors.pyi").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and node.name != "ProtocolError":
            facts = [line.target.id for line in node.body if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)]
            assert isinstance(node.bases[0], ast.Name)
            found[node.name] = (node.bases[0].id, facts, ast.get_docstring(node) or "")
    return found


NAMES = list(written())


def test_the_tree_is_the_one_that_is_written_down() -> None:
    """The same names in both, each with the same parent and facts, and a docstring of one sentence or more."""
    rows = written()
    assert sorted(rows) == sorted(line.split()[0] for line in error_tree.TREE.splitlines())
    for name, (parent, facts, says) in rows.items():
        kind = getattr(errors, name)
        assert kind.__bases__ == (getattr(errors, parent),)
        assert list(kind.__dict__.get("FACTS", ())) == facts
        assert says.endswith(".")


def test_a_type_is_made_once_and_keeps_its_parents() -> None:
    """Asked twice it is the same type; an instance carries its facts; every type is caught as ProtocolError: the same in both Pythons."""
    found = bodies.error_families(NAMES)
    assert ["CutShort", ["NotCBOR", "ProtocolError"], ["at", "got"]] in found
    assert there(bodies.error_families, NAMES, heap_KiB=BATCH_KiB) == found


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A typing slip does not become a type."""
    with pytest.raises(AttributeError):
        _ = errors.CutShor  # type: ignore[attr-defined]
