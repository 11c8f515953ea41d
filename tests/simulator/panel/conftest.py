"""What the panel's tests share: a lived-in house, whose devices run no firmware."""

from pathlib import Path

import pytest

import simulator.house
from tests.simulator.panel.household import LivedIn, QuietDevice


@pytest.fixture
def lived_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LivedIn:
    """A house that nobody has moved into yet."""
    monkeypatch.setattr(simulator.house, "Device", QuietDevice)
    return LivedIn(tmp_path / "house")
