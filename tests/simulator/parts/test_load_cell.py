"""The load cell against its formula."""

import pytest

from simulator.clock import constant
from simulator.errors import OutOfRange
from simulator.parts import load_cell
from simulator.parts.load_cell import LoadCell, Properties, STANDARD_GRAVITY_m_per_s2
from simulator.parts.plate import Plate

PLAIN = Properties(0.001, 0.2, 0.0001, 0.01, 0.0005, 300.0)


@pytest.mark.parametrize("load_N", range(0, 2001, 250))
def test_output_is_proportional_to_the_load(load_N: int) -> None:
    """Without time and warmth the output is zero plus sensitivity times load."""
    assert LoadCell(PLAIN, constant(load_N)).output_mV(0.0) == pytest.approx(0.2 + 0.001 * load_N)


def test_it_creeps_by_its_share_and_back() -> None:
    """A load that stays adds 0.05 % within minutes; taken away, the zero comes back as slowly."""
    cell = LoadCell(PLAIN, lambda at_s: 1000.0 if at_s < 3000 else 0.0)
    cell.output_mV(0.0)
    assert cell.output_mV(300.0) == pytest.approx(1.2 + 0.0005 * 0.632, abs=1e-5)
    assert cell.output_mV(2999.0) == pytest.approx(1.2 + 0.0005, abs=1e-5)
    assert cell.output_mV(3000.0) == pytest.approx(0.2 + 0.0005, abs=1e-5)
    assert cell.output_mV(6000.0) == pytest.approx(0.2, abs=1e-5)


def test_warmth_moves_zero_and_sensitivity() -> None:
    """Ten kelvins above calibration act on both."""
    cell = LoadCell(PLAIN, constant(1000.0), constant(30.0))
    assert cell.output_mV(0.0) == pytest.approx(0.2 + 0.1 + 1.0 * 1.001)


def test_cells_differ_but_stay_within_what_is_sold() -> None:
    """Sensitivities scatter by about half a percent around 1 mV/V at 200 kg."""
    found = [load_cell.properties(seed).sensitivity_mV_per_N * 200 * STANDARD_GRAVITY_m_per_s2 / 5 for seed in range(200)]
    assert 0.97 < min(found) < 0.995 < 1.005 < max(found) < 1.03


def test_a_torn_wire_drives_the_output_to_the_supply() -> None:
    """The converter then saturates."""
    cell = LoadCell(PLAIN, constant(0.0))
    cell.break_wire()
    assert cell.output_mV(0.0) > 1000
    cell.mend_wire()
    assert cell.output_mV(0.0) == pytest.approx(0.2)


def test_a_load_that_would_bend_it_is_refused() -> None:
    """The world face has a declared range."""
    with pytest.raises(OutOfRange):
        LoadCell(PLAIN, constant(9000.0)).output_mV(0.0)


def test_the_plate_adds_up() -> None:
    """A person and a thing weigh together."""
    plate = Plate()
    plate.carry(constant(600.0))
    plate.lay(10.0)
    assert plate.load_N(0.0) == pytest.approx(698.0665)
    plate.clear()
    assert plate.load_N(0.0) == pytest.approx(98.0665)
