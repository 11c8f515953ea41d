"""Downloads in blocks (RFC 7959): whole, bounded, of one representation, to be continued; against aiocoap over good air and bad."""

import asyncio
import hashlib
import random
from pathlib import Path

import aiocoap
import pytest
from aiocoap import resource
from hypothesis import given
from hypothesis import strategies as st

from protocol import blocks, coap, exchange
from tests.gateway.test_attendance import Air
from tests.on_micropython import both_pythons
from tests.protocol import block_bodies as bodies
from tests.protocol import test_link

QUICK = exchange.Timing(60, 6, 2000)
CONTENT = random.Random(7).randbytes(10_000)


@given(st.binary(max_size=700), st.integers(0, 6), st.integers(0, 6), st.none() | st.integers(1, 12))
def test_what_was_written_is_what_the_home_has(content: bytes, exponent: int, offered: int, cut_at: int | None) -> None:
    """Whatever the sizes of blocks on both ends, and wherever the power goes: the same bytes, and no more questions than blocks."""
    state, written, asked = bodies.fetched(content, 1000, exponent, offered, cut_at)
    assert (state, written) == (blocks.WHOLE, content)
    size = 16 << min(exponent, offered)
    most = max(1, -(-len(content) // size))
    assert asked <= most + (0 if cut_at is None else (16 << exponent) // size)


@both_pythons
def test_a_download_cut_short_goes_on_at_its_block(call) -> None:
    """Four blocks before the cut and four after it."""
    assert call(bodies.fetched, CONTENT[:500], 500, 2, 2, 4) == [blocks.WHOLE, CONTENT[:500], 8]


@both_pythons
def test_every_block_that_is_not_the_one_due_is_refused_and_changes_nothing(call) -> None:
    """Another number, size, form or length, beyond the most, or nothing to tell representations apart: BadBlock."""
    assert call(bodies.refusals) == {name: [blocks.ASKING, 0] for name in bodies.WRONG}


@both_pythons
def test_another_representation_ends_a_download_and_so_does_a_refusal(call) -> None:
    """Another ETag or none: CHANGED; 4.04 and 5.03: REFUSED; a place needs whole blocks and an ETag."""
    assert call(bodies.ends) == [
        [blocks.CHANGED, 64],
        [blocks.CHANGED, 64],
        [blocks.REFUSED, 64],
        [blocks.REFUSED, 64],
        [blocks.WHOLE, 67],
        [b"whole", blocks.WHOLE],
        *["NotEncodable"] * 3,
    ]


class Release(resource.Resource):
    """A representation of ten blocks, with an ETag, as aiocoap cuts it."""

    def __init__(self) -> None:
        super().__init__()
        self.content = CONTENT
        self.asked = 0

    async def render_get(self, _: aiocoap.Message) -> aiocoap.Message:
        self.asked += 1
        return aiocoap.Message(code=aiocoap.CONTENT, payload=self.content, etag=hashlib.sha256(self.content).digest()[:4])


class Cut(Release):
    """Cuts its blocks itself: aiocoap's own cutting asks for block 0 first after a restart, and forgets no representation for a while."""

    etag = b"new"

    async def needs_blockwise_assembly(self, _: aiocoap.Message) -> bool:
        return False

    async def render_get(self, request: aiocoap.Message) -> aiocoap.Message:
        at, size = request.opt.block2.start, request.opt.block2.size
        answer = aiocoap.Message(code=aiocoap.CONTENT, payload=self.content[at : at + size], etag=self.etag)
        answer.opt.block2 = (request.opt.block2.block_number, at + size < len(self.content), request.opt.block2.size_exponent)
        return answer


async def fetch(between: Air, download: blocks.Download, written: bytearray, stop_at: int = 1 << 30) -> None:
    while not download.over and len(written) < stop_at:
        between.way.get(b"r", download.options(), between.now_ms)
        await between.over()
        if between.way.answer is not None:
            written.extend(download.feed(between.way.answer))


@pytest.mark.parametrize(("seed", "bad"), [(1, 0.0), (2, 0.3), (3, 0.4)])
def test_aiocoap_gives_a_download_over_bad_air(tmp_path: Path, seed: int, bad: float) -> None:
    """Lost, doubled, late and overtaken datagrams: the same ten thousand bytes across a cut; and after a restart with others, CHANGED."""

    async def play() -> None:
        release, port = Release(), test_link.free_port()
        test_link.prepare(tmp_path / "context")
        counter = test_link.Counter()
        async with test_link.serving(tmp_path / "context", port, release, release):  # type: ignore[arg-type]
            loop = asyncio.get_running_loop()
            between = Air(test_link.new_link(counter, QUICK), port, seed, bad)
            transport, _ = await loop.create_datagram_endpoint(lambda: between, remote_addr=("127.0.0.1", port))
            download, written = blocks.Download(10_000, 5), bytearray()
            await fetch(between, download, written, 4000)
            again = blocks.Download(10_000, 5, len(written), download.etag)  # all that was written down
            await fetch(between, again, written)
            assert (again.state, bytes(written)) == (blocks.WHOLE, CONTENT)
        newer = Cut()
        newer.content = CONTENT[:-1] + b"!"
        async with test_link.serving(tmp_path / "context", port, newer, newer):  # type: ignore[arg-type]
            third = blocks.Download(10_000, 5, 512, download.etag)
            await fetch(between, third, bytearray())
            assert third.state == blocks.CHANGED
            begun = blocks.Download(10_000, 5, 512, third.etag)
            newer.etag = download.etag or b""
            await fetch(between, begun, written := bytearray(CONTENT[:512]))
            assert (begun.state, bytes(written)) == (blocks.WHOLE, newer.content)
            assert between.way.forged == 0
            transport.close()

    asyncio.run(play())


def test_more_than_the_most_is_refused_by_its_first_block(tmp_path: Path) -> None:
    """A home that would fill the flash is asked one question."""

    async def play() -> None:
        release, port = Release(), test_link.free_port()
        test_link.prepare(tmp_path / "context")
        async with test_link.serving(tmp_path / "context", port, release, release):  # type: ignore[arg-type]
            between = Air(test_link.new_link(test_link.Counter(), QUICK), port, 1, 0.0)
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: between, remote_addr=("127.0.0.1", port))
            with pytest.raises(bodies.errors.BadBlock):
                await fetch(between, blocks.Download(512, 5), bytearray())
            assert coap.option(between.way.answer.options, coap.BLOCK2) is not None  # type: ignore[union-attr]
            transport.close()

    asyncio.run(play())
