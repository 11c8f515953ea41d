"""Which device is offered which release, and when; and the shelf, on which only what verifies is offered."""

from hashlib import sha256
from pathlib import Path

import pytest
import structlog
from cryptography.hazmat.primitives.asymmetric import ec

from gateway import updates
from gateway.edges import rollout
from gateway.edges.shelf import Shelf, keys_in
from gateway.errors import BadConfiguration
from gateway.updates import ASK, NOW, TONIGHT, Stand
from protocol import errors, faults, shelf
from protocol import updates as words
from tests.gateway.ground import database
from tools import release

KEY, NEXT = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
POINT, NEXT_POINT = (release.point(key.public_key()) for key in (KEY, NEXT))
FILES = {"firmware/main.mpy": b"M\x06\x00" + bytes(300), "firmware/boards/s3_scale.mpy": b"M\x06\x00"}
KID, OTHER = b"kid1", b"kid2"
HOUR_MS = 3_600_000


def packed(sequence: int, key: ec.EllipticCurvePrivateKey = KEY, points: bytes = POINT, kind: str = "scale") -> bytes:
    files = {**FILES, shelf.KEYS_FILE: points}
    return release.pack(kind, files, key, release.Facts(shelf.version_of(sequence), sequence, "Better.", "Mieux."))


def opened(sequence: int = 6) -> shelf.Release:
    return shelf.open_release(packed(sequence), shelf.keys_of(POINT), release.holds)


def stand(state: int, fault: int | None = None, kid: bytes = KID, asked: bool = False, changed_ms: int = 0) -> Stand:
    return Stand(kid, 6, "0.0.6", state, None, fault, asked, 0, changed_ms)


def is_due(
    choice: str = NOW, hour: int = 12, of_kind: tuple[Stand, ...] = (), kind: str = "scale", runs: int | None = 5, **more: int
) -> bool:
    stands = {(each.kid, each.sequence): each for each in of_kind}
    halted = updates.has_halted(opened(), of_kind)
    return updates.due(KID, kind, runs, opened(), stands, halted, choice, more.get("share", 100), hour, more.get("now_ms", 10 * HOUR_MS))


def test_nothing_older_or_the_same_is_offered_and_nobody_who_never_said_what_it_runs() -> None:
    """The home asks for no step back; the device would refuse it anyway."""
    assert is_due(runs=5)
    assert not is_due(runs=6)
    assert not is_due(runs=7)
    assert not is_due(runs=None)


@pytest.mark.parametrize(
    ("choice", "kind", "hours"),
    [
        (NOW, "scale", range(24)),
        (TONIGHT, "cuff", range(2, 5)),
        (ASK, "scale", ()),
        (NOW, "babyphone", range(9, 18)),
        (TONIGHT, "babyphone", range(9, 18)),
    ],
)
def test_the_household_chooses_when_and_the_nursery_is_left_alone_at_night(choice: str, kind: str, hours: range) -> None:
    """Now, at night, or not by itself; in no case while a baby sleeps."""
    assert [hour for hour in range(24) if is_due(choice, hour, kind=kind)] == list(hours)


def test_who_asks_by_hand_gets_it_now_whatever_was_chosen_and_the_nursery_in_the_morning() -> None:
    """Also a release that has halted, because somebody decided so."""
    asked = stand(updates.ASKED, asked=True)
    assert is_due(ASK, 3, (asked,), share=0)
    assert is_due(ASK, 12, (asked, stand(words.GIVEN_BACK, 1, OTHER)))
    assert not is_due(ASK, 3, (asked,), kind="babyphone")
    assert is_due(ASK, 9, (asked,), kind="babyphone")


def test_a_release_that_one_device_gave_back_is_offered_to_no_other_by_itself() -> None:
    """The roll-out has halted in this home."""
    assert not is_due(of_kind=(stand(words.GIVEN_BACK, 1, OTHER),))
    assert not is_due(of_kind=(stand(words.GIVEN_BACK, 1),))


def test_a_share_of_devices_grows_and_keeps_those_it_had() -> None:
    """Of a thousand devices some ten, then some hundred, then all; whoever was in is still in."""
    kids = [number.to_bytes(4, "big") for number in range(1000)]
    release_ = opened()
    among = {share: {kid for kid in kids if updates.in_share(kid, release_, share)} for share in (0, 1, 10, 100)}
    assert not among[0]
    assert 2 <= len(among[1]) <= 25
    assert 60 <= len(among[10]) <= 140
    assert among[1] <= among[10] <= among[100] == set(kids)


@pytest.mark.parametrize(
    ("state", "fault", "after_ms", "again"),
    [
        (updates.OFFERED, None, HOUR_MS // 5, False),
        (updates.OFFERED, None, HOUR_MS, True),
        (words.FETCHING, None, HOUR_MS, True),
        (words.READY, None, HOUR_MS, True),
        (words.TRYING, None, 9 * HOUR_MS, False),
        (words.KEPT, None, 9 * HOUR_MS, False),
        (words.GIVEN_BACK, 1, 9 * HOUR_MS, False),
        (words.REFUSED, faults.UPDATE_DAMAGED, HOUR_MS, True),
        (words.REFUSED, faults.UPDATE_BATTERY, HOUR_MS, False),
        (words.REFUSED, faults.UPDATE_BATTERY, 9 * HOUR_MS, True),
        (words.REFUSED, faults.UPDATE_NOT_SIGNED, 9 * HOUR_MS, False),
        (words.REFUSED, faults.UPDATE_OTHER_DEVICE, 9 * HOUR_MS, False),
    ],
)
def test_what_was_cut_off_goes_on_and_what_cannot_be_is_not_tried_again(state: int, fault: int | None, after_ms: int, again: bool) -> None:
    """A device whose power went is asked again; an empty battery another day; a wrong signature never."""
    assert is_due(of_kind=(stand(state, fault, changed_ms=10 * HOUR_MS - after_ms),)) is again


def test_every_word_of_a_device_is_kept_and_how_it_ended_is_in_the_log_once() -> None:
    """The page's history and the chain of exchanges (R28)."""
    home = database()
    for state, more in (
        (words.FETCHING, {words.PERCENT: 40}),
        (words.GIVEN_BACK, {words.FAULT_CODE: 1}),
        (words.GIVEN_BACK, {words.FAULT_CODE: 1}),
    ):
        rollout.note(home, KID, {words.STATE: state, words.SEQUENCE: 6, **more}, 7)
    (kept,) = rollout.stands(home)
    assert (kept.state, kept.percent, kept.fault, kept.name) == (words.GIVEN_BACK, None, 1, "0.0.6")
    assert [row["whom"] for row in home.execute("SELECT whom FROM exchanges")] == ["update_given_back"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "releases").mkdir()
    return tmp_path / "releases"


def shelf_in(folder: Path, points: bytes = POINT) -> Shelf:
    return Shelf(folder, shelf.keys_of(points), structlog.get_logger())


def test_a_file_brought_by_hand_is_offered_and_one_that_does_not_verify_is_set_aside(folder: Path) -> None:
    """No cloud is needed; and neither the folder nor the site can vouch for anything."""
    (folder / "brought.foyer").write_bytes(packed(6))
    (folder / "strange.foyer").write_bytes(packed(7, NEXT))
    damaged = packed(8)
    (folder / "damaged.foyer").write_bytes(damaged[:-1] + bytes([damaged[-1] ^ 1]))
    (folder / "huge.foyer").write_bytes(bytes(shelf.MAX_RELEASE_BYTES + 1))
    there = shelf_in(folder)
    assert there.look()
    assert [each.sequence for each in there.releases] == [6]
    assert sorted(path.name for path in folder.iterdir()) == [
        "brought.foyer",
        "damaged.foyer.refused",
        "huge.foyer.refused",
        "strange.foyer.refused",
    ]
    assert not there.look()
    with pytest.raises(errors.BadSignature):
        there.take(packed(9, NEXT))


def test_a_device_gets_the_manifest_its_list_and_its_files_and_nothing_else(folder: Path) -> None:
    """Each under the name that the one before gives."""
    there = shelf_in(folder)
    made = there.take(packed(6))
    assert there.piece("scale", 6, "") == made.signed
    for data in (made.listed, *made.files.values()):
        assert there.piece("scale", 6, words.name_of(sha256(data).digest())) == data
    for kind, sequence, name in (("cuff", 6, ""), ("scale", 5, ""), ("scale", 6, "../keys"), ("scale", 6, "0" * 16)):
        assert there.piece(kind, sequence, name) is None


def test_the_two_newest_of_a_kind_stay(folder: Path) -> None:
    """A gateway's disk is not filled by releases."""
    there = shelf_in(folder)
    for sequence in (6, 7, 8):
        there.take(packed(sequence))
    assert sorted(each.sequence for each in there.releases) == [7, 8]
    assert len(list(folder.iterdir())) == 2


def test_a_release_brings_the_key_of_the_next(folder: Path) -> None:
    """Rotation: the old key introduces the new one, and no other can."""
    there = shelf_in(folder)
    with pytest.raises(errors.BadSignature):
        there.take(packed(7, NEXT))
    there.take(packed(6, KEY, POINT + NEXT_POINT))
    assert there.take(packed(7, NEXT, NEXT_POINT)).sequence == 7


def test_the_keys_of_releases_are_read_from_one_file_and_what_is_none_stops_the_start(tmp_path: Path) -> None:
    """Both keys in one file, as they lie beside each other where releases are signed."""
    paths = [tmp_path / name for name in ("one.pem", "two.pem")]
    made = b"".join(release.point(release.signing_key(path).public_key()) for path in paths)
    both = tmp_path / "keys.pub"
    both.write_bytes(b"".join(path.with_suffix(".pub").read_bytes() for path in paths))
    assert keys_in(both) == shelf.keys_of(made)
    assert keys_in(None) == {}
    both.write_text("-----BEGIN PUBLIC KEY-----\nnothing\n-----END PUBLIC KEY-----\n")
    with pytest.raises(BadConfiguration):
        keys_in(both)
    with pytest.raises(BadConfiguration):
        keys_in(tmp_path / "nowhere")
