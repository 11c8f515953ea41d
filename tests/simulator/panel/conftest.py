"""What the panel's tests share: a lived-in house, whose devices run no firmware."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.simulator.panel.household import RECORDINGS, LivedIn

Settle = Callable[..., LivedIn]


@pytest.fixture
def settle(tmp_path: Path) -> Iterator[Settle]:
    """Return a function that makes a house that nobody has moved into yet; it is left at the end."""
    made: list[LivedIn] = []

    def make(recordings: Path = RECORDINGS) -> LivedIn:
        made.append(LivedIn(tmp_path / f"house{len(made)}", recordings))
        return made[-1]

    yield make
    for lived_in in made:
        lived_in.leave()


@pytest.fixture
def lived_in(settle: Settle) -> LivedIn:
    """A house that nobody has moved into yet."""
    return settle()
