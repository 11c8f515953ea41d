"""What `test_frames.py` runs under both Pythons: two streams with an air between them that loses, doubles and reorders."""

from protocol import errors, frames

LOST, TWICE, LATE = 1, 2, 3
_LONGEST_LATE = 3  # packets that overtake a late one
_STEP_MS = 20
_MOST_STEPS = 40_000


def _object(place, size):
    return bytes((place >> 8, place & 255)) + bytes(range(256)) * (size // 256) + bytes(range(size % 256))


def carried(sizes, fragment_bytes, chances):
    """Send objects of these lengths and two bytes more over an air whose chances are given for each packet in turn; then it is clear.

    Return whether all that arrived is right and in order, how many did, whether the sender gave up, how many packets it took, and the
    refusal if there was one.
    """
    near, far = frames.Stream(fragment_bytes), frames.Stream(fragment_bytes)
    air = []  # [due step, to far, packet]
    given = arrived = packets = 0
    right = True
    for step in range(_MOST_STEPS):
        if near.failed or (given == len(sizes) and near.idle):
            break
        if given < len(sizes) and near.send(_object(given, sizes[given])):
            given += 1
        for end, to_far in ((near, True), (far, False)):
            packet = end.poll(step * _STEP_MS)
            if packet is None:
                continue
            chance = chances[packets] if packets < len(chances) else 0
            packets += 1
            if chance != LOST:
                air.append([step + (_LONGEST_LATE if chance == LATE else 0), to_far, packet])
            if chance == TWICE:
                air.append([step + 1, to_far, packet])
        due = [each for each in air if each[0] <= step]
        air = [each for each in air if each[0] > step]
        for _, to_far, packet in due:
            try:
                whole = (far if to_far else near).feed(packet, step * _STEP_MS)
            except errors.BadFragment as error:
                return [right, arrived, near.failed, packets, type(error).__name__]
            if whole is not None:
                right = right and whole == _object(arrived, sizes[arrived])
                arrived += 1
    return [right, arrived, near.failed, packets, None]


def whole_in_any_order(size, fragment_bytes, order):
    """Return whether an object comes out whole when the fragments of each of its blocks come in the order that the numbers give."""
    data = bytes(range(256)) * (size // 256) + bytes(range(size % 256))
    pieces = frames.split(data, 7, fragment_bytes)
    assembly = frames.Assembly()
    whole = []
    for start in range(0, len(pieces), frames.BLOCK):
        block = pieces[start : start + frames.BLOCK]
        keyed = sorted([(order[place % len(order)], place) for place in range(len(block))])
        for _, place in keyed:
            whole.append(assembly.feed(block[place], 0))
    return [each for each in whole if each is not None] == [data]


def repeated(size, fragment_bytes, lost):
    """Return which fragments are sent again when those with these indices are lost once."""
    data = bytes(size)
    near, far = frames.Stream(fragment_bytes), frames.Stream(fragment_bytes)
    near.send(data)
    sent = []
    lost = list(lost)
    whole = None
    for step in range(0, 20_000, 20):
        packet = near.poll(step)
        if packet is not None:
            index = packet[1] & 0x7F
            sent.append(index)
            if index in lost:
                lost.remove(index)
            else:
                whole = far.feed(packet, step) or whole
        status = far.poll(step)
        if status is not None:
            near.feed(status, step)
    again = [index for place, index in enumerate(sent) if index in sent[:place]]
    return [whole == data, near.idle, again]


def given_up(tries_ms):
    """Return whether a stream to nobody has failed by then, and how often it asked."""
    near = frames.Stream(20)
    near.send(b"x" * 30)
    asked = 0
    for now_ms in range(0, tries_ms, 10):
        if near.poll(now_ms) is not None:
            asked += 1
    return [near.failed, asked]


def refused(fragments):
    """Return the refusal of fragments, one millisecond apart, and whether the assembly takes an object afterwards all the same."""
    assembly = frames.Assembly(600)
    name = None
    try:
        for at, fragment in enumerate(fragments):
            assembly.feed(fragment, at)
    except errors.BadFragment as error:
        name = type(error).__name__
    return [name, assembly.feed(frames.split(b"well", 99, 20)[0], 100) == b"well"]
