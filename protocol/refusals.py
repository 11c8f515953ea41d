"""What a person is told about bytes that were refused: one sentence for every type of `protocol/errors.py`. Computers only.

Where a fault code tells a household what to do (`sentences.py`), these tell whoever works on the wire what is wrong and where. Facts of the
error stand in braces by their names.
"""

from protocol import errors

SENTENCES = {
    "NotCBOR": "These bytes are no deterministic CBOR.",
    "CutShort": "The item at byte {at} needs {got} more than there is.",
    "TrailingBytes": "{got} bytes follow the one item, from byte {at} on.",
    "Indefinite": "The item at byte {at} has an indefinite length.",
    "NonMinimal": "The number {got} at byte {at} is not in its shortest form.",
    "Unsorted": "The label {got} at byte {at} stands behind a greater one.",
    "DuplicateLabel": "The label {got} at byte {at} comes twice.",
    "BadLabel": "The label {got} at byte {at} is neither number, bytes nor text.",
    "TooDeep": "The container at byte {at} is nested too deep.",
    "UnexpectedTag": "There is a tag {got} at byte {at}; ours carry none.",
    "ReservedInformation": "Byte {at} uses a reserved form.",
    "StrayBreak": "There is a break at byte {at} and nothing to end.",
    "BadText": "The text at byte {at} is not UTF-8.",
    "BadSimple": "The simple value {got} at byte {at} is none of false, true and null.",
    "FloatRefused": "There is a float of {got} bytes at byte {at}; the wire carries whole numbers.",
    "NotEncodable": "{got} has no encoding here.",
    "NotCOSE": "This is no COSE_Sign1 of four parts.",
    "AlgorithmAbsent": "The protected header names no algorithm.",
    "AlgorithmUnprotected": "The algorithm {got} stands in the unprotected header, where anybody could change it.",
    "WrongAlgorithm": "The algorithm {got} is not the key's.",
    "UnknownCritical": "The header calls {got} critical, and we know nothing that is.",
    "TwoIVs": "There is an IV and a Partial IV.",
    "BadHeader": "The header parameter {got} is not one that our objects carry.",
    "BadSignature": "The signature does not hold for this key, or the key is unknown.",
    "SignatureLength": "The signature has not 64 bytes.",
    "SignatureRange": "One half of the signature is zero or not below the order of P-256.",
    "BadReading": "Field {field} of the reading is {got}: missing, unknown, or out of range.",
    "BadReceipt": "Field {field} of the receipt is {got}: missing, unknown, or out of range.",
    "SequenceTooLarge": "The sequence number {got} is 2^40 or more.",
    "SequenceJump": "The sequence number {got} is too far beyond {expected}.",
    "NotCoAP": "This datagram is no CoAP message.",
    "MessageCutShort": "The message ends inside what begins at byte {at}.",
    "WrongVersion": "The version is {got}, not 1.",
    "TokenTooLong": "The token length is {got}; 8 is the most.",
    "OptionReserved": "Byte {at} has an option nibble of 15.",
    "OptionNumberTooLarge": "The option at byte {at} has the number {got}; 65535 is the most.",
    "TooManyOptions": "There are more than {got} options.",
    "MarkerWithoutPayload": "The payload marker at byte {at} has nothing behind it.",
    "EmptyNotEmpty": "An empty message has {got} bytes behind its header.",
    "MessageTooLarge": "The datagram has {got} bytes; {at} is the most.",
    "UnknownCriticalOption": "Option {got} is critical and unknown.",
    "IllegalEvent": "{event} cannot happen in {state}.",
    "NotOSCORE": "The message is not protected by OSCORE, or its option is malformed.",
    "WrongContext": "The message belongs to another security context.",
    "TagBroken": "The protected message does not open: it was altered, or is not for this key or this request.",
    "Replayed": "The number {got} was seen before, or is older than the window.",
    "PlaintextEmpty": "The message opens and is empty.",
    "NotEDHOC": "This is no EDHOC message for us.",
    "WrongMethod": "The EDHOC method {got} is not 3.",
    "WrongSuite": "The other end does not do cipher suite 2.",
    "PointOffCurve": "The public key is no point of P-256.",
    "UnknownCredential": "The other end names a key that was not written at pairing.",
    "CriticalData": "There is critical external data with label {got}, and we know none.",
    "MacBroken": "The proof in message {got} does not hold: the other end does not have its key, or a message was altered.",
    "BadBatch": "Part {field} of the batch is no signed reading, or there are too many.",
    "BadCommand": "Field {field} of the command is {got}: missing, unknown, or out of range.",
    "BadPairing": "Field {field} of the pairing's message is {got}: missing, unknown, or out of range.",
    "BadManifest": "Field {field} of the manifest is {got}: missing, unknown, or out of range.",
    "OlderRelease": "The manifest's sequence {got} is not above the one installed.",
    "OtherDevice": "Field {field} of the manifest says {got}: it is for another device.",
    "DigestMismatch": "The file {got} is not the one that the manifest names.",
    "BadUpdateReport": "Field {field} of the report of an update is {got}: missing, unknown, or out of range.",
    "BadBlock": "The block {got} came where {expected} was due.",
    "BadFragment": "The fragment {got} does not fit where {expected} was due.",
    "FragmentGap": "Fragment {got} came where {expected} was due: one is missing.",
    "FragmentOverlap": "Fragment {got} came again where {expected} was due.",
    "FragmentTotal": "The object was announced with {expected} bytes and has {got}.",
    "SecondObject": "A fragment of object {got} came inside object {expected}.",
    "FragmentLate": "No fragment came for {got} ms; {expected} are allowed.",
    "BadEnvelope": "This is no batch or receipt between home and cloud: {got}.",
    "SealBroken": "No key of its owner opens this row.",
    "BadLinkCode": "The link code is wrong in its {part}.",
    "BadOrder": "This is no order from the site, and no notice for it: {got}.",
    "BadLinkMessage": "This is no link message: {got}.",
    "BadLabelText": "This stands on no label: its {part} is wrong.",
}


def sentence(error: errors.ProtocolError) -> str:
    """Return what is wrong, for a person."""
    facts = {name: _short(getattr(error, name, None)) for name in error.FACTS}
    return SENTENCES[type(error).__name__].format(**facts)


def _short(fact: object) -> str:
    if isinstance(fact, (bytes, bytearray)):
        return f"h'{bytes(fact[:12]).hex()}{'…' if len(fact) > 12 else ''}'"
    text = "nothing" if fact is None else str(fact)
    return text if len(text) <= 40 else text[:40] + "…"
