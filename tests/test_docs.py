"""Documents are tested too: what is written from the code is current, links lead somewhere, commands exist."""

import re
import runpy
from collections.abc import Callable
from pathlib import Path

import pytest

from cloud import configuration as cloud_configuration
from gateway import configuration as gateway_configuration
from protocol.faults import FAULTS
from protocol.sentences import SENTENCES
from tools import reference

ROOT = Path(__file__).parent.parent
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("path", reference.pages(), ids=lambda path: path.name)
def test_reference_pages_are_what_the_code_says(path: Path) -> None:
    """Settings and faults as documented are those of the code; `python -m tools.reference` writes them anew."""
    assert path.read_text(encoding="utf-8") == reference.pages()[path]


def test_every_fault_has_a_sentence_in_both_languages() -> None:
    """What happened, what it means, what to do: in English and in French."""
    for code, name in FAULTS.items():
        assert set(SENTENCES[code]) == {"en", "fr"}, name
        for sentence in SENTENCES[code].values():
            assert sentence.endswith("."), name
            assert sentence.count(".") >= 2, name
            assert "!" not in sentence, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    """Every relative link names a file or folder of the repository."""
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        if "://" not in target and not target.startswith("mailto:"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_documents_exist(page: Path) -> None:
    """`./foyer NAME` in a document is one of the launcher's commands."""
    commands = runpy.run_path(str(ROOT / "foyer"), run_name="foyer")["COMMANDS"]
    named = set(re.findall(r"\./foyer ([a-z]+)", page.read_text(encoding="utf-8")))
    assert named <= commands.keys()


@pytest.mark.parametrize(("name", "read"), [("gateway.toml", gateway_configuration.read), ("cloud.toml", cloud_configuration.read)])
def test_configurations_in_documents_are_taken(name: str, read: Callable[[Path], object], tmp_path: Path) -> None:
    """The files that the page on operating shows, as they stand there."""
    (words,) = re.findall(rf"```toml\n(# {name}\n.*?)```", (ROOT / "docs/operating.md").read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / name).write_text(words, encoding="utf-8")
    assert read(tmp_path / name)


def test_decisions_are_numbered_without_a_gap() -> None:
    """0001 and on, each a title that repeats its number, each with context, choice and consequences."""
    decisions = sorted((ROOT / "docs/decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]}: "), path.name
        assert all(f"**{part}.**" in text for part in ("Context", "Choice", "Consequences")), path.name
