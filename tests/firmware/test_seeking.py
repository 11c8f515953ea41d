"""A device without a home asks where its settings say, or everybody; who answers rightly is whom it speaks to from then on."""

import ast
import socket
import threading

import pytest

from simulator.interpreter import compiled_port
from tests.on_micropython import ROOT, run


def answering(where: str) -> tuple[socket.socket, list[bytes]]:
    """Answer every datagram that comes to this address, on a free port; return the socket and what came."""
    ours, got = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), []
    ours.bind((where, 0))

    def serve() -> None:
        while True:
            try:
                data, sender = ours.recvfrom(100)
            except OSError:
                return
            got.append(data)
            ours.sendto(b"here", sender)

    threading.Thread(target=serve, daemon=True).start()
    return ours, got


@pytest.mark.parametrize(("asked", "listens"), [("127.0.0.1", "127.0.0.1"), ("127.255.255.255", "0.0.0.0")])  # noqa: S104
def test_whoever_answers_is_found(asked: str, listens: str) -> None:
    """By its own address, which settings then keep as they are; or by asking the whole (loopback) network, which they then learn."""
    ours, got = answering(listens)
    port = ours.getsockname()[1]
    source = f"from tests.firmware import seeking_bodies\nprint('\\x1e' + repr(seeking_bodies.found({asked!r}, {port})))\n"
    said = run(source, path=(ROOT, compiled_port()))
    first, second, found = ast.literal_eval(said.rpartition("\x1e")[2])
    ours.close()
    assert (first, second) == (b"here", b"here")
    assert got == [b"is anybody there"] * 2
    assert found == ({"gateway": ["127.0.0.1", port]} if asked.endswith(".255") else None)
