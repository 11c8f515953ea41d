"""R9: installing from a computer: a device is provisioned with no cloud reachable."""

import socket

from tests.policy.stage import Mutation, Stage, replaced
from tools import provision

whole = provision.provision


def holds(_stage: Stage) -> None:
    """Everything a device is given is made without one connection."""
    kept = socket.socket.connect
    reached = []
    socket.socket.connect = lambda _self, address: reached.append(address)  # type: ignore[method-assign,assignment]
    try:
        made = provision.provision("scale", "Bathroom scale", ("127.0.0.1", 5683), provision.NO_HOME)
    finally:
        socket.socket.connect = kept  # type: ignore[method-assign]
    assert made.files
    assert reached == []


def asks_first(*given, **more):  # type: ignore[no-untyped-def]
    with socket.socket() as asked:
        asked.connect(("192.0.2.1", 443))
    return whole(*given, **more)


MUTATIONS: dict[str, Mutation] = {"asks a server first": replaced(provision, "provision", asks_first)}
