"""The types that errors.py makes when they are first asked for, each with the rule it stands for: one type per rule, in one small tree.

This file is read by type checkers and by people; `tests/protocol/test_errors.py` plays it against the tree in errors.py.
"""

class ProtocolError(Exception):
    """Base of all refusals here; `FACTS` names the attributes, in the order they are given."""

    FACTS: tuple[str, ...]
    def __init__(self, *facts: object) -> None: ...

# --- CBOR (RFC 8949). `at` is the offset of the item that was refused.

class NotCBOR(ProtocolError):
    """The bytes are not the one deterministic encoding of a value that we use."""

    at: int
    got: object

class CutShort(NotCBOR):
    """An item ends after the bytes do; also a length or count larger than the bytes that remain (RFC 8949 section 10)."""

class TrailingBytes(NotCBOR):
    """Bytes follow the one item that was asked for."""

class Indefinite(NotCBOR):
    """An indefinite length (section 4.2.1 forbids it)."""

class NonMinimal(NotCBOR):
    """A number or length not in its shortest form (section 4.2.1)."""

class Unsorted(NotCBOR):
    """Labels of a map out of bytewise order (section 4.2.1)."""

class DuplicateLabel(NotCBOR):
    """The same label twice, in one map or in both header buckets (RFC 9052 section 3)."""

class BadLabel(NotCBOR):
    """A label that is neither integer, bytes nor text; `true` and 1 would meet in one Python key."""

class TooDeep(NotCBOR):
    """Nested deeper than the cap."""

class UnexpectedTag(NotCBOR):
    """A tag; none of our objects carries one."""

class ReservedInformation(NotCBOR):
    """Additional information 28 to 30 (section 3)."""

class StrayBreak(NotCBOR):
    """A break with nothing to end (section 3.2.1)."""

class BadText(NotCBOR):
    """Text that is not UTF-8 (RFC 3629: no overlong forms, no surrogates)."""

class BadSimple(NotCBOR):
    """A simple value other than false, true and null, or one under 32 in two bytes (section 3.3)."""

class FloatRefused(NotCBOR):
    """A float; an ESP32 has 32-bit ones, so the wire carries integers."""

class NotEncodable(ProtocolError):
    """A value of ours that has no encoding here: a bug, not an attack."""

    got: object

# --- COSE (RFC 9052)

class NotCOSE(ProtocolError):
    """The item is not the COSE_Sign1 we use."""

    got: object

class AlgorithmAbsent(NotCOSE):
    """No algorithm in the protected header (section 3.1)."""

class AlgorithmUnprotected(NotCOSE):
    """The algorithm stands where anybody could change it."""

class WrongAlgorithm(NotCOSE):
    """An algorithm that is not the key's."""

class UnknownCritical(NotCOSE):
    """`crit` names a header parameter; we know none that may be critical (section 3.1)."""

class TwoIVs(NotCOSE):
    """IV and Partial IV together (section 3.1)."""

class BadHeader(NotCOSE):
    """A header parameter that our objects do not carry, or of the wrong type."""

class BadSignature(NotCOSE):
    """The signature does not hold; an unknown key id gets this answer too."""

class SignatureLength(BadSignature):
    """Not 64 bytes (RFC 9053 section 2.1)."""

class SignatureRange(BadSignature):
    """r or s is zero or not below the order of P-256."""

# --- what the objects say

class BadReading(ProtocolError):
    """A field of a reading is missing, unknown or out of range. `field` is its integer key."""

    field: object
    got: object

class BadReceipt(ProtocolError):
    """A receipt, or the payload of a refusal, that says something else than the contract."""

    field: object
    got: object

class SequenceTooLarge(ProtocolError):
    """A sequence number of 2^40 or more (RFC 8613 section 7.2.1)."""

    got: int

class SequenceJump(ProtocolError):
    """A sequence number further ahead than any honest device gets without saying so."""

    expected: int
    got: int

# --- CoAP (RFC 7252). `at` is an offset in the datagram.

class NotCoAP(ProtocolError):
    """The datagram is no CoAP message."""

    at: int
    got: object

class MessageCutShort(NotCoAP):
    """The datagram ends inside its header, token or an option."""

class WrongVersion(NotCoAP):
    """Version is not 1: ignored silently (section 3)."""

class TokenTooLong(NotCoAP):
    """Token length 9 to 15 (section 3)."""

class OptionReserved(NotCoAP):
    """An option nibble of 15 that is not the payload marker (section 3.1)."""

class OptionNumberTooLarge(NotCoAP):
    """An option number over 65535 (section 3.1)."""

class TooManyOptions(NotCoAP):
    """More options than the cap."""

class MarkerWithoutPayload(NotCoAP):
    """The payload marker ends the datagram (section 3)."""

class EmptyNotEmpty(NotCoAP):
    """Code 0.00 with a token, options or payload (section 4.1)."""

class MessageTooLarge(NotCoAP):
    """More bytes than the cap."""

class UnknownCriticalOption(NotCoAP):
    """A critical option we do not know (section 5.4.1)."""

class IllegalEvent(ProtocolError):
    """An event that has no row in its state: nothing changed."""

    state: str
    event: str

# --- OSCORE (RFC 8613)

class NotOSCORE(ProtocolError):
    """The message is not protected, or its OSCORE option is malformed (section 6.1)."""

    got: object

class WrongContext(NotOSCORE):
    """Key id or id context of another security context."""

class TagBroken(NotOSCORE):
    """Decryption failed: altered, of another key, or not an answer to this request."""

class Replayed(NotOSCORE):
    """A sequence number seen before, or older than the replay window (section 7.4)."""

class PlaintextEmpty(NotOSCORE):
    """Decrypted, and no code inside."""

# --- EDHOC (RFC 9528)

class NotEDHOC(ProtocolError):
    """A message of the key exchange that is malformed or not ours."""

    got: object

class WrongMethod(NotEDHOC):
    """Another method than 3, static Diffie-Hellman keys on both sides."""

class WrongSuite(NotEDHOC):
    """Another cipher suite than 2: the other end does not do P-256 with AES-CCM."""

class PointOffCurve(NotEDHOC):
    """A public key that is no point of P-256 (SP 800-56A)."""

class UnknownCredential(NotEDHOC):
    """The other end names a key that is not the one written at pairing."""

class CriticalData(NotEDHOC):
    """External authorization data that may not be ignored; we know none (section 3.8)."""

class MacBroken(NotEDHOC):
    """The other end does not have the key it names, or somebody changed a message."""

# --- batches, commands, updates, blocks, fragments

class BadBatch(ProtocolError):
    """A batch of signed readings that is not one."""

    field: object
    got: object

class BadCommand(ProtocolError):
    """A command or its result with a field missing, unknown or out of range."""

    field: object
    got: object

class BadPairing(ProtocolError):
    """A message of a pairing with a field absent, unknown or out of range."""

    field: object
    got: object

class BadManifest(ProtocolError):
    """An update manifest with a field missing, unknown or out of range."""

    field: object
    got: object

class OlderRelease(BadManifest):
    """A sequence that is not above the one installed (RFC 9124)."""

class OtherDevice(BadManifest):
    """Made for another vendor, class or board (RFC 9124)."""

class DigestMismatch(BadManifest):
    """A file that is not the one the manifest names (RFC 9124)."""

class BadUpdateReport(ProtocolError):
    """A report of an update with a field missing, unknown or out of range."""

    field: object
    got: object

class BadBlock(ProtocolError):
    """A block of a download that does not continue the one before: number, size, or another file meanwhile (RFC 7959)."""

    expected: object
    got: object

class BadFragment(ProtocolError):
    """A fragment that does not fit the object being put together."""

    expected: object
    got: object

class FragmentGap(BadFragment):
    """A fragment is missing before this one."""

class FragmentOverlap(BadFragment):
    """The same place again with other bytes."""

class FragmentTotal(BadFragment):
    """More or fewer bytes than the first fragment announced."""

class SecondObject(BadFragment):
    """A fragment of another object while one is unfinished."""

class FragmentLate(BadFragment):
    """Ten seconds without a fragment."""

# --- between home and cloud

class BadEnvelope(ProtocolError):
    """A batch, or a receipt for one, that is not what its signature stands for."""

    got: object

class SealBroken(ProtocolError):
    """A sealed row that no key of its owner opens, or that holds no entry."""

    got: object

class BadLinkCode(ProtocolError):
    """A typed link code of the wrong length or with a character that is in no code."""

    part: str
    got: object

class BadOrder(ProtocolError):
    """An order from the site, or a notice for it, that is not one."""

    got: object

class BadLinkMessage(ProtocolError):
    """A link message or link box that is not one."""

    got: object

class BadLabelText(ProtocolError):
    """Text that stands on no label: of the wrong length, with a letter that is in none, or mistyped."""

    part: str
    got: object
