"""What is remembered of requests, and for how long."""

from hypothesis import given
from hypothesis import strategies as st

from gateway import exchanges
from gateway.exchanges import EXCHANGE_LIFETIME_S, Exchanges


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5), st.floats(0, 100), st.booleans()), max_size=80))
def test_a_request_is_new_once_in_its_lifetime_and_is_answered_alike(steps: list[tuple[int, int, float, bool]]) -> None:
    """Against a model that keeps everything with its time."""
    held, model, now_s = Exchanges(), {}, 0.0
    for sender, message_id, pause_s, is_answered in steps:
        now_s += pause_s
        model = {key: kept for key, kept in model.items() if kept[0] > now_s - EXCHANGE_LIFETIME_S}
        key = sender, message_id
        assert held.begin(sender, message_id, now_s) == (model[key][1] if key in model else None)
        model.setdefault(key, (now_s, b""))
        if is_answered:
            answer = b"%f" % now_s
            held.answered(sender, message_id, answer)
            model[key] = model[key][0], answer
        assert len(held) == len(model)


def test_memory_is_bounded_however_much_comes() -> None:
    """Beyond the limit the oldest is forgotten; an answer to it is not kept either."""
    held = Exchanges()
    for number in range(exchanges._MOST + 10):
        assert held.begin("one", number, 0.0) is None
    assert len(held) == exchanges._MOST
    held.answered("one", 0, b"late")
    assert len(held) == exchanges._MOST
    assert held.begin("one", 20, 0.0) == b""
