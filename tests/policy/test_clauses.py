"""Every clause R1 to R45 of the privacy rules holds, and for each there is a change of the product under which its test fails."""

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cloud import consents, credentials
from cloud.site.pages.public import paragraphs
from tests.policy.stage import Stage

NUMBERS = range(1, 46)
CLAUSES: dict[str, Any] = {f"R{number}": importlib.import_module(f"tests.policy.R{number:02}") for number in NUMBERS}
TESTABLE = {name: module for name, module in CLAUSES.items() if not hasattr(module, "UNTESTABLE")}
MUTATIONS = [(name, said) for name, module in TESTABLE.items() for said in module.MUTATIONS]


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(credentials.PROFILES, credentials.CURRENT, credentials.Profile(64, 1, 1))


@pytest.fixture
def stage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Stage]:
    made = Stage(tmp_path, lambda: capsys.readouterr().out)
    yield made
    made.close()


@pytest.mark.parametrize("clause", TESTABLE)
def test_the_clause_holds(stage: Stage, clause: str) -> None:
    """What the product does is what the clause promises."""
    TESTABLE[clause].holds(stage)


@pytest.mark.parametrize(("clause", "mutation"), MUTATIONS)
def test_a_product_that_breaks_the_clause_is_caught(stage: Stage, clause: str, mutation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the product changed, the clause's own test fails."""
    module = TESTABLE[clause]
    module.MUTATIONS[mutation](monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        module.holds(stage)


@pytest.mark.parametrize("clause", CLAUSES)
def test_every_clause_has_its_mutation_or_says_why_not(clause: str) -> None:
    """No clause without one; each module opens with its number."""
    module = CLAUSES[clause]
    assert module.__doc__.startswith(f"{clause}: ")
    if clause in TESTABLE:
        assert module.MUTATIONS
    else:
        assert module.UNTESTABLE.endswith(".")


@pytest.mark.parametrize("language", ["en", "fr"])
def test_the_page_of_rules_says_every_clause(language: str) -> None:
    """R1 to R45, in order, each with words of its own."""
    parts = paragraphs(consents.text(consents.RULES, language))
    assert [words.partition(" ")[0] for is_heading, words in parts if is_heading] == list(CLAUSES)
    assert all(not is_heading for is_heading, _ in parts[1::2])
