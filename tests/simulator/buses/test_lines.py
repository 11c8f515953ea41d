"""Pins: who drives, who listens, and what a reset does."""

from simulator.buses.lines import Lines


def test_a_reset_lets_go_of_every_driven_output() -> None:
    """Outputs that were high fall, PWM stops: a normally open valve then opens."""
    lines = Lines()
    heard: list[tuple[str, float]] = []
    lines.connect_output(7, lambda level, _at_s, _rested_s: heard.append(("valve", level)))
    lines.connect_output(8, lambda level, _at_s, _rested_s: heard.append(("never driven", level)))
    lines.connect_duty(6, lambda share, _Hz, _at_s: heard.append(("pump", share)))
    lines.drive(7, 1, 0.0, 1.0)
    lines.duty(6, 20_000, 0.5, 0.0)
    lines.release(1.0)
    assert heard == [("valve", 1), ("pump", 0.5), ("valve", 0), ("pump", 0.0)]


def test_unwired_pins_are_remembered() -> None:
    """A pin on which nothing hangs reads as pulled up, and a test can find out that it was touched."""
    lines = Lines()
    assert lines.read(33, 0.0, 0.0) == 1
    assert lines.voltage(34, 0.0) == 0.0
    lines.drive(35, 1, 0.0, 0.0)
    lines.duty(36, 1000, 0.5, 0.0)
    assert lines.unwired == {33, 34, 35, 36}
