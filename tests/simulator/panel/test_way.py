"""Where a reading is and what it waits for, whatever stops it passed and whatever is cut around it."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.panel import way
from simulator.panel.way import BROKER, CLOUD, DEVICE, HOME, STOPS, Around

NOW_s = 1_000_000.0
PLACES = (DEVICE, HOME, BROKER, CLOUD)
AROUNDS = [Around(*each) for each in product((True, False), repeat=4)]


def said(last: str, ago_s: float = 60.0) -> dict[str, object]:
    passed = STOPS[: STOPS.index(last) + 1]
    return {"device": "scale", "kind": 0, "sequence": 7, "stops": dict.fromkeys(passed, NOW_s - ago_s)}


@pytest.mark.parametrize("around", AROUNDS)
def test_a_reading_never_goes_back(around: Around) -> None:
    """With every stop it is at the same place or further on."""
    places = [way.follow(said(last), around, NOW_s) for last in STOPS]
    order = [PLACES.index(reading.place) for reading in places if reading is not None]
    assert order == sorted(order)
    assert (order[0], order[-1]) == (0, 3)


@pytest.mark.parametrize(
    ("last", "around", "reason"),
    [
        ("kept", Around(powered=False), "waits_power"),
        ("kept", Around(powered=False, wifi=False, gateway=False), "waits_power"),
        ("sent", Around(wifi=False), "waits_wifi"),
        ("sent", Around(gateway=False), "waits_gateway"),
        ("sent", Around(broker=False), "waits_again"),
        ("committed", Around(gateway=False), "waits_gateway_home"),
        ("receipted", Around(), "waits_owner"),
        ("assigned", Around(), "waits_account"),
        ("sealed", Around(broker=False), "waits_broker"),
        ("published", Around(broker=False), "waits_broker"),
        ("published", Around(), "waits_again_home"),
        ("in_cloud", Around(False, False, False, False), ""),
    ],
)
def test_what_stands_in_the_way_is_named(last: str, around: Around, reason: str) -> None:
    """The nearest obstacle is the reason."""
    reading = way.follow(said(last), around, NOW_s)
    assert reading is not None
    assert reading.reason == reason


@given(st.sampled_from(STOPS), st.floats(0, way.PATIENCE_s * 0.99))
def test_what_moves_does_not_wait(last: str, ago_s: float) -> None:
    """With everything on, a reading that passed a stop just now is on its way."""
    reading = way.follow(said(last, ago_s), Around(), NOW_s)
    assert reading is not None
    assert reading.reason == ""


def test_a_published_reading_is_at_home_while_the_broker_is_off() -> None:
    """The broker may have lost it; the home has it still."""
    for around, place in ((Around(), BROKER), (Around(broker=False), HOME), (Around(gateway=False), HOME)):
        reading = way.follow(said("published"), around, NOW_s)
        assert reading is not None
        assert reading.place == place


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "device": st.text() | st.none(),
            "kind": st.integers() | st.none(),
            "sequence": st.integers() | st.none(),
            "stops": st.dictionaries(st.sampled_from((*STOPS, "shown", "lost")), st.floats(0, 2e9)) | st.none(),
        },
    )
)
def test_half_said_readings_do_no_harm(half: dict[str, object]) -> None:
    """Whatever is missing, there is a reading with a place, or none."""
    reading = way.follow(half, Around(), NOW_s)
    assert reading is None or reading.place in PLACES


def test_the_time_it_took_is_from_the_device_to_the_cloud() -> None:
    """Clocks of two programs may differ a little; it never took less than nothing."""
    half = {"device": "scale", "kind": 0, "sequence": 1, "stops": {"measured": 10.0, "in_cloud": 10.75}}
    reading = way.follow(half, Around(), 11.0)
    assert reading is not None
    assert reading.took_s == pytest.approx(0.75)
