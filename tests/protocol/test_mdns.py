"""Answers as zeroconf writes them, and hostile ones, under both Pythons."""

import random
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st
from zeroconf import DNSAddress, DNSIncoming, DNSOutgoing, DNSPointer, DNSService, DNSText, const

from protocol import mdns
from tests.on_micropython import BATCH_KiB, both_pythons, there
from tests.protocol import mdns_bodies

SERVICE, NAME, HOST = "_foyer._udp.local.", "Foyer._foyer._udp.local.", "foyer.local."


def answer(port: int, addresses: list[str], *, others: bool = True) -> bytes:
    """An answer to a device's bare question, as the gateway's own library writes it."""
    made = DNSOutgoing(const._FLAGS_QR_RESPONSE | const._FLAGS_AA, multicast=False, id_=0x1234)
    asked = DNSIncoming(mdns.QUESTION)
    assert asked.valid
    for question in asked.questions:
        made.add_question(question)
    made.add_answer_at_time(DNSPointer(SERVICE, const._TYPE_PTR, const._CLASS_IN, 10, NAME), 0)
    if others:
        made.add_additional_answer(DNSText(NAME, const._TYPE_TXT, const._CLASS_IN, 10, b"\x03v=1"))
    made.add_additional_answer(DNSService(NAME, const._TYPE_SRV, const._CLASS_IN, 10, 0, 0, port, HOST))
    if others:
        address = socket.inet_pton(socket.AF_INET6, "fe80::1")
        made.add_additional_answer(DNSAddress(HOST, const._TYPE_AAAA, const._CLASS_IN, 10, address))
    for each in addresses:
        made.add_additional_answer(DNSAddress(HOST, const._TYPE_A, const._CLASS_IN, 10, socket.inet_aton(each)))
    (packet,) = made.packets()
    return bytes(packet)


@both_pythons
@pytest.mark.parametrize("others", [True, False])
def test_a_gateways_answer_leads_to_it(call, others) -> None:  # type: ignore[no-untyped-def]
    """Port and addresses, whatever else stands in the answer, in their order, at most four."""
    assert call(mdns_bodies.homes, answer(5683, ["192.168.1.20"], others=others)) == [["192.168.1.20", 5683]]
    two = ["192.168.1.20", "10.0.0.255"]
    assert call(mdns_bodies.homes, answer(49152, two, others=others)) == [[address, 49152] for address in two]
    many = [f"10.0.0.{number}" for number in range(9)]
    assert len(call(mdns_bodies.homes, answer(1, many, others=others))) == mdns.MOST_HOMES


@both_pythons
def test_what_is_no_answer_names_nobody(call) -> None:  # type: ignore[no-untyped-def]
    """A question, nothing, a bit of something, an answer without a port or without an address."""
    whole = answer(5683, ["192.168.1.20"])
    for data in (b"", b"\0" * 11, mdns.QUESTION, whole[:12], whole[:60], answer(0, ["192.168.1.20"]), answer(5683, [])):
        assert call(mdns_bodies.homes, data) == []


def _is_harmless(found: object) -> bool:
    return (
        isinstance(found, list)
        and len(found) <= mdns.MOST_HOMES
        and all(0 < port < 65536 and [0 <= int(part) < 256 for part in address.split(".")] == [True] * 4 for address, port in found)
    )


@given(st.binary(max_size=300), st.integers(0, 400))
def test_hostile_bytes_end_in_nothing_worse_than_a_wrong_address(data: bytes, cut: int) -> None:
    """Any bytes, and any answer cut short and gone on otherwise: a few addresses at most, and no error."""
    assert _is_harmless(mdns.homes(data))
    assert _is_harmless(mdns.homes(answer(5683, ["192.168.1.20"])[:cut] + data))


def test_hostile_bytes_end_alike_in_micropython() -> None:
    """Five hundred answers, each with some bytes changed: both Pythons read the same out of them."""
    chance = random.Random(5)
    answers = []
    for _ in range(500):
        bent = bytearray(answer(5683, ["192.168.1.20", "10.0.0.7"]))
        for _ in range(chance.randint(1, 6)):
            bent[chance.randrange(len(bent))] = chance.choice([0, 1, 4, 33, 63, 64, 192, 255, chance.randrange(256)])
        answers.append(bytes(bent))
    read = mdns_bodies.all_homes(answers)
    assert all(map(_is_harmless, read))
    assert there(mdns_bodies.all_homes, answers, heap_KiB=BATCH_KiB) == read
