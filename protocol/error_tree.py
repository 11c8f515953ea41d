"""The tree of refusals, as text until a type is asked for; ask `errors.py` for it.

Each row is a type's name and facts, one space deeper than its parent, whose facts it has when it names none.
"""

TREE = """\
NotCBOR at got
 CutShort
 TrailingBytes
 Indefinite
 NonMinimal
 Unsorted
 DuplicateLabel
 BadLabel
 TooDeep
 UnexpectedTag
 ReservedInformation
 StrayBreak
 BadText
 BadSimple
 FloatRefused
NotEncodable got
NotCOSE got
 AlgorithmAbsent
 AlgorithmUnprotected
 WrongAlgorithm
 UnknownCritical
 TwoIVs
 BadHeader
 BadSignature
  SignatureLength
  SignatureRange
BadReading field got
BadReceipt field got
SequenceTooLarge got
SequenceJump expected got
NotCoAP at got
 MessageCutShort
 WrongVersion
 TokenTooLong
 OptionReserved
 OptionNumberTooLarge
 TooManyOptions
 MarkerWithoutPayload
 EmptyNotEmpty
 MessageTooLarge
 UnknownCriticalOption
IllegalEvent state event
NotOSCORE got
 WrongContext
 TagBroken
 Replayed
 PlaintextEmpty
NotEDHOC got
 WrongMethod
 WrongSuite
 PointOffCurve
 UnknownCredential
 CriticalData
 MacBroken
BadBatch field got
BadCommand field got
BadPairing field got
BadManifest field got
 OlderRelease
 OtherDevice
 DigestMismatch
BadUpdateReport field got
BadBlock expected got
BadFragment expected got
 FragmentGap
 FragmentOverlap
 FragmentTotal
 SecondObject
 FragmentLate
BadEnvelope got
SealBroken got
BadLinkCode part got
BadLinkMessage got
BadLabelText part got
BadOrder got
"""


def make(name: str, made: "dict[str, type]") -> type:
    """Return the type of this name, made with those above it that are not in `made` yet, and put there.

    Raises AttributeError: there is none.
    """
    rows = TREE.split("\n")
    at = 0
    while rows[at].split()[:1] != [name]:
        at += 1
        if at == len(rows):
            raise AttributeError(name)
    row = rows[at]
    words = row.split()
    depth = len(row) - len(row.lstrip())
    above = "ProtocolError"
    if depth:
        while len(rows[at]) - len(rows[at].lstrip()) >= depth:
            at -= 1
        above = rows[at].split()[0]
    parent = made.get(above) or make(above, made)
    facts = {"FACTS": tuple(words[1:])} if len(words) > 1 else {}
    made[name] = type(name, (parent,), facts)
    return made[name]
