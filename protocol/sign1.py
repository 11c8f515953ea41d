"""COSE_Sign1, RFC 9052 sections 3 and 4.4, from outside: taken apart strictly, and verified by a function handed in.

Apart from `protocol/cose.py`, because a device signs at every reading and verifies once in a while.
"""

from collections import namedtuple

from protocol import cbor, cose, errors

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

KID_BYTES = 4
SIGNATURE_BYTES = 64
# the largest we sign is a batch of 50 sealed readings; readings.py and envelope.py have caps of their own
MAX_MESSAGE_BYTES = 256 * 1024


_ALGORITHM, _CRITICAL, _KID, _IV, _PARTIAL_IV = 1, 2, 4, 5, 6
_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551

# protected: the header's bytes as they came; kid: b"" when absent
Sign1 = namedtuple("Sign1", ("protected", "algorithm", "kid", "payload", "signature"))


def parse_sign1(message: bytes, algorithms: tuple[int, ...] = (cose.ESP256,)) -> Sign1:
    """Take a message from outside apart; nothing in it is believed before `verify1`.

    algorithms: those the caller's keys have. cose.ESP256 messages must name their key; others may leave it to the payload.
    Raises NotCBOR, NotCOSE (AlgorithmAbsent, AlgorithmUnprotected, WrongAlgorithm, UnknownCritical, TwoIVs, BadHeader, SignatureLength).
    """
    if len(message) > MAX_MESSAGE_BYTES:
        raise errors.NotCOSE(len(message))
    parts = cbor.decode(message)
    if not isinstance(parts, list) or len(parts) != 4:
        raise errors.NotCOSE(parts)
    protected, unprotected, payload, signature = parts
    if not isinstance(protected, bytes) or not isinstance(unprotected, dict):
        raise errors.BadHeader(protected)
    if not isinstance(payload, bytes):
        raise errors.NotCOSE(payload)
    header = cbor.decode(protected) if protected else {}
    if not isinstance(header, dict):
        raise errors.BadHeader(header)
    _check_header(header, unprotected, algorithms)
    if not isinstance(signature, bytes) or len(signature) != SIGNATURE_BYTES:
        raise errors.SignatureLength(signature)
    return Sign1(protected, header[_ALGORITHM], header.get(_KID, b""), payload, signature)


def verify1(message: Sign1, external_aad: bytes, verify: "Callable[[bytes, bytes], bool]") -> bytes:
    """Return the bytes that were signed, once `verify(tbs, signature)` has said yes.

    Raises BadSignature, and as its kind SignatureRange before any arithmetic: r or s is zero or not below the order.
    """
    signature = message.signature
    if message.algorithm == cose.ESP256:
        for half in (signature[:32], signature[32:]):
            if not 0 < int.from_bytes(half, "big") < _P256_ORDER:
                raise errors.SignatureRange(signature)
    tbs = cose.sig_structure(message.protected, external_aad, message.payload)
    if not verify(tbs, signature):
        raise errors.BadSignature(signature)
    return tbs


def _check_header(protected: dict[object, object], unprotected: dict[object, object], algorithms: tuple[int, ...]) -> None:
    for label in unprotected:
        if label in protected:
            raise errors.DuplicateLabel(0, label)
    for header in (protected, unprotected):
        if _CRITICAL in header:
            raise errors.UnknownCritical(header[_CRITICAL])
    if (_IV in protected or _IV in unprotected) and (_PARTIAL_IV in protected or _PARTIAL_IV in unprotected):
        raise errors.TwoIVs(None)
    if _ALGORITHM in unprotected:
        raise errors.AlgorithmUnprotected(unprotected[_ALGORITHM])
    if _ALGORITHM not in protected:
        raise errors.AlgorithmAbsent(None)
    algorithm = protected[_ALGORITHM]
    if isinstance(algorithm, bool) or not isinstance(algorithm, int) or algorithm not in algorithms:
        raise errors.WrongAlgorithm(algorithm)
    for label in unprotected:
        raise errors.BadHeader(label)
    for label in protected:
        if label not in (_ALGORITHM, _KID):
            raise errors.BadHeader(label)
    kid = protected.get(_KID)
    if (_KID in protected or algorithm == cose.ESP256) and (not isinstance(kid, bytes) or len(kid) != KID_BYTES):
        raise errors.BadHeader(kid)
