"""The tree keeps its promises: chips answer drivers, tests mirror sources, every file opens with what it is."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MIRRORED = ("protocol", "gateway", "cloud", "tools")
FOLDERS = ("protocol", "firmware", "gateway", "cloud", "simulator", "tools")
SOURCES = sorted(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))


def chips(folder: str) -> set[str]:
    return {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}


def test_every_chip_has_its_driver_and_every_driver_its_chip() -> None:
    """simulator/chips/x.py is written from the same datasheet as firmware/drivers/x.py, independently."""
    assert chips("firmware/drivers") == chips("simulator/chips")


def test_the_driver_index_names_every_driver() -> None:
    """drivers/__init__.py tells which chip is what and which device carries it."""
    index = (ROOT / "firmware/drivers/__init__.py").read_text(encoding="utf-8").lower()
    assert [name for name in sorted(chips("firmware/drivers")) if name not in index] == []


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_file_opens_with_what_it_is(path: Path) -> None:
    """A paragraph at the top says what lives in the file."""
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text)), "no opening paragraph"


@pytest.mark.parametrize("folder", MIRRORED)
def test_every_test_file_names_a_source_or_a_folder(folder: str) -> None:
    """tests/x/test_y.py is about x/y.py, x/…/y.py, x/y/, x itself, or the one command."""
    names = {path.stem for path in (ROOT / folder).rglob("*") if path.suffix in (".py", "") or path.is_dir()} | {folder, "foyer"}
    strays = [
        str(path.relative_to(ROOT))
        for path in (ROOT / "tests" / folder).rglob("test_*.py")
        if not any(path.stem.removeprefix("test_").startswith(name) for name in names)
    ]
    assert strays == []
