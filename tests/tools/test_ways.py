"""Ways: stops of device and gateway joined into one reading's way."""

from hypothesis import given
from hypothesis import strategies as st

from tools.ways import STOPS, Key, Ways

DEVICE = [(stop, {"stop": stop, "kind": 0, "sequence": 7, "up_ms": 1}) for stop in ("measured", "signed", "kept", "sent", "receipted")]
GATEWAY = [
    {"event": "reading.committed", "kid": "aa", "sequence": 7, "row": "d1", "t": 5.0},
    {"event": "reading.assigned", "kid": "aa", "sequence": 7, "row": "d1", "t": 6.0},
    {"event": "reading.sealed", "kid": "aa", "sequence": 7, "row": "d1", "row_id": "r1", "t": 7.0},
    {"event": "reading.published", "row_id": "r1", "t": 8.0},
    {"event": "reading.in_cloud", "kid": "aa", "sequence": 7, "row_id": "r1", "committed_ms": 9000, "t": 9.5},
]


def told(order: list[int]) -> Ways:
    """Tell the ten stops in an order; even numbers are the device's, odd ones the gateway's."""
    ways = Ways()
    ways.know("aa", "scale")
    for number in order:
        if number % 2 == 0:
            ways.device_says("scale", DEVICE[number // 2][1], float(number // 2))
        else:
            ways.gateway_says(GATEWAY[number // 2])
    return ways


def test_a_reading_has_one_way_through_device_and_gateway() -> None:
    """All ten stops, in the order of the way, with their times; in the cloud at the cloud's own time."""
    way = told([0, 2, 4, 6, 1, 8, 3, 5, 7, 9]).ways[Key("scale", 7)]
    assert sorted(way.stops, key=STOPS.index) == [stop for stop in STOPS if stop != "shown"]
    assert way.stops["in_cloud"] == 9.0
    assert (way.kind, way.last, way.times_sent) == (0, "in_cloud", 1)


@given(st.permutations(range(10)))
def test_the_order_of_news_does_not_matter(order: list[int]) -> None:
    """Two logs may be heard in any order; only a batch's row cannot be known before the row was sealed."""
    ways = told(order)
    assert list(ways.ways) == [Key("scale", 7)]
    missing = {"published"} if order.index(7) < order.index(5) and order.index(7) < order.index(9) else set()
    assert set(STOPS) - {"shown"} - set(ways.ways[Key("scale", 7)].stops) == missing


def test_a_stranger_and_noise_make_no_way() -> None:
    """Events of unknown keys, other events and broken lines are passed over."""
    ways = Ways()
    for facts in ({"event": "reading.committed", "kid": "zz", "sequence": 1, "t": 1.0}, {"event": "gateway.ready"}, {}):
        assert ways.gateway_says(facts) is None
    for facts in ({"stop": "flown", "sequence": 1, "kind": 0}, {"stop": "kept", "sequence": "1", "kind": 0}, {}):
        assert ways.device_says("scale", facts, 1.0) is None
    assert ways.ways == {}
