"""What a home tells the account store of updates: one word for each release, again over each connection, and in the log once."""

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway import updates
from gateway.edges import outcomes as edge
from gateway.edges.buffer import Buffer
from gateway.edges.outcomes import Outcomes
from gateway.updates import Stand
from protocol import faults, outcomes
from protocol import updates as words
from protocol.outcomes import Outcome

pytestmark = pytest.mark.anyio
DAY_MS = 86_400_000
KINDS = {b"kid1": "scale", b"kid2": "scale", b"kid3": "cuff"}
STATES = [updates.ASKED, updates.OFFERED, words.FETCHING, words.READY, words.TRYING, words.KEPT, words.GIVEN_BACK, words.REFUSED]


def stand(kid: bytes, state: int, fault: int | None = None, sequence: int = 6, changed_ms: int = 0) -> Stand:
    return Stand(kid, sequence, "0.0.6", state, None, fault, False, 0, changed_ms)


@pytest.mark.parametrize(
    ("stands", "told"),
    [
        ([stand(b"kid1", words.KEPT)], [0]),
        ([stand(b"kid1", words.KEPT), stand(b"kid2", words.GIVEN_BACK, faults.UPDATE_UNHEARD)], [faults.UPDATE_UNHEARD]),
        ([stand(b"kid1", words.GIVEN_BACK)], [faults.UPDATE_UNPROVED]),
        ([stand(b"kid1", words.REFUSED, faults.UPDATE_BROKEN)], [faults.UPDATE_BROKEN]),
        ([stand(b"kid1", words.REFUSED, faults.MEMORY_SHORT)], [faults.MEMORY_SHORT]),
        ([stand(b"kid1", words.REFUSED, faults.UPDATE_BATTERY)], []),
        ([stand(b"kid1", words.REFUSED, faults.UPDATE_NO_ROOM)], []),
        ([stand(b"kid1", words.REFUSED, faults.UPDATE_DAMAGED)], []),
        ([stand(b"kid1", words.REFUSED, faults.UPDATE_WITHDRAWN)], []),
        ([stand(b"kid1", words.FETCHING), stand(b"kid2", words.TRYING), stand(b"kid3", updates.OFFERED)], []),
        ([stand(b"gone", words.GIVEN_BACK, 1)], []),
        ([stand(b"kid1", words.GIVEN_BACK, 1, changed_ms=-31 * DAY_MS)], []),
    ],
)
def test_only_what_speaks_for_or_against_a_release_is_told(stands: list[Stand], told: list[int]) -> None:
    """An empty battery, a full flash or a bad radio says nothing of it; one device that failed outweighs the others."""
    assert [each.fault for each in updates.outcomes(stands, KINDS, 0)] == told


@given(
    st.lists(
        st.builds(stand, st.sampled_from(sorted(KINDS)), st.sampled_from(STATES), st.none() | st.integers(1, 200), st.integers(1, 4)),
        max_size=12,
        unique_by=lambda each: (each.kid, each.sequence),
    ),
    st.randoms(),
)
def test_whatever_the_order_a_release_has_one_word_and_no_device_is_in_it(stands: list[Stand], random: Any) -> None:
    """Kind and number once, a fault only where a device had it, the newest first, and never more than eight."""
    told = updates.outcomes(stands, KINDS, 0)
    shuffled = list(stands)
    random.shuffle(shuffled)
    assert updates.outcomes(shuffled, KINDS, 0) == told
    assert len({(each.kind, each.sequence) for each in told}) == len(told) <= 8
    assert [each.sequence for each in told] == sorted((each.sequence for each in told), reverse=True)
    for each in told:
        own = [one for one in stands if (KINDS[one.kid], one.sequence) == (each.kind, each.sequence)]
        gave_back = any(one.state == words.GIVEN_BACK for one in own)
        assert each.fault != 0 or not gave_back
        assert each.fault == 0 or any(one.fault == each.fault or one.state == words.GIVEN_BACK for one in own)


class Home:
    """A home's telling, with what left over the broker."""

    def __init__(self, buffer: Buffer) -> None:
        self.buffer = buffer
        self.known: list[Outcome] = []
        self.left: list[Outcome | None] = []
        self.outside: Any = SimpleNamespace(connected=True, publish=self._publish)
        self.outcomes = Outcomes(buffer, self.outside, lambda: self.known, structlog.get_logger())

    def _publish(self, branch: str, payload: bytes) -> None:
        assert branch == "link"
        self.left.append(outcomes.decode(payload))

    async def tell(self) -> list[Outcome | None]:
        """Return what left now."""
        self.left.clear()
        await self.outcomes.tell()
        return list(self.left)

    def logged(self) -> int:
        return sum(
            row["whom"] == "update_told"
            for row in self.buffer.read(lambda connection: connection.execute("SELECT whom FROM exchanges").fetchall())
        )


@pytest.fixture
async def home(tmp_path: Path) -> AsyncIterator[Home]:
    buffer = await Buffer.open(tmp_path / "home.db", 64)
    yield Home(buffer)
    await buffer.close()


async def test_it_is_told_once_over_a_connection_and_again_over_the_next(home: Home) -> None:
    """Nobody knows what arrived, and it counts once however often it is said; the log of exchanges has it once."""
    home.outside.connected = False
    home.known = [Outcome("scale", 6, 0)]
    assert await home.tell() == []
    home.outside.connected = True
    assert await home.tell() == [Outcome("scale", 6, 0)]
    assert await home.tell() == []
    home.outcomes.connection_changed()
    assert await home.tell() == [Outcome("scale", 6, 0)]
    assert home.logged() == 1
    home.known = [Outcome("scale", 6, 1), Outcome("cuff", 6, 0)]
    assert await home.tell() == home.known
    assert home.logged() == 3


async def test_it_is_told_again_after_six_hours(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that was restored from a backup, or a message that was lost with a broker's disk, is made up for."""
    now_ms = 1_790_000_000_000
    monkeypatch.setattr(edge, "utc_ms", lambda: now_ms)
    home.known = [Outcome("scale", 6, 1)]
    assert len(await home.tell()) == 1
    now_ms += 6 * 3_600_000 - 1
    assert await home.tell() == []
    now_ms += 1
    assert len(await home.tell()) == 1
    assert home.logged() == 1
