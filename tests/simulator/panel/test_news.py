"""Whoever waits for news is told once there are some, and never waits for ever."""

import asyncio

from simulator.panel import Notifier


def test_everybody_who_waits_is_told() -> None:
    """One telling wakes all; who comes later with the old count does not wait."""

    async def scenario() -> None:
        news = Notifier()
        waiting = [asyncio.create_task(news.wait(0, 10.0)) for _ in range(3)]
        await asyncio.sleep(0)
        news.tell()
        assert await asyncio.gather(*waiting) == [1, 1, 1]
        assert await news.wait(0, 10.0) == 1

    asyncio.run(scenario())


def test_waiting_ends() -> None:
    """By its time, and when the news are closed."""

    async def scenario() -> None:
        news = Notifier()
        assert await news.wait(0, 0.01) == 0
        waiting = asyncio.create_task(news.wait(0, 10.0))
        await asyncio.sleep(0)
        news.close()
        assert await waiting == 1
        assert await news.wait(1, 10.0) == 1

    asyncio.run(scenario())
