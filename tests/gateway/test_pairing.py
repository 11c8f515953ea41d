"""The home's side of a pairing, attacked and interrupted: every end has a sentence of its own, and nothing is changed by any of them."""

import hmac
import json
import secrets
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from gateway import devices, pairing
from gateway.edges.enrolments import Enrolments
from gateway.edges.pages.typed import network_in
from gateway.edges.pairings import Pairings
from gateway.errors import NotNow
from protocol import faults, labels
from protocol import pairing as wire
from protocol.errors import BadLabelText, ProtocolError
from protocol.sentences import SENTENCES

pytestmark = pytest.mark.anyio
LABEL = bytes(range(16))
HOME_KEY = b"\x04" + bytes(range(64))


def point() -> tuple[ec.EllipticCurvePrivateKey, bytes]:
    made = ec.generate_private_key(ec.SECP256R1())
    return made, made.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def mac(key: bytes, data: bytes) -> bytes:
    return hmac.digest(key, data, "sha256")


class NewDevice:
    """A device's side as docs/wire.md tells it: what it says, what it keeps in flash, and what a power cut takes."""

    def __init__(self, label: bytes = LABEL, serial: str = "FY-S-1") -> None:
        self.label, self.serial = label, serial
        self.flash: dict[str, Any] = {}
        self.forget()

    def forget(self) -> None:
        """Lose what is in memory."""
        self.nonce, self.second = secrets.token_bytes(16), secrets.token_bytes(16)
        self.made: dict[str, Any] = {}
        self.told: dict[int, Any] = {}
        self.code = ""

    def reset(self) -> None:
        """Forget the home, and the keys with it."""
        self.flash = {}
        self.forget()

    def hello(self) -> bytes:
        return wire.encode({0: 1, 1: self.nonce, 2: wire.hello_tag(self.label, self.nonce, mac)}, wire.HELLO)

    def knows(self, answer: bytes) -> bool:
        """Whether whoever answered knows the label."""
        said: Any = wire.decode(answer, wire.ANSWER)
        return bool(said[2] == wire.answer_tag(self.label, self.nonce, said[1], mac))

    def open(self) -> bytes:
        if self.flash:
            self.made = dict(self.flash)
        else:
            (sign, signing), (_, link) = point(), point()
            self.made = {"sign": sign, "signing": signing, "link": link}
        digest = wire.digest(self.second, self.made["signing"], self.made["link"], self.serial, 0)
        return wire.encode({wire.DIGEST: digest}, wire.OPEN)

    def tell(self, home: bytes, **changed: Any) -> bytes:
        """Return DEVICE, or the refusal of a device that has another home; changed: what it lies about."""
        said: Any = wire.decode(home, wire.HOME)
        if self.flash and self.flash["home"] != said[wire.HOME_KEY]:
            return wire.encode({wire.FAULT_CODE: faults.PAIRING_HAS_HOME}, wire.REFUSAL)
        self.told = {
            wire.NONCE: self.second,
            wire.PAIRING: self.flash.get("pairing", said[wire.PAIRING]),
            wire.SIGNING_KEY: self.made["signing"],
            wire.LINK_KEY: self.made["link"],
            wire.SERIAL: self.serial,
            wire.DEVICE_KIND: 0,
        }
        self.told |= {getattr(wire, name): value for name, value in changed.items() if name != "PROOF"}
        transcribed = wire.transcript(said, self.told)
        r, s = decode_dss_signature(self.made["sign"].sign(wire.to_sign(transcribed, self.told[wire.PAIRING]), ec.ECDSA(SHA256())))
        self.told[wire.PROOF] = changed.get("PROOF", r.to_bytes(32, "big") + s.to_bytes(32, "big"))
        self.made |= {"home": said[wire.HOME_KEY], "pairing": self.told[wire.PAIRING]}
        self.code = wire.short_code(transcribed)
        return wire.encode(self.told, wire.DEVICE)

    @staticmethod
    def ask(pressed: bool) -> bytes:
        return wire.encode({wire.PRESSED: int(pressed)}, wire.ASK)

    def keep(self) -> None:
        """The one moment in which it gets its home."""
        self.flash = dict(self.made)


def begun(label: bytes = LABEL, memory: pairing.Memory | None = None, network: tuple[str, str] | None = None) -> pairing.Pairing:
    return pairing.Pairing(label, "", HOME_KEY, 0.0, secrets.token_bytes, lambda _: False, memory or pairing.Memory(), network)


def met(home: pairing.Pairing, device: NewDevice) -> pairing.Run:
    run = home.hello(device.hello(), 1.0)
    assert run is not None
    assert device.knows(run.answer)
    return run


def compared(home: pairing.Pairing, device: NewDevice, **changed: Any) -> pairing.Run:
    """Go as far as the six digits."""
    run = met(home, device)
    answer, _ = home.take(run, device.open(), 1.0)
    home.take(run, device.tell(answer, **changed), 1.0)
    return run


def decision(answer: bytes) -> int:
    said: Any = wire.decode(answer, wire.STATE)
    return int(said[wire.DECISION])


async def test_a_pairing_needs_both_words_and_the_disk_before_it_is_told() -> None:
    """Neither the page alone nor the button alone; then the newcomer must be kept before the answer goes out."""
    home, device = begun(), NewDevice()
    run = compared(home, device)
    assert (home.state, run.code) == (pairing.COMPARING, device.code)
    assert home.take(run, device.ask(True), 1.0) == (wire.encode({wire.DECISION: wire.WAIT}, wire.STATE), False)
    home.say(True)
    assert home.take(run, device.ask(False), 1.0)[1] is False
    answer, must_be_kept = home.take(run, device.ask(True), 1.0)
    assert (decision(answer), must_be_kept) == (wire.TAKE, True)
    home.happened(pairing.ON_DISK)
    assert home.take(run, device.ask(True), 1.0)[1] is False
    home.introduced(device.made["signing"])
    assert home.state == pairing.PAIRED


async def test_the_wifi_is_told_with_the_last_word_only_and_then_forgotten() -> None:
    """Not while the digits are compared, not to whom somebody says no, not over a radio that does not encipher (a recording could be
    opened with the label later); once it is over the home does not have it any more.
    """
    network = ("Les Tilleuls", "sous le tilleul")
    for alike, enciphered in ((True, True), (True, False), (False, True)):
        home, device = begun(network=network), NewDevice()
        run = compared(home, device)

        def told(pressed: bool) -> tuple[object, object]:
            said: Any = wire.decode(home.take(run, device.ask(pressed), 1.0, enciphered)[0], wire.STATE)  # noqa: B023
            return said.get(wire.SSID), said.get(wire.PASSWORD)

        home.say(alike)
        assert told(False) == (None, None)
        assert told(True) == (network if alike and enciphered else (None, None))
        if alike:
            home.happened(pairing.ON_DISK)
            home.introduced(device.made["signing"])
        assert told(True) == (None, None)


@pytest.mark.parametrize(
    ("typed", "network"),
    [
        (("Les Tilleuls", "sous le tilleul"), ("Les Tilleuls", "sous le tilleul")),
        (("Café", ""), ("Café", "")),
        (("x" * 32, "y" * 63), ("x" * 32, "y" * 63)),
        (("é" * 17, ""), None),
        (("", "long enough"), None),
        (("home", "seven77"), None),
        (("home", "y" * 64), None),
        (("home", "été à la mer"), None),
        (("ho\nme", ""), None),
        ((None, None), None),
    ],
)
def test_a_wifi_is_believed_only_if_there_can_be_one(typed: tuple[object, object], network: object) -> None:
    """A name of 1 to 32 bytes; a password of 8 to 63 signs of ASCII, or none."""
    assert network_in(*typed) == network


async def test_a_wrong_code_is_told_and_the_device_hears_nothing() -> None:
    """The person reads that the code is not that device's; the device is not answered, so it learns nothing."""
    home = begun()
    assert home.hello(NewDevice(label=bytes(16)).hello(), 1.0) is None
    assert (home.state, home.fault) == (pairing.LISTENING, faults.PAIRING_WRONG_CODE)
    met(home, NewDevice())
    assert home.fault == 0, "the right device still finds its way"


async def test_a_replayed_exchange_is_known_as_one() -> None:
    """A recorded hello whose exchange was used is no hello; recorded messages open under no later link's numbers."""
    memory = pairing.Memory()
    home, device = begun(memory=memory), NewDevice()
    compared(home, device)
    again = begun(memory=memory)
    assert again.hello(device.hello(), 1.0) is None
    assert again.fault == faults.PAIRING_REPLAYED
    forgetful = begun()  # restarted since: the hello passes, and what comes of it is another link
    run, before = met(forgetful, device), met(begun(), device)
    assert run.salt != before.salt


async def test_a_neighbours_gateway_cannot_answer() -> None:
    """Without the label its answer does not convince the device, and what it hears names nobody."""
    device = NewDevice()
    neighbour = begun(label=bytes(16))
    assert neighbour.hello(device.hello(), 1.0) is None
    forged = wire.encode({1: secrets.token_bytes(16), 2: secrets.token_bytes(8)}, wire.ANSWER)
    assert not device.knows(forged)
    first, second = NewDevice().hello(), NewDevice().hello()
    same = [at for at in range(len(first)) if first[at] == second[at]]
    assert len(same) < 12, "nothing but the frame is alike from one hello to the next"


async def test_a_device_in_another_home_says_so() -> None:
    """Its refusal comes under the label's secret; the page has the sentence, and the device is told no."""
    home, device = begun(), NewDevice()
    device.flash = {"sign": point()[0], "signing": point()[1], "link": point()[1], "home": b"\x04" + bytes(64), "pairing": bytes(8)}
    run = met(home, device)
    answer, _ = home.take(run, device.open(), 1.0)
    home.take(run, device.tell(answer), 1.0)
    assert (home.state, home.fault) == (pairing.FAILED, faults.PAIRING_HAS_HOME)
    assert decision(home.take(run, device.ask(True), 1.0)[0]) == wire.NO


async def test_digits_that_differ_end_it() -> None:
    """Whoever says so ends it on both sides, and the device is told why."""
    home, device = begun(), NewDevice()
    run = compared(home, device)
    home.say(False)
    said: Any = wire.decode(home.take(run, device.ask(True), 1.0)[0], wire.STATE)
    assert said == {wire.DECISION: wire.NO, wire.FAULT_CODE: faults.PAIRING_NOT_THE_SAME}


@pytest.mark.parametrize(
    "lie",
    [
        {"SIGNING_KEY": point()[1]},
        {"LINK_KEY": point()[1]},
        {"SERIAL": "FY-S-2"},
        {"DEVICE_KIND": 1},
        {"NONCE": bytes(16)},
        {"PROOF": bytes(63) + b"\x01"},
    ],
)
async def test_whoever_opens_another_thing_than_it_closed_is_refused(lie: dict[str, Any]) -> None:
    """No key, name or number can be chosen after the home has shown its own, so nobody tries until six digits agree."""
    home, device = begun(), NewDevice()
    with pytest.raises(ProtocolError):
        compared(home, device, **lie)
    assert home.fault == faults.PAIRING_REPLAYED
    assert home.current is None


async def test_five_failed_tries_end_it_and_two_minutes_do() -> None:
    """Five messages that prove nothing; or time, unless the device was told already."""
    home, device = begun(), NewDevice()
    run = met(home, device)
    for _ in range(5):
        with pytest.raises(ProtocolError):
            home.take(run, b"\xa0", 1.0)
    assert (home.state, home.fault) == (pairing.FAILED, faults.PAIRING_TOO_MANY)
    late = begun()
    late.look(121.0)
    assert (late.state, late.fault) == (pairing.FAILED, faults.PAIRING_TOO_LATE)
    assert late.hello(NewDevice().hello(), 122.0) is None


def test_every_end_has_a_sentence_of_its_own() -> None:
    """English and French, and no two alike."""
    ends = [code for name, code in vars(faults).items() if name.startswith("PAIRING_")]
    for language in ("en", "fr"):
        assert len({SENTENCES[code][language] for code in ends}) == len(ends) == 7


class Page:
    """A home with its folder, its page's side of a pairing and its clock; `restart` loses what is in memory."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.now_s = 0.0
        self.restart()

    def restart(self) -> None:
        async def changed(_: list[devices.Device]) -> None: ...

        log = structlog.wrap_logger(structlog.ReturnLogger())
        self.enrolments = Enrolments(self.folder, changed, log)
        finish(self.enrolments.look())
        self.pairings = Pairings(self.key, self.enrolments, lambda _: False, lambda: None, log, lambda: self.now_s)

    def in_force(self) -> list[devices.Device]:
        finish(self.enrolments.look())
        return self.enrolments.devices


def finish(work: Any) -> Any:
    """Run a coroutine that waits for nothing."""
    try:
        work.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waited")


async def test_five_wrong_labels_must_wait(tmp_path: Path) -> None:
    """The page takes a sixth label two minutes later, and one that is none at no time."""
    page = Page(tmp_path)
    for _ in range(5):
        page.pairings.begin(labels.write_secret(secrets.token_bytes(16)), "")
        assert page.pairings.hello(NewDevice().hello()) is None
    with pytest.raises(NotNow):
        page.pairings.begin(labels.write_secret(LABEL), "")
    page.now_s += 121
    page.pairings.begin(labels.write_secret(LABEL), "")
    with pytest.raises(BadLabelText):
        page.pairings.begin("0" * 26 + "1", "")


class Lives(RuleBasedStateMachine):
    """One device, two homes, and everything that can happen to the three in any order.

    Model: where the device truly belongs is what its flash says. Held at every moment: whoever the device belongs to would let it in
    (no lock-out), and a home that counts it has keys that the device has or had (nobody is counted who is not there).
    """

    folder: Path

    @initialize()
    def begin(self) -> None:
        name = secrets.token_hex(4)
        self.homes = [Page(self.folder / name / "one"), Page(self.folder / name / "two")]
        self.device = NewDevice()
        self.run: Any = None
        self.where = self.homes[0]
        self.answered = b""
        self.backup: dict[str, bytes] | None = None
        self.lost_by_backup = False

    @rule(home=st.integers(0, 1), right=st.booleans())
    def type_label(self, home: int, right: bool) -> None:
        page = self.homes[home]
        page.now_s += 200  # the two minutes after wrong labels are over
        page.pairings.begin(labels.write_secret(self.device.label if right else secrets.token_bytes(16)), "")

    @rule(home=st.integers(0, 1))
    def say_hello(self, home: int) -> None:
        self.device.forget()
        self.run, self.where = None, self.homes[home]
        answer = self.where.pairings.hello(self.device.hello())
        if answer is not None and self.device.knows(answer):
            said: Any = wire.decode(answer, wire.ANSWER)
            self.run = self.where.pairings.find(said[1][:3])

    def talk(self, message: bytes) -> bytes | None:
        return finish(self.where.pairings.answer(self.run, message, enciphered=False)) if self.run else None

    @precondition(lambda self: self.run and not self.device.told)
    @rule()
    def come_to_the_digits(self) -> None:
        answer = self.talk(self.device.open())
        if answer is None or len(answer) < 60 or self.talk(self.device.tell(answer)) is None:
            self.run = None

    @rule(home=st.integers(0, 1), alike=st.sampled_from([True, True, False]))
    def say_at_page(self, home: int, alike: bool) -> None:
        self.homes[home].pairings.say(alike)

    @precondition(lambda self: self.run and self.device.told)
    @rule(pressed=st.booleans(), lost=st.booleans())
    def press(self, pressed: bool, lost: bool) -> None:
        answer = self.talk(self.device.ask(pressed))
        if lost or answer is None:
            return  # the answer is lost, or the power is cut before it is kept
        if decision(answer) == wire.TAKE and pressed:
            if not self.device.flash:
                self.device.keep()
            self.run = None
            self.device.told = {}

    @rule()
    def lose_power(self) -> None:
        self.device.forget()
        self.run = None

    @rule()
    def introduce(self) -> None:
        """EDHOC with the home it belongs to, as any start does: see `knows_device`."""
        for page in self.homes:
            device = self.knows_device(page)
            if device is not None:
                page.pairings.introduced(device)
                assert [each.kid for each in page.in_force() if each.serial == self.device.serial] == [device.kid]

    @rule(home=st.integers(0, 1))
    def restart_gateway(self, home: int) -> None:
        if self.where is self.homes[home]:
            self.run = None
        self.homes[home].restart()

    @rule()
    def factory_reset(self) -> None:
        self.device.reset()
        self.run = None

    @rule()
    def back_up(self) -> None:
        self.backup = {path.name: path.read_bytes() for path in self.homes[0].folder.iterdir()}

    @precondition(lambda self: self.backup is not None)
    @rule()
    def restore(self) -> None:
        """The first home is set back; it may have forgotten the device, and pairing again must heal that."""
        for path in self.homes[0].folder.iterdir():
            path.unlink()
        for name, data in (self.backup or {}).items():
            (self.homes[0].folder / name).write_bytes(data)
        self.run = None
        self.homes[0].restart()
        self.lost_by_backup = True

    def knows_device(self, page: Page) -> devices.Device | None:
        """Return the record by which a home would let the device in, as both ends' keys have it."""
        if not self.device.flash or self.device.flash["home"] != page.pairings._home_key:
            return None
        page.in_force()
        for known in (*page.enrolments.staged, *page.enrolments.devices):
            if known.link_key == self.device.flash["link"]:
                assert known.public_key == self.device.flash["signing"]
                assert known.pairing == self.device.flash["pairing"]
                return known
        return None

    @invariant()
    def nobody_is_locked_out(self) -> None:
        if not hasattr(self, "homes") or not self.device.flash or self.lost_by_backup:
            return
        assert any(self.knows_device(page) for page in self.homes), "the device has a home that does not know it"

    def teardown(self) -> None:
        """Whatever happened, pairing once more heals it, unless the device belongs elsewhere: that it says, and a reset heals it too."""
        if not hasattr(self, "homes"):
            return
        page = self.homes[0]
        for _ in range(2):
            page.now_s += 400
            page.pairings.begin(labels.write_secret(self.device.label), "")
            self.say_hello(0)
            assert self.run is not None
            self.come_to_the_digits()
            page.pairings.say(True)
            answer = self.talk(self.device.ask(True)) if self.run else None
            if answer is not None and decision(answer) == wire.TAKE:
                break
            assert page.pairings.pairing is not None
            assert page.pairings.pairing.fault == faults.PAIRING_HAS_HOME
            self.device.reset()
        if not self.device.flash:
            self.device.keep()
        device = self.knows_device(page)
        assert device is not None
        page.pairings.introduced(device)
        assert [each.kid for each in page.in_force()] == [sha256(self.device.flash["signing"]).digest()[:4]]
        assert all(json.loads(path.read_text())["serial"] == "FY-S-1" for path in page.folder.glob("*.json"))


def lives(folder: Path, examples: int, steps: int) -> None:
    machine = type("Lives", (Lives,), {"folder": folder})
    run_state_machine_as_test(machine, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None))


def test_both_are_paired_or_neither_whatever_is_cut_reset_or_restored(tmp_path: Path) -> None:
    """Two homes, lost answers, power cuts, restarts, resets and old backups in any order; and running it again always heals."""
    lives(tmp_path, 40, 25)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_many_more_lives(tmp_path: Path) -> None:
    """The same, two thousand lives of sixty events."""
    lives(tmp_path, 2000, 60)
