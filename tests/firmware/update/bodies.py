"""A device's updates on a chip whose power fails, mounted as its root; MicroPython only.

Everything that touches the flash is the device's own: `boot.py` as text, staging, slots, the record, counters and outbox. The radio is a
table of files, and the signature is left out, because it writes nothing and takes most of the time. With `bring_images` the board has two
application slots on the same chip, the simulator's bootloader starts it, and the new version brings MicroPython.
"""

import asyncio
import os
import random
import struct
import sys
from hashlib import sha256

import vfs

sys.path.append("simulator/port")  # for `partition` alone: the other stand-ins want a simulator
import partition

sys.path.pop()
sys.modules["esp32"] = partition

# ruff: noqa: E402
from firmware.calm import Calm
from firmware.flash import endings, replacing
from firmware.flash.counters import Counters
from firmware.flash.outbox import Outbox
from firmware.update import fetching, image, opening, own, record, slots, staging, trying
from firmware.update.record import Record
from protocol import cbor, cbor_decoding, coap, error_tree, errors, manifest, updates
from protocol.oscore_opening import Opened as Answer
from tests.firmware.flash.cut import CutFlash

BLOCKS = 128
CAPACITY = 6
OLD, NEW = 5, 6
COMMON = {"firmware/a.mpy": 700, "firmware/b.mpy": 4200, "protocol/c.mpy": 150, "firmware/flash/d.mpy": 1100}
CHANGED = {"firmware/main.mpy": 900, "firmware/scale/main.mpy": 2100, "protocol/e.mpy": 60}
LEFT_OUT = {"firmware/old.mpy": 400}
ADDED = {"firmware/update/new.mpy": 1500, "words.txt": 0}
with open("firmware/boot.py") as _file:  # from the tree, before the chip takes its place
    BOOT = compile(_file.read(), "boot.py", "exec")  # once: it runs several times for each cut
SLOT_BLOCKS = 3
IMAGE_BYTES = 9000
images = False
REGISTERED = (staging, errors, error_tree, cbor_decoding, os)  # imported before there are no files but the chip's


class Machine:
    """What `boot.py` asks of the chip."""

    @staticmethod
    def WDT(timeout):
        assert timeout > 0


def once(make):
    """Return a function of a version that makes its answer once: a campaign asks for the same a thousand times."""
    made = {}

    def look(version):
        if version not in made:
            made[version] = make(version)
        return made[version]

    return look


@once
def files_of(version):
    """Return the files of a version; what is common to both is the same bytes."""
    sizes = dict(COMMON)
    sizes.update(CHANGED)
    sizes.update(LEFT_OUT if version == OLD else ADDED)
    return {path: bytes([(len(path) + (version if path in CHANGED else 0)) & 255]) * size for path, size in sizes.items()}


def bring_images():
    """From now on the new version brings MicroPython, and the chip has two application slots behind its file system."""
    global images
    images = True


@once
def image_of(version):
    """Return an image that the bootloader would start."""
    size = IMAGE_BYTES - 24 - 8 - 32
    size -= (24 + 8 + size + 16) % 16  # so that the checksum's byte ends a group of 16
    body = b"\xe9\x01" + bytes(21) + b"\x01" + bytes(4) + struct.pack("<I", size) + bytes([version]) * size
    body += bytes(16 - len(body) % 16)
    return body + sha256(body).digest()


class Part:
    """Some blocks of a chip."""

    def __init__(self, chip, first, blocks):
        self._chip = chip
        self._first = first
        self._blocks = blocks

    def readblocks(self, block, buf, offset=0):
        return self._chip.readblocks(self._first + block, buf, offset)

    def writeblocks(self, block, buf, offset=0):
        return self._chip.writeblocks(self._first + block, buf, offset)

    def ioctl(self, operation, argument):
        if operation == 4:
            return self._blocks
        return self._chip.ioctl(operation, argument + self._first if operation == 6 else argument)


def runs():
    """Return which version's MicroPython runs: it lies whole in its slot."""
    slot = partition.Partition(partition.Partition.RUNNING)
    found = bytearray(len(image_of(NEW)))
    for at in range(0, len(found), 4096):
        piece = memoryview(found)[at : at + 4096]
        slot.readblocks(at // 4096, piece)
    return next(version for version in (OLD, NEW) if image_of(version) == bytes(found))


@once
def listed(version):
    files = files_of(version)
    return cbor.encode([[path, len(files[path]), sha256(files[path]).digest()] for path in sorted(files)])


@once
def opened(version):
    """Return a manifest as `opening.py` gives it once it has verified it."""
    files, lines = files_of(version), listed(version)
    pinned = [len(files), sum([len(data) for data in files.values()]), len(lines), sha256(lines).digest()]
    head = {manifest.SEQUENCE: version, manifest.LIST: pinned, manifest.BATTERY: 0, manifest.NAME: "1"}
    if images and version == NEW:
        head[manifest.IMAGE] = [len(image_of(version)), sha256(image_of(version)).digest()]
    return opening.Opened(head, bytes([version]) * 32)


@once
def offered(version):
    """Return what the home has, by its names."""
    out = {updates.name_of(sha256(data).digest()): data for data in files_of(version).values()}
    for data in (listed(version), image_of(version)):
        out[updates.name_of(sha256(data).digest())] = data
    return out


class Verified(fetching.Fetching):
    """A fetch whose manifest is verified already."""

    async def _open(self, sequence, _manifest_bytes):
        return opened(sequence)


def lay(folder, version):
    """Put a version into a slot, as a cable does."""
    for path, data in files_of(version).items():
        parts = path.split("/")
        for depth in range(len(parts)):
            replacing.make_folder(folder + "".join(["/" + part for part in parts[:depth]]))
        with open(folder + "/" + path, "wb") as file:
            file.write(data)
    replacing.replace(folder + "/release.cbor", cbor.encode({"sequence": version}))


def start():
    """Run the bootloader, and then `boot.py`; return the letter of the slot that it chose."""
    if images:
        partition.boot(partition._chip)
    before, modules = list(sys.path), sys.modules.get("machine")
    sys.modules["machine"] = Machine
    try:
        exec(BOOT, {"__name__": "__main__"})  # noqa: S102 -- the device's own
        return sys.path[0][1:]
    finally:
        sys.path[:] = before
        if modules is None:
            del sys.modules["machine"]
        else:
            sys.modules["machine"] = modules


class Home:
    """What the home has heard and been given, which no cut takes away; announced: readings that a display has shown as kept."""

    def __init__(self):
        self.given = set()
        self.announced = []
        self.ends = []

    def wake(self):
        """Begin a life: counters and outbox, as `ground.py` does."""
        replacing.make_folder("/state")
        self.numbers = Counters()
        self.box = Outbox(capacity=CAPACITY)
        assert ("boot", self.numbers.boot) not in self.given
        self.given.add(("boot", self.numbers.boot))

    def measure(self):
        """Keep a reading, unless the outbox is full."""
        number = self.numbers.next_reading()
        assert number not in self.given, number
        self.given.add(number)
        if self.box.room > 1:
            self.box.keep(number, 0, bytes(8), b"signed %d" % number)
            self.announced.append(number)

    def check(self, label):
        """Every reading that was shown is there whole."""
        for number in self.announced:
            kept = self.box.read(number)
            assert kept is not None, (label, number)
            assert kept.signed == b"signed %d" % number, (label, number)


def update(home, chosen, version):
    """Fetch a version into the other slot, with readings in between, and commit it."""
    held = offered(version)

    async def ask(segments, options):
        data = held[segments[-1].decode()]
        block = int.from_bytes(coap.option(options, coap.BLOCK2), "big")
        number, size = block >> 4, 16 << (block & 7)
        more = (number + 1) * size < len(data)
        told = ((coap.ETAG, sha256(data).digest()[:8]), (coap.BLOCK2, coap.uint(number << 4 | 8 * more | block & 7)))
        return Answer(coap.CONTENT, told, data[number * size :][:size])

    async def tell(percent):
        if percent in (30, 40, 70, 80):
            home.measure()

    known = own.Own("scale", "s3", 0, 0, b"")
    work = Verified(ask, Calm(), known, lambda: None, chosen, lambda: home.box.room, tell, lambda: None)
    start_image = asyncio.run(work.run(version, 100))
    record.save(Record(version, updates.TRYING, 0, 0))
    chosen.commit()
    if start_image:
        start_image()


def whole(folder, label):
    """Return which version lies whole in a slot."""
    version = cbor.decode(replacing.read(folder + "/release.cbor"))["sequence"]
    for path, data in files_of(version).items():
        assert replacing.read(folder + "/" + path) == data, (label, path)
    return version


def live_on(home, label, good, lives):
    """Start again and again as a device does: tell, prove or fail; return the version that runs in the end."""
    version = None
    for _ in range(lives):
        chosen = slots.Slots("", start())
        version = whole(chosen.running, label)
        home.wake()
        home.check(label)
        home.measure()
        state = chosen.state()
        on_trial = state in (slots.TRYING, slots.LAST_TRY) and replacing.read(image.PATH) is not None
        if on_trial and image.starts_again(chosen, state):
            continue
        if state == slots.GIVEN_BACK:
            trying.note_given_back(chosen)
        elif state in (slots.TRYING, slots.LAST_TRY):
            assert version == NEW, label
            if not good:
                endings.note(1, "ValueError")
                continue
            trying._make(trying.SETTLE, chosen)
        last = record.load()
        if last and last.state in updates.OVER:
            home.ends.append((last.state, last.sequence))
            record.forget()
    return version


def life(home, good):
    """One device's way from the old version to the new one, or to it and back."""
    chosen = slots.Slots("", start())
    home.wake()
    home.measure()
    update(home, chosen, NEW)
    live_on(home, "life", good, 1 if good else 4)


def after(home, label):
    """Whatever was cut: the device starts, into a version that is whole, with all its readings; asked again, it takes the update."""
    version = live_on(home, label, True, 4 if images else 2)
    assert version in (OLD, NEW), label
    if version == OLD:
        assert not images or runs() == OLD, label
        chosen = slots.Slots("", start())
        home.wake()
        update(home, chosen, NEW)
        assert live_on(home, label, True, 4 if images else 2) == NEW, label
    chosen = slots.Slots("", start())
    assert (chosen.state(), whole(chosen.running, label)) == (slots.SETTLED, NEW), label
    assert not images or runs() == NEW, label
    assert record.load() is None, label
    assert home.ends[-1][0] == updates.KEPT, label


def on(chip, use, *arguments):
    """Return what use(*arguments) returns with the chip as root, or None when its power failed."""
    try:
        partition._chip = Part(chip, BLOCKS, 2 + 2 * SLOT_BLOCKS)
        vfs.mount(vfs.VfsLfs2(Part(chip, 0, BLOCKS), progsize=32, readsize=32, lookahead=32), "/")
    except OSError:
        if chip.dead:
            return None
        raise
    try:
        return use(*arguments)
    except OSError:
        if chip.dead:
            return None
        raise
    finally:
        vfs.umount("/")


def prepared():
    """Return the memory of a device with the old version in slot a, and in slot b what an older update left."""
    memory = bytearray(b"\xff" * ((BLOCKS + (2 + 2 * SLOT_BLOCKS if images else 0)) * 4096))
    vfs.VfsLfs2.mkfs(Part(CutFlash(memory), 0, BLOCKS))
    if images:
        at = (BLOCKS + 2) * 4096
        memory[at : at + len(image_of(OLD))] = image_of(OLD)

    def fill():
        lay("/a", OLD)
        lay("/b", OLD)
        os.remove("/b/firmware/main.mpy")

    on(CutFlash(memory), fill)
    return memory


def operations(good):
    """Return how many flash operations a whole life has."""
    vfs.umount("/")
    chip = CutFlash(prepared())
    on(chip, life, Home(), good)
    return chip.operations


def cuts(good, points):
    """Cut the power at each (operation, torn) of a life; return how many cuts came, and how many devices then ran the old version."""
    vfs.umount("/")
    start_memory = prepared()
    came = old = 0
    for at, torn in points:
        home = Home()
        memory = bytearray(start_memory)
        chip = CutFlash(memory, at, torn)
        on(chip, life, home, good)
        came += chip.dead
        old += on(CutFlash(memory), chosen) == OLD
        on(CutFlash(memory), after, home, (at, torn))
    return [came, old]


def chosen():
    """Return which version lies whole in the slot that the next start would choose, without starting."""
    return whole("/" + chr((replacing.read("/slot") or b"a.")[0]), "chosen")


def storms(seed, number):
    """Let the power fail several times on the way to each update, and while the last cut is mended; return how many cuts came."""
    vfs.umount("/")
    random.seed(seed)
    start_memory = prepared()
    came = 0
    for _ in range(number):
        home = Home()
        memory = bytearray(start_memory)
        for _ in range(random.randint(2, 6)):
            chip = CutFlash(memory, random.randint(1, 60), random.choice((0, 50, 100, "garbage")))  # of some 190 to the end
            on(chip, after, home, "storm")
            came += chip.dead
        on(CutFlash(memory), after, home, seed)
    return came
