"""A room's air over hours, in no time."""

import pytest

from simulator.errors import OutOfRange
from simulator.parts.room import Room, saturated_g_per_m3


def test_a_room_left_alone_stays_as_it_was_set() -> None:
    """Walls and air in balance: after ten hours it is still 19.5 degrees and 48 %."""
    room = Room(0.0, 19.5, 48.0)
    assert room.air_Cel(36_000.0) == pytest.approx(19.5, abs=0.2)
    assert room.air_percent(36_000.0) == pytest.approx(48.0, abs=1.0)


def test_an_open_window_cools_the_air_within_minutes_and_the_walls_bring_it_back() -> None:
    """After ten minutes of winter air it is some degrees colder, half an hour after closing most of it is back."""
    room = Room(0.0, 20.0, 50.0, outside_Cel=5.0)
    room.open_window(0.0)
    cold_Cel = room.air_Cel(600.0)
    assert 9 < cold_Cel < 16
    room.close_window(600.0)
    assert room.air_Cel(2400.0) > cold_Cel + 3


def test_heating_warms_and_dries() -> None:
    """The heater raises the temperature by degrees, and with no water added the relative humidity falls."""
    room = Room(0.0, 18.0, 50.0)
    room.heat(1.0, 0.0)
    assert 20 < room.air_Cel(1800.0) < 30
    assert room.air_percent(1800.0) < 46


def test_setting_a_room_is_at_once() -> None:
    """What was set is what is there."""
    room = Room(0.0)
    room.set(24.5, 61.0, 10.0)
    assert room.air_Cel(10.0) == 24.5
    assert room.air_percent(10.0) == pytest.approx(61.0)


@pytest.mark.parametrize(("Cel", "percent"), [(-30.0, 50.0), (60.0, 50.0), (20.0, 0.0), (20.0, 120.0)])
def test_a_room_nobody_could_live_in_is_refused(Cel: float, percent: float) -> None:
    """The world face has a declared range."""
    with pytest.raises(OutOfRange):
        Room(0.0).set(Cel, percent, 0.0)


def test_warm_air_holds_the_water_that_tables_say() -> None:
    """17.3 g/m3 at 20 degrees, 4.85 at 0."""
    assert saturated_g_per_m3(20.0) == pytest.approx(17.3, abs=0.1)
    assert saturated_g_per_m3(0.0) == pytest.approx(4.85, abs=0.05)
