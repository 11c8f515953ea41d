"""A home that moved to another address is found again, and nobody who only says to be one keeps a device from its own."""

import ast
import socket
import threading
from collections.abc import Callable

import pytest

from simulator.interpreter import compiled_port
from tests.gateway.test_mdns import QUESTION
from tests.on_micropython import ROOT, run

Address = tuple[str, int]


class End:
    """Answers each datagram that comes to a free port with what `heard` returns of it, if that is anything; `got` is what came."""

    def __init__(self, heard: Callable[[bytes], bytes | None], host: str = "127.0.0.1") -> None:
        self.got: list[bytes] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.address: Address = self._socket.getsockname()
        self._thread = threading.Thread(target=self._serve, args=(heard,), daemon=True)
        self._thread.start()

    def _serve(self, heard: Callable[[bytes], bytes | None]) -> None:
        while True:
            data, sender = self._socket.recvfrom(600)
            if data == b"over":
                self._socket.close()
                return
            self.got.append(data)
            if (answer := heard(data)) is not None:
                self._socket.sendto(answer, sender)

    def close(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.sendto(b"over", self.address)
        self._thread.join()


def service(*ports: int) -> bytes:
    """Return an answer for the name, as far as a device reads it: RFC 1035's header and RFC 2782's record of each port."""
    records = b"".join(b"\x05Foyer\xc0\x0c\0\x21\0\1\0\0\0\x78\0\x08\0\0\0\0" + port.to_bytes(2, "big") for port in ports)
    return b"\0\0\x84\0\0\0\0\1\0\0\0\0" + records


def on_device(known: Address, names: Address, count: int, again_ms: int = 100) -> tuple[list[bytes], bool, list[bytes]]:
    call = f"moved_bodies.answers({known!r}, {names!r}, {count}, {again_ms})"
    source = f"from tests.firmware import moved_bodies\nprint('\\x1e' + repr({call}))\n"
    said = ast.literal_eval(run(source, path=(ROOT, compiled_port()), timeout_s=110).rpartition("\x1e")[2])
    return said[0], said[1], said[2]


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2"], ids=["another port", "another IP address"])
def test_a_home_that_moved_is_found_by_its_name(host: str) -> None:
    """What the old address does not answer is told to whoever answers for the name, and what is said next goes there at once.

    The question is the same from every device, and its code does not stay.
    """
    gone, home = End(lambda _: None), End(lambda _: b"here", host)
    names = End(lambda _: service(home.address[1]), host)
    said, stays, questions = on_device(gone.address, names.address, 3, again_ms=1_000_000)
    for each in (gone, home, names):
        each.close()
    assert said == [b"here"] * 3
    assert not stays
    assert set(gone.got) == {b"0"}
    assert list(dict.fromkeys(home.got)) == [b"0", b"1", b"2"]
    assert home.got[-2:] == [b"1", b"2"]
    assert questions == [b"\0\0" + QUESTION[2:]]
    assert set(names.got) == set(questions)


def test_whoever_says_to_be_the_home_keeps_no_device_from_it() -> None:
    """A stranger answers every question for the name and no other: the home, whose answers get lost, is asked again each time."""
    lost = iter(range(10_000))
    home = End(lambda _: b"here" if next(lost) % 3 == 2 else None)
    stranger = End(lambda _: None)
    names = End(lambda _: service(stranger.address[1]))
    said, _, _ = on_device(home.address, names.address, 4)
    for each in (home, stranger, names):
        each.close()
    assert said == [b"here"] * 4
    assert set(stranger.got) <= {b"0", b"1", b"2", b"3"}
    assert stranger.got


def test_a_stranger_who_answers_first_does_not_hide_a_home_that_moved() -> None:
    """Who was asked and kept silent is passed over the next time, and then the home's own answer counts."""
    gone, home, stranger = End(lambda _: None), End(lambda _: b"here"), End(lambda _: None)
    turns = iter(range(10_000))
    names = End(lambda _: service(home.address[1] if next(turns) % 2 else stranger.address[1]))
    said, _, _ = on_device(gone.address, names.address, 2)
    for each in (gone, home, stranger, names):
        each.close()
    assert said == [b"here"] * 2
    assert stranger.got


def test_an_answer_for_the_name_that_makes_no_sense_changes_nothing() -> None:
    """Empty, cut short, without a port, or our own question sent back."""
    lost = iter(range(10_000))
    home = End(lambda _: b"here" if next(lost) % 5 == 4 else None)
    nonsense = [b"", b"\0", b"\0\x21\0\1", service(0), service(1)[:-1], service()]
    turns = iter(range(10_000))
    names = End(lambda _: nonsense[next(turns) % len(nonsense)])
    said, _, _ = on_device(home.address, names.address, 3)
    for each in (home, names):
        each.close()
    assert said == [b"here"] * 3
    assert names.got


def test_a_network_that_carries_no_such_question_stops_nothing() -> None:
    """The question cannot even be sent; what is said again goes where the settings say."""
    lost = iter(range(10_000))
    home = End(lambda _: b"here" if next(lost) % 3 == 2 else None)
    said, _, _ = on_device(home.address, ("256.0.0.1", 1), 2)
    home.close()
    assert said == [b"here"] * 2
