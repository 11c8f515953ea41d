"""Lives of outbox, counters, settings and identity on a chip whose power fails; MicroPython only."""

from firmware.errors import CountersBroken, OutboxFull, WrongReceipt
from firmware.flash import endings, forgetting, identity, replacing, settings
from firmware.flash.counters import BLOCK, Counters
from firmware.flash.outbox import Outbox
from protocol import cbor
from tests.firmware.flash.cut import CutFlash, campaign, fresh, mounted, names

SETTINGS = {"device": "scale", "ssid": "home", "gateway": ["127.0.0.1", 5683]}
IDENTITY = {
    "serial": "FY-S-1",
    "signing_key": bytes(32),
    "kid": bytes(4),
    "pairing": bytes(8),
    "link_key": bytes(32),
    "link_public": bytes(65),
    "gateway_key": bytes(65),
}


def signed(sequence):
    return bytes([sequence & 255]) * 120


def digest(sequence):
    return bytes([255 - sequence & 255]) * 8


def outbox_survives():
    """Keep three, receipt two, keep one more; at every cut, each announced reading is there whole or was announced as gone."""

    def prepare(folder):
        box = Outbox(folder + "/outbox")
        box.keep(0, 0, digest(0), signed(0))

    def live(folder, told):
        box = Outbox(folder + "/outbox")
        for sequence in (1, 2, 3):
            box.keep(sequence, 0, digest(sequence), signed(sequence))
            told.append(("kept", sequence))
        for sequence in (0, 1):
            told.append(("forgetting", sequence))
            box.forget(box.read(sequence), sequence, digest(sequence))
            told.append(("forgotten", sequence))
        box.keep(4, 0, digest(4), signed(4))
        told.append(("kept", 4))

    def check(folder, told, label):
        box = Outbox(folder + "/outbox")
        found = box.sequences()
        for sequence in found:
            kept = box.read(sequence)
            assert (kept.signed, kept.digest8) == (signed(sequence), digest(sequence)), label
        for sequence in range(5):
            must = sequence == 0 or ("kept", sequence) in told
            if ("forgotten", sequence) in told:
                assert sequence not in found, label
            elif must and ("forgetting", sequence) not in told:
                assert sequence in found, label
        assert not [name for name in names(folder + "/outbox") if name.endswith(replacing.BESIDE)], label
        box.keep(9, 0, digest(9), signed(9))

    return campaign(prepare, live, check)


def counters_never_repeat():
    """Give numbers over a block's end and over a restart; whatever the cut, a later life gives none of them again."""

    def live(folder, told):
        for _ in range(2):
            numbers = Counters(folder + "/counters.cbor")
            told.append(("boot", numbers.boot))
            for _ in range(BLOCK + 2):
                told.append(("reading", numbers.next_reading()))
                told.append(("sender", numbers.next_sender()))

    def check(folder, told, label):
        before = set(told)
        assert len(before) == len(told), label
        for _ in range(2):
            numbers = Counters(folder + "/counters.cbor")
            for pair in (("boot", numbers.boot), ("reading", numbers.next_reading()), ("sender", numbers.next_sender())):
                assert pair not in before, label
                before.add(pair)

    return campaign(lambda folder: Counters(folder + "/counters.cbor"), live, check)


def settings_and_identity_are_old_or_new():
    """Replace both; whatever the cut, each is the old one or the new one, whole."""

    def write(folder, version):
        settings.save(dict(SETTINGS, ssid=f"home{version}"), folder + "/settings.cbor")
        identity.save(dict(IDENTITY, serial=f"FY-{version}"), folder + "/identity.cbor")

    def check(folder, _told, label):
        assert settings.load(folder + "/settings.cbor")["ssid"] in ("home1", "home2"), label
        assert identity.load(folder + "/identity.cbor").serial in ("FY-1", "FY-2"), label

    return campaign(lambda folder: write(folder, 1), lambda folder, _told: write(folder, 2), check)


def full_outbox_refuses():
    """The reading after the last that fits is refused, and all before it are still there."""

    def use(folder):
        box = Outbox(folder + "/outbox", 5)
        for sequence in range(5):
            box.keep(sequence, 2, digest(sequence), signed(sequence))
        try:
            box.keep(5, 2, digest(5), signed(5))
        except OutboxFull as error:
            return [error.capacity, Outbox(folder + "/outbox", 5).sequences()]
        return None

    return mounted(CutFlash(fresh()), use)


def full_flash_refuses():
    """On a chip too small for the capacity, what no longer fits is refused, what was kept is there, and a receipt makes room."""

    def use(folder):
        box = Outbox(folder + "/outbox")
        kept = []
        try:
            for sequence in range(100):
                kept.append(box.keep(sequence, 2, digest(sequence), signed(sequence) * 4))
        except OutboxFull:
            pass
        still = [box.read(one.sequence) == one for one in kept]
        box.forget(kept[0], 0, digest(0))
        box.keep(200, 2, digest(200), signed(200) * 4)
        return [0 < len(kept) < 100, all(still), Outbox(folder + "/outbox").sequences() == [one.sequence for one in kept[1:]] + [200]]

    return mounted(CutFlash(fresh()), use)


def wrong_receipts_delete_nothing():
    """A receipt with another's sequence or digest leaves the reading where it is."""

    def use(folder):
        box = Outbox(folder + "/outbox")
        kept = box.keep(7, 0, digest(7), signed(7))
        for sequence, digest8 in ((8, digest(7)), (7, digest(8)), (7, b"")):
            try:
                box.forget(kept, sequence, digest8)
            except WrongReceipt:
                continue
            return None
        return Outbox(folder + "/outbox").sequences()

    return mounted(CutFlash(fresh()), use)


def broken_record_is_set_aside():
    """A record that is no record any more is neither sent nor in the way, and its bytes stay for a technician."""

    def use(folder):
        box = Outbox(folder + "/outbox")
        box.keep(1, 0, digest(1), signed(1))
        box.keep(2, 0, digest(2), signed(2))
        replacing.replace(folder + "/outbox/0000000000001", b"\x00garbage")
        found = box.read(1)
        return [found, box.sequences(), Outbox(folder + "/outbox").sequences(), names(folder + "/outbox")]

    return mounted(CutFlash(fresh()), use)


def unreadable_counters_give_no_numbers():
    """A counters file that is there and makes no sense is a fault, not a new beginning."""

    def use(folder):
        refused = 0
        for data in (b"", b"\x00", b"\xa0", b"\xa3\x64boot\x20\x66sender\x00\x67reading\x00"):
            replacing.replace(folder + "/counters.cbor", data)
            try:
                Counters(folder + "/counters.cbor")
            except CountersBroken:
                refused += 1
        return refused

    return mounted(CutFlash(fresh()), use)


def ending_is_old_or_new():
    """A second bad end is noted, told and lived over; whatever the cut, the record is one of those or none, never half."""

    def live(folder, told):
        path = folder + "/ending.cbor"
        endings.note(8, "OSError outbox.py:61", path)
        told.append("noted")
        endings.told(path)
        endings.lived(path)
        told.append("lived")

    def check(folder, told, label):
        last = endings.load(folder + "/ending.cbor")
        if "lived" in told:
            assert last is None, label
        elif last is not None:
            assert (last.fault, last.times) in ((1, 1), (8, 2)), label
            assert "noted" not in told or last.fault == 8, label

    return campaign(lambda folder: endings.note(1, "ValueError main.py:1", folder + "/ending.cbor"), live, check)


def forgetting_is_finished_by_the_next_start():
    """Whatever the cut: before the decision all is there; after it, one more start leaves no key, no home and no reading.

    What stays is serial number, label and calibration; and in between the keys are gone first.
    """

    def prepare(folder):
        replacing.make_folder(folder + "/state")
        replacing.replace(folder + "/settings.cbor", cbor.encode(dict(SETTINGS, calibration={"zero_counts": 7})))
        replacing.replace(folder + "/identity.cbor", cbor.encode(dict(IDENTITY, label=bytes(16))))
        box = Outbox(folder + "/state/outbox")
        for sequence in (1, 2):
            box.keep(sequence, 0, digest(sequence), signed(sequence))

    def live(folder, told):
        replacing.replace(folder + forgetting.MARK, b"")
        told.append("decided")
        forgetting.finish(folder)

    def check(folder, told, label):
        pending = replacing.read(folder + forgetting.MARK) is not None
        half = cbor.decode(replacing.read(folder + "/identity.cbor"))
        emptied = len(Outbox(folder + "/state/outbox").sequences()) < 2 or "ssid" not in cbor.decode(
            replacing.read(folder + "/settings.cbor")
        )
        assert not (emptied and "signing_key" in half), label
        if pending:
            forgetting.finish(folder)
        left = cbor.decode(replacing.read(folder + "/settings.cbor"))
        keys = cbor.decode(replacing.read(folder + "/identity.cbor"))
        assert left["calibration"] == {"zero_counts": 7}, label
        if not pending and "decided" not in told:
            assert keys["signing_key"] == IDENTITY["signing_key"], label
        if pending or "decided" in told:
            assert sorted(left) == ["calibration", "device"], label
            assert sorted(keys) == ["label", "serial"], label
            assert Outbox(folder + "/state/outbox").sequences() == [], label

    return campaign(prepare, live, check)


def whole_life_survives():
    """A weigh-in's way through flash, start to receipt, twice, the second into a full outbox with the device's own word behind it.

    A home outside the flash remembers what it was given. After any cut, and a second start that empties the outbox, each number that was
    shown is at home exactly once, nothing is there twice with other bytes, and no number was given twice.
    """
    home = {}
    given = []

    def start(folder):
        replacing.make_folder(folder + "/state")
        last = endings.load(folder + "/state/ending.cbor")
        numbers = Counters(folder + "/state/counters.cbor")
        return numbers, Outbox(folder + "/state/outbox", 2), last

    def deliver(box):
        for sequence in box.sequences():
            kept = box.read(sequence)
            assert home.setdefault(sequence, kept.signed) == kept.signed
            box.forget(kept, sequence, kept.digest8)

    def weigh(numbers, box, told, reserve=False):
        sequence = numbers.next_reading()
        assert sequence not in given, sequence
        given.append(sequence)
        box.keep(sequence, 0, digest(sequence), signed(sequence), reserve)
        told.append(sequence)

    def live(folder, told):
        home.clear()
        given.clear()
        numbers, box, _ = start(folder)
        weigh(numbers, box, told)
        deliver(box)
        weigh(numbers, box, told)
        weigh(numbers, box, told)
        try:
            weigh(numbers, box, told)
        except OutboxFull:
            weigh(numbers, box, told, True)
        endings.note(1, "ValueError main.py:1", folder + "/state/ending.cbor")
        numbers.next_sender()
        deliver(box)

    def check(folder, told, label):
        numbers, box, _ = start(folder)
        deliver(box)
        weigh(numbers, box, told)
        deliver(box)
        for sequence in told:
            assert home.get(sequence) == signed(sequence), label
        for sequence in home:
            assert sequence in given, label

    return campaign(start, live, check)


def storms(seed, number):
    """Lives that are cut at random, one after the other, also while they mend what the last cut left; return how many cuts came."""
    chance = seed
    memory = fresh()
    shown, home, given = [], {}, []
    cuts = 0

    def life(folder):
        replacing.make_folder(folder + "/state")
        numbers, box = Counters(folder + "/state/counters.cbor"), Outbox(folder + "/state/outbox", 6)
        for sequence in box.sequences():
            kept = box.read(sequence)
            assert home.setdefault(sequence, kept.signed) == kept.signed
            box.forget(kept, sequence, kept.digest8)
        for _ in range(4):
            sequence = numbers.next_reading()
            assert sequence not in given
            given.append(sequence)
            box.keep(sequence, 0, digest(sequence), signed(sequence))
            shown.append(sequence)

    for _ in range(number):
        chance = chance * 1103515245 + 12345 & 0x7FFFFFFF
        chip = CutFlash(memory, 1 + (chance >> 8) % 40, (0, 50, 100, "garbage")[chance >> 5 & 3])
        mounted(chip, life)
        cuts += chip.dead
    mounted(CutFlash(memory), life)
    mounted(CutFlash(memory), life)
    assert all(sequence in home for sequence in shown[:-4])
    return cuts


def wear(number):
    """Return [operations that erase, most erases of one block, blocks] for a number of weigh-ins, each with a start of its own."""
    memory = fresh(256)
    erased = [0] * 256

    class Counting(CutFlash):
        def ioctl(self, operation, argument):
            if operation == 6:
                erased[argument] += 1
            return CutFlash.ioctl(self, operation, argument)

    def life(folder):
        replacing.make_folder(folder + "/state")
        box = Outbox(folder + "/state/outbox")
        for _ in range(number):
            numbers = Counters(folder + "/state/counters.cbor")
            sequence = numbers.next_reading()
            kept = box.keep(sequence, 0, digest(sequence), signed(sequence))
            numbers.next_sender()
            box.forget(kept, sequence, kept.digest8)

    mounted(Counting(memory), life)
    return [sum(erased), max(erased), len(erased)]


def wear_of_readings(number):
    """Return the same for readings that follow each other in one life, as a babyphone's do."""
    memory = fresh(256)
    erased = [0] * 256

    class Counting(CutFlash):
        def ioctl(self, operation, argument):
            if operation == 6:
                erased[argument] += 1
            return CutFlash.ioctl(self, operation, argument)

    def life(folder):
        replacing.make_folder(folder + "/state")
        box = Outbox(folder + "/state/outbox")
        numbers = Counters(folder + "/state/counters.cbor")
        for _ in range(number):
            sequence = numbers.next_reading()
            kept = box.keep(sequence, 2, digest(sequence), signed(sequence))
            numbers.next_sender()
            box.forget(kept, sequence, kept.digest8)

    mounted(Counting(memory), life)
    return [sum(erased), max(erased), len(erased)]
