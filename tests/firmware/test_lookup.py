"""A gateway's address changed: its devices ask the network where it is, and go on there once it has proved to be their home."""

import ast
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from protocol import mdns
from simulator.interpreter import compiled_port
from tests.on_micropython import ROOT, run
from tests.protocol.test_mdns import answer


@contextmanager
def somebody(said: bytes | None, got: list[bytes]) -> Iterator[int]:
    """Somebody on a port of this machine who answers every datagram alike, or not at all."""
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    ours.bind(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                data, sender = ours.recvfrom(500)
            except OSError:
                return
            got.append(data)
            if said is not None:
                ours.sendto(said, sender)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield ours.getsockname()[1]
    finally:
        ours.close()


def asked(home: int, directory: int, times: int, patience_ms: int) -> tuple[list[bytes | None], list[object], object]:
    call = f"lookup_bodies.asked(['127.0.0.1', {home}], ('127.0.0.1', {directory}), {times}, {patience_ms})"
    source = f"from tests.firmware import lookup_bodies\nprint('\\x1e' + repr({call}))\n"
    first, told, now = ast.literal_eval(run(source, path=(ROOT, compiled_port()), timeout_s=120).rpartition("\x1e")[2])
    return first, told, now


@pytest.mark.parametrize("where", ["elsewhere", "nowhere", "a liar's", "here"])
def test_a_silent_home_is_looked_for(where: str) -> None:
    """Found elsewhere it is remembered there, once; without an answer, with a liar's, or still here, everything stays as it was."""
    at_old: list[bytes] = []
    at_new: list[bytes] = []
    questions: list[bytes] = []
    with ExitStack() as stack:
        old = stack.enter_context(somebody(None, at_old))
        new = stack.enter_context(somebody(b"receipt" if where == "elsewhere" else b"nonsense", at_new))
        leads = {"elsewhere": new, "nowhere": None, "a liar's": new, "here": old}[where]
        directory = stack.enter_context(somebody(None if leads is None else answer(leads, ["127.0.0.1"]), questions))
        # whoever is found is waited for as long as it takes; who is not is given up after six seconds of ours
        said, told, now = asked(old, directory, *((2, 900_000) if where == "elsewhere" else (1, 60_000)))
    assert set(questions) == {mdns.QUESTION}
    if where == "elsewhere":
        assert (said, told, now) == ([b"receipt"] * 2, ["127.0.0.1", new], ["127.0.0.1", new])
        assert len(questions) == 1, "looked for once"
    else:
        assert (said, told, now) == ([None], ["127.0.0.1", old], ["127.0.0.1", old])
        assert bool(at_new) == (where == "a liar's")
    assert at_old
