"""The account of charge adds up, and keeps its promise of a year."""

import json
from pathlib import Path

import pytest

from tools.bench import __main__ as bench
from tools.bench import figures, power


def test_the_scale_lasts_a_year_on_four_cells_at_four_weigh_ins_a_day() -> None:
    """By the account of its states' currents; and an HX711 kept awake would end that within weeks."""
    found = {figure.what: figure for figure in power.measure()}
    assert all(figure.holds for figure in found.values())
    assert found["they would last with an HX711 kept awake"].value < 60


def test_the_account_is_the_sum_of_its_states() -> None:
    """By hand: seconds times milliamperes."""
    assert power.State("x", 3600.0, 2.0).mAh == 2.0
    found = {figure.what: figure.value for figure in power.measure()}
    assert found["a weigh-in, all in all"] == pytest.approx(sum(state.seconds * state.mA for state in power.WEIGH_IN) / 3600)


def test_a_bench_prints_value_unit_limit_machine_and_commit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """And writes the same as JSON."""
    assert bench.main(["power", "--json", str(tmp_path / "power.json")]) == 0
    said = capsys.readouterr().out
    assert "days  (at least 365)" in said
    assert "commit" in said
    held = json.loads((tmp_path / "power.json").read_text(encoding="utf-8"))
    assert (held["bench"], bool(held["commit"]), len(held["figures"])) == ("power", True, len(power.measure()))


def test_a_limit_that_is_not_kept_is_marked() -> None:
    """Above the most, below the least."""
    assert not figures.Figure("x", 2.0, "s", 1.0).holds
    assert not figures.Figure("x", 2.0, "s", 3.0, at_most=False).holds
    assert "✗" in figures.in_words([figures.Figure("x", 2.0, "s", 1.0)])
