"""A push button."""

from simulator.parts.button import Button


def test_a_press_reads_low_while_it_lasts() -> None:
    """High before, low during, high after; two presses are two."""
    button = Button()
    button.press(1.0, 0.3)
    button.press(2.0, 0.3)
    assert [button.level(at_s, 0.0) for at_s in (0.9, 1.0, 1.29, 1.31, 2.1, 2.4)] == [1, 0, 0, 1, 0, 1]
