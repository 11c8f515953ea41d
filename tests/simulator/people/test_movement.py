"""An arm that does not keep still."""

from simulator.people.movement import restless


def test_bursts_come_as_often_and_as_strong_as_they_are_said_to() -> None:
    """0.3 to 2 s, 2 to 20 mmHg, one in ten seconds on average; the same seed moves alike."""
    bursts = restless(3, 100.0, 5100.0, 10.0)
    assert 380 < len(bursts) < 560
    assert all(0.3 <= burst.seconds <= 2 and 2 <= burst.mmHg <= 20 and 100 < burst.from_s < 5100 for burst in bursts)
    assert bursts == restless(3, 100.0, 5100.0, 10.0)
    assert bursts != restless(4, 100.0, 5100.0, 10.0)
