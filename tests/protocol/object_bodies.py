"""What the tests of whole objects run under both Pythons: is it accepted, and if not, with which of our errors."""

from protocol import batches, commands, errors, live, manifest, pairing, readings, receipts, updates

DECODERS = {
    "live": live.decode,
    "receipt": receipts.decode,
    "refusal": receipts.decode_refusal,
    "range-receipt": batches.decode_receipt,
    "reading-batch": batches.decode,
    "presence": commands.decode_presence,
    "result": commands.decode_result,
    "manifest": manifest.decode,
    "update-report": updates.decode,
    "pairing-hello": lambda data: pairing.decode(data, pairing.HELLO),
    "pairing-answer": lambda data: pairing.decode(data, pairing.ANSWER),
    "pairing-open": lambda data: pairing.decode(data, pairing.OPEN),
    "pairing-home": lambda data: pairing.decode(data, pairing.HOME),
    "pairing-device": lambda data: pairing.decode(data, pairing.DEVICE),
    "pairing-refusal": lambda data: pairing.decode(data, pairing.REFUSAL),
    "pairing-ask": lambda data: pairing.decode(data, pairing.ASK),
    "pairing-state": lambda data: pairing.decode(data, pairing.STATE),
}
for _command in ("arm", "stop", "identify", "update", "report", "choose", "restart"):
    DECODERS[_command] = commands.decode


def outcomes(rule, messages):
    """Return "accepted" or the name of the refusal for each message."""
    decode = DECODERS.get(rule, readings.decode)
    out = []
    for message in messages:
        try:
            decode(message)
            out.append("accepted")
        except errors.ProtocolError as error:
            out.append(type(error).__name__)
    return out


def manifest_refusals(known):
    """Return the names of the refusals when each of what a manifest is for differs."""
    right = [b"v" * 16, b"c" * 16, "s3", 0x0706]
    wrong = [b"x" * 16, b"x" * 16, "c3", 0x0705]
    tries = []
    for place in range(4):
        given = list(right)
        given[place] = wrong[place]
        tries.append((manifest.refuse_other, given))
    tries += [(manifest.refuse_older, [7]), (manifest.refuse_older, [8])]
    out = []
    for refuse, arguments in tries:
        try:
            refuse(known, *arguments)
            out.append("accepted")
        except errors.ProtocolError as error:
            out.append(type(error).__name__)
    return out


def bytecode_fits(made, own):
    """Return whether a release of this bytecode is taken by a device with that."""
    known = {1: b"v" * 16, 2: b"c" * 16, 3: ["s3"], 5: made}
    try:
        manifest.refuse_other(known, b"v" * 16, b"c" * 16, "s3", own)
    except errors.OtherDevice:
        return False
    return True


def paths_refused(paths):
    """Return those paths that no list of a release may hold behind the file "firmware/main.mpy"."""
    out = []
    for path in paths:
        try:
            manifest.check_file([path, 5, bytes(32)], "firmware/main.mpy")
        except errors.BadManifest:
            out.append(path)
    return out
